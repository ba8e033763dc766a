"""Stand-ins for sources and analysis: films of known length whose faces are known, quick to make and easy to break."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import cv2
import numpy as np

from pipeline.errors import EngineError, SourceError
from pipeline.hindsight import Conclusion
from pipeline.protocols import EngineInfo, FrameAnalyzer, SourceInfo, VideoSource
from pipeline.types import AgeBelief, AgeEstimate, Box, Detection, Face, Frame, FrameResult, UInt8Array, as_readonly

WIDTH, HEIGHT, FPS = 640, 360, 25.0
AGES = {1: 34.2, 2: 8.6}
SETTLED_AFTER_S = 0.2
ENGINE = EngineInfo(name="cpu", precision="int8", model="double", reason="A double needs no engine.")
BROKEN = SourceError("broken.mp4 is no film: it holds text.", "Check that it plays in a video player, or choose another file.")


class FilmDouble:
    """A film of a grey room that grows lighter; the number of a frame can be read from its first pixel."""

    def __init__(self, stop: threading.Event, seconds: float, live: bool = False, breaks_after: int | None = None) -> None:
        self._stop = stop
        self._live = live
        self._breaks_after = breaks_after
        self.reached = -1
        """Number of the newest picture."""
        self._count = round(seconds * FPS)
        self.info = SourceInfo("double.mp4", live, WIDTH, HEIGHT, FPS, self._count, None if live else seconds)

    def frames(self) -> Iterator[Frame]:
        for index in range(self._count):
            if self._stop.is_set() or (self._live and self._stop.wait(1 / FPS)):
                return
            if index == self._breaks_after:
                raise SourceError("double.mp4 breaks off.", "Copy the file again.")
            self.reached = index
            yield Frame(picture(index), index / FPS, index, "double.mp4", time.time())


class StillsDouble:
    """Three pictures of a folder."""

    def __init__(self) -> None:
        self.info = SourceInfo("holiday", live=False, frame_count=3)

    def frames(self) -> Iterator[Frame]:
        for index in range(3):
            yield Frame(picture(index), float(index), index, f"picture{index}.jpg", time.time(), independent=True)


def picture(index: int) -> UInt8Array:
    """(360, 640, 3) uint8 BGR; its first pixel holds the number modulo 256."""
    image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    image[:] = np.linspace(60, 150, WIDTH, dtype=np.uint8)[None, :, None]
    for person in AGES:
        box = face_box(person, index / FPS)
        center = (round(box.center[0]), round(box.center[1]))
        cv2.ellipse(image, center, (round(box.width / 2), round(box.height / 2)), 0, 0, 360, (150, 180, 210), -1, cv2.LINE_AA)
    image[0, 0] = index % 256
    return as_readonly(image)


def face_box(person: int, time_s: float) -> Box:
    """Person 1 walks to the right, person 2 stands."""
    x = 60 + 40 * time_s if person == 1 else 420
    return Box(x, 110, x + 90, 230)


@dataclass
class AnalyzerDouble:
    """Finds both persons at once, knows their ages after `SETTLED_AFTER_S`, and takes its time where told to."""

    delay_s: float = 0.0
    reason: str | None = None
    engine: EngineInfo = ENGINE
    threads: set[str] = field(default_factory=set)

    def conclude(self) -> Conclusion:
        return Conclusion()

    def process(self, frame: Frame) -> FrameResult:
        self.threads.add(threading.current_thread().name)
        time.sleep(self.delay_s)
        return FrameResult(
            frame, tuple(self._face(person, frame) for person in AGES), engine=self.engine.label, engine_note=self.engine.note
        )

    def _face(self, person: int, frame: Frame) -> Face:
        years = AGES[person]
        distribution = np.zeros(101, np.float32)
        distribution[round(years)] = 1
        landmarks = np.zeros((5, 2), np.float32)
        number = person if not frame.independent else 2 * frame.index + person
        return Face(
            person=number,
            track=number,
            detection=Detection(face_box(person, frame.time_s), 0.99, landmarks),
            quality=0.8,
            raw=AgeEstimate(distribution, years),
            belief=AgeBelief(years, years - 6, years + 7, 5.0, frame.independent or frame.time_s >= SETTLED_AFTER_S),
            reason=self.reason,
        )


@dataclass
class World:
    """What can be opened. `release` holds back "slow-open", and the engine where `slow_engine` is set."""

    analyzer: AnalyzerDouble = field(default_factory=AnalyzerDouble)
    release: threading.Event = field(default_factory=threading.Event)
    slow_engine: bool = False
    broken_engine: bool = False
    opened: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    cameras: list[FilmDouble] = field(default_factory=list)
    source: VideoSource | None = None
    """The newest that is or was open."""

    @contextmanager
    def open_source(self, spec: str, stop: threading.Event) -> Iterator[VideoSource]:
        self.opened.append(spec)
        try:
            self.source = self._source(spec, stop)
            yield self.source
        finally:
            self.closed.append(spec)

    def open_analyzer(self) -> AbstractContextManager[FrameAnalyzer]:
        return self._open_analyzer()

    @contextmanager
    def _open_analyzer(self) -> Iterator[FrameAnalyzer]:
        if self.slow_engine:
            self.release.wait()
        if self.broken_engine:
            raise EngineError("TensorRT is not installed.", "Install it, or choose --engine cpu.")
        yield self.analyzer

    def _source(self, spec: str, stop: threading.Event) -> VideoSource:
        match spec:
            case "demo":
                return FilmDouble(stop, seconds=600)
            case "short":
                return FilmDouble(stop, seconds=0.8)
            case "0":
                self.cameras.append(FilmDouble(stop, seconds=600, live=True))
                return self.cameras[-1]
            case "breaks-later":
                return FilmDouble(stop, seconds=5, breaks_after=8)
            case "slow-open":
                while not stop.wait(0.02) and not self.release.is_set():
                    pass
                return FilmDouble(stop, seconds=600)
            case "folder":
                return StillsDouble()
            case "bug":
                raise ZeroDivisionError("a bug in a source")
        raise BROKEN
