"""Writes what was found in the frames of one input into the session log."""

from __future__ import annotations

import time
from collections.abc import Callable

from pipeline.database import Database
from pipeline.errors import LogError
from pipeline.hindsight import Conclusion
from pipeline.sources.names import is_address, safe_name
from pipeline.types import FrameResult

COMMIT_INTERVAL_S = 0.5
"""Half of the second that may be lost: a frame may take up to the other half to come."""

# The key (input_id, n) makes writing the same row twice harmless: Ctrl-C may strike between a commit and its return.
_INSERT_SOURCE = "INSERT OR REPLACE INTO sources VALUES (?, ?, ?)"
_INSERT_AGE = "INSERT OR REPLACE INTO person_ages VALUES (?, ?, ?, ?, ?, ?, ?)"
_INSERT_JOIN = "INSERT OR REPLACE INTO person_joins VALUES (?, ?, ?, ?)"
_INSERT_OBSERVATION = f"INSERT OR REPLACE INTO observations VALUES ({', '.join('?' * 19)})"


class LogSink:
    """Writes the results of one input (a `pipeline.protocols.Sink`). Made by `Session.begin_input`."""

    def __init__(self, db: Database, session_id: int, input_id: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.input_id = input_id
        self._db = db
        self._session_id = session_id
        self._clock = clock
        self._flushed_s = clock()
        self._rows: list[tuple[object, ...]] = []
        self._sources: list[tuple[object, ...]] = []
        self._joins: list[tuple[object, ...]] = []
        self._source_name: str | None = None
        self._source = -1
        self._frames = 0
        self._observations = 0
        self._persons: set[int] = set()
        self._last_time_s: float | None = None
        self._closed = False

    def write(self, result: FrameResult) -> None:
        """Adds one frame's faces.

        Raises:
            LogError: the log cannot be written any more (disk full, locked for too long).
        """
        frame = result.frame
        if frame.source != self._source_name:
            self._source_name = frame.source
            self._source += 1
            self._sources.append((self.input_id, self._source, storable(frame.source)))
        for face in result.faces:
            box, belief = face.detection.box, face.belief
            self._rows.append(
                (
                    self.input_id,
                    self._observations,
                    self._source,
                    frame.time_s,
                    frame.wall_time_s,
                    frame.index,
                    face.person,
                    face.track,
                    # The log takes Python's floats only, and arithmetic on arrays leaves NumPy's behind.
                    float(box.x1),
                    float(box.y1),
                    float(box.x2),
                    float(box.y2),
                    float(face.detection.score),
                    float(face.quality),
                    None if face.raw is None else float(face.raw.years),
                    None if belief is None else float(belief.years),
                    None if belief is None else float(belief.low),
                    None if belief is None else float(belief.high),
                    result.engine,
                )
            )
            self._observations += 1
            self._persons.add(face.person)
        for join in result.joins:
            self._joins.append((self.input_id, join.person, join.track, join.into))
            self._persons.discard(join.person)
        self._frames += 1
        self._last_time_s = frame.time_s
        if self._clock() - self._flushed_s >= COMMIT_INTERVAL_S:
            self.flush()

    def flush(self) -> None:
        """Commits what is still in memory. After a failure nothing more is written: the rows would have a gap."""
        try:
            self._commit()
        except LogError:
            self._closed = True
            raise
        self._rows.clear()
        self._sources.clear()
        self._joins.clear()
        self._flushed_s = self._clock()

    def conclude(self, conclusion: Conclusion) -> None:
        """Adds the last word on everybody who was logged, in one transaction; replaces an earlier one."""
        ages = [
            (self.input_id, age.person, age.track, age.belief.years, age.belief.low, age.belief.high, age.belief.evidence)
            for age in conclusion.ages
            if age.person in self._persons
        ]
        self._persons -= {join.person for join in conclusion.joins}
        with self._db.transaction():
            self._db.change_many(_INSERT_JOIN, [(self.input_id, join.person, join.track, join.into) for join in conclusion.joins])
            self._db.change_many(_INSERT_AGE, ages)
            self._db.change("UPDATE inputs SET persons = ? WHERE id = ?", (len(self._persons), self.input_id))

    def close(self) -> None:
        """Commits the rest; safe after an error, and more than once. `Session.end_input` says how the input ended."""
        if not self._closed:
            self.flush()
            self._closed = True

    def _commit(self) -> None:
        with self._db.transaction():
            self._db.change_many(_INSERT_SOURCE, self._sources)
            self._db.change_many(_INSERT_OBSERVATION, self._rows)
            self._db.change_many(_INSERT_JOIN, self._joins)
            self._db.change(
                "UPDATE inputs SET frames = ?, observations = ?, persons = ?, last_time_s = ? WHERE id = ?",
                (self._frames, self._observations, len(self._persons), self._last_time_s, self.input_id),
            )
            self._db.change("UPDATE sessions SET updated_at = ? WHERE id = ?", (time.time(), self._session_id))


def storable(name: str) -> str:
    """A name as it may be kept: no credentials, and no bytes that are not UTF-8 (file names on Linux may have them)."""
    # Sources keep credentials out of their names already; a log that outlives the camera's password is worth a second guard.
    name = safe_name(name) if is_address(name) else name
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
