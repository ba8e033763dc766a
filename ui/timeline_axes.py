"""The axes of the timeline: times as on a clock, ages in whole tens."""

from __future__ import annotations

from collections.abc import Sequence

import pyqtgraph as pg

from pipeline.clock import clock_text, step_s

LEAST_AGES_YEARS = 30


class ClockAxis(pg.AxisItem):  # type: ignore[misc] # pyqtgraph has no types
    """Seconds as 0:05, 12:30, 1:02:00."""

    LEAST_PX = 90

    def tickSpacing(self, low: float, high: float, size: float) -> list[tuple[float, float]]:
        least = (high - low) * self.LEAST_PX / max(size, 1.0)
        return [(step_s(least), 0)]

    def tickStrings(self, values: Sequence[float], _scale: float, spacing: float) -> list[str]:
        return [clock_text(value) if spacing < 1 else clock_text(value).rpartition(".")[0] for value in values]


def range_of_ages(low: float, high: float, before: tuple[int, int]) -> tuple[int, int]:
    """Whole tens around the ages. Only grows, so that curves do not jump; never narrow, or noise would look like change."""
    middle = (low + high) / 2
    low, high = min(low, middle - LEAST_AGES_YEARS / 2), max(high, middle + LEAST_AGES_YEARS / 2)
    start, end = max(0, int(low // 10 * 10)), min(100, -int(-high // 10 * 10))
    return (start, end) if before == (0, 0) else (min(start, before[0]), max(end, before[1]))
