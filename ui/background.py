"""Runs one call at a time away from the window's thread, and brings back what came of it."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from typing import Generic, TypeVar

from PySide6.QtCore import QObject, Qt, Signal, Slot

from pipeline.progress import Cancelled, Watch

T = TypeVar("T")


class _Courier(QObject):
    """Lives in the thread that made it: a signal from another thread is queued to this one."""

    delivered = Signal()

    def __init__(self, deliver: Callable[[], None]) -> None:
        super().__init__()
        self._deliver: Callable[[], None] | None = deliver
        self.delivered.connect(self._on_delivered, Qt.ConnectionType.QueuedConnection)

    def stop(self) -> None:
        """Delivers nothing any more, not even what is on its way."""
        self._deliver = None

    @Slot()
    def _on_delivered(self) -> None:
        if self._deliver is not None:
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
        self._courier.stop()
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._thread is None or not self._thread.is_alive()

    def _work(self, call: Callable[[], T]) -> None:
        try:
            value = call()
        except Exception as error:
            # Not handled here: it goes to whoever asked, in that thread. What the call still held (a log that is being read)
            # belongs to this thread and goes here.
            traceback.clear_frames(error.__traceback__)
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


PROGRESS_EVERY_S = 0.05


class BackgroundJob(Generic[T]):
    """Long work in its own thread that tells how far it is and can be broken off.

    Args:
        name: of the thread.
        done: gets the returned value.
        failed: gets the exception.
        progressed: gets the share that is done, 0 … 1, some times a second.
        cancelled: called once the work has ended because of `cancel`.
    """

    def __init__(
        self,
        name: str,
        done: Callable[[T], None],
        failed: Callable[[Exception], None],
        progressed: Callable[[float], None],
        cancelled: Callable[[], None],
    ) -> None:
        self._call: BackgroundCall[T] = BackgroundCall(name, done, self._on_failed)
        self._failed = failed
        self._progressed = progressed
        self._cancelled = cancelled
        self._stop = threading.Event()
        self._share = 0.0
        self._told_s = 0.0
        self._courier = _Courier(self._tell)

    @property
    def busy(self) -> bool:
        return self._call.busy

    def start(self, work: Callable[[Watch], T]) -> bool:
        """Starts the work, which calls its `Watch` often; False, and nothing happens, while other work is under way."""
        if self.busy:
            return False
        self._stop = stop = threading.Event()
        self._share = self._told_s = 0.0

        def watch(share: float) -> None:
            if stop.is_set():
                raise Cancelled
            self._share = share
            now_s = time.monotonic()
            if now_s - self._told_s >= PROGRESS_EVERY_S:
                self._told_s = now_s
                self._courier.delivered.emit()

        return self._call.start(lambda: work(watch))

    def cancel(self) -> None:
        """Asks the work to end; `cancelled` follows, or `done` where it was ready anyhow."""
        self._stop.set()

    def close(self, timeout_s: float) -> bool:
        """Breaks the work off, waits for it and drops its outcome; False where it has not ended in time."""
        self._stop.set()
        self._courier.stop()
        return self._call.close(timeout_s)

    def _tell(self) -> None:
        if self.busy and not self._stop.is_set():
            self._progressed(self._share)

    def _on_failed(self, error: Exception) -> None:
        if isinstance(error, Cancelled):
            self._cancelled()
        else:
            self._failed(error)
