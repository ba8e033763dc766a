"""What crosses from the analysis thread to the window: the newest result, and who has been seen."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

from pipeline.types import AgeBelief, FrameResult

RATE_WINDOW_S = 2.0
"""Rates are means over this many seconds: steady to read, and still quick to follow a change."""


class NewestResult:
    """One slot for the newest result, and whether its reader has been told.

    A signal per frame would queue frames without bound while the window is busy. Here at most one notice is under way; it
    brings whatever is newest when it arrives.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._result: FrameResult | None = None

    def put(self, result: FrameResult) -> bool:
        """Replaces what is inside. True where the reader has to be told: it has taken all that came before."""
        with self._lock:
            waiting = self._result is not None
            self._result = result
            return not waiting

    def take(self) -> FrameResult | None:
        """The newest result, once."""
        with self._lock:
            result, self._result = self._result, None
            return result


class RateMeter:
    """Events per second over the last `RATE_WINDOW_S`."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def count(self, now_s: float | None = None) -> None:
        """Notes one event, now or at the given perf_counter time."""
        now_s = time.perf_counter() if now_s is None else now_s
        self._times.append(now_s)
        self._forget(now_s)

    def rate(self, now_s: float | None = None) -> float:
        """Events per second; 0 before there are two."""
        now_s = time.perf_counter() if now_s is None else now_s
        self._forget(now_s)
        if len(self._times) < 2:
            return 0.0
        return (len(self._times) - 1) / (self._times[-1] - self._times[0])

    def _forget(self, now_s: float) -> None:
        while self._times and now_s - self._times[0] > RATE_WINDOW_S:
            self._times.popleft()


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One person as the list shows it.

    Attributes:
        first_s, last_s: presentation times of the first and the newest frame with this person.
        picture: file name of the picture, for persons of a folder of pictures; there a person is seen in one picture only.
        belief: None before the first estimate.
    """

    person: int
    first_s: float
    last_s: float
    belief: AgeBelief | None
    male: float | None = None
    picture: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How the analysis stands.

    Attributes:
        time_s: presentation time of the newest analysed frame.
        frames: analysed so far.
        dropped: frames that were left out to stay in real time.
        rate: analysed frames per second, lately.
        faces: in the newest analysed frame.
    """

    time_s: float = 0.0
    frames: int = 0
    dropped: int = 0
    rate: float = 0.0
    faces: int = 0


class Ledger:
    """Who has been seen, and how the analysis stands; written by the analysis thread, read by the window.

    Written for every analysed frame, so that nobody is missed who was only in frames that the window did not paint.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._persons: dict[int, PersonRow] = {}
        self._changed: set[int] = set()
        self._meter = RateMeter()
        self._time_s = 0.0
        self._index = -1
        self._frames = 0
        self._dropped = 0
        self._faces = 0

    def write(self, result: FrameResult) -> None:
        """Takes one analysed frame."""
        frame = result.frame
        with self._lock:
            for face in result.faces:
                before = self._persons.get(face.person)
                self._persons[face.person] = PersonRow(
                    person=face.person,
                    first_s=frame.time_s if before is None else before.first_s,
                    last_s=frame.time_s,
                    belief=face.belief or (before.belief if before else None),
                    male=face.male,
                    picture=frame.source if frame.independent else None,
                )
                self._changed.add(face.person)
            # Dropped frames leave gaps in the numbers; a source that starts over (a stream that came back) is no gap.
            self._dropped += max(0, frame.index - self._index - 1)
            self._index = frame.index
            self._time_s = frame.time_s
            self._frames += 1
            self._faces = len(result.faces)
            self._meter.count()

    def take_changes(self) -> list[PersonRow]:
        """The persons that are new or changed since the last call."""
        with self._lock:
            rows = [self._persons[person] for person in sorted(self._changed)]
            self._changed.clear()
            return rows

    @property
    def progress(self) -> Progress:
        with self._lock:
            return Progress(self._time_s, self._frames, self._dropped, self._meter.rate(), self._faces)
