"""Conformal factors for intervals, by age and face size, from people of known age.

Split conformal prediction with the filter's own half-widths as scale (V. Vovk et al., Algorithmic Learning in a Random World,
2005; J. Lei et al., JASA 2018), made local by kernels over believed age and face size (L. Guan, Biometrika 2023). Believed age is
all that the program knows; so that people of each true decade get their 90 % too, decades whose intervals hold fewer count for
more when quantiles are taken, until they do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.intervals import IntervalTable
from pipeline.types import AGE_BINS, Float64Array

AGE_KNOTS = (1.0, 4.0, 8.0, 13.0, 18.0, 23.0, 28.0, 34.0, 42.0, 50.0, 58.0, 66.0, 75.0)
SIZE_KNOTS = (28.0, 48.0, 80.0, 135.0)

AGE_BAND, AGE_BAND_SHARE = 2.5, 0.09
"""Width of the kernel over age: fixed, and per year of age."""

SIZE_BAND = 0.5
"""Width of the kernel over the logarithm of the face's size."""

LEAST_PEOPLE = 100.0
"""Effective number of people behind each factor; kernels grow until there are as many."""

TARGET = 0.914
"""Share to hold among the people of the fit: a little above the promise, as factors that are fitted hold less on others."""

DECADE_TARGET = 0.91
"""The same in each decade of true age: with fewer people chance alone takes some hundredths away."""

ROUNDS, PULL, STEP = 20, 3.0, 0.6
"""Rounds in which decades that are held too rarely gain weight and the quantile is set right, and how fast."""

FACTORS = (0.25, 5.0)
"""Bounds of what a factor may be."""


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """n people of known age with the filter's plain intervals.

    Attributes:
        truth, years, low, high: (n,) years.
        face_px: (n,) width of the face as it was seen.
    """

    truth: Float64Array
    years: Float64Array
    low: Float64Array
    high: Float64Array
    face_px: Float64Array

    def __len__(self) -> int:
        return len(self.truth)

    def some(self, chosen: NDArray[np.bool_]) -> People:
        return People(self.truth[chosen], self.years[chosen], self.low[chosen], self.high[chosen], self.face_px[chosen])


def fit(people: People) -> IntervalTable:
    """The table under which these people's intervals hold what they promise, by believed age, size and true decade."""
    decade = np.minimum(people.truth // 10, 8).astype(int)
    weight, share = np.ones(len(people)), TARGET
    table = _fitted(people, weight, share)
    for _ in range(ROUNDS):
        held = holds(people, table)
        lacking = [max(0.0, DECADE_TARGET - float(held[decade == d].mean())) if (decade == d).any() else 0.0 for d in range(9)]
        weight *= np.exp(PULL * np.array(lacking))[decade]
        # What decades gain, all others gain too, where kernels overlap: the quantile gives it back.
        share = float(np.clip(share + STEP * (TARGET - held.mean()), 0.5, 0.98))
        table = _fitted(people, weight, share)
    return table


def holds(people: People, table: IntervalTable | None) -> NDArray[np.bool_]:
    """(n,) whether the interval holds the true age; above 100 years, the end of the scale is as good."""
    low, high = stretched(people, table)
    truth = np.minimum(people.truth, AGE_BINS - 1)
    return np.asarray((truth >= low) & (truth <= high))


def stretched(people: People, table: IntervalTable | None) -> tuple[Float64Array, Float64Array]:
    """(n,) lower and upper ends as the program shows them with that table."""
    if table is None:
        return people.low, people.high
    ends = [
        table.stretched(*each)
        for each in zip(people.years.tolist(), people.low.tolist(), people.high.tolist(), people.face_px.tolist(), strict=True)
    ]
    low, high = np.array(ends).T
    return np.maximum(0.0, low), np.minimum(float(AGE_BINS - 1), high)


def _fitted(people: People, weight: Float64Array, share: float) -> IntervalTable:
    # How far the truth lies beyond the mean, in half-widths of that side.
    off = people.truth - people.years
    below_score = np.maximum(0.0, -off) / np.maximum(people.years - people.low, 0.1)
    above_score = np.maximum(0.0, off) / np.maximum(people.high - people.years, 0.1)
    lower, upper = [], []
    for age in AGE_KNOTS:
        kernels = [_kernel(people, age, size) * weight for size in SIZE_KNOTS]
        lower.append(tuple(_factor(below_score, kernel, share) for kernel in kernels))
        upper.append(tuple(_factor(above_score, kernel, share) for kernel in kernels))
    return IntervalTable(AGE_KNOTS, SIZE_KNOTS, tuple(lower), tuple(upper))


def _kernel(people: People, age: float, size: float) -> Float64Array:
    """(n,) how much each counts for the factor at that age and size; as wide as it must be for enough people."""
    distance = ((people.years - age) / (AGE_BAND + AGE_BAND_SHARE * age)) ** 2
    distance += (np.log(people.face_px / size) / SIZE_BAND) ** 2
    width = 1.0
    while True:
        kernel = np.exp(-0.5 * distance / width**2)
        if kernel.sum() ** 2 / max(1e-12, (kernel**2).sum()) >= min(LEAST_PEOPLE, 0.5 * len(people)) or width > 20:
            return np.asarray(kernel, np.float64)
        width *= 1.15


def _factor(score: Float64Array, weight: Float64Array, share: float) -> float:
    """The weighted quantile of the scores, each tail having half of what is not held; one person more counts as never held."""
    order = np.argsort(score)
    effective = weight.sum() ** 2 / max(1e-12, (weight**2).sum())
    below = np.cumsum(weight[order]) / weight.sum() * effective / (effective + 1)
    at = int(np.searchsorted(below, 1 - (1 - share) / 2))
    return round(float(np.clip(score[order[min(at, len(order) - 1)]], *FACTORS)), 3)
