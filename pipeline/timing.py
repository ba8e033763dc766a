"""Where the time goes: milliseconds per stage and frame, measured in the thread that does the work.

timing = Timing()
run(timing.source(open_source), open_analyzer, [timing.sink("log", open_log)], stop)
timing.report()
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from pipeline.outputs import replaced_file
from pipeline.protocols import EngineInfo, Sink, SourceInfo, VideoSource
from pipeline.run import OpenSink, OpenSource
from pipeline.types import Frame, FrameResult

ANALYSIS_STAGES = ("detect", "track", "estimate", "fuse")
STAGES = ("read", *ANALYSIS_STAGES, "log")
"""In the order of a frame's way. `read` runs beside the others, in the reader thread."""


@dataclass(frozen=True, slots=True)
class StageReport:
    """Milliseconds per frame: median and 95th percentile."""

    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class TimingReport:
    """What was measured.

    Attributes:
        fps: frames per second of wall time, from the first frame's arrival to the last one's end.
        faces_mean: faces per frame.
        first_result_at: Unix time of the first result; None without one.
        peak_rss_mb: the process's largest resident memory so far in MB (10⁶ bytes), None where the system doesn't tell.
        engine: label of the age engine.
    """

    frames: int
    fps: float
    faces_mean: float
    first_result_at: float | None
    peak_rss_mb: float | None
    engine: str
    stages: dict[str, StageReport]

    def write(self, path: Path) -> None:
        """As JSON.

        Raises:
            OutputError: the file cannot be written.
        """
        with replaced_file(path, "utf-8") as file:
            json.dump(asdict(self), file, indent=2)


class Timing:
    """Collects times of one or several runs."""

    def __init__(self) -> None:
        self._ms: dict[str, list[float]] = {stage: [] for stage in STAGES}
        self._faces = 0
        self._first_result_at: float | None = None
        self._begun_s: float | None = None
        self._ended_s = 0.0
        self._engine = ""

    def source(self, open_source: OpenSource) -> OpenSource:
        """The same source, timed as `read`: how long each frame takes to come, without waiting for the analysis."""

        @contextmanager
        def opened(ending: threading.Event) -> Iterator[VideoSource]:
            with open_source(ending) as source:
                yield _TimedSource(source, self._ms["read"])

        return opened

    def sink(self, stage: str, open_sink: OpenSink) -> OpenSink:
        """The same sink, timed under that name; it also takes the times that the analysis measured by itself."""

        def opened(info: SourceInfo, engine: EngineInfo) -> Sink:
            self._engine = engine.label
            return _TimedSink(open_sink(info, engine), self, stage)

        return opened

    def report(self) -> TimingReport:
        frames = len(self._ms["detect"])
        seconds = self._ended_s - (self._begun_s or 0.0)
        return TimingReport(
            frames=frames,
            fps=round(frames / seconds, 2) if seconds > 0 else 0.0,
            faces_mean=round(self._faces / frames, 2) if frames else 0.0,
            first_result_at=self._first_result_at,
            peak_rss_mb=peak_rss_mb(),
            engine=self._engine,
            stages={stage: stage_report(values) for stage, values in self._ms.items()},
        )

    def add(self, stage: str, sink_ms: float, result: FrameResult) -> None:
        """Called by the timed sink after each frame."""
        times = result.times
        spent = (times.detect_ms, times.track_ms, times.estimate_ms, times.fuse_ms)
        for name, value in zip(ANALYSIS_STAGES, spent, strict=True):
            self._ms[name].append(value)
        self._ms[stage].append(sink_ms)
        self._faces += len(result.faces)
        self._ended_s = time.perf_counter()
        if self._begun_s is None:
            self._first_result_at = time.time()
            self._begun_s = self._ended_s - (sink_ms + sum(spent)) / 1000


@dataclass(frozen=True, slots=True)
class _TimedSource:
    source: VideoSource
    ms: list[float]

    @property
    def info(self) -> SourceInfo:
        return self.source.info

    def frames(self) -> Iterator[Frame]:
        frames = iter(self.source.frames())
        while True:
            begun = time.perf_counter()
            frame = next(frames, None)
            if frame is None:
                return
            self.ms.append((time.perf_counter() - begun) * 1000)
            yield frame


class _TimedSink:
    def __init__(self, sink: Sink, timing: Timing, stage: str) -> None:
        self._sink, self._timing, self._stage = sink, timing, stage

    def write(self, result: FrameResult) -> None:
        begun = time.perf_counter()
        self._sink.write(result)
        self._timing.add(self._stage, (time.perf_counter() - begun) * 1000, result)

    def close(self) -> None:
        self._sink.close()


def peak_rss_mb() -> float | None:
    """The largest resident memory that this process ever had, in MB; None on Windows, which has no such call in Python."""
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415  (exists on POSIX only)

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts kibibytes, macOS bytes.
    return round(peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6, 1)


def stage_report(values: list[float]) -> StageReport:
    if not values:
        return StageReport(0.0, 0.0)
    p50, p95 = np.percentile(values, [50, 95])
    return StageReport(round(float(p50), 3), round(float(p95), 3))
