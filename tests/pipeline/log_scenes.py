"""Made-up results for the tests of the session log. Also a program: records "frames" at a rate until it is killed."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.fingerprints import Provenance
from pipeline.protocols import EngineInfo, SourceInfo
from pipeline.settings import Settings
from pipeline.store import PlannedInput, SessionLog
from pipeline.types import AgeBelief, AgeEstimate, Box, Detection, Face, Frame, FrameResult, Join, as_readonly

ENGINE = EngineInfo("cpu", "int8", "agelens", "no NVIDIA GPU found, running on the CPU", model_sha256="ab" * 32)
PROVENANCE = Provenance(Settings(), ENGINE, "0.1.0")
FILM = PlannedInput("film.mp4", "f" * 32)
WALL_TIME_S = 1_790_000_000.25

_IMAGE = as_readonly(np.zeros((4, 4, 3), np.uint8))
_LANDMARKS = np.zeros((5, 2), np.float32)
_DISTRIBUTION = np.full(101, 1 / 101, np.float32)


def info(name: str = "film.mp4", live: bool = False) -> SourceInfo:
    return SourceInfo(name, live, width=1920, height=1080, fps=25.0, duration_s=None if live else 10.0)


def face(person: int, age: float | None = 34.0, raw: float | None = 35.5, track: int | None = None) -> Face:
    # NumPy's float32, as arithmetic on landmarks leaves it behind: the log must take it.
    x1, y1, x2, y2 = np.array([10.25, 20.5, 110.25, 140.5], np.float32)
    return Face(
        person=person,
        track=person if track is None else track,
        detection=Detection(Box(x1, y1, x2, y2), 0.98765, _LANDMARKS),
        quality=0.5,
        raw=None if raw is None else AgeEstimate(_DISTRIBUTION, raw),
        belief=None if age is None else AgeBelief(age, age - 6, age + 6, 3.0, True),
    )


def result(
    index: int, faces: Sequence[Face], time_s: float | None = None, source: str = "film.mp4", joins: Sequence[Join] = ()
) -> FrameResult:
    time_s = index / 25 if time_s is None else time_s
    frame = Frame(_IMAGE, time_s, index, source, WALL_TIME_S + time_s)
    return FrameResult(frame, tuple(faces), engine=ENGINE.label, joins=tuple(joins))


def record_film(log: SessionLog, frames: int = 3, persons: Sequence[int] = (1, 2), name: str = "film.mp4") -> int:
    """A finished session of one film, in which everybody is always in sight; its number."""
    with log.begin("analyze", [PlannedInput(name, "f" * 32)], PROVENANCE) as session:
        sink = session.begin_input(0, info(name))
        for index in range(frames):
            sink.write(result(index, [face(person) for person in persons], source=name))
        session.end_input(0, "finished")
        return session.id


def record_until_killed(path: Path, frames_per_s: float) -> None:
    """Says the time of each frame, by `time.monotonic`, just before it is given to the log."""
    with SessionLog.open(path) as log, log.begin("analyze", [FILM], PROVENANCE) as session:
        sink = session.begin_input(0, info())
        _say("ready")
        started = time.monotonic()
        index = 0
        while True:
            _say(f"{time.monotonic():.3f}")
            sink.write(result(index, [face(1), face(2)]))
            index += 1
            time.sleep(max(0.0, started + index / frames_per_s - time.monotonic()))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    record_until_killed(Path(sys.argv[1]), float(sys.argv[2]))
