"""Keeps what is slow to open, such as loaded networks, from one use to the next one of the same kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """One open thing at most. All methods are for one thread: it opens, uses and closes what is kept.

    Args:
        worth_keeping: asked after each use; where it says no, the next use opens anew. None keeps everything.
    """

    def __init__(self, worth_keeping: Callable[[T], bool] | None = None) -> None:
        self._worth_keeping = worth_keeping
        self._open: tuple[object, T] | None = None
        self._stack = ExitStack()

    @contextmanager
    def lend(self, key: object, open_value: Callable[[], AbstractContextManager[T]]) -> Iterator[T]:
        """What is kept, if it was opened for the same; else it is closed first and `open_value` opens another one.

        Where its use fails, it is closed as well: whatever broke it, the next use begins afresh.

        Args:
            key: everything on which the opened thing depends; compared by value.
        """
        if self._open is not None and self._open[0] != key:
            self.close()
        if self._open is None:
            self._open = key, self._stack.enter_context(open_value())
        value = self._open[1]
        try:
            yield value
        except BaseException:
            self.close()
            raise
        if self._worth_keeping is not None and not self._worth_keeping(value):
            self.close()

    def close(self) -> None:
        """Closes what is kept; safe to call twice."""
        self._open = None
        self._stack.close()
