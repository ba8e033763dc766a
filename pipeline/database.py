"""An SQLite file that belongs to this program: opened safely, shared between processes, its errors in words.

WAL with `synchronous=NORMAL`: a killed process loses nothing that was committed; a power cut may lose the last commits, never
the file. `secure_delete` overwrites what is deleted; `auto_vacuum=INCREMENTAL` gives the space back in small steps.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.errors import LogError
from pipeline.schema import APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION

BUSY_TIMEOUT_S = 10.0
"""Other processes hold the write lock for milliseconds; only a large deletion holds it for seconds."""

RETRY_S = 0.02
"""Between attempts at switching to WAL, for which SQLite does not wait by itself."""


class Database:
    """One connection, for the thread that opened it. Every method raises `LogError` where SQLite fails."""

    def __init__(self, path: Path, *, create: bool = True) -> None:
        """Opens the file, makes it where there is none, brings an older one up to date.

        Raises:
            LogError: the file cannot be used, or is not there although `create` is False; one that is no session log is left
                unchanged.
        """
        if not create and not path.exists():
            raise LogError(f"There is no session log {path}.", "Record something first, or choose another file with --log FILE.")
        self.path = path
        self._db = connect(path)

    def close(self) -> None:
        self._db.close()

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Any]:
        """All rows of a short query, as tuples."""
        return list(self.stream(sql, parameters))

    def stream(self, sql: str, parameters: Sequence[object] = ()) -> Iterator[Any]:
        """The rows of a long query one by one, as tuples, from one consistent state of the file."""
        with translated(self.path):
            # Not `yield from`: where whoever reads gives up, that would close the cursor, which may be too late for it.
            for row in self._db.execute(sql, parameters):  # noqa: UP028
                yield row

    def insert(self, sql: str, parameters: Sequence[object]) -> int:
        """Inserts one row; its id."""
        with translated(self.path):
            return int(self._db.execute(sql, parameters).lastrowid or 0)

    def change(self, sql: str, parameters: Sequence[object]) -> int:
        """Updates or deletes; the number of rows concerned."""
        with translated(self.path):
            return self._db.execute(sql, parameters).rowcount

    def change_many(self, sql: str, parameters: Sequence[Sequence[object]]) -> None:
        """One changing statement, once per tuple of parameters."""
        with translated(self.path):
            self._db.executemany(sql, parameters)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A write transaction: everything inside happens, or nothing."""
        with translated(self.path), transaction(self._db):
            yield

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All queries inside see one and the same state of the file, whatever other processes write."""
        with translated(self.path):
            self._db.execute("BEGIN")
            try:
                yield
            finally:
                # Some errors have ended it already.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    def shrink(self) -> bool:
        """Gives the space of deleted rows back to the drive and empties the write-ahead log, where their copies lie.

        Returns:
            False where another process is reading: then the copies go when the last one closes the file.
        """
        with translated(self.path):
            # One step per freed page, and `execute` takes only the first one of a statement without columns.
            self._db.executescript("PRAGMA incremental_vacuum")
            busy = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        return not busy


def connect(path: Path) -> sqlite3.Connection:
    """Opens the session log, makes it where there is none, brings an older one up to date.

    The connection is in autocommit mode and belongs to the calling thread.

    Raises:
        LogError: the file cannot be used; a file that is no session log is left unchanged.
    """
    _make_private_file(path)
    with translated(path):
        db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        with translated(path):
            if _version_in_use(db, path) == 0:
                # Has an effect only before the file's first page is written.
                db.execute("PRAGMA auto_vacuum = INCREMENTAL")
            _switch_to_wal(db, path)
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("PRAGMA secure_delete = ON")
            migrate(db, MIGRATIONS)
    except BaseException:
        db.close()
        raise
    return db


def migrate(db: sqlite3.Connection, steps: Mapping[int, Sequence[str]]) -> None:
    """Runs the steps that a file still lacks, all of them or none. Several processes may try at the same time."""
    target = max(steps) + 1
    if _user_version(db) == target:
        return
    with transaction(db):
        for version in range(_user_version(db), target):
            for statement in steps[version]:
                db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {target}")


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """A write transaction: everything inside happens, or nothing."""
    # IMMEDIATE waits for other writers here, where waiting is allowed; a later upgrade of a read lock would fail at once.
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # A full disk may have rolled back by itself.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turns SQLite's errors into one `LogError` that names the file and says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise _log_error(path, error) from error


def _log_error(path: Path, error: sqlite3.Error) -> LogError:
    # The low byte is the primary code, the rest says where it came from.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    elsewhere = "choose another file with --log FILE"
    if code == sqlite3.SQLITE_FULL:
        return LogError(
            f"The disk is full: the session log {path} cannot grow.",
            f"Free some space, or {elsewhere}. What was recorded until a second ago is saved.",
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LogError(
            f"The session log {path} has been locked by another program for more than {BUSY_TIMEOUT_S:.0f} s.",
            f"Close the program that holds it (a database browser, a backup), or {elsewhere}.",
        )
    if code == sqlite3.SQLITE_NOTADB:
        return _not_a_log(path)
    if code == sqlite3.SQLITE_CORRUPT:
        return LogError(
            f"The session log {path} is damaged: {error}.",
            "Move it away and start again: a new one is made. The tool `sqlite3 FILE .recover` can save rows of the old one.",
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return LogError(
            f"The session log {path} cannot be opened for writing: {error}.",
            f"Check the rights of the file and of its folder, or {elsewhere}.",
        )
    return LogError(f"The session log {path} cannot be used: {error}.", f"Check the drive, or {elsewhere}.")


def _not_a_log(path: Path) -> LogError:
    return LogError(
        f"{path} is not a session log of this program.", "It was left unchanged. Choose another file with --log FILE."
    )


def _make_private_file(path: Path) -> None:
    """Who was seen when is nobody else's business: a new log is its owner's only. SQLite gives -wal and -shm the same rights."""
    if path.is_dir():
        raise LogError(f"The session log {path} is a folder.", "Name a file inside it with --log FILE.")
    try:
        path.touch(mode=0o600, exist_ok=True)
    except FileNotFoundError:
        raise LogError(
            f"There is no folder {path.parent} for the session log.", "Make the folder, or choose another file with --log FILE."
        ) from None
    except OSError as error:
        raise LogError(
            f"The session log {path} cannot be opened for writing: {error.strerror or error}.",
            "Check the rights of the file and of its folder, or choose another file with --log FILE.",
        ) from error


def _version_in_use(db: sqlite3.Connection, path: Path) -> int:
    """The schema version of the file; 0 where it is empty. Reads only, so that a stranger's file stays as it is."""
    # In one transaction: another process may be making the schema at this moment.
    db.execute("BEGIN")
    version = _user_version(db)
    application_id = int(db.execute("PRAGMA application_id").fetchone()[0])
    tables = int(db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
    db.execute("COMMIT")
    if application_id != APPLICATION_ID and (tables > 0 or version > 0 or application_id > 0):
        raise _not_a_log(path)
    if version > SCHEMA_VERSION:
        raise LogError(
            f"The session log {path} was written by a newer version of this program "
            f"(schema {version}, this version knows up to {SCHEMA_VERSION}).",
            "Update the program, or choose another file with --log FILE.",
        )
    return version


def _user_version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _switch_to_wal(db: sqlite3.Connection, path: Path) -> None:
    give_up_at = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            mode = str(db.execute("PRAGMA journal_mode = WAL").fetchone()[0])
            break
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_at:
                raise
            time.sleep(RETRY_S)
    if mode != "wal":
        raise LogError(
            f"The drive of the session log {path} cannot share memory between processes (journal mode {mode!r}, expected 'wal').",
            "Choose a file on a local drive with --log FILE.",
        )
