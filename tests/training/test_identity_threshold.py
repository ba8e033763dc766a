"""The threshold of identity is where it says it is, and a model without embeddings is told apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import pytest

from engines.age import FaceNetAgeEngine
from pipeline.cohort import Cohort
from pipeline.errors import SettingsError
from pipeline.gallery import Gallery
from pipeline.types import AgeEstimate, Float32Array, Float64Array, UInt8Array
from training.identity_cohort import embeddings
from training.identity_threshold import ADULT, VIEWS, choose, similarity_matrix
from training.mix import Mix

FLAT = np.full(101, 1 / 101, np.float32)


@dataclass
class ByColour:
    """Faces of one colour are one person."""

    embeds: bool = True

    def estimate_crops(self, crops: UInt8Array) -> list[AgeEstimate]:
        return [AgeEstimate(FLAT, 30.0, None, self._embedding(crop) if self.embeds else None) for crop in crops]

    def _embedding(self, crop: UInt8Array) -> Float32Array:
        middle = crop[60:100, 60:100].reshape(-1, 3).mean(axis=0) - 128
        return np.asarray(middle / max(float(np.linalg.norm(middle)), 1e-6), np.float32)


@dataclass
class Colours:
    """Crops of one colour each."""

    colours: list[tuple[int, int, int]]

    def pixels(self, row: int) -> UInt8Array:
        return np.full((208, 208, 3), self.colours[row], np.uint8)


def unit(rows: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Float32Array:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def matrix(first: Float32Array, second: Float32Array) -> Float64Array:
    return similarity_matrix(first[:, None], second[:, None], None)


def test_made_up_tracks_of_one_picture_are_alike() -> None:
    mix = cast(Mix, Colours([(250, 20, 20), (20, 250, 20), (20, 20, 250)]))
    first, second = (embeddings(cast(FaceNetAgeEngine, ByColour()), mix, np.arange(3), VIEWS, seed) for seed in (1, 2))
    assert first.shape == (3, VIEWS, 3)
    assert np.linalg.norm(first, axis=2) == pytest.approx(1, abs=1e-5)
    alike = similarity_matrix(first, second, None)
    assert alike.argmax(axis=1).tolist() == [0, 1, 2]
    assert VIEWS > 1


def test_tracks_are_compared_as_the_gallery_compares_them() -> None:
    rng = np.random.default_rng(3)
    cohort = Cohort(np.full(16, 0.05, np.float32), unit(rng.normal(size=(20, 16))))
    tracks = unit(rng.normal(size=(3 * VIEWS, 16))).reshape(3, VIEWS, 16)
    for against in (None, cohort):
        galleries = [Gallery(against) for _ in tracks]
        for gallery, track in zip(galleries, tracks, strict=True):
            for view in track:
                gallery.add(view, 0.5)
        expected = [[one.similarity(other) for other in galleries] for one in galleries]
        assert similarity_matrix(tracks, tracks, against) == pytest.approx(np.array(expected), abs=1e-5)


def test_model_without_embeddings_is_refused() -> None:
    mix = cast(Mix, Colours([(250, 20, 20)]))
    with pytest.raises(SettingsError, match="no face embeddings"):
        embeddings(cast(FaceNetAgeEngine, ByColour(embeds=False)), mix, np.array([0]), 1, 1)


def test_only_the_given_share_of_different_adults_is_above() -> None:
    rng = np.random.default_rng(0)
    people = rng.normal(size=(300, 64))
    first, second = unit(people + 0.2 * rng.normal(size=people.shape)), unit(people + 0.2 * rng.normal(size=people.shape))
    ages = np.concatenate([np.full(100, 5.0), np.full(200, 40.0)]).astype(np.float32)
    choice = choose(matrix(first, first), matrix(first, second).diagonal(), ages, false_share=0.01)
    adults = first[ages >= ADULT]
    pairs = (adults @ adults.T)[np.triu_indices(len(adults), 1)]
    assert (pairs > choice.threshold).mean() == pytest.approx(0.01, abs=0.002)
    assert choice.pairs == len(pairs) == 200 * 199 // 2
    assert choice.found > 0.99


def test_children_who_look_alike_need_more() -> None:
    rng = np.random.default_rng(1)
    people = rng.normal(size=(300, 64))
    people[:100] += 1.5
    templates = unit(people)
    ages = np.concatenate([np.full(100, 1.0), np.full(200, 40.0)]).astype(np.float32)
    alike = matrix(templates, templates)
    choice = choose(alike, alike.diagonal(), ages, false_share=0.01)
    by_age = {low: quantile for low, quantile, _ in choice.by_age}
    assert by_age[0] > choice.threshold + 0.2
    assert by_age[30] == pytest.approx(choice.threshold)
