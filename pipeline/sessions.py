"""Lists and deletes sessions of the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline.edits import no_such_session
from pipeline.errors import LogError
from pipeline.session import InputRecord, Kind, SessionState, input_records
from pipeline.store import SessionLog


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """One line of the list of sessions.

    Attributes:
        started_at: UTC.
        ended_at: UTC; of a session that still runs or was interrupted, the last sign of life.
        engine, model: label of the engine and name of the model.
        settings_json: the settings as they were.
    """

    id: int
    kind: Kind
    state: SessionState
    started_at: datetime
    ended_at: datetime
    engine: str
    model: str
    app_version: str
    settings_json: str
    inputs: tuple[InputRecord, ...]

    @property
    def duration_s(self) -> float:
        """Seconds of film or of camera time that are recorded; the waiting between an interruption and its end is not in it."""
        return sum(record.last_time_s or 0.0 for record in self.inputs)

    @property
    def persons(self) -> int:
        return sum(record.persons for record in self.inputs)

    @property
    def observations(self) -> int:
        return sum(record.observations for record in self.inputs)


def list_sessions(log: SessionLog) -> list[SessionSummary]:
    """Every session, the oldest first.

    Raises:
        LogError: the log cannot be read.
    """
    log.settle_leftovers()
    with log.db.snapshot():
        found = log.db.rows(
            "SELECT id, kind, state, started_at, updated_at, engine, model, app_version, settings FROM sessions ORDER BY id"
        )
        return [
            SessionSummary(
                session_id,
                kind,
                state,
                datetime.fromtimestamp(started, UTC),
                datetime.fromtimestamp(updated, UTC),
                engine,
                model,
                app_version,
                settings,
                tuple(input_records(log.db, session_id)),
            )
            for session_id, kind, state, started, updated, engine, model, app_version, settings in found
        ]


def delete_sessions(log: SessionLog, session_ids: Sequence[int]) -> bool:
    """Deletes sessions with all that was recorded, all of them or none, and overwrites their bytes in the file.

    Returns:
        False where another process was reading the log: copies of the deleted rows stay in the -wal file beside the log until
        the last process that uses it ends.

    Raises:
        LogError: there is no session of that number, or it is being recorded right now; nothing was deleted.
    """
    log.settle_leftovers()
    with log.db.transaction():
        for session_id in session_ids:
            found = log.db.rows("SELECT state FROM sessions WHERE id = ?", (session_id,))
            if not found:
                raise no_such_session(log, session_id)
            if found[0][0] == "running":
                raise LogError(f"Session {session_id} is still being recorded.", "Stop it first, then delete it.")
            log.db.change("DELETE FROM sessions WHERE id = ?", (session_id,))
    return log.db.shrink()
