"""Ages over time, for plots: exact for minutes, thinned out evenly over hours, never more than a set number of points."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from pipeline.types import Float64Array

FIRST_STEP_S = 0.2
"""Five points a second are more than a curve of minutes can show."""

MOST_POINTS = 120_000
"""Of all curves together: some 4 MB."""

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Ages over time: four arrays (n,) float64.

    Attributes:
        time_s: rising.
        years, low, high: mean and ends of the 90 % interval.
    """

    time_s: Float64Array
    years: Float64Array
    low: Float64Array
    high: Float64Array

    def __len__(self) -> int:
        return len(self.time_s)


EMPTY = Curve(*(np.empty(0) for _ in range(4)))


class _Points:
    """One person's points in order of time; the newest of those in one step of time counts."""

    def __init__(self) -> None:
        self._steps = array("q")
        self._values = tuple(array("d") for _ in range(4))
        self._curve: Curve | None = EMPTY

    def __len__(self) -> int:
        return len(self._steps)

    def put(self, step: int, values: tuple[float, float, float, float]) -> None:
        self._curve = None
        end = len(self._steps)
        # Time goes on, mostly.
        place = end if not end or step > self._steps[-1] else bisect_left(self._steps, step)
        if place < end and self._steps[place] == step:
            for column, value in zip(self._values, values, strict=True):
                column[place] = value
            return
        self._steps.insert(place, step)
        for column, value in zip(self._values, values, strict=True):
            column.insert(place, value)

    def thin(self) -> None:
        """Half as many points: steps become twice as long, and the later point of two stays."""
        # With NumPy: this happens in the window's thread, which must not stall.
        halved = np.array(self._steps) // 2
        kept = np.append(halved[1:] != halved[:-1], True)
        self._values = tuple(array("d", np.array(column)[kept].tobytes()) for column in self._values)
        self._steps = array("q", halved[kept].tobytes())
        self._curve = None

    @property
    def curve(self) -> Curve:
        if self._curve is None:
            self._curve = Curve(*(np.array(column) for column in self._values))
        return self._curve


class AgeSeries(Generic[K]):
    """The curves of many persons under keys of the caller's.

    Args:
        most_points: of all curves together. When there would be more, every curve loses half of its points.
        step_s: time per point at first.
    """

    def __init__(self, most_points: int = MOST_POINTS, step_s: float = FIRST_STEP_S) -> None:
        self._most_points = most_points
        self._points: dict[K, _Points] = {}
        self._count = 0
        self.step_s = step_s

    def add(self, key: K, time_s: float, years: float, low: float, high: float) -> None:
        """What was known at one moment; replaces what was known in the same step of time."""
        points = self._points.setdefault(key, _Points())
        before = len(points)
        points.put(int(time_s / self.step_s), (time_s, years, low, high))
        self._count += len(points) - before
        if self._count > self._most_points:
            self._thin()

    def curve(self, key: K) -> Curve:
        """One person's curve; empty where nothing is known."""
        points = self._points.get(key)
        return EMPTY if points is None else points.curve

    def curve_of(self, keys: Iterable[K]) -> Curve:
        """One curve of several keys that turned out to be one person."""
        found = [curve for curve in map(self.curve, keys) if len(curve)]
        return merged(found)

    def __iter__(self) -> Iterator[K]:
        return iter(self._points)

    def __len__(self) -> int:
        return self._count

    def _thin(self) -> None:
        self.step_s *= 2
        for points in self._points.values():
            points.thin()
        self._count = sum(map(len, self._points.values()))


def merged(curves: list[Curve]) -> Curve:
    """Several curves as one, in order of time."""
    if len(curves) <= 1:
        return curves[0] if curves else EMPTY
    time_s = np.concatenate([curve.time_s for curve in curves])
    order = np.argsort(time_s, kind="stable")

    def column(pick: Callable[[Curve], Float64Array]) -> Float64Array:
        return np.concatenate([pick(curve) for curve in curves])[order]

    return Curve(time_s[order], column(lambda c: c.years), column(lambda c: c.low), column(lambda c: c.high))


def pieces(curve: Curve, gap_s: float) -> Iterator[Curve]:
    """The curve cut where the person was away: where two points are more than `gap_s` apart."""
    cuts = np.flatnonzero(np.diff(curve.time_s) > gap_s) + 1
    for part in np.split(np.arange(len(curve)), cuts):
        if len(part):
            piece = slice(int(part[0]), int(part[-1]) + 1)
            yield Curve(curve.time_s[piece], curve.years[piece], curve.low[piece], curve.high[piece])
