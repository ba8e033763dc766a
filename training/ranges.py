"""Accuracy on pictures whose labels are ranges of ages, such as FairFace's nine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import SettingsError
from pipeline.types import AGE_BINS, AgeEstimate, Float32Array
from training.data import Sample
from training.labels import parse_range
from training.names import OLDEST


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


@dataclass(frozen=True, slots=True)
class RangeHits:
    """Exact ages judged by ranges, as projects with age classes report it.

    Attributes:
        n: pictures whose true age lies in one of the ranges.
        accuracy: share of them whose estimate is nearest to the same range.
        one_off: the same, with the neighbouring ranges counted as right.
        by_range: "0-2" … "60+".
    """

    n: int
    accuracy: float
    one_off: float
    by_range: dict[str, RangeFigures]


def range_hits(years: Float32Array, truth: Float32Array, ranges: Sequence[tuple[int, int]]) -> RangeHits:
    """How often (n,) estimates fall into the range of the (n,) true ages; between two ranges, the nearer one counts."""
    lows, highs = np.array([low for low, _ in ranges]), np.array([high for _, high in ranges])

    def place(ages: Float32Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        whole = np.round(ages)[:, None]
        away = np.maximum(lows - whole, 0) + np.maximum(whole - highs, 0)
        return away.argmin(axis=1), away.min(axis=1) == 0

    right, inside = place(truth)
    said = place(years)[0]
    right, said = right[inside], said[inside]
    hit = said == right
    by_range = {
        range_name(low, high): RangeFigures(int((right == i).sum()), float(hit[right == i].mean()))
        for i, (low, high) in enumerate(ranges)
        if (right == i).any()
    }
    if not len(right):
        return RangeHits(0, float("nan"), float("nan"), by_range)
    return RangeHits(len(right), float(hit.mean()), float((np.abs(said - right) <= 1).mean()), by_range)


def parse_ranges(text: str) -> tuple[tuple[int, int], ...]:
    """ "0-2,4-6,60+" as ranges of years, in order.

    Raises:
        SettingsError: not ranges, or they overlap.
    """
    ranges = [parse_range(part.strip()) for part in text.split(",")]
    hint = "Give them like 0-2,4-6,8-13,15-20,25-32,38-43,48-53,60+."
    if None in ranges:
        raise SettingsError(f'"{text}" are no ranges of ages', hint)
    ordered = sorted(one for one in ranges if one is not None)
    for (_, high), (low, _) in pairwise(ordered):
        if low <= high:
            raise SettingsError(f'the ranges "{text}" overlap at {low}', hint)
    return tuple(ordered)


def range_name(low: int, high: int) -> str:
    return f"{low}+" if high >= OLDEST else f"{low}-{high}"


def range_table(figures: RangeReport) -> str:
    """The report for a terminal."""
    lines = [
        f"n {figures.n}   no face found in {figures.missed} more   in the right one of {len(figures.by_range)} ranges "
        f"{figures.accuracy:.1%} (by probability {figures.most_probable:.1%}; or a neighbour {figures.one_off:.1%})",
        f"mean distance from the range {figures.outside_years:.2f} years   gender "
        + ("not known" if np.isnan(figures.gender_accuracy) else f"{figures.gender_accuracy:.1%}"),
        "   age      n  right",
    ]
    lines += [f"{name:>7} {one.n:6d} {one.accuracy:6.1%}" for name, one in figures.by_range.items()]
    return "\n".join(lines)
