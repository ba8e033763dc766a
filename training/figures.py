"""The figures of an evaluation: what a model said of some pictures, beside their labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.types import AGE_BINS, AgeEstimate, Float32Array, Float64Array
from training.calibrate import Fit, intervals
from training.locate import Located, group_of

LAST_DECADE = 9
"""People above 100 are too few for a group of their own."""

RESAMPLES = 2000
"""Bootstrap samples behind the 95 % interval of the mean absolute error."""

SIZES_PX = (0, 48, 80, 120, 200)
"""Where the groups of face sizes begin: side of the aligned crop in pixels of the picture."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a model said of n pictures, beside the truth.

    Attributes:
        age, truth: (n,) float32 years.
        distribution: (n, 101) float32 probabilities of the ages 0 … 100.
        male: (n,) float32 probability, NaN where the model has no such output; male_truth: (n,) 1, 0, or NaN where not labelled.
        missed: number of pictures in which the detector found no face. Tight chips among them were cropped at the usual place and
            are among the n; photos are not.
        unreadable: further pictures that are damaged; they are not among the n.
        group: (n,) the data set's own name of the people's group, "" where it gives none; None: for all.
        face_px: (n,) side of the aligned crop in pixels of the picture; None where not known.
    """

    age: Float32Array
    truth: Float32Array
    distribution: Float32Array
    male: Float32Array
    male_truth: NDArray[np.float32] | NDArray[np.bool_]
    missed: int
    unreadable: int = 0
    group: NDArray[np.str_] | None = None
    face_px: Float32Array | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Errors of a part of the pictures: their number, mean absolute and mean signed error in years."""

    n: int
    mae: float
    bias: float


@dataclass(frozen=True, slots=True)
class Report:
    """Accuracy on a set of pictures; errors in years, shares 0 … 1.

    Attributes:
        n: pictures.
        mae, mae_ci: mean absolute error and its 95 % interval (bootstrap over pictures).
        bias: mean of estimate − truth.
        median: of the absolute error.
        rmse: root of the mean squared error.
        cs3, cs5: share of pictures with an absolute error of at most 3 and 5 years (cumulative score).
        macro_mae: mean of the decades' errors: what a set with as many old as young people would show.
        by_decade: "0-9" … "80-89", "90+" by true age.
        by_gender, by_group: by the data set's labels; empty where it has none.
        by_size: "<48 px" … "200+ px" by the side of the aligned crop in the picture's pixels.
        gender_accuracy: share of pictures whose label the more probable gender is; NaN without labels or output.
        coverage90, width90: share of pictures whose true age lies within the 90 % interval, and its mean width in years.
        missed, unreadable: pictures in which no face was found, and damaged ones.
    """

    n: int
    mae: float
    mae_ci: tuple[float, float]
    bias: float
    median: float
    rmse: float
    cs3: float
    cs5: float
    macro_mae: float
    by_decade: dict[str, Part]
    by_gender: dict[str, Part]
    by_group: dict[str, Part]
    by_size: dict[str, Part]
    gender_accuracy: float
    coverage90: float
    width90: float
    missed: int
    unreadable: int


def predictions(located: Located, found: Sequence[AgeEstimate | None]) -> Predictions:
    """What an engine estimated of located pictures with exact labels, beside the truth; those without an estimate left out."""
    rows = [
        (sample, at, one) for sample, at, one in zip(located.samples, located.sides_px, found, strict=True) if one is not None
    ]
    return Predictions(
        np.array([one.years for _, _, one in rows], np.float32),
        np.array([sample.age for sample, _, _ in rows], np.float32),
        np.array([one.distribution for _, _, one in rows], np.float32),
        np.array([np.nan if one.male is None else one.male for _, _, one in rows], np.float32),
        np.array([np.nan if sample.male is None else sample.male for sample, _, _ in rows], np.float32),
        located.missed,
        len(located.unreadable),
        np.array([group_of(sample) for sample, _, _ in rows]),
        np.array([at for _, at, _ in rows], np.float32),
    )


def calibrated(said: Predictions, fit: Fit) -> Predictions:
    """The predictions as the program makes them with these values in models.toml."""
    distribution = fit.applied(said.distribution).astype(np.float32)
    age = distribution @ np.arange(AGE_BINS, dtype=np.float32)
    return replace(said, distribution=distribution, age=np.asarray(age, np.float32))


