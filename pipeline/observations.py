"""What the log knows, read back: observations one by one, and the persons that they make up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.edits import apply_edits, edits_of, no_such_session
from pipeline.person_ages import AgeTally, FinalAges
from pipeline.store import SessionLog
from pipeline.types import Join

VISIBLE_GAP_S = 1.0
"""A person who is missing for longer was hidden or away, not overlooked: the tracker's patience, too, is one second."""


class Observation(NamedTuple):
    """One face in one frame: a row of the log. Units as in `pipeline.schema`.

    Attributes:
        person: as known today: with what the program recognised later, and with the user's edits.
        name: the user's, None where there is none.
    """

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
    name: str | None = None


class PersonSummary(NamedTuple):
    """One person in one source of one session.

    Attributes:
        first_seen_s, last_seen_s: media time.
        dwell_s: time in sight: the sum of the steps between successive observations, leaving out steps of more than
            `VISIBLE_GAP_S` (hidden or away) and steps back in time. 0 for a person of a single picture.
        frames: observations.
        age, low, high: the age by all observations; None without an estimate.
        name: the user's, None where there is none.
        tracks: number of tracks, that is of appearances: leaving and coming back begins a new one.
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
    name: str | None = None
    tracks: int = 1


class Row(NamedTuple):
    """An observation and where it came from.

    Attributes:
        machine_person: the person as the program sees it, without the user's edits.
    """

    observation: Observation
    input_id: int
    machine_person: int


class PersonTally:
    """Makes persons of observations as they go by; memory grows with the persons, not with the observations."""

    def __init__(self) -> None:
        self._sums: dict[tuple[int, str, int], _Sums] = {}

    def add(self, row: Row) -> None:
        seen = row.observation
        key = (seen.session, seen.source, seen.person)
        sums = self._sums.get(key)
        if sums is None:
            sums = self._sums[key] = _Sums(seen.media_time_s, seen.media_time_s, seen.name)
        step_s = seen.media_time_s - sums.last_seen_s
        if 0 < step_s <= VISIBLE_GAP_S:
            sums.dwell_s += step_s
        sums.last_seen_s = seen.media_time_s
        sums.frames += 1
        age = seen.age, seen.low, seen.high
        sums.ages.add(row.input_id, row.machine_person, seen.track, age, seen.raw_age is not None)

    def persons(self, log: SessionLog) -> list[PersonSummary]:
        """In order of appearance.

        Args:
            log: where the observations came from, in the same state.
        """
        finals = FinalAges(log)
        found = []
        for (session, source, person), s in self._sums.items():
            age, low, high, _ = s.ages.last_word(finals) or (None, None, None, None)
            seen = (s.first_seen_s, s.last_seen_s, s.dwell_s, s.frames)
            found.append(PersonSummary(source, person, *seen, age, low, high, session, s.name, s.ages.tracks))
        return found


@dataclass(slots=True)
class _Sums:
    first_seen_s: float
    last_seen_s: float
    name: str | None
    dwell_s: float = 0.0
    frames: int = 0
    ages: AgeTally = field(default_factory=AgeTally)


def observations(log: SessionLog, session_ids: Sequence[int]) -> Iterator[Observation]:
    """All rows that count, by session as listed, then by input, then in order of writing; without hidden persons.

    Raises:
        LogError: there is no session of that number, or the log cannot be read.
    """
    return (row.observation for row in rows(log, session_ids))


def rows(log: SessionLog, session_ids: Sequence[int]) -> Iterator[Row]:
    """As `observations`, for a `PersonTally`."""
    for session_id in session_ids:
        if not log.db.rows("SELECT 1 FROM sessions WHERE id = ?", (session_id,)):
            raise no_such_session(log, session_id)
        edits = edits_of(log, session_id)
        inputs = log.db.rows("SELECT id FROM best_inputs WHERE session_id = ? ORDER BY position", (session_id,))
        for (input_id,) in inputs:
            who = apply_edits(edits, joins_of(log, input_id))
            found = log.db.stream(
                "SELECT sources.name, media_time_s, wall_time_s, frame, person, track, x1, y1, x2, y2, score, quality, raw_age,"
                " age, low, high, engine, ? FROM observations CROSS JOIN sources"
                " ON sources.input_id = observations.input_id AND sources.number = observations.source"
                " WHERE observations.input_id = ? ORDER BY n",
                (session_id, input_id),
            )
            for values in found:
                stored = Observation(*values)
                person = who.person(stored.person, stored.track)
                if not who.is_hidden(person):
                    machine_person = who.machine_person(stored.person, stored.track)
                    yield Row(stored._replace(person=person, name=who.name(person)), input_id, machine_person)


def joins_of(log: SessionLog, input_id: int) -> list[Join]:
    """What the program recognised by itself in one input."""
    found = log.db.rows("SELECT person, into_person, track FROM person_joins WHERE input_id = ?", (input_id,))
    return [Join(*row) for row in found]


def persons(log: SessionLog, session_ids: Sequence[int]) -> list[PersonSummary]:
    """The persons of those sessions, in order of appearance.

    Raises:
        LogError: as `observations`.
    """
    tally = PersonTally()
    with log.db.snapshot():
        for row in rows(log, session_ids):
            tally.add(row)
        return tally.persons(log)
