"""Accuracy on pictures whose labels are ranges of ages, such as FairFace's nine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.types import AGE_BINS, AgeEstimate
from training.data import OLDEST, Sample


@dataclass(frozen=True, slots=True)
class RangeFigures:
    """One range: pictures in it, and the share of those whose estimate is in it."""

    n: int
    accuracy: float


@dataclass(frozen=True, slots=True)
class RangeReport:
    """Accuracy over ranges; only pictures in which a face was found.

    Attributes:
        n: pictures.
        missed: further ones, in which no face was found.
        accuracy: share of estimates, rounded to years, that lie in the labelled range.
        one_off: the same, with the neighbouring ranges counted as right.
        most_probable: share of pictures whose labelled range holds more of the age distribution than every other one.
        outside_years: mean distance of the estimates from their ranges.
        gender_accuracy: share of right genders among the labelled ones; NaN where there are none.
        by_range: "0-2" … "70+".
    """

    n: int
    missed: int
    accuracy: float
    one_off: float
    most_probable: float
    outside_years: float
    gender_accuracy: float
    by_range: dict[str, RangeFigures]


def range_report(samples: Sequence[Sample], estimates: Sequence[AgeEstimate | None]) -> RangeReport:
    """The figures of the estimates of some pictures, None where no face was found; at least one is not."""
    ranges = sorted({(sample.low, sample.high) for sample in samples})
    pairs = [(sample, estimate) for sample, estimate in zip(samples, estimates, strict=True) if estimate is not None]
    truth = np.array([ranges.index((sample.low, sample.high)) for sample, _ in pairs])
    years = np.array([estimate.years for _, estimate in pairs])
    lows, highs = np.array([low for low, _ in ranges]), np.array([high for _, high in ranges])
    said = np.searchsorted(lows, np.round(years).clip(lows[0], None), side="right") - 1
    mass = np.array(
        [[estimate.distribution[low : min(high, AGE_BINS) + 1].sum() for low, high in ranges] for _, estimate in pairs]
    )
    outside = np.maximum(lows[truth] - years, 0) + np.maximum(years - highs[truth], 0)
    gender = [
        (estimate.male > 0.5) == sample.male
        for sample, estimate in pairs
        if estimate.male is not None and sample.male is not None
    ]
    right = (np.round(years) >= lows[truth]) & (np.round(years) <= highs[truth])
    return RangeReport(
        n=len(pairs),
        missed=len(samples) - len(pairs),
        accuracy=float(right.mean()),
        one_off=float((np.abs(said - truth) <= 1).mean()),
        most_probable=float((mass.argmax(axis=1) == truth).mean()),
        outside_years=float(outside.mean()),
        gender_accuracy=float(np.mean(gender)) if gender else float("nan"),
        by_range={
            range_name(low, high): RangeFigures(int((truth == i).sum()), float(right[truth == i].mean()))
            for i, (low, high) in enumerate(ranges)
            if (truth == i).any()
        },
    )


def range_name(low: int, high: int) -> str:
    return f"{low}+" if high >= OLDEST else f"{low}-{high}"


def range_table(figures: RangeReport) -> str:
    """The report for a terminal."""
    lines = [
        f"n {figures.n}   no face found in {figures.missed} more   in the right one of {len(figures.by_range)} ranges "
        f"{figures.accuracy:.1%} (by probability {figures.most_probable:.1%}; or a neighbour {figures.one_off:.1%})",
        f"mean distance from the range {figures.outside_years:.2f} years   gender {figures.gender_accuracy:.1%}",
        "   age      n  right",
    ]
    lines += [f"{name:>7} {one.n:6d} {one.accuracy:6.1%}" for name, one in figures.by_range.items()]
    return "\n".join(lines)
