"""Ways to make one age of many frames, as other programs do it: what the filter is compared with. Each looks at every frame."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pipeline.types import AGE_BINS, Float32Array, Float64Array

Z90 = 1.645
"""Half of a Gaussian's 90 % interval, in standard deviations."""

_EDGES: Float64Array = np.arange(AGE_BINS + 1, dtype=np.float64) - 0.5


@dataclass(frozen=True, slots=True)
class Told:
    """What a rule says after a frame: an age, and the ends of what it may take for a 90 % interval."""

    years: float
    low: float
    high: float


class Rule(Protocol):
    def add(self, distribution: Float32Array) -> Told:
        """What is said after the next frame, of which the model said this: (101,) probabilities."""
        ...


class Raw:
    """Every frame for itself, with the interval of its own distribution."""

    def add(self, distribution: Float32Array) -> Told:
        below = np.concatenate([[0.0], np.cumsum(distribution, dtype=np.float64)])
        low, high = np.interp([0.05, 0.95], below / below[-1], _EDGES)
        return Told(expectation(distribution), float(low), float(high))


class Ema:
    """Exponential moving average; the interval is the spread of the values, moving likewise."""

    def __init__(self, share: float = 0.05) -> None:
        self._share = share
        self._years: float | None = None
        self._variance = 0.0

    def add(self, distribution: Float32Array) -> Told:
        value = expectation(distribution)
        if self._years is None:
            self._years = value
        off = value - self._years
        self._years += self._share * off
        self._variance += self._share * (off**2 - self._variance)
        half = Z90 * math.sqrt(self._variance)
        return Told(self._years, self._years - half, self._years + half)


class MeanOf:
    """Mean of the last values; the interval is their spread."""

    def __init__(self, frames: int = 24) -> None:
        self._last: deque[float] = deque(maxlen=frames)

    def add(self, distribution: Float32Array) -> Told:
        self._last.append(expectation(distribution))
        return _spread(float(np.mean(self._last)), self._last)


class Median:
    """Median of all values so far."""

    def __init__(self) -> None:
        self._all: list[float] = []

    def add(self, distribution: Float32Array) -> Told:
        self._all.append(expectation(distribution))
        return _spread(float(np.median(self._all)), self._all)


class Winsorised:
    """Mean of all values; from the eleventh on, a value counts as no farther off the mean than six years."""

    def __init__(self, limit: float = 6.0, after: int = 10) -> None:
        self._limit, self._after = limit, after
        self._all: list[float] = []

    def add(self, distribution: Float32Array) -> Told:
        value = expectation(distribution)
        if len(self._all) >= self._after:
            mean = float(np.mean(self._all))
            value = min(mean + self._limit, max(mean - self._limit, value))
        self._all.append(value)
        return _spread(float(np.mean(self._all)), self._all)


class Kalman:
    """A constant age that drifts a little, seen with noise; variances in years², drift per frame."""

    def __init__(self, noise: float = 25.0, drift: float = 0.02) -> None:
        self._noise, self._drift = noise, drift
        self._years = 0.0
        self._variance = 1e6

    def add(self, distribution: Float32Array) -> Told:
        self._variance += self._drift
        gain = self._variance / (self._variance + self._noise)
        self._years += gain * (expectation(distribution) - self._years)
        self._variance *= 1 - gain
        half = Z90 * math.sqrt(self._variance)
        return Told(self._years, self._years - half, self._years + half)


RULES: dict[str, Callable[[], Rule]] = {
    "raw": Raw,
    "ema-0.05": Ema,
    "mean-24": MeanOf,
    "median": Median,
    "winsorised": Winsorised,
    "kalman": Kalman,
}


def expectation(distribution: Float32Array) -> float:
    return float(distribution @ np.arange(AGE_BINS, dtype=np.float32))


def _spread(middle: float, values: deque[float] | list[float]) -> Told:
    half = Z90 * float(np.std(values))
    return Told(middle, middle - half, middle + half)
