"""What the age head is trained for: a distribution around a known age, or all of its probability inside a known range.

Label distribution learning after B.-B. Gao et al., Deep Label Distribution Learning with Label Ambiguity, TIP 2017; the L1 term
on the expectation after DLDL-v2, IJCAI 2018.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.types import AGE_BINS
from training.model import expected_age

LABEL_SIGMA = 2.0
"""Years: neighbouring ages look alike, and labels are guesses themselves."""

EXPECTATION_WEIGHT, GENDER_WEIGHT = 0.2, 0.2

LEAST_MASS = 1e-6
"""Keeps the logarithm finite for a range that the model holds impossible."""


def label_distribution(age: Tensor) -> Tensor:
    """(n,) years → (n, 101) probabilities: a Gaussian of σ = 2 years around each label, 100 standing for all above."""
    years = torch.arange(AGE_BINS, dtype=torch.float32)
    return (-((years - age.clamp(max=AGE_BINS - 1)[:, None]) ** 2) / (2 * LABEL_SIGMA**2)).softmax(dim=1)


def range_membership(low: Tensor, high: Tensor) -> Tensor:
    """How much each age belongs to a range of years, both ends included: (n,), (n,) → (n, 101), 0 … 1.

    Its ends are as uncertain as a label (σ = 2 years); a range that begins at 0 or goes past 100 has no such end there.
    """
    years = torch.arange(AGE_BINS, dtype=torch.float32)
    above_low = torch.special.ndtr((years - (low[:, None] - 0.5)) / LABEL_SIGMA)
    below_high = torch.special.ndtr((high[:, None] + 0.5 - years) / LABEL_SIGMA)
    above_low = torch.where(low[:, None] <= 0, 1.0, above_low)
    below_high = torch.where(high[:, None] >= AGE_BINS - 1, 1.0, below_high)
    return above_low * below_high


def years_outside(years: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """(n,) distance of each age to its range; for an exact label, the absolute error."""
    return F.relu(low - years) + F.relu(years - high)


def age_loss(logits: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Loss of each picture, and how far its expected age is from the label.

    Exact labels: cross-entropy with their distribution. Ranges: −log of the probability inside. Both: plus 0.2 · the distance.

    Args:
        logits: (n, 101) of the ages 0 … 100.
        low, high: (n,) years, equal for exact labels.

    Returns:
        Two (n,) tensors; the second in years.
    """
    log_p = logits.log_softmax(dim=1)
    exact = -(label_distribution(low) * log_p).sum(dim=1)
    ranged = -((log_p.exp() * range_membership(low, high)).sum(dim=1) + LEAST_MASS).log()
    distance = years_outside(expected_age(logits), low, high)
    return torch.where(low == high, exact, ranged) + EXPECTATION_WEIGHT * distance, distance


def gender_loss(logits: Tensor, male: Tensor) -> Tensor:
    """Cross-entropy over the pictures whose label is known (not NaN); 0 where none is. (n,), (n,) → ()."""
    known = ~male.isnan()
    loss = F.binary_cross_entropy_with_logits(logits, torch.where(known, male, 0.5), reduction="none")
    return GENDER_WEIGHT * (loss * known).sum() / known.sum().clamp(min=1)
