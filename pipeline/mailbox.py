"""The bounded hand-over between the reader thread and the analysis thread.

Two policies, chosen by the kind of source. A camera does not wait: one slot, the newest frame wins, what it replaces counts as
dropped. A film does: four slots, the reader waits for room, nothing is lost. Four are enough to bridge the uneven cost of
decoding, and keep the memory of 4K film under 100 MB.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")

WAITING_SLOTS = 4


class Mailbox(Generic[T]):
    """Hands items from one thread to another, in order.

    The producer ends the exchange with `close`, after which the consumer still gets what is inside; the consumer ends it with
    `cancel`, which throws away what is inside and releases a producer that waits for room.

    Args:
        slots: how many items fit.
        newest_wins: a full mailbox drops its oldest item (and counts it) instead of letting the producer wait.
    """

    def __init__(self, slots: int = WAITING_SLOTS, newest_wins: bool = False) -> None:
        if slots < 1:
            raise ValueError(f"a mailbox has at least one slot, got {slots}")
        self._slots = slots
        self._newest_wins = newest_wins
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._cancelled = False
        self._dropped = 0

    @classmethod
    def for_source(cls, live: bool) -> Mailbox[T]:
        """One slot and the newest wins where time passes by itself, else `WAITING_SLOTS` that wait."""
        return cls(slots=1, newest_wins=True) if live else cls()

    @property
    def dropped(self) -> int:
        """Items that were replaced by newer ones before anybody took them."""
        with self._changed:
            return self._dropped

    @property
    def finished(self) -> bool:
        """Nothing is inside and nothing will come."""
        with self._changed:
            return self._cancelled or (self._closed and not self._items)

    def put(self, item: T) -> bool:
        """Adds an item; waits for room unless the newest wins.

        Returns:
            False where the consumer has cancelled: nobody wants more.

        Raises:
            RuntimeError: the mailbox was closed by `close`.
        """
        with self._changed:
            if self._closed:
                raise RuntimeError("put into a closed mailbox")
            if self._newest_wins:
                while len(self._items) >= self._slots:
                    self._items.popleft()
                    self._dropped += 1
            else:
                self._changed.wait_for(lambda: self._cancelled or len(self._items) < self._slots)
            if self._cancelled:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def get(self, timeout_s: float) -> T | None:
        """The oldest item inside, or None where none came within the timeout or the exchange is `finished`.

        There is no waiting without an end: on Windows a thread that waits for ever does not even see Ctrl-C.
        """
        with self._changed:
            self._changed.wait_for(lambda: bool(self._items) or self._closed or self._cancelled, timeout_s)
            if not self._items:
                return None
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """The producer's end: nothing more will come. What is inside can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def cancel(self) -> None:
        """The consumer's end: what is inside is thrown away, and a waiting producer is released."""
        with self._changed:
            self._cancelled = True
            self._items.clear()
            self._changed.notify_all()
