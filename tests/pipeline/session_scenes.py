"""Recorded sessions whose persons, times and ages are known, for what is made of them: history, subtitles, report, browser."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.protocols import SourceInfo
from pipeline.store import PlannedInput, SessionLog
from pipeline.types import Face
from tests.pipeline.log_scenes import PROVENANCE, face, result

FPS = 25
SECONDS = 20

Scene = Callable[[float], list[Face]]


def visits(time_s: float) -> list[Face]:
    """Person 1 stays from 0 to 10 and from 15 to 20 s (a second track), person 2 from 2 to 5 s, person 3 never gets an age."""
    faces = []
    if time_s < 10:
        faces.append(face(1, 34.0, track=1))
    if time_s >= 15:
        faces.append(face(1, 36.0, track=4))
    if 2 <= time_s < 5:
        faces.append(face(2, 8.0, track=2))
    if 12 <= time_s < 13:
        faces.append(face(3, None, None, track=3))
    return faces


def record(log: SessionLog, scene: Scene = visits, name: str = "visits.mp4", seconds: float = SECONDS) -> int:
    """A finished session of one film; its number."""
    with log.begin("analyze", [PlannedInput(name, "e" * 32)], PROVENANCE) as session:
        sink = session.begin_input(0, SourceInfo(name, False, 640, 360, float(FPS), None, seconds))
        for index in range(round(seconds * FPS)):
            sink.write(result(index, scene(index / FPS), source=name))
        session.end_input(0, "finished")
        return session.id


def record_pictures(log: SessionLog, count: int = 3) -> int:
    """A finished session of a folder of pictures with one person each; its number."""
    with log.begin("analyze", [PlannedInput("holiday", "d" * 32)], PROVENANCE) as session:
        sink = session.begin_input(0, SourceInfo("holiday", live=False, frame_count=count))
        for index in range(count):
            sink.write(result(index, [face(index + 1, 20.0 + index)], time_s=0.0, source=f"picture{index}.jpg"))
        session.end_input(0, "finished")
        return session.id