def report(said: Predictions) -> Report:
    """The figures of a set of predictions (at least one)."""
    interval = intervals(said.distribution, said.truth)
    error = (said.age - said.truth).astype(np.float64)
    size = np.abs(error)
    decades = np.minimum(said.truth // 10, LAST_DECADE).astype(int)
    by_decade = _parts(error, decades, decade_name)
    labels = np.asarray(said.male_truth, np.float32)
    known = ~np.isnan(labels)
    genders = np.where(known, np.nan_to_num(labels), -1).astype(int)
    low, high = np.percentile(_bootstrap_means(size), [2.5, 97.5])
    return Report(
        n=len(error),
        mae=float(size.mean()),
        mae_ci=(float(low), float(high)),
        bias=float(error.mean()),
        median=float(np.median(size)),
        rmse=float(np.sqrt((error**2).mean())),
        cs3=float((size <= 3).mean()),
        cs5=float((size <= 5).mean()),
        macro_mae=float(np.mean([part.mae for part in by_decade.values()])),
        by_decade=by_decade,
        by_gender=_parts(error, genders, lambda label: ("female", "male")[label] if label >= 0 else ""),
        by_group={} if said.group is None else _parts(error, said.group, str),
        by_size={} if said.face_px is None else _parts(error, _size_class(said.face_px), _size_name),
        gender_accuracy=gender_accuracy(said.male[known], labels[known]),
        coverage90=interval.coverage,
        width90=interval.width,
        missed=said.missed,
        unreadable=said.unreadable,
    )


def gender_accuracy(male: Float32Array, truth: Float32Array) -> float:
    """Share of (n,) probabilities on the side of their (n,) labels; NaN where the model has no output or there is no label."""
    if not len(truth) or np.isnan(male).any():
        return float("nan")
    return float(((male > 0.5) == (truth > 0.5)).mean())


def decade_name(decade: int) -> str:
    return f"{10 * decade}+" if decade == LAST_DECADE else f"{10 * decade}-{10 * decade + 9}"


def _size_class(face_px: Float32Array) -> NDArray[np.int64]:
    return np.asarray(np.searchsorted(SIZES_PX, face_px, side="right") - 1, np.int64)


def _size_name(number: int) -> str:
    if number + 1 == len(SIZES_PX):
        return f"{SIZES_PX[-1]}+ px"
    return f"{SIZES_PX[number]}-{SIZES_PX[number + 1] - 1} px" if number else f"<{SIZES_PX[1]} px"


def _parts(
    error: Float64Array, keys: NDArray[np.int64] | NDArray[np.str_], name: Callable[..., str], smallest: int = 1
) -> dict[str, Part]:
    """The errors of each value of `keys`, by its name; values without a name are left out."""
    found: dict[str, Part] = {}
    for key in np.unique(keys):
        own = error[keys == key]
        if name(key) and len(own) >= smallest:
            found[name(key)] = Part(len(own), float(np.abs(own).mean()), float(own.mean()))
    return found


def _bootstrap_means(values: Float64Array) -> Float64Array:
    rng = np.random.default_rng(0)
    return np.array([values[rng.integers(len(values), size=len(values))].mean() for _ in range(RESAMPLES)])


def table(figures: Report) -> str:
    """The report for a terminal."""
    low, high = figures.mae_ci
    lines = [
        f"n {figures.n}   MAE {figures.mae:.2f} (95 %: {low:.2f}–{high:.2f})   bias {figures.bias:+.2f}",
        f"median {figures.median:.2f}   RMSE {figures.rmse:.2f}   within 3 / 5 years {figures.cs3:.1%} / {figures.cs5:.1%}",
        f"mean of decades {figures.macro_mae:.2f}{without(figures)}   gender {gender_text(figures)}   "
        f"no face found in {figures.missed}" + (f"   unreadable {figures.unreadable}" if figures.unreadable else ""),
        f"90 % intervals hold {figures.coverage90:.1%}, mean width {figures.width90:.1f} years",
        "        age      n    MAE   bias",
    ]
    for parts in (figures.by_decade, figures.by_gender, figures.by_group, figures.by_size):
        lines += [f"{name:>11} {part.n:6d} {part.mae:6.2f} {part.bias:+6.2f}" for name, part in parts.items()]
    return "\n".join(lines)


def without(figures: Report) -> str:
    """The decades that the mean of the decades leaves out for want of pictures, in words; "" where it holds them all."""
    missing = [decade_name(decade) for decade in range(LAST_DECADE + 1) if decade_name(decade) not in figures.by_decade]
    return f" (no picture of {', '.join(missing)})" if missing else ""


def gender_text(figures: Report) -> str:
    """The share of right genders, and of whom where only one of them is labelled."""
    only = f" (of {next(iter(figures.by_gender))} only)" if len(figures.by_gender) == 1 else ""
    return share(figures.gender_accuracy) + (only if not np.isnan(figures.gender_accuracy) else "")


def share(value: float) -> str:
    """ "93.0%", or that there is none."""
    return "not known" if np.isnan(value) else f"{value:.1%}"
