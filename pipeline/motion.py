"""How a face moves: a Kalman filter with fading velocity, in seconds and in sizes of the face."""

from __future__ import annotations

import math

import numpy as np

from pipeline.types import Box, Float64Array

JITTER = 0.04
"""Standard deviation of a detector's box, in face sizes."""

UNREST = 6.0
"""Density of the noise that changes the velocity, in face sizes per second and √second: people turn round within a second."""

FIRST_SPEED = 4.0
"""Standard deviation of a new face's unknown velocity, in face sizes a second (walking across is 9, talking below 1)."""

FADE_S = 1.0
FADE_SIZE_S = 0.3
"""Time constants with which velocities of place and size fade while the face is not seen. Size fades fast: a little noise,
carried on for a second, would make a hidden face vanish or fill the picture."""

SMALLEST_PX = 4.0

_FADE = np.array([FADE_S, FADE_S, FADE_SIZE_S, FADE_SIZE_S])
_FADE.flags.writeable = False


class Motion:
    """Centre, size and their velocities of one face.

    All four coordinates share one 2×2 covariance, in units of the face's size: they are measured together and about equally
    well, and a face twice as large moves and jitters by twice as many pixels.
    """

    def __init__(self, box: Box, time_s: float) -> None:
        self._time_s = time_s
        self._place = _place(box)
        self._speed = np.zeros(4)
        self._variance = JITTER**2
        self._shared = 0.0
        self._speed_variance = FIRST_SPEED**2

    @property
    def box(self) -> Box:
        return _box(self._place)

    @property
    def sigma(self) -> float:
        """Standard deviation between the predicted centre and a detection's, in face sizes."""
        return math.sqrt(self._variance + JITTER**2)

    @property
    def speed(self) -> float:
        """Of the centre, in face sizes a second."""
        vx, vy = self._speed[:2].tolist()
        width, height = self._place[2:].tolist()
        return math.hypot(vx, vy) / math.sqrt(max(SMALLEST_PX, width) * max(SMALLEST_PX, height))

    def box_at(self, time_s: float) -> Box:
        """Where the face should be at that time, which is not before the last prediction."""
        reach, _ = _fade(time_s - self._time_s)
        return _box(self._place + reach * self._speed)

    def sigma_at(self, time_s: float) -> float:
        """`sigma` as it would be at that time."""
        elapsed = max(0.0, time_s - self._time_s)
        return math.sqrt(self._variance_after(elapsed, _fade(elapsed)[0]) + JITTER**2)

    def predict(self, time_s: float) -> None:
        """Moves on to that time; earlier times are taken for now."""
        elapsed = max(0.0, time_s - self._time_s)
        self._time_s = max(self._time_s, time_s)
        reach, kept = _fade(elapsed)
        self._place = self._place + reach * self._speed
        self._speed = kept * self._speed
        self._variance = self._variance_after(elapsed, reach)
        go, stay, noise = float(reach[0]), float(kept[0]), UNREST**2
        self._shared = stay * (self._shared + go * self._speed_variance) + noise * elapsed**2 / 2
        self._speed_variance = stay**2 * self._speed_variance + noise * elapsed

    def correct(self, box: Box) -> None:
        """Takes in where the face was found at the time of the last prediction."""
        total = self._variance + JITTER**2
        gain, speed_gain = self._variance / total, self._shared / total
        error = _place(box) - self._place
        self._place = self._place + gain * error
        self._speed = self._speed + speed_gain * error
        self._speed_variance -= speed_gain * self._shared
        self._shared *= 1 - gain
        self._variance *= 1 - gain

    def _variance_after(self, elapsed_s: float, reach: Float64Array) -> float:
        go = float(reach[0])
        return self._variance + 2 * go * self._shared + go**2 * self._speed_variance + UNREST**2 * elapsed_s**3 / 3


def _fade(elapsed_s: float) -> tuple[Float64Array, Float64Array]:
    """How far a velocity carries in that time, in seconds, and what is left of it: (4,) each."""
    kept = np.exp(-max(0.0, elapsed_s) / _FADE)
    return _FADE * (1 - kept), kept


def _place(box: Box) -> Float64Array:
    return np.array([*box.center, box.width, box.height])


def _box(place: Float64Array) -> Box:
    x, y, width, height = place.tolist()
    width, height = max(width, SMALLEST_PX), max(height, SMALLEST_PX)
    return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
