"""Tells a session that is being recorded from one whose process was killed.

A session holds an exclusive lock on a small file beside the log for as long as it runs. The operating system lets go of the
lock when the process ends, however it ends; process numbers, by contrast, are given to other programs later, and a heartbeat
stops when a laptop sleeps. SQLite's own file locking does the work: it behaves the same on every system, and between
connections of one process.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Collection
from contextlib import closing, suppress
from pathlib import Path

STRAY_AFTER_S = 60.0
"""A lock file that no session names is either about to be named, within milliseconds, or was left by a kill at that moment."""


class SessionLock:
    """The lock of one running session; `token` goes into the session's row."""

    def __init__(self, log_path: Path) -> None:
        """Makes and takes a new lock beside the log.

        Raises:
            sqlite3.Error: the folder cannot be written.
        """
        self.token = secrets.token_hex(8)
        self._path = _lock_path(log_path, self.token)
        self._db = sqlite3.connect(self._path, isolation_level=None)
        _take(self._db)

    def release(self) -> None:
        """May be called more than once."""
        self._db.close()
        _remove(self._path)


def is_held(log_path: Path, token: str) -> bool:
    """Whether the session with that token still has a living process.

    Raises:
        sqlite3.Error: the lock file cannot be read.
    """
    return _is_held(_lock_path(log_path, token))


def forget(log_path: Path, token: str) -> None:
    """Removes the file that a killed process left behind."""
    _remove(_lock_path(log_path, token))


def forget_strays(log_path: Path, tokens: Collection[str]) -> None:
    """Removes old lock files that nobody holds and that none of the running sessions' tokens names."""
    # Not by glob: the log's name may itself hold brackets or stars.
    for path in log_path.parent.iterdir():
        token = path.name.removeprefix(_lock_path(log_path, "").name)
        if token == path.name or token in tokens:
            continue
        # Another process may be removing it too.
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > STRAY_AFTER_S and not _is_held(path):
                _remove(path)


def _is_held(path: Path) -> bool:
    try:
        # mode=rw: asking must not bring a missing file into being.
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=0, isolation_level=None)) as db:
            _take(db)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            return True
        if path.exists():
            raise
    return False


def _take(db: sqlite3.Connection) -> None:
    # In memory: otherwise an empty journal file appears beside the lock.
    db.execute("PRAGMA journal_mode = MEMORY")
    db.execute("BEGIN EXCLUSIVE")


def _remove(path: Path) -> None:
    # Windows deletes no file that another process has open, be it only to ask for the lock: then it goes as a stray later.
    with suppress(PermissionError):
        path.unlink(missing_ok=True)


def _lock_path(log_path: Path, token: str) -> Path:
    return log_path.with_name(f"{log_path.name}-live-{token}").absolute()
