"""The bounded hand-over between the reader thread and the analysis thread.

Two ways in, chosen by the kind of source. A film waits (`put`): four slots, nothing is lost; four bridge the uneven cost of
decoding and cost 100 MB for 4K film. A camera does not wait (`replace`): one frame inside, the newest wins, what it replaces
counts as dropped.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")

SLOTS = 4


class Mailbox(Generic[T]):
    """Hands items from one thread to another, in order.

    The producer ends the exchange with `close`, after which the consumer still gets what is inside; the consumer ends it with
    `cancel`, which throws away what is inside and releases a producer that waits for room.

    Args:
        slots: how many items fit.
    """

    def __init__(self, slots: int = SLOTS) -> None:
        if slots < 1:
            raise ValueError(f"a mailbox has at least one slot, got {slots}")
        self._slots = slots
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._cancelled = False
        self._dropped = 0

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
        """Adds an item behind the others; waits for room.

        Returns:
            False where the consumer has cancelled: nobody wants more.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._cancelled or len(self._items) < self._slots)
            return self._add(item)

    def replace(self, item: T) -> bool:
        """Makes this item the only one inside, without waiting; those that were inside count as dropped.

        Returns:
            False where the consumer has cancelled: nobody wants more.
        """
        with self._changed:
            self._dropped += len(self._items)
            self._items.clear()
            return self._add(item)

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

    def _add(self, item: T) -> bool:
        if self._closed:
            raise RuntimeError("an item came after the mailbox was closed")
        if self._cancelled:
            return False
        self._items.append(item)
        self._changed.notify_all()
        return True
