"""Calibration on held-back pictures: a temperature for honest intervals, a straight line where it makes ages better.

Temperature scaling (C. Guo et al., On Calibration of Modern Neural Networks, ICML 2017), fitted to coverage instead of
likelihood: what the program shows is an interval, and that is the promise to keep. Label smoothing during training makes the
distributions too wide, so the temperature comes out below 1, and the error of the expectation falls a little with it.
The line (slope and offset of the expectation, least absolute deviations) is only taken where it makes each half of the pictures
better that it was not fitted to, on the whole and in the mean of the decades: it mends a model that is wrong in one direction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.age import calibration_matrix
from pipeline.types import AGE_BINS, Float32Array, Float64Array

COVERAGE = 0.9
"""Share of people whose age should lie within the interval."""

LOWEST, HIGHEST = 0.2, 3.0
"""Temperatures to search between."""

STEPS = 13
"""Halvings of that range: to less than the thousandth that is kept."""

LEAST_GAIN = 0.01
"""Years that a line must take off the mean absolute error of pictures that it was not fitted to."""

ROUNDS, NEARLY_ZERO = 50, 1e-3
"""Reweighted least squares: rounds, and the deviation in years below which a weight grows no further."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What is done to a model's distributions: temperature first, then age → slope · age + offset."""

    temperature: float = 1.0
    slope: float = 1.0
    offset: float = 0.0

    def applied(self, distributions: Float32Array) -> Float64Array:
        """(n, 101) probabilities as the program shows them."""
        return recalibrated(distributions, self.temperature, self.slope, self.offset)


@dataclass(frozen=True, slots=True)
class Interval:
    """How the central 90 % intervals of a set of people turned out: share that holds the true age, mean width in years."""

    coverage: float
    width: float


def sharpened(distributions: Float32Array, temperature: float) -> Float64Array:
    """(n, 101) probabilities to the power of 1 / temperature, normalised again."""
    powered = np.asarray(distributions, np.float64) ** (1 / temperature)
    return np.asarray(powered / powered.sum(axis=1, keepdims=True), np.float64)


def recalibrated(distributions: Float32Array, temperature: float, slope: float, offset: float) -> Float64Array:
    """(n, 101) probabilities as `engines.age` turns them into what the program shows."""
    return np.asarray(sharpened(distributions, temperature) @ calibration_matrix(slope, offset), np.float64)


def intervals(distributions: Float32Array | Float64Array, truth: Float32Array, coverage: float = COVERAGE) -> Interval:
    """The central intervals (90 % unless told otherwise) of (n, 101) distributions against (n,) true ages in years.

    A bin stands for the year around its age: somebody of 30 is anywhere from 29.5 to 30.5, as labels are whole years.
    """
    tail = (1 - coverage) / 2
    low, high = (_quantiles(distributions, share) for share in (tail, 1 - tail))
    known = np.clip(truth, 0, AGE_BINS - 1)
    return Interval(float(((known >= low) & (known <= high)).mean()), float((high - low).mean()))


def fit_temperature(distributions: Float32Array, truth: Float32Array, slope: float = 1.0, offset: float = 0.0) -> float:
    """The temperature at which the intervals hold 90 % of these people. Coverage grows with temperature, so halving finds it."""
    low, high = LOWEST, HIGHEST
    for _ in range(STEPS):
        middle = (low + high) / 2
        if intervals(recalibrated(distributions, middle, slope, offset), truth).coverage < COVERAGE:
            low = middle
        else:
            high = middle
    return round((low + high) / 2, 3)


def fit_line(years: Float64Array, truth: Float32Array) -> tuple[float, float]:
    """Slope and offset with the least mean |slope · years + offset − truth|, by iteratively reweighted least squares.

    Decades of true age weigh alike: otherwise the many would pull the few old to the middle.
    """
    x = np.stack([years, np.ones(len(years))], axis=1)
    decades = (truth // 10).astype(int)
    base = 1 / np.bincount(decades)[decades]
    weight = np.sqrt(base)
    line = np.array([1.0, 0.0])
    for _ in range(ROUNDS):
        line = np.linalg.lstsq(x * weight[:, None], truth * weight, rcond=None)[0]
        weight = np.sqrt(base / np.maximum(np.abs(x @ line - truth), NEARLY_ZERO))
    return round(float(line[0]), 4), round(float(line[1]), 3)


def fit(distributions: Float32Array, truth: Float32Array) -> Fit:
    """Temperature and, if each half of the people is better off with the other half's, the line."""
    if _line_gain(distributions, truth) < LEAST_GAIN:
        return Fit(fit_temperature(distributions, truth))
    return _with_line(distributions, truth)


def cross_checked(distributions: Float32Array, truth: Float32Array) -> Interval:
    """What to expect on new people: each half of the set with what was fitted to the other half."""
    held = [
        intervals(fit(distributions[here], truth[here]).applied(distributions[there]), truth[there])
        for here, there in _halves(len(truth))
    ]
    return Interval(float(np.mean([half.coverage for half in held])), float(np.mean([half.width for half in held])))


def _with_line(distributions: Float32Array, truth: Float32Array) -> Fit:
    line = fit_line(_years(sharpened(distributions, fit_temperature(distributions, truth))), truth)
    return Fit(fit_temperature(distributions, truth, *line), *line)


def _line_gain(distributions: Float32Array, truth: Float32Array) -> float:
    """Years that the line takes off the error of the other half: the least of both halves, of the mean and the decades' mean."""
    gains = []
    for here, there in _halves(len(truth)):
        if len(here) < 2:
            return 0.0
        temperature = fit_temperature(distributions[here], truth[here])
        line = _with_line(distributions[here], truth[here])
        before = _errors(sharpened(distributions[there], temperature), truth[there])
        gains += (before - _errors(line.applied(distributions[there]), truth[there])).tolist()
    return float(min(gains))


def _errors(distributions: Float64Array, truth: Float32Array) -> Float64Array:
    """Mean absolute error, and the mean of the decades' mean absolute errors."""
    size = np.abs(_years(distributions) - truth)
    decades = (truth // 10).astype(int)
    count = np.bincount(decades)
    by_decade = np.bincount(decades, size)[count > 0] / count[count > 0]
    return np.array([size.mean(), by_decade.mean()])


def _halves(count: int) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], ...]:
    order = np.random.default_rng(0).permutation(count)
    return (order[::2], order[1::2]), (order[1::2], order[::2])


def _years(distributions: Float64Array) -> Float64Array:
    return np.asarray(distributions @ np.arange(AGE_BINS), np.float64)


def _quantiles(distributions: Float32Array | Float64Array, share: float) -> Float64Array:
    """(n,) ages below which that share of each distribution lies; a bin reaches half a year to each side."""
    below = np.cumsum(np.asarray(distributions, np.float64), axis=1)
    bin_of = np.minimum((below < share).sum(axis=1), AGE_BINS - 1)
    rows = np.arange(len(below))
    before = np.where(bin_of > 0, below[rows, bin_of - 1], 0.0)
    mass = np.maximum(below[rows, bin_of] - before, np.finfo(np.float64).tiny)
    return np.asarray(bin_of - 0.5 + np.clip((share - before) / mass, 0, 1), np.float64)
