"""Intervals that keep their promise: how far the filter's own interval must be stretched, by age and size of the face.

The table is fitted on held-back people by `training.conformal`, for one model, and read by `engines.intervals`.
"""

from __future__ import annotations

import bisect
import itertools
import math
from dataclasses import dataclass

Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class IntervalTable:
    """Factors for the two parts of an interval, below and above the mean; 1 leaves it as it is.

    Attributes:
        ages: knots in years of believed age, rising.
        sizes: knots in pixels of the face's width, rising; between them the logarithm counts.
        lower, upper: for each age one factor per size.
    """

    ages: tuple[float, ...]
    sizes: tuple[float, ...]
    lower: Rows
    upper: Rows

    def __post_init__(self) -> None:
        """Raises: ValueError, knots do not rise or factors do not fit them."""
        for knots in (self.ages, self.sizes):
            if not knots or any(a >= b for a, b in itertools.pairwise(knots)):
                raise ValueError(f"knots must rise, got {knots}")
        if self.sizes[0] <= 0:
            raise ValueError(f"sizes must be above 0, got {self.sizes[0]}")
        for rows in (self.lower, self.upper):
            if len(rows) != len(self.ages) or any(len(row) != len(self.sizes) for row in rows):
                raise ValueError(f"{len(self.ages)} ages and {len(self.sizes)} sizes need as many rows and columns of factors")
            if not all(math.isfinite(factor) and factor >= 0 for row in rows for factor in row):
                raise ValueError("factors must be finite and not negative")

    def stretched(self, years: float, low: float, high: float, face_px: float) -> tuple[float, float]:
        """The interval [low, high] around `years`, as wide as it must be.

        Args:
            face_px: width of the face as the person was seen, 0 where unknown: then as for the largest.
        """
        age_at, age_share = _place(self.ages, years)
        sizes = [math.log(size) for size in self.sizes]
        size_at, size_share = _place(sizes, math.log(face_px) if face_px > 0 else math.inf)
        below, above = (_between(rows, age_at, age_share, size_at, size_share) for rows in (self.lower, self.upper))
        return years - below * (years - low), years + above * (high - years)


def _place(knots: tuple[float, ...] | list[float], value: float) -> tuple[int, float]:
    """The knot at or before the value, and how far it is on the way to the next; level beyond the ends."""
    if value >= knots[-1] or len(knots) == 1:
        return len(knots) - 1, 0.0
    left = max(0, bisect.bisect_right(knots, value) - 1)
    return left, max(0.0, (value - knots[left]) / (knots[left + 1] - knots[left]))


def _between(rows: Rows, age_at: int, age_share: float, size_at: int, size_share: float) -> float:
    def along(row: tuple[float, ...]) -> float:
        return row[size_at] if size_share == 0 else (1 - size_share) * row[size_at] + size_share * row[size_at + 1]

    return along(rows[age_at]) if age_share == 0 else (1 - age_share) * along(rows[age_at]) + age_share * along(rows[age_at + 1])
