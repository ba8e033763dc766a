"""One temperature that makes the 90 % interval of an age distribution hold 90 %.

Temperature scaling (C. Guo et al., On Calibration of Modern Neural Networks, ICML 2017), fitted to coverage instead of
likelihood: what the program shows is an interval, and that is the promise to keep. Label smoothing during training makes the
distributions too wide, so the temperature comes out below 1, and the error of the expectation falls a little with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.types import AGE_BINS, Float32Array, Float64Array

COVERAGE = 0.9
"""Share of people whose age should lie within the interval."""

LOWEST, HIGHEST = 0.2, 3.0
"""Temperatures to search between."""

STEPS = 30
"""Halvings of that range: far below what any set of pictures can resolve."""


@dataclass(frozen=True, slots=True)
class Interval:
    """How the central 90 % intervals of a set of people turned out: share that holds the true age, mean width in years."""

    coverage: float
    width: float


def sharpened(distributions: Float32Array, temperature: float) -> Float64Array:
    """(n, 101) probabilities to the power of 1 / temperature, normalised again."""
    powered = np.asarray(distributions, np.float64) ** (1 / temperature)
    return np.asarray(powered / powered.sum(axis=1, keepdims=True), np.float64)


def intervals(distributions: Float32Array | Float64Array, truth: Float32Array) -> Interval:
    """The central 90 % intervals of (n, 101) distributions against (n,) true ages in years.

    A bin stands for the year around its age: somebody of 30 is anywhere from 29.5 to 30.5, as labels are whole years.
    """
    tail = (1 - COVERAGE) / 2
    low, high = (_quantiles(distributions, share) for share in (tail, 1 - tail))
    known = np.clip(truth, 0, AGE_BINS - 1)
    return Interval(float(((known >= low) & (known <= high)).mean()), float((high - low).mean()))


def fit_temperature(distributions: Float32Array, truth: Float32Array) -> float:
    """The temperature at which the intervals hold 90 % of these people. Coverage grows with temperature, so halving finds it."""
    low, high = LOWEST, HIGHEST
    for _ in range(STEPS):
        middle = (low + high) / 2
        if intervals(sharpened(distributions, middle), truth).coverage < COVERAGE:
            low = middle
        else:
            high = middle
    return round((low + high) / 2, 3)


def cross_checked(distributions: Float32Array, truth: Float32Array) -> Interval:
    """What to expect on new people: each half of the set with the temperature of the other half."""
    order = np.random.default_rng(0).permutation(len(truth))
    halves = order[::2], order[1::2]
    held = [
        intervals(sharpened(distributions[there], fit_temperature(distributions[here], truth[here])), truth[there])
        for here, there in (halves, halves[::-1])
    ]
    return Interval(float(np.mean([half.coverage for half in held])), float(np.mean([half.width for half in held])))


def _quantiles(distributions: Float32Array | Float64Array, share: float) -> Float64Array:
    """(n,) ages below which that share of each distribution lies; a bin reaches half a year to each side."""
    edges = np.arange(AGE_BINS + 1) - 0.5
    below = np.concatenate([np.zeros((len(distributions), 1)), np.cumsum(distributions, axis=1)], axis=1)
    return np.array([np.interp(share, row, edges) for row in below])
