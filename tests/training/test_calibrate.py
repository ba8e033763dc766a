"""The fitted temperature makes intervals hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.types import AGE_BINS, Float32Array
from training.calibrate import Fit, cross_checked, fit, fit_line, fit_temperature, intervals, sharpened

AGES = np.arange(AGE_BINS)


def people(count: int, said_sigma: float, true_sigma: float) -> tuple[Float32Array, Float32Array]:
    """Gaussian distributions of one width around estimates that err with another."""
    rng = np.random.default_rng(3)
    truth = rng.integers(30, 70, count)
    centre = truth + rng.normal(0, true_sigma, count)
    said = np.exp(-((AGES - centre[:, None]) ** 2) / (2 * said_sigma**2))
    return (said / said.sum(axis=1, keepdims=True)).astype(np.float32), truth.astype(np.float32)


@pytest.mark.parametrize(("said_sigma", "true_sigma"), [(8.0, 5.0), (4.0, 5.0), (5.0, 5.0)])
def test_the_temperature_is_the_ratio_of_variances(said_sigma: float, true_sigma: float) -> None:
    distributions, truth = people(4000, said_sigma, true_sigma)
    assert fit_temperature(distributions, truth) == pytest.approx((true_sigma / said_sigma) ** 2, rel=0.1)


def test_intervals_hold_ninety_percent_afterwards() -> None:
    distributions, truth = people(4000, 8.0, 5.0)
    assert intervals(distributions, truth).coverage > 0.98
    after = intervals(sharpened(distributions, fit_temperature(distributions, truth)), truth)
    assert after.coverage == pytest.approx(0.9, abs=0.005)
    assert after.width == pytest.approx(2 * 1.645 * 5.0, rel=0.05)
    assert cross_checked(distributions, truth).coverage == pytest.approx(0.9, abs=0.02)


def test_a_narrow_distribution_still_covers_its_own_year() -> None:
    certain = np.zeros((1, AGE_BINS), np.float32)
    certain[0, 30] = 1
    assert intervals(certain, np.array([30], np.float32)).coverage == 1
    assert intervals(certain, np.array([31], np.float32)).coverage == 0


def test_older_than_the_last_bin_counts_as_the_last() -> None:
    oldest = np.zeros((1, AGE_BINS), np.float32)
    oldest[0, 100] = 1
    assert intervals(oldest, np.array([110], np.float32)).coverage == 1


def test_the_line_undoes_a_wrong_scale() -> None:
    years = np.linspace(5, 90, 400)
    truth = (1.2 * years - 4 + np.random.default_rng(0).laplace(0, 1, 400)).clip(0).astype(np.float32)
    slope, offset = fit_line(years, truth)
    assert slope == pytest.approx(1.2, abs=0.01)
    assert offset == pytest.approx(-4, abs=0.5)


def test_a_line_is_taken_only_where_it_helps() -> None:
    distributions, _ = people(2000, 5.0, 5.0)
    right = distributions @ AGES  # seen from the estimates, no line is better than they are
    truth = np.round(right + np.random.default_rng(1).normal(0, 5, 2000)).clip(0).astype(np.float32)
    assert (fit(distributions, truth).slope, fit(distributions, truth).offset) == (1, 0)
    found = fit(distributions, truth - 6)
    assert found.slope * 50 + found.offset == pytest.approx(44, abs=0.7)
    held = intervals(found.applied(distributions), truth - 6)
    assert held.coverage == pytest.approx(0.9, abs=0.01)
    assert cross_checked(distributions, truth - 6).coverage == pytest.approx(0.9, abs=0.03)


def test_a_fit_that_changes_nothing_changes_nothing() -> None:
    distributions, _ = people(20, 5.0, 5.0)
    np.testing.assert_allclose(Fit().applied(distributions), distributions, atol=1e-6)
