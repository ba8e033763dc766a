"""Keeps the user's edits of persons in the session log, away from the window's thread, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from pipeline.edits import Edit, add_edit, undo_edit
from pipeline.store import SessionLog
from ui.background import BackgroundCall

Done = Callable[[], None]


class EditLog:
    """Writes edits one after the other, each in a thread of its own.

    Args:
        log_path: the log, opened anew for each edit, because a log belongs to the thread that opened it.
        failed: gets a `LogError` in the thread that made this object.
    """

    def __init__(self, log_path: Path, failed: Callable[[Exception], None]) -> None:
        self._log_path = log_path
        self._show = failed
        self._waiting: deque[tuple[Callable[[], None], Done | None]] = deque()
        self._done: Done | None = None
        self._call: BackgroundCall[None] = BackgroundCall("edits", self._on_done, self._on_failed)

    @property
    def busy(self) -> bool:
        """Something is still to be written."""
        return self._call.busy or bool(self._waiting)

    def add(self, session_id: int, edits: Sequence[Edit], done: Done | None = None) -> None:
        """Keeps edits of a session; returns at once, `done` is called once they are in the log."""
        self._enqueue(partial(_add, self._log_path, session_id, tuple(edits)), done)

    def undo(self, session_id: int, count: int, done: Done | None = None) -> None:
        """Takes the newest edits of a session back; returns at once."""
        self._enqueue(partial(_undo, self._log_path, session_id, count), done)

    def close(self, timeout_s: float) -> bool:
        """Writes what is still to be written, as far as the time reaches; False where something is left or hangs."""
        ended = self._call.close(timeout_s)
        while ended and self._waiting:
            write, _ = self._waiting.popleft()
            write()
        return ended

    def _enqueue(self, write: Callable[[], None], done: Done | None) -> None:
        self._waiting.append((write, done))
        self._next()

    def _next(self) -> None:
        if self._waiting and not self._call.busy:
            write, self._done = self._waiting.popleft()
            self._call.start(write)

    def _on_done(self, _: None) -> None:
        done, self._done = self._done, None
        self._next()
        if done is not None:
            done()

    def _on_failed(self, error: Exception) -> None:
        self._done = None
        self._next()
        self._show(error)


def _add(log_path: Path, session_id: int, edits: Sequence[Edit]) -> None:
    with SessionLog.open(log_path) as log:
        for edit in edits:
            add_edit(log, session_id, edit)


def _undo(log_path: Path, session_id: int, count: int) -> None:
    with SessionLog.open(log_path) as log:
        for _ in range(count):
            undo_edit(log, session_id)
