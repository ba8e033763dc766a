"""Real clips through the program's own analysis: how much shown ages flicker, and whether the frame rate changes them.

`python -m training.clips --model FILE.onnx CLIPS… [--fps 10 25 60]`: each clip is played at each rate (pictures are left out or
shown again), the people of the runs are matched by where they are, and their ages at the end are compared.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engines.intervals import load_intervals
from engines.mtcnn import MtcnnDetector
from pipeline.analyzer import Analyzer
from pipeline.errors import AppError
from pipeline.labels import LabelHysteresis
from pipeline.settings import DetectorSettings, Settings
from pipeline.sources import open_source
from pipeline.types import Box, Frame
from training.runtimes import open_engine

LEAST_SEEN_S = 2.0
"""Who is seen for less has no age to flicker."""

SAME_IOU = 0.3
"""Mean overlap at common times from which on two runs' people are one."""

COMMON_S = 0.2
"""Grid of the times at which they are compared: all of the usual rates have a frame there."""


@dataclass(frozen=True, slots=True)
class ClipTrack:
    """How steady the age of one person in a clip is.

    Attributes:
        seconds: in which an age was shown.
        years: shown at the end.
        flicker: mean change of the shown number per second.
    """

    clip: str
    person: int
    seconds: float
    years: float
    flicker: float
    calls_per_s: float


@dataclass(slots=True)
class Seen:
    """One person as one run saw it."""

    shown: list[tuple[float, int]] = field(default_factory=list)
    boxes: dict[int, Box] = field(default_factory=dict)
    years: float = float("nan")
    first_s: float = 0.0
    last_s: float = 0.0
    calls: int = 0


def read_clip(path: Path, fps: float | None = None) -> list[Frame]:
    """The pictures of a clip at their own times, or as a camera of another rate would give them."""
    with open_source(str(path), threading.Event()) as source:
        frames = list(source.frames())
    if fps is None:
        return frames
    times = np.array([frame.time_s for frame in frames])
    found = []
    for i in range(int(times[-1] * fps) + 1):
        frame = frames[max(0, int(np.searchsorted(times, i / fps + 1e-6)) - 1)]
        found.append(Frame(frame.image, i / fps, i, frame.source, frame.wall_time_s))
    return found


def follow(frames: Sequence[Frame], analyzer: Analyzer) -> dict[int, Seen]:
    """Everybody in a film, by number."""
    people: dict[int, Seen] = {}
    labels = LabelHysteresis()
    for frame in frames:
        result = analyzer.process(frame)
        for join in result.joins:
            later = people.pop(join.person, None)
            if later is not None:
                people[join.into] = _joined(people.get(join.into, Seen()), later)
        for face in result.faces:
            seen = people.setdefault(face.person, Seen(first_s=frame.time_s))
            seen.last_s = frame.time_s
            seen.calls += face.raw is not None
            if face.belief is not None:
                seen.years = face.belief.years
                if face.belief.settled:
                    seen.shown.append((frame.time_s, labels.shown(face.person, face.belief).years))
            slot = round(frame.time_s / COMMON_S)
            if abs(frame.time_s - slot * COMMON_S) < 0.011:
                seen.boxes[slot] = face.detection.box
    return people


def _joined(earlier: Seen, later: Seen) -> Seen:
    """Two who turned out to be one. What the later one's label said does not count as flicker."""
    boxes, calls = earlier.boxes | later.boxes, earlier.calls + later.calls
    return Seen(earlier.shown, boxes, later.years, min(earlier.first_s, later.first_s), later.last_s, calls)


def open_analysis(model: Path, threads: int = 1) -> Analyzer:
    """The program's analysis over that model file."""
    settings = Settings(detector=DetectorSettings(threads=threads))
    engine = open_engine(model, threads=threads)
    detector = MtcnnDetector.load(settings.detector.smallest_face_px, threads=threads)
    return Analyzer(detector, engine, settings, intervals=load_intervals(engine.info.model_sha256, model.parent))


def clip_tracks(clip: Path, model: Path) -> list[ClipTrack]:
    """Everybody who is seen long enough."""
    found = []
    for person, seen in sorted(follow(read_clip(clip), open_analysis(model)).items()):
        seconds = seen.last_s - seen.first_s
        if seconds < LEAST_SEEN_S or len(seen.shown) < 2:
            continue
        span = seen.shown[-1][0] - seen.shown[0][0]
        change = sum(abs(b - a) for (_, a), (_, b) in itertools.pairwise(seen.shown))
        flicker = change / span if span > 0 else 0.0
        found.append(ClipTrack(clip.name, person, span, float(seen.shown[-1][1]), flicker, seen.calls / seconds))
    return found


def matched(runs: Sequence[dict[int, Seen]]) -> list[tuple[Seen, ...]]:
    """The people that all runs have in common: each of the first run's, with the one at the same place in each of the others."""
    found = []
    for seen in runs[0].values():
        others = [max(run.values(), key=lambda each: _overlap(seen, each), default=Seen()) for run in runs[1:]]
        if seen.last_s - seen.first_s >= LEAST_SEEN_S and all(_overlap(seen, other) >= SAME_IOU for other in others):
            found.append((seen, *others))
    return found


def _overlap(one: Seen, other: Seen) -> float:
    """Mean overlap at the times at which either is seen."""
    times = one.boxes.keys() | other.boxes.keys()
    both = one.boxes.keys() & other.boxes.keys()
    return sum(one.boxes[slot].iou(other.boxes[slot]) for slot in both) / max(1, len(times))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.clips", description="Ages of real clips at several frame rates.")
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--model", type=Path, required=True, help="ONNX file")
    parser.add_argument("--fps", type=float, nargs="+", default=[10.0, 25.0, 60.0])
    options = parser.parse_args(arguments)
    try:
        for clip in options.clips:
            runs = [follow(read_clip(clip, fps), open_analysis(options.model)) for fps in options.fps]
            for people in matched(runs):
                years = [seen.years for seen in people]
                print(
                    f"{clip.name:<22} {people[0].last_s - people[0].first_s:5.1f} s   "
                    + "  ".join(f"{fps:g} fps: {age:.2f}" for fps, age in zip(options.fps, years, strict=True))
                    + f"   apart {max(years) - min(years):.2f}"
                )
    except AppError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
