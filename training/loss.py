"""What the age head is trained for: a distribution around a known age, or all of its probability inside a known range.

Label distribution learning after B.-B. Gao et al., Deep Label Distribution Learning with Label Ambiguity, TIP 2017; the L1 term
on the expectation after DLDL-v2, IJCAI 2018.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.types import AGE_BINS
from training.model import Outputs, expected_age
from training.spec import Head

LABEL_SIGMA = 2.0
"""Years: neighbouring ages look alike, and labels are guesses themselves."""

EXPECTATION_WEIGHT, GENDER_WEIGHT = 0.2, 0.2
"""Of a year of error, and of the cross-entropy of the genders."""

LEAST_MASS = 1e-6
"""Keeps the logarithm finite for a range that the model holds impossible."""


def label_distribution(age: Tensor, sigma: float = LABEL_SIGMA) -> Tensor:
    """(n,) years → (n, 101) probabilities: a Gaussian around each label, 100 standing for all above; σ = 0: its year alone."""
    years = torch.arange(AGE_BINS, dtype=torch.float32, device=age.device)
    known = age.clamp(max=AGE_BINS - 1)[:, None]
    if sigma == 0:
        return (years == known.round()).float()
    return (-((years - known) ** 2) / (2 * sigma**2)).softmax(dim=1)


def range_membership(low: Tensor, high: Tensor, sigma: float = LABEL_SIGMA) -> Tensor:
    """How much each age belongs to a range of years, both ends included: (n,), (n,) → (n, 101), 0 … 1.

    Its ends are as uncertain as a label; a range that begins at 0 or goes past 100 has no such end there.
    """
    years = torch.arange(AGE_BINS, dtype=torch.float32, device=low.device)
    if sigma == 0:
        return ((years >= low.clamp(max=AGE_BINS - 1)[:, None]) & (years <= high[:, None])).float()
    above_low = torch.special.ndtr((years - (low[:, None] - 0.5)) / sigma)
    below_high = torch.special.ndtr((high[:, None] + 0.5 - years) / sigma)
    above_low = torch.where(low[:, None] <= 0, 1.0, above_low)
    below_high = torch.where(high[:, None] >= AGE_BINS - 1, 1.0, below_high)
    return above_low * below_high


def years_outside(years: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """(n,) distance of each age to its range; for an exact label, the absolute error."""
    return F.relu(low - years) + F.relu(years - high)


@dataclass(frozen=True, slots=True)
class Aim:
    """What ages are learnt as.

    Attributes:
        head: by label distributions, by years, or by classes.
        expectation, sigma: weight of a year of distance, and years that a label is spread over; of distributions.
    """

    head: Head = "distribution"
    expectation: float = EXPECTATION_WEIGHT
    sigma: float = LABEL_SIGMA


def head_loss(said: Outputs, low: Tensor, high: Tensor, aim: Aim) -> tuple[Tensor, Tensor]:
    """Loss of each picture, and how far its estimate is from the label.

    A regression: the distance in years itself (L1). Classes: cross-entropy with one class a year, or with the probability
    inside a range. A distribution: `age_loss`.

    Args:
        low, high: (n,) years, equal for exact labels.

    Returns:
        Two (n,) tensors; the second in years.
    """
    if aim.head == "regression":
        distance = years_outside(said.years, low, high)
        return distance, distance
    if aim.head == "classes":
        return age_loss(said.age, low, high, expectation_weight=0.0, sigma=0.0)
    return age_loss(said.age, low, high, aim.expectation, aim.sigma)


def age_loss(
    logits: Tensor, low: Tensor, high: Tensor, expectation_weight: float = EXPECTATION_WEIGHT, sigma: float = LABEL_SIGMA
) -> tuple[Tensor, Tensor]:
    """Loss of each picture, and how far its expected age is from the label.

    Exact labels: cross-entropy with their distribution. Ranges: −log of the probability inside. Both: plus
    a share of the distance.

    Args:
        logits: (n, 101) of the ages 0 … 100.
        low, high: (n,) years, equal for exact labels.
        expectation_weight: of a year of distance.
        sigma: years that a label is spread over.

    Returns:
        Two (n,) tensors; the second in years.
    """
    log_p = logits.log_softmax(dim=1)
    exact = -(label_distribution(low, sigma) * log_p).sum(dim=1)
    ranged = -((log_p.exp() * range_membership(low, high, sigma)).sum(dim=1) + LEAST_MASS).log()
    distance = years_outside(expected_age(logits), low, high)
    return torch.where(low == high, exact, ranged) + expectation_weight * distance, distance


def gender_loss(logits: Tensor, male: Tensor) -> Tensor:
    """Cross-entropy of each picture, 0 where its label is not known (NaN); on the scale of a mean over those that are known.

    (n,), (n,) → (n,)
    """
    known = ~male.isnan()
    loss = F.binary_cross_entropy_with_logits(logits, torch.where(known, male, 0.5), reduction="none")
    return GENDER_WEIGHT * loss * known * (len(male) / known.sum().clamp(min=1))
