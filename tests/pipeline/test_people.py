"""Tracks become persons: leaving and coming back, slipping on to somebody else, and what must never be joined."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from pipeline.identity import MOST_PERSONS
from pipeline.people import STRANGE_LOOKS, People
from pipeline.settings import FilterSettings
from pipeline.smoothing import BayesianAgeFilter, Look, final_belief
from pipeline.types import AgeEstimate, Box, Detection, Float32Array, Join, Track
from tests.pipeline.painted import embedding

THRESHOLD = 0.5
FILTER = FilterSettings()
PLACES = {i: Box(100.0 * i, 50, 100.0 * i + 60, 110) for i in range(10)}


def estimate(years: float, face: Float32Array | None) -> AgeEstimate:
    weights = np.exp(-((np.arange(101) - years % 100) ** 2) / 50)
    return AgeEstimate((weights / weights.sum()).astype(np.float32), years, None, face)


class Stage:
    """People, and a director who says which track shows whom."""

    def __init__(self, rejoin: bool = True, film: bool = False) -> None:
        last_word = partial(final_belief, settings=FILTER) if film else None
        self.people = People(partial(BayesianAgeFilter, FILTER), itertools.count(1), rejoin, last_word)
        self.time_s = 0.0
        self.joins: list[Join] = []
        self._looks = 0

    def show(
        self, cast: dict[int, int], frames: int = 1, quality: float = 0.9, hidden: Sequence[int] = (), px: float = 60
    ) -> dict[int, int]:
        """Shows frames, five a second, in which everybody is looked at.

        Args:
            cast: track → who it shows; who is as old as their number.

        Returns:
            Track → number of the person.
        """
        numbers: dict[int, int] = {}
        for _ in range(frames):
            self.people.follow([self._track(track, track in hidden) for track in cast], self.time_s)
            for track, who in cast.items():
                if track not in hidden:
                    self._looks += 1
                    seen = Look(estimate(who, embedding(who, self._looks)), quality, self.time_s, None, px)
                    self.people.observe(track, seen, THRESHOLD)
            numbers = {track: self.people.on(track).id for track in cast}
            self.joins += self.people.take_joins()
            self.time_s += 0.2
        return numbers

    def leave(self, seconds: float = 30) -> None:
        self.people.follow([], self.time_s)
        self.time_s += seconds

    def years(self, track: int) -> float:
        belief = self.people.on(track).age.belief
        assert belief is not None
        return belief.years

    def _track(self, track: int, hidden: bool) -> Track:
        box = PLACES[track % 10]
        found = None if hidden else Detection(box, 0.99, np.zeros((5, 2), np.float32))
        return Track(track, found, box, self.time_s, self.time_s)


def test_who_comes_back_has_the_number_at_once() -> None:
    stage = Stage()
    assert stage.show({1: 30, 2: 60}, 10) == {1: 1, 2: 2}
    stage.leave()
    assert stage.show({3: 60}) == {3: 2}
    assert stage.show({3: 60, 4: 30}) == {3: 2, 4: 1}
    assert stage.show({3: 60, 4: 30, 5: 45}) == {3: 2, 4: 1, 5: 3}, "and no number is wasted"
    assert stage.joins == []


def test_evidence_of_all_appearances_is_one_persons() -> None:
    stage = Stage()
    stage.show({1: 30}, 15)
    before = stage.people.on(1).age.evidence
    stage.leave()
    stage.show({2: 30})
    assert stage.people.on(2).age.evidence > before
    assert stage.years(2) == pytest.approx(30, abs=1)


def test_who_is_recognised_late_gets_the_older_number_and_the_younger_one_is_over() -> None:
    stage = Stage()
    stage.show({1: 30}, 10)
    stage.leave()
    assert stage.show({2: 30}, 5, quality=0.1) == {2: 2}, "too poor to know"
    assert stage.show({2: 30}, 3) == {2: 1}
    assert stage.joins == [Join(2, 1)]
    assert stage.show({2: 30, 3: 50}) == {2: 1, 3: 3}, "a number is not given again"


def test_a_small_face_is_known_once_it_is_near() -> None:
    stage = Stage()
    stage.show({1: 30}, 10)
    stage.leave()
    assert stage.show({2: 30}, 5, px=20) == {2: 2}
    assert stage.show({2: 30}, 3, px=80) == {2: 1}


def test_strangers_stay_strangers() -> None:
    stage = Stage()
    for track in range(1, 25):
        assert stage.show({track: track}, 4) == {track: track}
        stage.leave(3)
    assert stage.joins == []


def test_two_faces_in_one_frame_are_two_people_for_ever() -> None:
    """Two pictures of one face beside each other: a mirror, a poster."""
    stage = Stage()
    assert stage.show({1: 30, 2: 30}, 5) == {1: 1, 2: 2}
    stage.leave()
    found = stage.show({3: 30, 4: 30}, 5)
    assert found[3] != found[4]


def test_both_of_two_overlapping_boxes_may_be_one_face(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PLACES, 2, Box(110, 50, 170, 110))
    stage = Stage()
    stage.show({1: 30, 2: 30}, 3)
    stage.show({2: 30}, 3)
    assert stage.people.on(2).id == 1, "the tracker had found one face twice"


def test_a_face_that_nobody_looked_at_keeps_nobody_apart() -> None:
    """In crowds calm faces are taken for where they should be: the person may be elsewhere already, on a new track."""
    stage = Stage()
    stage.show({1: 30}, 10)
    carried = replace(stage._track(1, False), carried=True)
    for _ in range(3):
        stage.people.follow([carried, stage._track(2, False)], stage.time_s)
        stage.time_s += 0.2
    assert stage.show({2: 30}, 3) == {2: 1}


def test_a_hidden_face_is_not_given_away() -> None:
    """While a track waits behind somebody, nobody else becomes its person, however alike."""
    stage = Stage()
    stage.show({1: 30}, 10)
    assert stage.show({1: 30, 2: 30}, 3, hidden=[1])[2] == 2
    assert stage.show({2: 30}, 2) == {2: 1}, "once it is over, the new track is recognised"


def test_cut_ends_tracks_and_the_same_face_is_the_same_person() -> None:
    stage = Stage()
    stage.show({1: 30, 2: 60}, 10)
    stage.people.end_tracks()
    assert stage.show({3: 60, 4: 20}) == {3: 2, 4: 3}, "at the place of another person, by the face alone"


def test_other_source_knows_nobody() -> None:
    stage = Stage()
    stage.show({1: 30}, 10)
    stage.people.forget()
    assert stage.show({2: 30}, 5) == {2: 2}


def test_track_that_slips_to_somebody_else_goes_on_under_another_person() -> None:
    stage = Stage()
    stage.show({1: 20}, 15)
    assert stage.show({1: 70}, STRANGE_LOOKS - 1) == {1: 1}
    assert stage.people.is_doubtful(1)
    assert stage.years(1) == pytest.approx(20, abs=1), "what is not sure counts for nobody"
    assert stage.show({1: 70}, 8) == {1: 2}
    assert not stage.people.is_doubtful(1)
    assert stage.years(1) == pytest.approx(70, abs=1.5)
    stage.leave()
    assert stage.show({2: 20}) == {2: 1}
    assert stage.years(2) == pytest.approx(20, abs=1)
    assert stage.joins == []


def test_track_that_slips_to_somebody_known_goes_on_as_they() -> None:
    stage = Stage()
    stage.show({1: 70}, 10)
    stage.leave()
    stage.show({2: 20}, 10)
    assert stage.show({2: 70}, STRANGE_LOOKS) == {2: 1}
    assert stage.show({2: 70, 3: 20}) == {2: 1, 3: 2}


def test_who_was_hidden_is_looked_at_again_soon() -> None:
    stage = Stage()
    stage.show({1: 20}, 10)
    assert not stage.people.is_doubtful(1)
    stage.show({1: 20}, 2, hidden=[1])
    assert stage.people.is_doubtful(1)
    stage.show({1: 20})
    assert not stage.people.is_doubtful(1)


def test_a_hand_before_the_face_splits_nothing() -> None:
    stage = Stage()
    stage.show({1: 20}, 10)
    for who in (901, 902, 903, 904):  # no two of these pictures agree
        assert stage.show({1: who}) == {1: 1}
    stage.show({1: 20})
    assert not stage.people.is_doubtful(1)
    assert stage.years(1) == pytest.approx(20, abs=1)


def test_without_rejoin_a_person_is_a_track_and_nothing_is_kept() -> None:
    stage = Stage(rejoin=False)
    stage.show({1: 30}, 10)
    stage.leave()
    assert stage.show({2: 30}, 10) == {2: 2}
    assert len(stage.people.on(2).known.gallery) == 0
    assert stage.people._absent == []


def test_model_without_embeddings_makes_persons_of_tracks() -> None:
    stage = Stage()
    for track in (1, 2):
        stage.people.follow([stage._track(track, False)], stage.time_s)
        stage.people.observe(track, Look(estimate(30, None), 0.9, stage.time_s, None, 60), THRESHOLD)
        assert stage.people.on(track).id == track
        stage.leave()


def test_only_so_many_people_are_remembered() -> None:
    stage = Stage()
    for track in range(1, MOST_PERSONS + 30):
        stage.show({track: track}, 2)
        stage.leave(1)
    assert len(stage.people._absent) == MOST_PERSONS
    assert stage.show({5000: MOST_PERSONS + 29}, 2) == {5000: MOST_PERSONS + 29}
    assert stage.show({5001: 1}, 2) == {5001: MOST_PERSONS + 30}, "who was away for longest is forgotten"


# The last word.


def test_last_word_has_one_age_per_person_and_one_per_track() -> None:
    stage = Stage(film=True)
    stage.show({1: 30, 2: 60}, 10)
    stage.leave()
    stage.show({3: 30}, 10)
    stage.show({4: 45}, 2, quality=0.1)
    conclusion = stage.people.conclude(THRESHOLD)
    ages = {(age.person, age.track): round(age.belief.years) for age in conclusion.ages}
    assert ages == {(1, 0): 30, (1, 1): 30, (1, 3): 30, (2, 0): 60, (2, 2): 60, (3, 0): 45, (3, 4): 45}
    assert conclusion.joins == ()
    assert stage.people.conclude(THRESHOLD).ages == ()


def test_last_word_joins_whom_nobody_compared_any_more() -> None:
    """Somebody absent, whose face became clear by another join after their own last picture."""
    stage = Stage(film=True)
    stage.show({1: 30}, 10)
    stage.leave()
    stage.show({2: 31}, 10)
    stage.leave()
    one, other = stage.people._absent
    other.known.gallery.take_in(one.known.gallery)
    other.known.gallery.take_in(one.known.gallery)
    conclusion = stage.people.conclude(THRESHOLD)
    assert conclusion.joins == (Join(2, 1),)
    assert {(age.person, age.track) for age in conclusion.ages} == {(1, 0), (1, 1), (1, 2)}


def test_after_a_last_word_for_now_everybody_is_still_known() -> None:
    stage, other = Stage(film=True), Stage(film=True)
    for each in (stage, other):
        each.show({1: 30, 2: 60}, 10)
    for_now = stage.people.conclude(THRESHOLD, going_on=True)
    assert for_now == stage.people.conclude(THRESHOLD, going_on=True) == other.people.conclude(THRESHOLD)
    assert stage.show({3: 60}, 10) == {3: 2}
    ages = {(age.person, age.track): round(age.belief.years) for age in stage.people.conclude(THRESHOLD).ages}
    assert ages == {(1, 0): 30, (1, 1): 30, (2, 0): 60, (2, 2): 60, (2, 3): 60}


def test_live_sources_have_no_last_word() -> None:
    stage = Stage()
    stage.show({1: 30}, 10)
    assert stage.people.conclude(THRESHOLD).ages == ()
