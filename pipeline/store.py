"""The session log: what was seen when, in SQLite, written as it goes. The source of truth for every export.

    with SessionLog.open(path) as log:
        session = log.resume(inputs, provenance) or log.begin("analyze", inputs, provenance)
        with session:
            for record in session.inputs():
                if record.state == "finished":
                    continue
                numbers = session.next_numbers(record.position)     # where the analyzer begins to count persons and tracks
                summary = run(…, [lambda info, engine: session.begin_input(record.position, info)], stop)
                session.end_input(record.position, "stopped" if summary.stopped else "finished")

Rows are committed by the frame that comes half a second or more after the last commit, so a killed process loses less than one
second of them. Between commits nothing is locked: several processes can record into one file at the same time.

A log belongs to the thread that opened it. `pipeline.schema` describes the tables; `pipeline.sessions` lists and deletes;
`pipeline.export` writes CSV and JSON Lines.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType

import platformdirs

from pipeline import liveness
from pipeline.database import Database, translated
from pipeline.errors import LogError
from pipeline.fingerprints import Provenance
from pipeline.log_sink import LogSink, storable
from pipeline.protocols import EngineInfo, SourceInfo
from pipeline.session import InputRecord, Kind, Numbers, PlannedInput, Session, input_columns, to_input_record
from pipeline.settings import Settings

__all__ = ["InputRecord", "Numbers", "PlannedInput", "Provenance", "Recording", "Session", "SessionLog", "default_path"]

LOG_FILE = "sessions.sqlite"


def default_path() -> Path:
    """Where the log of this user is: one file for the window and the command line. Makes its folder.

    Raises:
        LogError: the folder cannot be made.
    """
    folder = platformdirs.user_data_path("agelens", appauthor=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LogError(
            f"The folder {folder} for the session log cannot be made: {error.strerror or error}.",
            "Check its rights, or choose another file with --log FILE.",
        ) from error
    return folder / LOG_FILE


class SessionLog:
    """An open session log. Use `SessionLog.open`.

    Attributes:
        db: for `pipeline.sessions` and `pipeline.export`.
    """

    def __init__(self, db: Database) -> None:
        self.db = db

    @classmethod
    @contextmanager
    def open(cls, path: Path | None = None, *, create: bool = True) -> Iterator[SessionLog]:
        """Opens the log for the calling thread, makes it where there is none, and settles what killed processes left behind.

        Args:
            path: None takes `default_path()`.
            create: False where looking is all that is wanted: a mistyped name must not become an empty log.

        Raises:
            LogError: missing, unwritable, locked, damaged, no session log, or written by a newer version.
        """
        with closing(Database((path or default_path()).absolute(), create=create)) as db:
            log = cls(db)
            log.settle_leftovers()
            yield log

    @property
    def path(self) -> Path:
        return self.db.path

    def begin(self, kind: Kind, inputs: Sequence[PlannedInput], provenance: Provenance) -> Session:
        """A new session, in which every input is pending."""
        now = time.time()
        lock = self._lock()
        try:
            with self.db.transaction():
                session_id = self.db.insert(
                    "INSERT INTO sessions (kind, started_at, updated_at, state, owner, engine, model, app_version, settings,"
                    " fingerprint) VALUES (?, ?, ?, 'running', ?, ?, ?, ?, ?, ?)",
                    (
                        kind,
                        now,
                        now,
                        lock.token,
                        provenance.engine.label,
                        provenance.engine.model,
                        provenance.app_version,
                        provenance.settings_json,
                        provenance.fingerprint,
                    ),
                )
                for position, planned in enumerate(inputs):
                    self.db.insert(
                        "INSERT INTO inputs (session_id, position, attempt, name, fingerprint, state)"
                        " VALUES (?, ?, 0, ?, ?, 'pending')",
                        (session_id, position, storable(planned.name), planned.fingerprint),
                    )
        except BaseException:
            lock.release()
            raise
        return Session(self.db, session_id, kind, lock)

    def resume(self, inputs: Sequence[PlannedInput], provenance: Provenance) -> Session | None:
        """The newest interrupted `analyze` session of exactly these inputs and this provenance, claimed for this process.

        None where there is none, or where an input cannot be read a second time: a camera's rows must never be replaced.
        """
        wanted = [planned.fingerprint for planned in inputs]
        if not wanted or None in wanted:
            return None
        self.settle_leftovers()
        candidates = self.db.rows(
            "SELECT id FROM sessions WHERE state = 'interrupted' AND kind = 'analyze' AND fingerprint = ? ORDER BY id DESC",
            (provenance.fingerprint,),
        )
        for (session_id,) in candidates:
            planned = self.db.rows("SELECT fingerprint FROM best_inputs WHERE session_id = ? ORDER BY position", (session_id,))
            if [fingerprint for (fingerprint,) in planned] == wanted and (session := self._claim(session_id)) is not None:
                return session
        return None

    def finished_input(self, fingerprint: str | None, provenance: Provenance) -> InputRecord | None:
        """The newest input of that content that an `analyze` session of that provenance read to its end: see `Session.adopt`."""
        found = self.db.rows(
            f"SELECT {input_columns('inputs')} FROM inputs JOIN sessions ON sessions.id = inputs.session_id"
            " WHERE inputs.fingerprint = ? AND inputs.state = 'finished' AND sessions.kind = 'analyze'"
            " AND sessions.fingerprint = ? ORDER BY inputs.id DESC LIMIT 1",
            (fingerprint, provenance.fingerprint),
        )
        return to_input_record(found[0]) if found else None

    def settle_leftovers(self) -> None:
        """Marks sessions as interrupted whose process is gone. Those of living processes stay as they are."""
        running = self.db.rows("SELECT id, owner FROM sessions WHERE state = 'running'")
        with translated(self.path):
            gone = [(session_id, owner) for session_id, owner in running if not liveness.is_held(self.path, owner)]
        for session_id, owner in gone:
            with self.db.transaction():
                # Another process may have settled it, or even claimed it, since the question.
                if self.db.change(
                    "UPDATE sessions SET state = 'interrupted', owner = NULL WHERE id = ? AND owner = ?", (session_id, owner)
                ):
                    self.db.change(
                        "UPDATE inputs SET state = 'interrupted' WHERE session_id = ? AND state = 'running'", (session_id,)
                    )
            liveness.forget(self.path, owner)
        with translated(self.path):
            liveness.forget_strays(self.path, {owner for _, owner in running})

    def _lock(self) -> liveness.SessionLock:
        with translated(self.path):
            return liveness.SessionLock(self.path)

    def _claim(self, session_id: int) -> Session | None:
        lock = self._lock()
        try:
            claimed = self.db.change(
                "UPDATE sessions SET state = 'running', owner = ?, updated_at = ? WHERE id = ? AND state = 'interrupted'",
                (lock.token, time.time(), session_id),
            )
        except BaseException:
            lock.release()
            raise
        if not claimed:
            lock.release()
            return None
        return Session(self.db, session_id, "analyze", lock)


class Recording:
    """A session of one input, for the window: opened by the run itself once source and engine are known.

    with SessionLog.open(path) as log, Recording(log, PlannedInput.of(spec), settings, app_version) as recording:
        summary = run(open_source, open_analyzer, [recording.open_sink, …], stop)
        recording.complete = not summary.stopped
    """

    def __init__(self, log: SessionLog, planned: PlannedInput, settings: Settings, app_version: str) -> None:
        self.complete = False
        self.session: Session | None = None
        self._log = log
        self._planned = planned
        self._settings = settings
        self._app_version = app_version
        self._live = False

    def __enter__(self) -> Recording:
        return self

    def open_sink(self, info: SourceInfo, engine: EngineInfo) -> LogSink:
        """Begins the session. A source that could not be opened leaves none behind."""
        self.session = self._log.begin("window", [self._planned], Provenance(self._settings, engine, self._app_version))
        self._live = info.live
        return self.session.begin_input(0, info)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.session is None:
            return
        if error is not None:
            self.session.__exit__(kind, error, trace)
            return
        with self.session:
            self.session.end_input(0, "finished" if self.complete or self._live else "stopped")
