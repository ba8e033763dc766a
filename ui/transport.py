"""How a film is to be played: immutable orders from the window's thread to the thread that reads, and word of how it stands."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

SLOWEST, FASTEST = 0.25, 4.0
SPEEDS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0)


@dataclass(frozen=True, slots=True)
class Jump:
    """A place to go to; exactly one of index and time is given.

    Attributes:
        serial: tells this order from an earlier one to the same place.
    """

    serial: int
    index: int | None = None
    time_s: float | None = None


@dataclass(frozen=True, slots=True)
class Orders:
    """What is wanted now."""

    playing: bool = True
    speed: float = 1.0
    loop: bool = False
    jump: Jump | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands.

    Attributes:
        can_seek: one can go back and forth; known once the source is open.
        ended: the film is at its end, and the reader waits there.
        reached_end: it was there at least once.
        index: of the picture that was handed over last; −1 before the first.
        time_s: its presentation time.
        jumps: serial of the newest jump that was carried out.
    """

    can_seek: bool = False
    ended: bool = False
    reached_end: bool = False
    index: int = -1
    time_s: float = 0.0
    jumps: int = 0


class Transport:
    """One per run. The window gives orders, the reader follows them; neither ever waits for the other.

    Args:
        orders: to begin with.
        changed: called when `Standing.ended` or `can_seek` changes, in the reader's thread.
    """

    def __init__(self, orders: Orders | None = None, changed: Callable[[], None] = lambda: None) -> None:
        self._condition = threading.Condition()
        self._orders = orders or Orders()
        self._standing = Standing()
        self._serial = 0
        self._changed = changed

    # For the window.

    @property
    def orders(self) -> Orders:
        with self._condition:
            return self._orders

    @property
    def standing(self) -> Standing:
        with self._condition:
            return self._standing

    def set_playing(self, playing: bool) -> None:
        """Plays or pauses. Playing on at the end of a film begins it again."""
        with self._condition:
            again = playing and self._standing.ended and self._standing.jumps == self._serial
        if again:
            self._jump(Jump(0, index=0))
        self._give(lambda orders: replace(orders, playing=playing))

    def set_speed(self, speed: float) -> None:
        self._give(lambda orders: replace(orders, speed=min(max(speed, SLOWEST), FASTEST)))

    def set_loop(self, loop: bool) -> None:
        self._give(lambda orders: replace(orders, loop=loop))

    def go_to_time(self, time_s: float) -> None:
        """Shows the picture of this moment; goes on playing from there if it was playing."""
        self._jump(Jump(0, time_s=max(0.0, time_s)))

    def go_to(self, index: int) -> None:
        """Shows exactly this picture."""
        self._jump(Jump(0, index=max(0, index)))

    def step(self, count: int) -> None:
        """Pauses and goes some pictures on, or back; from where the last order leads to, if it is not carried out yet."""
        with self._condition:
            self._orders = replace(self._orders, playing=False)
            jump, standing = self._orders.jump, self._standing
        waiting = jump is not None and jump.serial != standing.jumps and jump.index is not None
        base = jump.index if waiting and jump is not None and jump.index is not None else standing.index
        self.go_to(base + count)

    # For the reader.

    def wait_for_orders(self, seen: Orders, timeout_s: float) -> bool:
        """True where the orders are other ones than `seen`, at once or within the timeout."""
        with self._condition:
            return self._condition.wait_for(lambda: self._orders is not seen, timeout_s)

    def opened(self, can_seek: bool) -> None:
        self._report(lambda standing: replace(standing, can_seek=can_seek))

    def handed_over(self, index: int, time_s: float, jumps: int) -> None:
        """A picture is on its way to the analysis."""
        self._report(lambda standing: replace(standing, index=index, time_s=time_s, jumps=jumps, ended=False))

    def at_end(self, jumps: int) -> None:
        """There are no more pictures; playing stops unless somebody goes elsewhere."""
        with self._condition:
            self._orders = replace(self._orders, playing=False)
        self._report(lambda standing: replace(standing, ended=True, reached_end=True, jumps=jumps))

    def looped(self) -> None:
        """The film was read to its end and begins again."""
        self._report(lambda standing: replace(standing, reached_end=True))

    def _jump(self, jump: Jump) -> None:
        with self._condition:
            self._serial += 1
            serial = self._serial
        self._give(lambda orders: replace(orders, jump=replace(jump, serial=serial)))

    def _give(self, change: Callable[[Orders], Orders]) -> None:
        with self._condition:
            self._orders = change(self._orders)
            self._condition.notify_all()

    def _report(self, change: Callable[[Standing], Standing]) -> None:
        with self._condition:
            before, self._standing = self._standing, change(self._standing)
            news = (before.ended, before.can_seek) != (self._standing.ended, self._standing.can_seek)
        if news:
            self._changed()
