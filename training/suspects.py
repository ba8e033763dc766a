"""Labels that are likely wrong: far from what pictures of other people say about this face.

Out-of-fold prediction: a ridge regression on FaceNet's features, fitted on four fifths of the pictures, judges the last fifth;
copies of one photograph are always in the same fifth. That labels are best judged by predictions that have not seen them is from
C. Northcutt et al., Confident Learning, JAIR 2021. FaceNet itself was trained on identities only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.types import Float32Array, Float64Array

FOLDS = 5
RIDGES = (0.003, 0.03, 0.3, 3.0)
"""Of the features' mean square; the one with the least error is taken."""

NEIGHBOURS = 400
"""Pictures with the nearest predictions, and with the nearest labels, whose errors say how far off is unusual at that age."""

FAR_YEARS, FAR_SPREADS = 15.0, 3.5
"""A label is suspect if it is off by both: the years, and robust standard deviations of its neighbours' errors."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What others say about each label.

    Attributes:
        predicted: (n,) years, NaN where there are no features.
        off: (n,) years from the label's range to the prediction, signed; 0 inside.
        spreads: (n,) how unusual that is, in robust standard deviations of pictures with like predictions or like labels, where
            the lesser counts.
        mae: years, mean of |off|: how well these predictions do at all.
        model_off: (n,) years from the label's range to what an age model says, NaN where none was asked.
    """

    predicted: Float64Array
    off: Float64Array
    spreads: Float64Array
    mae: float
    model_off: Float64Array

    @property
    def vouched(self) -> NDArray[np.bool_]:
        """(n,) labels that an age model agrees with, whatever the others say."""
        return np.asarray(np.abs(self.model_off) < FAR_YEARS, np.bool_)

    def suspects(self) -> NDArray[np.int64]:
        """Rows with doubtful labels, the worst first; those that an age model vouches for come last."""
        far = (np.abs(self.off) >= FAR_YEARS) & (np.abs(self.spreads) >= FAR_SPREADS)
        rows = np.flatnonzero(far)
        return rows[np.lexsort((-np.abs(self.off[rows]), self.vouched[rows]))]


def judge(features: Float32Array, low: Float64Array, high: Float64Array, group: NDArray[np.int64]) -> Judged | None:
    """Judges each label by the other pictures; None where there are too few of them to learn from.

    Args:
        features: (n, m), NaN in rows that have none.
        low, high: (n,) years, the label's range.
        group: (n,) copies of one photograph have the same.
    """
    known = np.flatnonzero(np.isfinite(features).all(axis=1))
    if len(np.unique(group[known])) < 2 * FOLDS:
        return None
    years = (low + high) / 2
    predicted = np.full(len(features), np.nan)
    predicted[known] = out_of_fold(features[known], years[known], group[known])
    off = np.nan_to_num(years_off(predicted, low, high))
    # Predictions are pulled to the middle: what is usual for the old must not look wrong.
    by_prediction = _spreads(off, known[np.argsort(predicted[known], kind="stable")])
    by_label = _spreads(off, known[np.argsort(years[known], kind="stable")])
    spreads = np.where(np.abs(by_label) < np.abs(by_prediction), by_label, by_prediction)
    return Judged(predicted, off, spreads, float(np.abs(off[known]).mean()), np.full(len(features), np.nan))


def years_off(said: Float64Array, low: Float64Array, high: Float64Array) -> Float64Array:
    """(n,) signed years from each label's range to what is said, 0 inside, NaN where nothing is."""
    return np.asarray(said - np.clip(said, low, high), np.float64)


def _spreads(off: Float64Array, order: NDArray[np.int64]) -> Float64Array:
    """(n,) distance of each error from its neighbours' median in this order, in robust standard deviations of 1 year or more."""
    found = np.zeros(len(off))
    half = min(NEIGHBOURS, len(order)) // 2
    for place, row in enumerate(order):
        start = min(max(0, place - half), max(0, len(order) - 2 * half))
        near = off[order[start : start + 2 * half]]
        middle = np.median(near)
        found[row] = (off[row] - middle) / max(1.4826 * float(np.median(np.abs(near - middle))), 1.0)
    return found


def out_of_fold(features: Float32Array, years: Float64Array, group: NDArray[np.int64], seed: int = 0) -> Float64Array:
    """(n,) predictions of ridge regressions that have not seen the picture, nor a copy of it."""
    numbers, inverse = np.unique(group, return_inverse=True)
    fold = np.random.default_rng(seed).permutation(len(numbers))[inverse] % FOLDS
    x = features.astype(np.float64)
    found = np.zeros((len(RIDGES), len(x)))
    for number in range(FOLDS):
        inside, outside = fold != number, fold == number
        mean, middle = x[inside].mean(axis=0), years[inside].mean()
        centred = x[inside] - mean
        # One decomposition serves every ridge.
        values, vectors = np.linalg.eigh(centred.T @ centred)
        goal = vectors.T @ (centred.T @ (years[inside] - middle))
        ahead = (x[outside] - mean) @ vectors
        for i, ridge in enumerate(RIDGES):
            found[i, outside] = ahead @ (goal / (values.clip(min=0) + ridge * max(values.mean(), 1e-12))) + middle
    best = np.abs(found - years).mean(axis=1).argmin()
    return np.asarray(found[best], np.float64)
