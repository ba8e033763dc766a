"""The course of a run: how much of it is over, and the learning rate at that point."""

from __future__ import annotations

import math

from training.checkpoint import Position
from training.options import Options

WARM_UP = 0.25
"""Part of the cycle in which the rate rises."""


def cycle_progress(position: Position, steps: int, options: Options) -> float:
    """How much of the cycle is over, 0 … 1: by steps, or by the clock if that is ahead (no clock with --minutes 0)."""
    by_steps = (position.epoch * steps + position.step) / (options.epochs * steps)
    by_clock = position.elapsed_s / (60 * options.minutes) if options.minutes else 0.0
    return max(by_steps, by_clock)


def one_cycle(progress: float) -> float:
    """Factor of the peak rate: a quarter up, the rest down, both along a cosine.

    L. N. Smith, N. Topin, Super-convergence, 2018; start at 1/25 and end near 0 as in torch's OneCycleLR.
    """
    start, end = 1 / 25, 1e-4
    if progress < WARM_UP:
        return 1 + (start - 1) * (1 + math.cos(math.pi * progress / WARM_UP)) / 2
    return end + (1 - end) * (1 + math.cos(math.pi * min(1.0, (progress - WARM_UP) / (1 - WARM_UP)))) / 2
