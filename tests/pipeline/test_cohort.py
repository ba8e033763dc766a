"""Faces of a crowded kind must agree more than those of a rare one, and nothing but their neighbourhood says so."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.cohort import NEAREST, Cohort, similarity
from pipeline.gallery import Gallery, similarities
from pipeline.identity import Known, best_match, next_pair
from pipeline.types import Float32Array

SIZE = 64

CROWD, ALONE = 3.0, 0.0
"""How much of one common direction is in the faces of a kind."""

THRESHOLD = 0.35


def faces(rng: np.random.Generator, count: int, common: float) -> Float32Array:
    """(count, SIZE) of length 1: people; with a common part they crowd together."""
    drawn = rng.normal(size=(count, SIZE)) / np.sqrt(SIZE)
    drawn[:, 0] += common / 2
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), np.float32)


def view(face: Float32Array, rng: np.random.Generator) -> Float32Array:
    """Another picture of that person."""
    seen = face + rng.normal(size=SIZE) * 0.3 / np.sqrt(SIZE)
    return np.asarray(seen / np.linalg.norm(seen), np.float32)


def gallery(face: Float32Array, rng: np.random.Generator, cohort: Cohort | None) -> Gallery:
    made = Gallery(cohort)
    for _ in range(4):
        made.add(view(face, rng), 0.9)
    return made


@pytest.fixture
def cohort() -> Cohort:
    rng = np.random.default_rng(5)
    return Cohort(np.zeros(SIZE, np.float32), np.concatenate([faces(rng, 60, CROWD), faces(rng, 60, ALONE)]))


def test_strangers_of_a_crowded_kind_are_no_more_alike_than_others(cohort: Cohort) -> None:
    rng = np.random.default_rng(1)
    crowd, alone = (faces(rng, 40, common) for common in (CROWD, ALONE))
    plain: list[float] = []
    normalised: list[float] = []
    for kind in (crowd, alone):
        for against, found in ((None, plain), (cohort, normalised)):
            people = [gallery(face, rng, against) for face in kind]
            alike = np.stack([similarities(one, people) for one in people])
            found.append(float(alike[np.triu_indices(len(people), 1)].mean()))
    assert plain[0] - plain[1] > 0.5, "the plain cosine takes a crowd for one person"
    assert abs(normalised[0] - normalised[1]) < 0.3


def test_the_same_person_is_above_every_stranger_of_the_crowd(cohort: Cohort) -> None:
    rng = np.random.default_rng(2)
    for face in faces(rng, 10, CROWD):
        here, again, stranger = (gallery(who, rng, cohort) for who in (face, face, faces(rng, 1, CROWD)[0]))
        assert here.similarity(again) > here.similarity(stranger) + 0.1
        assert here.similarity(again) == pytest.approx(again.similarity(here), abs=1e-6)


def test_crowding_is_the_mean_of_the_nearest(cohort: Cohort) -> None:
    place = cohort.place(faces(np.random.default_rng(3), 2, CROWD))
    nearest = np.sort(place @ cohort.faces.T, axis=1)[:, -NEAREST:].mean(axis=1)
    assert cohort.crowding(place) == pytest.approx(nearest)


def test_places_are_seen_from_the_centre() -> None:
    centre = np.full(SIZE, 0.1, np.float32)
    moved = Cohort(centre, faces(np.random.default_rng(0), 8, ALONE)).place(faces(np.random.default_rng(4), 3, ALONE))
    assert np.linalg.norm(moved, axis=1) == pytest.approx(1)
    expected = faces(np.random.default_rng(4), 3, ALONE) - centre
    assert (moved * expected).sum(axis=1) == pytest.approx(np.linalg.norm(expected, axis=1))


def test_single_pictures_templates_and_galleries_say_the_same(cohort: Cohort) -> None:
    rng = np.random.default_rng(6)
    one, other = faces(rng, 2, CROWD)
    here, there = Gallery(cohort), Gallery(cohort)
    here.add(one, 0.8)
    there.add(other, 0.4)
    expected = similarity(one, other, cohort)
    assert here.similarity(there) == pytest.approx(expected, abs=1e-5)
    assert here.nearest(other) == pytest.approx(expected, abs=1e-5)
    assert similarity(one, other, None) == pytest.approx(float(one @ other))


def test_two_galleries_in_one_do_not_move_twice(cohort: Cohort) -> None:
    away = Cohort(np.full(SIZE, 0.1, np.float32), cohort.faces)
    rng = np.random.default_rng(7)
    face = faces(rng, 1, CROWD)[0]
    whole, part = gallery(face, rng, away), Gallery(away)
    part.take_in(whole)
    assert part.similarity(whole) == pytest.approx(whole.similarity(whole), abs=1e-5)


def test_people_are_told_apart_and_found_by_the_normalised_similarity(cohort: Cohort) -> None:
    rng = np.random.default_rng(8)
    crowd = faces(rng, 12, CROWD)

    def known(face: Float32Array, against: Cohort | None) -> Known:
        somebody = Known(0.0, against)
        somebody.gallery.take_in(gallery(face, rng, against))
        return somebody

    strangers = [known(face, None) for face in crowd[1:]]
    assert best_match(known(crowd[0], None), strangers, THRESHOLD) is not None, "without a cohort a stranger is taken for them"
    people = [known(face, cohort) for face in crowd]
    assert next_pair(people, 0.1) is None
    again = known(crowd[4], cohort)
    assert best_match(again, people, 0.1) is people[4]
    assert set(next_pair([*people, again], 0.1) or ()) == {again, people[4]}
