"""Runs one call at a time away from the window's thread, and brings back what came of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from PySide6.QtCore import QObject, Qt, Signal, Slot

T = TypeVar("T")


class _Courier(QObject):
    """Lives in the thread that made it: a signal from another thread is queued to this one."""

    delivered = Signal()

    def __init__(self, deliver: Callable[[], None]) -> None:
        super().__init__()
        self._deliver = deliver
        self.delivered.connect(self._on_delivered, Qt.ConnectionType.QueuedConnection)

    @Slot()
    def _on_delivered(self) -> None:
        self._deliver()


class BackgroundCall(Generic[T]):
    """A call in its own thread; its outcome arrives in the thread that made this object.

    Args:
        name: of the thread.
        done: gets the returned value.
        failed: gets the exception.
    """

    def __init__(self, name: str, done: Callable[[T], None], failed: Callable[[Exception], None]) -> None:
        self._name = name
        self._done = done
        self._failed = failed
        self._thread: threading.Thread | None = None
        self._outcome: Callable[[], None] | None = None
        self._courier = _Courier(self._deliver)

    @property
    def busy(self) -> bool:
        return self._thread is not None

    def start(self, call: Callable[[], T]) -> bool:
        """Starts the call; False, and nothing happens, while another one is under way."""
        if self._thread is not None:
            return False
        # A daemon, so that a driver that hangs while cameras are listed cannot keep the program from ending.
        self._thread = threading.Thread(target=self._work, args=(call,), name=self._name, daemon=True)
        self._thread.start()
        return True

    def close(self, timeout_s: float) -> bool:
        """Waits for the call under way and drops its outcome; False where it has not ended in time."""
        self._courier.delivered.disconnect()
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._thread is None or not self._thread.is_alive()

    def _work(self, call: Callable[[], T]) -> None:
        try:
            value = call()
        except Exception as error:
            # Not handled here: it goes to whoever asked, in that thread.
            caught = error
            self._outcome = lambda: self._failed(caught)
        else:
            self._outcome = lambda: self._done(value)
        self._courier.delivered.emit()

    def _deliver(self) -> None:
        thread, outcome = self._thread, self._outcome
        if thread is None or outcome is None:
            return
        thread.join()
        self._thread = self._outcome = None
        outcome()
