"""What the log knows, read back: observations one by one, and the persons that they make up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.errors import LogError
from pipeline.store import SessionLog

VISIBLE_GAP_S = 1.0
"""A person who is missing for longer was hidden or away, not overlooked: the tracker's patience, too, is one second."""


class Observation(NamedTuple):
    """One face in one frame: a row of the log. Units as in `pipeline.schema`."""

    source: str
    media_time_s: float
    wall_time_s: float
    frame: int
    person: int
    track: int
    x1: float
    y1: float
    x2: float
    y2: float
    score: float
    quality: float
    raw_age: float | None
    age: float | None
    low: float | None
    high: float | None
    engine: str
    session: int


class PersonSummary(NamedTuple):
    """One person in one source of one session.

    Attributes:
        first_seen_s, last_seen_s: media time.
        dwell_s: time in sight: the sum of the steps between successive observations, leaving out steps of more than
            `VISIBLE_GAP_S` (hidden or away) and steps back in time. 0 for a person of a single picture.
        frames: observations.
        age, low, high: the last belief in the log, which rests on all observations up to then; None without an estimate.
    """

    source: str
    person: int
    first_seen_s: float
    last_seen_s: float
    dwell_s: float
    frames: int
    age: float | None
    low: float | None
    high: float | None
    session: int


class PersonTally:
    """Makes persons of observations as they go by; memory grows with the persons, not with the observations."""

    def __init__(self) -> None:
        self._sums: dict[tuple[int, str, int], _Sums] = {}

    def add(self, seen: Observation) -> None:
        key = (seen.session, seen.source, seen.person)
        sums = self._sums.get(key)
        if sums is None:
            sums = self._sums[key] = _Sums(first_seen_s=seen.media_time_s, last_seen_s=seen.media_time_s)
        step_s = seen.media_time_s - sums.last_seen_s
        if 0 < step_s <= VISIBLE_GAP_S:
            sums.dwell_s += step_s
        sums.last_seen_s = seen.media_time_s
        sums.frames += 1
        if seen.age is not None:
            sums.age, sums.low, sums.high = seen.age, seen.low, seen.high

    def persons(self) -> list[PersonSummary]:
        """In order of appearance."""
        return [
            PersonSummary(source, person, s.first_seen_s, s.last_seen_s, s.dwell_s, s.frames, s.age, s.low, s.high, session)
            for (session, source, person), s in self._sums.items()
        ]


@dataclass(slots=True)
class _Sums:
    first_seen_s: float
    last_seen_s: float
    dwell_s: float = 0.0
    frames: int = 0
    age: float | None = None
    low: float | None = None
    high: float | None = None


def observations(log: SessionLog, session_ids: Sequence[int]) -> Iterator[Observation]:
    """All rows that count, by session as listed, then by input, then in order of writing.

    Raises:
        LogError: there is no session of that number, or the log cannot be read.
    """
    for session_id in session_ids:
        if not log.db.rows("SELECT 1 FROM sessions WHERE id = ?", (session_id,)):
            raise no_such_session(log, session_id)
        inputs = log.db.rows("SELECT id FROM best_inputs WHERE session_id = ? ORDER BY position", (session_id,))
        for (input_id,) in inputs:
            rows = log.db.stream(
                "SELECT sources.name, media_time_s, wall_time_s, frame, person, track, x1, y1, x2, y2, score, quality, raw_age,"
                " age, low, high, engine, ? FROM observations CROSS JOIN sources"
                " ON sources.input_id = observations.input_id AND sources.number = observations.source"
                " WHERE observations.input_id = ? ORDER BY n",
                (session_id, input_id),
            )
            yield from map(Observation._make, rows)


def persons(log: SessionLog, session_ids: Sequence[int]) -> list[PersonSummary]:
    """The persons of those sessions, in order of appearance.

    Raises:
        LogError: as `observations`.
    """
    tally = PersonTally()
    with log.db.snapshot():
        for observation in observations(log, session_ids):
            tally.add(observation)
    return tally.persons()


def no_such_session(log: SessionLog, session_id: int) -> LogError:
    return LogError(f"There is no session {session_id} in {log.path}.", "The command `sessions list` shows which there are.")
