"""What crosses from the analysis thread to the window: the newest result, and who has been seen."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.observations import VISIBLE_GAP_S
from pipeline.roster import PeopleChanges, TrackKey, TrackRow
from pipeline.spans import Spans
from pipeline.types import AgeBelief, Face, FrameResult, Join

SHORTEST_S = 0.1
"""Rates are not told from less time than this."""

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
        # Pictures that come in a burst, after a seek, are no rate.
        return (len(self._times) - 1) / max(self._times[-1] - self._times[0], SHORTEST_S)

    def _forget(self, now_s: float) -> None:
        while self._times and now_s - self._times[0] > RATE_WINDOW_S:
            self._times.popleft()


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


class _Tally:
    """One track while it is followed."""

    def __init__(self, face: Face, picture: str | None) -> None:
        self._person, self._track, self._picture = face.person, face.track, picture
        self._spans = Spans(VISIBLE_GAP_S)
        self._frames = 0
        self._calls = 0
        self._belief: AgeBelief | None = None
        self._male: float | None = None

    def add(self, face: Face, time_s: float) -> None:
        self._spans.add(time_s)
        self._frames += 1
        self._calls += face.raw is not None
        self._belief = face.belief or self._belief
        self._male = face.male

    @property
    def row(self) -> TrackRow:
        return TrackRow(
            person=self._person,
            track=self._track,
            spans=tuple(self._spans),
            frames=self._frames,
            calls=self._calls,
            belief=self._belief,
            male=self._male,
            picture=self._picture,
        )


class Ledger:
    """Who has been seen, and how the analysis stands; written by the analysis thread, read by the window.

    Written for every analysed frame, so that nobody is missed who was only in frames that the window did not paint.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tracks: dict[TrackKey, _Tally] = {}
        self._changed: set[TrackKey] = set()
        self._joins: list[Join] = []
        self._meter = RateMeter()
        self._time_s = 0.0
        self._index = -1
        self._stretch = 0
        self._frames = 0
        self._dropped = 0
        self._faces = 0

    def write(self, result: FrameResult) -> None:
        """Takes one analysed frame; one that is only shown again counts for nobody a second time."""
        frame = result.frame
        with self._lock:
            self._time_s = frame.time_s
            self._faces = len(result.faces)
            self._meter.count()
            if result.recalled:
                self._index, self._stretch = frame.index, frame.stretch
                return
            for face in result.faces:
                key = face.person, face.track
                if key not in self._tracks:
                    self._tracks[key] = _Tally(face, frame.source if frame.independent else None)
                self._tracks[key].add(face, frame.time_s)
                self._changed.add(key)
            self._joins += result.joins
            # Dropped frames leave gaps in the numbers; a source that starts over (a stream that came back) is no gap.
            if frame.stretch == self._stretch:
                self._dropped += max(0, frame.index - self._index - 1)
            self._index, self._stretch = frame.index, frame.stretch
            self._frames += 1

    def join(self, joins: Sequence[Join]) -> None:
        """Persons who were recognised as earlier ones at the end of the film."""
        with self._lock:
            self._joins += joins

    def take_changes(self) -> PeopleChanges:
        """What is new since the last call: tracks that are new or changed, in order of their numbers, and joins."""
        with self._lock:
            changes = PeopleChanges([self._tracks[key].row for key in sorted(self._changed)], self._joins)
            self._changed.clear()
            self._joins = []
            return changes

    @property
    def progress(self) -> Progress:
        with self._lock:
            return Progress(self._time_s, self._frames, self._dropped, self._meter.rate(), self._faces)
