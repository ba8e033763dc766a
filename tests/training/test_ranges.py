"""Accuracy over ranges, and the simulated webcam, on estimates and pictures with known truth."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.align import CROP_PX, TEMPLATE, align
from pipeline.types import AGE_BINS, AgeEstimate
from training.data import Sample
from training.names import OLDEST
from training.ranges import range_report, range_table
from training.webcam import Webcam


def sample(low: int, high: int, male: bool | None = True) -> Sample:
    return Sample("a.jpg", low, high, male, Path("a.zip"), "a.jpg", chip=False)


def estimate(years: float, peak: int, male: float = 0.9) -> AgeEstimate:
    distribution = np.zeros(AGE_BINS, np.float32)
    distribution[peak] = 1
    return AgeEstimate(distribution, years, male)


def test_figures_of_known_estimates() -> None:
    samples = [sample(0, 2), sample(3, 9, male=None), sample(10, 19, male=False), sample(70, OLDEST), sample(70, OLDEST)]
    found = [estimate(2.4, 1), estimate(2.4, 4), estimate(31.0, 12), estimate(99.0, 100), None]
    figures = range_report(samples, found)
    assert (figures.n, figures.missed) == (4, 1)
    assert figures.accuracy == pytest.approx(2 / 4)  # 2.4 is still two years old; 31 lies in none of the ranges
    assert figures.one_off == 1
    assert figures.most_probable == 1
    assert figures.outside_years == pytest.approx((0.4 + 0.6 + 12 + 0) / 4)
    assert figures.gender_accuracy == pytest.approx(2 / 3)
    assert {name: (one.n, one.accuracy) for name, one in figures.by_range.items()} == {
        "0-2": (1, 1),
        "3-9": (1, 0),
        "10-19": (1, 0),
        "70+": (1, 1),
    }
    assert "70+" in range_table(figures)


def test_no_labelled_gender_is_not_a_number() -> None:
    assert math.isnan(range_report([sample(0, 2, male=None)], [estimate(1, 1)]).gender_accuracy)


def test_webcam_shrinks_the_face_to_its_size_and_keeps_it_in_place() -> None:
    rng = np.random.default_rng(0)
    picture = np.asarray(cv2.resize(rng.integers(0, 255, (12, 16, 3), np.uint8), (640, 480)), np.uint8)
    landmarks = (TEMPLATE * 224 + [200, 100]).astype(np.float32)
    small, points = Webcam(face_px=56, jpeg_quality=0).shoot(picture, landmarks)
    assert small.shape == (120, 160, 3)
    np.testing.assert_allclose(points, landmarks / 4, atol=1e-3)
    before, after = align(picture, landmarks).astype(int), align(small, points).astype(int)
    assert np.abs(before - after).mean() < 6
    compressed, _ = Webcam(56, 10).shoot(picture, landmarks)
    assert np.abs(compressed.astype(int) - small).mean() > 1


def test_webcam_never_enlarges() -> None:
    picture = np.zeros((CROP_PX, CROP_PX, 3), np.uint8)
    small, _ = Webcam(200, 0).shoot(picture, (TEMPLATE * CROP_PX).astype(np.float32))
    assert small.shape == picture.shape
