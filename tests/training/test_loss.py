"""The losses: what a range asks for, and that an exact age is asked for as before."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from training.loss import EXPECTATION_WEIGHT, age_loss, gender_loss, label_distribution, range_membership, years_outside


def certain_of(*ages: int) -> torch.Tensor:
    return torch.stack([F.one_hot(torch.tensor(age), 101).float() * 40 for age in ages])


def test_membership_is_whole_inside_half_at_the_ends_and_open_where_the_range_is() -> None:
    middle, youngest, oldest = range_membership(torch.tensor([20.0, 0.0, 70.0]), torch.tensor([39.0, 9.0, 120.0]))
    assert float(middle[30]) == pytest.approx(1, abs=1e-3)
    assert float(middle[19] + middle[20]) == pytest.approx(1, abs=1e-3)  # the end lies between 19 and 20
    assert float(middle[10]) < 1e-3
    assert float(youngest[0]) == pytest.approx(1, abs=1e-3)
    assert float(oldest[100]) == pytest.approx(1)
    assert float(oldest[60]) < 1e-3


def test_distance_is_zero_inside_and_counts_from_the_nearer_end() -> None:
    years, low, high = torch.tensor([25.0, 12.0, 34.5]), torch.full((3,), 20.0), torch.full((3,), 29.0)
    assert years_outside(years, low, high).tolist() == [0, 8, 5.5]


def test_a_range_is_content_anywhere_inside_and_grows_outside() -> None:
    low, high = torch.full((4,), 20.0), torch.full((4,), 39.0)
    losses, distances = age_loss(certain_of(26, 33, 45, 60), low, high)
    assert losses[:2].max() < 0.01
    assert losses[1] < losses[2] < losses[3]
    torch.testing.assert_close(distances, torch.tensor([0.0, 0.0, 6.0, 21.0]), atol=0.01, rtol=0)
    assert math.isfinite(losses[3])


def test_an_exact_age_is_cross_entropy_with_its_distribution_and_its_error() -> None:
    logits, age = torch.randn(3, 101, generator=torch.Generator().manual_seed(0)), torch.tensor([4.0, 40.0, 90.0])
    losses, distances = age_loss(logits, age, age)
    expected = F.cross_entropy(logits, label_distribution(age), reduction="none") + EXPECTATION_WEIGHT * distances
    torch.testing.assert_close(losses, expected)


def test_gradients_of_a_mixed_batch_are_finite_even_for_the_impossible() -> None:
    logits = certain_of(5, 50, 95).requires_grad_()
    losses, _ = age_loss(logits, torch.tensor([90.0, 0.0, 3.0]), torch.tensor([90.0, 2.0, 9.0]))
    losses.mean().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    assert (logits.grad.abs().sum(dim=1) > 0).all()


def test_unknown_gender_teaches_nothing() -> None:
    logits = torch.tensor([0.3, -0.4, 2.0], requires_grad=True)
    gender_loss(logits, torch.tensor([1.0, float("nan"), 0.0])).mean().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert (logits.grad != 0).tolist() == [True, False, True]
    assert float(gender_loss(logits.detach(), torch.full((3,), float("nan"))).sum()) == 0
