"""Where the time goes while the window shows a source: the last seconds of every stage, and how late the picture is."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipeline.protocols import EngineInfo, Sink, SourceInfo
from pipeline.timing import ANALYSIS_STAGES, StageReport, stage_report
from pipeline.types import Frame, FrameResult

KEPT = 300
"""Values per stage: ten seconds at 30 pictures a second. Bounded, whatever the length of the film."""

PAINT, LATE = "paint", "on screen"
STAGES = ("read", *ANALYSIS_STAGES, "log", PAINT, LATE)
"""In the order of a frame's way. `on screen` is the whole of it: from reading the picture to the end of its painting."""

OpenSink = Callable[[SourceInfo, EngineInfo], Sink]


class Figures:
    """Milliseconds of the newest frames, per stage; every thread may add, every thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ms: dict[str, deque[float]] = {stage: deque(maxlen=KEPT) for stage in STAGES}

    def add(self, stage: str, ms: float) -> None:
        with self._lock:
            self._ms[stage].append(ms)

    def add_analysed(self, result: FrameResult) -> None:
        """What the analysis measured by itself."""
        times = result.times
        spent = (times.detect_ms, times.track_ms, times.estimate_ms, times.fuse_ms)
        with self._lock:
            for stage, ms in zip(ANALYSIS_STAGES, spent, strict=True):
                self._ms[stage].append(ms)

    def add_painted(self, frame: Frame, paint_ms: float, now_s: float | None = None) -> None:
        """A frame has just been painted.

        Args:
            now_s: Unix time, now if not given.
        """
        late_s = (time.time() if now_s is None else now_s) - frame.wall_time_s
        with self._lock:
            self._ms[PAINT].append(paint_ms)
            # A clock that was set back meanwhile says nothing about the picture.
            self._ms[LATE].append(max(0.0, late_s) * 1000)

    def report(self) -> dict[str, StageReport]:
        """Median and 95th percentile of every stage that was measured lately."""
        with self._lock:
            copies = {stage: list(values) for stage, values in self._ms.items() if values}
        return {stage: stage_report(values) for stage, values in copies.items()}

    def values(self, stage: str) -> list[float]:
        """Of the newest frames, oldest first."""
        with self._lock:
            return list(self._ms[stage])

    # What they are measured at.

    def timed_frames(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """The same frames; how long each takes to come is added as `read`."""
        while True:
            begun_s = time.perf_counter()
            frame = next(frames, None)
            if frame is None:
                return
            self.add("read", (time.perf_counter() - begun_s) * 1000)
            yield frame

    def timed_log(self, open_sink: OpenSink) -> OpenSink:
        """The same sink; writing is added as `log`."""
        return lambda info, engine: _TimedSink(open_sink(info, engine), self)


@dataclass(frozen=True, slots=True)
class _TimedSink:
    sink: Sink
    figures: Figures

    def write(self, result: FrameResult) -> None:
        begun_s = time.perf_counter()
        self.sink.write(result)
        self.figures.add("log", (time.perf_counter() - begun_s) * 1000)

    def close(self) -> None:
        self.sink.close()
