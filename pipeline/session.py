"""One session while it is recorded: its inputs, their attempts, their rows."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal

from pipeline.database import Database
from pipeline.errors import LogError
from pipeline.fingerprints import input_fingerprint
from pipeline.hindsight import Conclusion
from pipeline.liveness import SessionLock
from pipeline.log_sink import LogSink, storable
from pipeline.protocols import SourceInfo
from pipeline.sources.names import safe_name

Kind = Literal["analyze", "window"]
"""What recorded a session. Only `analyze` reads every frame of its inputs, so only its sessions are resumed and reused."""

SessionState = Literal["running", "finished", "interrupted"]
EndState = Literal["finished", "stopped", "failed"]
InputState = Literal["pending", "running", "interrupted"] | EndState

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PlannedInput:
    """One input as it was asked for.

    Attributes:
        name: for people: no folder, no credentials (a stream's are cut off here in any case).
        fingerprint: as of `input_fingerprint`; None for what cannot be read a second time.
    """

    name: str
    fingerprint: str | None

    @classmethod
    def of(cls, spec: str) -> PlannedInput:
        """The input behind an address such as a file, a folder, `demo`, a camera's number or a stream's URL."""
        return cls(safe_name(spec), input_fingerprint(spec))


@dataclass(frozen=True, slots=True)
class InputRecord:
    """What the log knows about one input of a session.

    Attributes:
        position: place in the session's list of inputs, from 0.
        frames, observations, persons: what is committed.
        last_time_s: media time of the newest committed frame, None before the first.
    """

    id: int
    position: int
    name: str
    fingerprint: str | None
    state: InputState
    live: bool
    frames: int
    observations: int
    persons: int
    last_time_s: float | None


@dataclass(frozen=True, slots=True)
class Numbers:
    """The first numbers that are free in a session."""

    person: int
    track: int


class Session:
    """A session that this process records. A context manager: leaving it finishes the session."""

    def __init__(self, db: Database, session_id: int, kind: Kind, lock: SessionLock) -> None:
        self.id = session_id
        self._db = db
        self._kind = kind
        self._lock = lock
        self._sinks: dict[int, LogSink] = {}

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self.finish()
            return
        try:
            self.finish()
        except LogError as second:
            # The first error is the one to show; the session stays "running" and is settled by whoever opens the log next.
            _log.warning("finishing session %d after an error failed too: %s", self.id, second)

    def inputs(self) -> list[InputRecord]:
        """One record per input, in order; where an input was begun several times, that of the attempt that counts."""
        return input_records(self._db, self.id)

    def next_numbers(self, position: int) -> Numbers:
        """The first person and track number that no other input of this session uses.

        Rows of an earlier attempt at the same input don't count: only one attempt ever does, and an input that is done again
        gets the numbers that it would have had at first.
        """
        others = "input_id IN (SELECT id FROM inputs WHERE session_id = ? AND position <> ?)"
        ((person, track),) = self._db.rows(
            "SELECT coalesce(max(person), 0), coalesce(max(track), 0) FROM ("
            f"SELECT max(person) AS person, max(track) AS track FROM observations WHERE {others}"
            f" UNION ALL SELECT max(into_person), NULL FROM person_joins WHERE {others})",
            (self.id, position) * 2,
        )
        return Numbers(person + 1, track + 1)

    def begin_input(self, position: int, info: SourceInfo) -> LogSink:
        """A sink for the results of one input.

        Where the input was broken off before, this is a further attempt: the rows of the earlier ones stay in the log, and
        count as long as they reach further, until `end_input(position, "finished")`.
        """
        with self._db.transaction():
            input_id = self._new_attempt(position)
            self._db.change(
                "UPDATE inputs SET state = 'running', name = ?, live = ?, width = ?, height = ?, fps = ?, duration_s = ?"
                " WHERE id = ?",
                (storable(info.name), info.live, info.width, info.height, info.fps, info.duration_s, input_id),
            )
        sink = LogSink(self._db, self.id, input_id)
        self._sinks[position] = sink
        return sink

    def conclude(self, position: int, conclusion: Conclusion) -> None:
        """Adds the last word on the persons of an input that was read, before `end_input`."""
        if position in self._sinks:
            self._sinks[position].conclude(conclusion)

    def end_input(self, position: int, state: EndState) -> None:
        """Says how an input ended, after its sink was closed.

        Args:
            state: finished: read to its end, or a live source that was ended as wanted; from now on these rows are the input's
                only ones. stopped: a person ended it early. failed: it could not be opened or read.
        """
        sink = self._sinks.pop(position, None)
        if sink is not None:
            sink.close()
        with self._db.transaction():
            if sink is None:
                self._db.change(
                    "UPDATE inputs SET state = ? WHERE session_id = ? AND position = ? AND state = 'pending'",
                    (state, self.id, position),
                )
                return
            self._db.change("UPDATE inputs SET state = ? WHERE id = ?", (state, sink.input_id))
            if state == "finished":
                self._drop_other_attempts(position, sink.input_id)

    def adopt(self, position: int, earlier: InputRecord) -> bool:
        """Takes over the rows of an input that was finished earlier, under person and track numbers of this session.

        All in one transaction.

        Returns:
            False where another process has deleted that input in the meantime: then it is still to be read.
        """
        with self._db.transaction():
            if not self._db.rows("SELECT 1 FROM inputs WHERE id = ? AND state = 'finished'", (earlier.id,)):
                return False
            free = self.next_numbers(position)
            ((person, track),) = self._db.rows(
                "SELECT coalesce(min(person), 0), coalesce(min(track), 0) FROM observations WHERE input_id = ?", (earlier.id,)
            )
            input_id = self._new_attempt(position)
            self._db.change(
                "UPDATE inputs SET (state, name, live, width, height, fps, duration_s, frames, observations, persons,"
                " last_time_s) = (SELECT state, name, live, width, height, fps, duration_s, frames, observations, persons,"
                " last_time_s FROM inputs WHERE id = ?) WHERE id = ?",
                (earlier.id, input_id),
            )
            self._db.change("INSERT INTO sources SELECT ?, number, name FROM sources WHERE input_id = ?", (input_id, earlier.id))
            self._db.change(
                "INSERT INTO observations SELECT ?, n, source, media_time_s, wall_time_s, frame, person + ?, track + ?,"
                " x1, y1, x2, y2, score, quality, raw_age, age, low, high, engine FROM observations WHERE input_id = ?",
                (input_id, free.person - person, free.track - track, earlier.id),
            )
            # Track 0 is none: it stands for all of them.
            numbers = "person + ?2, CASE track WHEN 0 THEN 0 ELSE track + ?3 END"
            for statement in (
                f"INSERT INTO person_joins SELECT ?1, {numbers}, into_person + ?2 FROM person_joins WHERE input_id = ?4",
                f"INSERT INTO person_ages SELECT ?1, {numbers}, age, low, high, evidence FROM person_ages WHERE input_id = ?4",
            ):
                self._db.change(statement, (input_id, free.person - person, free.track - track, earlier.id))
            self._drop_other_attempts(position, input_id)
        return True

    def finish(self) -> None:
        """Closes what is open and ends the session; may be called more than once.

        An `analyze` session with an input that is still to be read to its end becomes interrupted: `SessionLog.resume` finds it.
        """
        try:
            for position in list(self._sinks):
                self.end_input(position, "stopped")
            unread = [r for r in self.inputs() if r.state not in ("finished", "failed") and not r.live]
            state: SessionState = "interrupted" if unread and self._kind == "analyze" else "finished"
            self._db.change(
                "UPDATE sessions SET state = ?, owner = NULL, updated_at = ? WHERE id = ? AND owner = ?",
                (state, time.time(), self.id, self._lock.token),
            )
        finally:
            self._lock.release()

    def _new_attempt(self, position: int) -> int:
        """The row for another attempt at an input: the pending one, or a new one beside those of earlier attempts."""
        ((input_id, name, fingerprint, state, attempt),) = self._db.rows(
            "SELECT id, name, fingerprint, state, attempt FROM inputs WHERE session_id = ? AND position = ?"
            " ORDER BY attempt DESC LIMIT 1",
            (self.id, position),
        )
        if state == "pending":
            return int(input_id)
        return self._db.insert(
            "INSERT INTO inputs (session_id, position, attempt, name, fingerprint, state) VALUES (?, ?, ?, ?, ?, 'pending')",
            (self.id, position, attempt + 1, name, fingerprint),
        )

    def _drop_other_attempts(self, position: int, input_id: int) -> None:
        self._db.change("DELETE FROM inputs WHERE session_id = ? AND position = ? AND id <> ?", (self.id, position, input_id))


def input_records(db: Database, session_id: int) -> list[InputRecord]:
    """The inputs of a session in order; of several attempts at one, the one that counts."""
    found = db.rows(
        f"SELECT {input_columns('best_inputs')} FROM best_inputs WHERE session_id = ? ORDER BY position", (session_id,)
    )
    return [to_input_record(row) for row in found]


def input_columns(table: str) -> str:
    return ", ".join(f"{table}.{name}" for name in InputRecord.__slots__)


def to_input_record(row: tuple[Any, ...]) -> InputRecord:
    number, position, name, fingerprint, state, live, frames, observations, persons, last_time_s = row
    return InputRecord(number, position, name, fingerprint, state, bool(live), frames, observations, persons, last_time_s)
