"""How far long work is, and how it is broken off.

Long functions take a `Watch` and call it with what share of the work is done. Whoever waits shows it, or raises `Cancelled` out
of that call: the exception ends the work on its way up, and files that were begun vanish (`pipeline.outputs.replaced_file`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Watch = Callable[[float], None]
"""Gets the share that is done, 0 … 1; may raise `Cancelled`."""

LOOK_EVERY = 500
"""Items between two calls: well under a hundredth of a second."""

T = TypeVar("T")


class Cancelled(Exception):  # noqa: N818 - not an error: it was wished
    """The user no longer wants the result."""


def unwatched(_share: float) -> None:
    """Nobody waits."""


def watched(items: Iterable[T], total: int, watch: Watch) -> Iterator[T]:
    """The items, telling after every few how many of the total went by.

    Args:
        total: at least roughly; more than that count as all.
    """
    watch(0.0)
    for number, item in enumerate(items):
        if number % LOOK_EVERY == 0:
            watch(min(1.0, number / max(1, total)))
        yield item
    watch(1.0)


def part(watch: Watch, begin: float, end: float) -> Watch:
    """For a step of the work: its 0 … 1 is begin … end of the whole."""
    return lambda share: watch(begin + share * (end - begin))
