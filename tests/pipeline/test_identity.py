"""Galleries and who is nearest to whom."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from pipeline.gallery import GALLERY_SIZE, Gallery
from pipeline.identity import EARLY_MARGIN, Known, best_match, is_good_enough, needed, next_pair, pairs
from pipeline.types import AgeBelief
from tests.pipeline.painted import embedding

THRESHOLD = 0.5


def known(who: int, pictures: int = 4, likeness: float = 0.85, first: int = 0) -> Known:
    somebody = Known(0.0)
    for seed in range(first, first + pictures):
        somebody.gallery.add(embedding(who, seed, likeness), 0.9)
    return somebody


def test_empty_gallery_is_like_nobody() -> None:
    empty = Gallery()
    assert empty.template is None
    assert empty.nearest(embedding(1)) == empty.similarity(known(1).gallery) == -1
    assert len(empty) == 0


def test_template_is_of_length_1_and_nearer_than_single_pictures() -> None:
    gallery = known(1, pictures=6, likeness=0.6).gallery
    assert gallery.template is not None
    assert np.linalg.norm(gallery.template) == pytest.approx(1)
    assert gallery.similarity(known(1, 6, 0.6, first=50).gallery) > 0.8
    assert abs(gallery.similarity(known(2, 6).gallery)) < 0.2


def test_full_gallery_keeps_what_is_different_and_good() -> None:
    gallery = Gallery()
    gallery.add(embedding(1, 0), 0.4)
    gallery.add(embedding(2, 0), 0.4)
    for seed in range(40):
        gallery.add(embedding(3, seed), 0.9)
    assert len(gallery) == GALLERY_SIZE
    assert gallery.nearest(embedding(1, 0)) == pytest.approx(1), "rare sides of a face stay"
    assert gallery.evidence == pytest.approx(0.8 + 36)
    better = Gallery()
    for quality in (0.9, 0.5, 0.6, 0.7, 0.8, 0.81, 0.82, 0.83, 0.84):
        better.add(embedding(1, 7), quality)
    assert sorted(better._qualities)[0] > 0.5, "of equal ones the worst goes"


def test_embeddings_cannot_be_pickled_or_copied() -> None:
    for stored in (known(1).gallery, known(1)):
        with pytest.raises(TypeError, match="not stored"):
            pickle.dumps(stored)
        with pytest.raises(TypeError, match="not stored"):
            copy.deepcopy(stored)


def test_poor_and_tiny_pictures_do_not_say_who_it_is() -> None:
    assert is_good_enough(0.8, 60)
    assert not is_good_enough(0.1, 60)
    assert not is_good_enough(0.8, 20)


def test_few_pictures_must_agree_more() -> None:
    assert needed(THRESHOLD, known(1, 1), known(1, 9)) > THRESHOLD + EARLY_MARGIN / 3
    assert needed(THRESHOLD, known(1, 5), known(1, 9)) == THRESHOLD


def test_children_must_agree_more_and_ages_must_not_contradict() -> None:
    child, adult = known(1), known(1, first=60)
    child.age = AgeBelief(2, 0, 6, 5, True)
    assert needed(THRESHOLD, child, adult) > THRESHOLD + 0.15
    assert best_match(adult, [child], THRESHOLD) is child
    adult.age = AgeBelief(40, 28, 55, 5, True)
    assert best_match(adult, [child], THRESHOLD) is None
    adult.age = AgeBelief(40, 28, 55, 0.5, False)
    assert best_match(adult, [child], THRESHOLD) is child, "not yet sure of the age"


def test_the_same_face_is_found_among_many_and_a_stranger_is_nobody() -> None:
    people = [known(who) for who in range(30)]
    assert best_match(known(17, first=60), people, THRESHOLD) is people[17]
    assert best_match(known(99), people, THRESHOLD) is None
    assert best_match(Known(0.0), people, THRESHOLD) is None
    assert best_match(known(1), [], THRESHOLD) is None


def test_who_was_in_one_frame_is_never_joined_nor_are_those_joined_with_them() -> None:
    first, again, other = known(1), known(1, first=60), known(2)
    again.keep_apart(first)
    assert best_match(again, [first, other], THRESHOLD) is None
    third = known(1, first=90)
    third.take_in(again)
    assert third.is_apart_from(first)
    assert first.is_apart_from(third)
    assert not first.is_apart_from(again), "who is gone is forgotten"
    assert best_match(third, [first], THRESHOLD) is None


def test_between_twins_nobody_is_chosen() -> None:
    """Two people who look alike, were seen together, and one of whom comes back."""
    one, twin = known(1), known(1, first=60)
    one.keep_apart(twin)
    assert best_match(known(1, first=90), [one, twin], THRESHOLD) is None
    assert next_pair([one, twin], THRESHOLD) is None


def test_pieces_of_one_person_do_not_stand_in_each_others_way() -> None:
    one, piece = known(1), known(1, first=60)
    assert best_match(known(1, first=90), [one, piece], THRESHOLD) in (one, piece)


def test_next_pair_is_the_most_similar_one() -> None:
    people = [known(1), known(2), known(3, likeness=0.6), known(2, first=60), known(3, likeness=0.6, first=60), Known(0.0)]
    found = next_pair(people, THRESHOLD)
    assert found is not None
    assert set(found) == {people[1], people[3]}
    people.remove(people[3])
    assert next_pair(people[:3], THRESHOLD) is None
    assert next_pair([], THRESHOLD) is None
    assert len(list(pairs(people))) == 10
