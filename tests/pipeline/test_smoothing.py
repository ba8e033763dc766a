"""Beliefs about synthetic people of known age."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pipeline.intervals import IntervalTable
from pipeline.novelty import Novelty
from pipeline.settings import FilterSettings
from pipeline.smoothing import LEAST_QUALITY, BayesianAgeFilter, Look, final_belief
from pipeline.types import AgeBelief, AgeEstimate

AGES = np.arange(101)


def estimate(years: float, sigma: float = 6.0, male: float | None = None) -> AgeEstimate:
    """A Gaussian distribution cut to 0 … 100."""
    weights = np.exp(-((AGES - years) ** 2) / (2 * sigma**2))
    distribution = (weights / weights.sum()).astype(np.float32)
    return AgeEstimate(distribution, float(distribution @ AGES), male)


def belief_of(age: BayesianAgeFilter) -> AgeBelief:
    assert age.belief is not None
    return age.belief


def watched(fps: float, seconds: float, quality: float = 1.0, seed: int = 0, scatter: float = 5.0) -> BayesianAgeFilter:
    """The filter after watching somebody. Errors of the frames are an Ornstein–Uhlenbeck process of that scatter and 0.7 s."""
    rng = np.random.default_rng(seed)
    age = BayesianAgeFilter(FilterSettings())
    error, kept = scatter * rng.normal(), np.exp(-1 / fps / 0.7)
    for i in range(round(fps * seconds)):
        age.observe(estimate(40 + error), quality, i / fps)
        error = kept * error + np.sqrt(1 - kept**2) * scatter * rng.normal()
    return age


def test_nothing_is_believed_before_the_first_frame() -> None:
    age = BayesianAgeFilter(FilterSettings())
    assert age.belief is None
    assert age.male is None
    assert age.evidence == 0


@pytest.mark.parametrize("years", [3, 20, 42, 77, 95])
@pytest.mark.parametrize("quality", [0.05, 0.3, 1.0])
def test_one_frame_gives_its_own_expectation_at_every_quality(years: float, quality: float) -> None:
    """However little a frame counts, its mean must not drift to the middle of all ages."""
    age = BayesianAgeFilter(FilterSettings())
    one = estimate(years)
    age.observe(one, quality, 0.0)
    assert belief_of(age).years == pytest.approx(one.years, abs=0.5)


def test_worse_pictures_give_wider_intervals() -> None:
    widths = []
    for quality in (0.1, 0.3, 0.6, 1.0):
        age = BayesianAgeFilter(FilterSettings())
        age.observe(estimate(40), quality, 0.0)
        widths.append(belief_of(age).high - belief_of(age).low)
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > widths[-1] + 15


def test_interval_of_one_good_frame_is_that_of_a_gaussian() -> None:
    """6 years of the frame and the floor of 3 make 6.7, of which ±1.645 hold 90 %."""
    age = BayesianAgeFilter(FilterSettings())
    age.observe(estimate(50, sigma=6), 1.0, 0.0)
    half = 1.645 * np.hypot(6, 3)
    assert belief_of(age).low == pytest.approx(50 - half, abs=0.6)
    assert belief_of(age).high == pytest.approx(50 + half, abs=0.6)


def test_the_floor_stays_however_long_one_looks() -> None:
    belief = belief_of(watched(25, 60))
    assert belief.high - belief.low > 2 * 1.645 * FilterSettings().floor_years
    assert belief.evidence == pytest.approx(FilterSettings().max_evidence)


def test_no_floor_at_all_is_allowed() -> None:
    age = BayesianAgeFilter(FilterSettings(floor_years=0))
    age.observe(estimate(50, sigma=0.3), 1.0, 0.0)
    assert belief_of(age).high - belief_of(age).low < 3


@pytest.mark.parametrize("seconds", [0.5, 2.0, 6.0])
def test_rates_agree_on_evidence(seconds: float) -> None:
    evidence = [watched(fps, seconds, scatter=2.0).evidence for fps in (10, 25, 60)]
    assert max(evidence) / min(evidence) < 1.1


def test_rates_agree_on_the_age() -> None:
    """Everything the same but the rate: the same path of errors, sampled at 10, 25 and 60 fps."""
    beliefs = []
    for fps in (10, 25, 60):
        age = BayesianAgeFilter(FilterSettings())
        for i in range(round(fps * 4)):
            age.observe(estimate(40 + 6 * np.sin(3 * i / fps)), 0.8, i / fps)
        beliefs.append(belief_of(age))
    assert np.ptp([belief.years for belief in beliefs]) < 0.5
    assert np.ptp([belief.high - belief.low for belief in beliefs]) < 0.7


def test_watching_longer_makes_the_mean_better() -> None:
    errors = [[abs(belief_of(watched(15, seconds, seed=seed)).years - 40) for seed in range(40)] for seconds in (0.1, 3.0, 12.0)]
    short, middle, long = (float(np.mean(each)) for each in errors)
    assert short > 1.5 * middle > 1.2 * long
    assert long < 1.6


def test_interval_holds_the_truth_however_long_one_looks() -> None:
    """Most of the error belongs to the person: 5.5 years, of 6 that the engine admits, and the rest to the frame."""
    rng = np.random.default_rng(0)
    for frames in (1, 5, 40):
        held = []
        for _ in range(100):
            age, own = BayesianAgeFilter(FilterSettings()), rng.normal(0, 5.5)
            for i in range(frames):
                age.observe(estimate(40 + own + rng.normal(0, 2.4)), 1.0, i * 1.0)
            held.append(belief_of(age).low <= 40 <= belief_of(age).high)
        assert np.mean(held) >= 0.88


def test_a_few_wrong_frames_do_not_move_it() -> None:
    age = BayesianAgeFilter(FilterSettings())
    for i in range(20):
        age.observe(estimate(70 if i % 7 == 5 else 30, sigma=4), 1.0, i * 1.0)
    assert belief_of(age).years == pytest.approx(30, abs=1.5)


def test_a_changed_person_is_believed_after_a_while() -> None:
    """The cap on evidence is what makes the filter forget: a track that slipped to somebody else must not lie for minutes."""
    age = BayesianAgeFilter(FilterSettings())
    for i in range(60):
        age.observe(estimate(25), 1.0, i * 1.0)
    for i in range(60, 100):
        age.observe(estimate(60), 1.0, i * 1.0)
    assert belief_of(age).years == pytest.approx(60, abs=3)


def test_settled_once_there_is_enough_evidence() -> None:
    age = BayesianAgeFilter(FilterSettings())
    settled = []
    for i in range(25):
        age.observe(estimate(30), 1.0, i / 25)
        settled.append(belief_of(age).settled)
    assert not settled[0]
    assert settled[-1]
    assert settled == sorted(settled)


def test_hopeless_pictures_are_not_observed() -> None:
    age = BayesianAgeFilter(FilterSettings())
    age.observe(estimate(30), LEAST_QUALITY / 2, 0.0)
    assert age.belief is None
    assert age.evidence == 0


def test_the_end_of_the_scale_holds() -> None:
    for years in (0, 100):
        age, one = BayesianAgeFilter(FilterSettings()), estimate(years, sigma=2)
        for i in range(40):
            age.observe(one, 1.0, i * 1.0)
        belief = belief_of(age)
        assert 0 <= belief.low <= belief.years <= belief.high <= 100
        assert belief.years == pytest.approx(one.years, abs=0.5)


def test_the_same_doubt_again_and_again_stays_a_doubt() -> None:
    """A model that wavers between 12 and 37 does not come to know by being asked often: no run to the sharper of the two."""
    two = 0.45 * estimate(12, sigma=3).distribution + 0.55 * estimate(37, sigma=9).distribution
    wavering = AgeEstimate(two.astype(np.float32), float(two @ AGES))
    age = BayesianAgeFilter(FilterSettings())
    for i in range(60):
        age.observe(wavering, 1.0, i * 1.0)
    assert belief_of(age).evidence == FilterSettings().max_evidence
    assert belief_of(age).years == pytest.approx(wavering.years, abs=2)
    assert belief_of(age).low < 12
    assert belief_of(age).high > 40


def test_an_estimate_that_excludes_the_truth_breaks_nothing() -> None:
    age = BayesianAgeFilter(FilterSettings())
    sure = np.zeros(101, np.float32)
    sure[90] = 1
    for i, one in enumerate([AgeEstimate(sure, 90.0)] + [estimate(20)] * 10):
        age.observe(one, 1.0, i * 1.0)
    assert belief_of(age).years == pytest.approx(20, abs=2)


def test_the_evidence_of_a_frame_is_what_is_new_in_it() -> None:
    age, novelty = BayesianAgeFilter(FilterSettings()), Novelty()
    for quality, time_s in ((0.4, 0.0), (0.5, 0.1), (0.9, 0.3), (0.2, 0.4), (0.9, 5.0)):
        before, expected = age.evidence, novelty.weight(quality, time_s)
        age.observe(estimate(30), quality, time_s)
        assert age.evidence - before == pytest.approx(expected) == pytest.approx(novelty.take(quality, time_s))


def test_a_better_picture_is_news_at_once_and_the_same_again_is_not() -> None:
    novelty = Novelty()
    assert novelty.take(0.3, 0.0) == pytest.approx(0.3)
    assert novelty.take(0.3, 0.001) < 0.01
    assert novelty.take(0.9, 0.002) == pytest.approx(0.6, abs=0.01)
    assert novelty.take(0.9, 0.003) < 0.01
    assert novelty.take(0.9, 9.0) == pytest.approx(0.9, abs=0.01)


def test_quality_that_jitters_gains_no_more_than_its_best_frames_would() -> None:
    def sum_of(*qualities: float) -> float:
        novelty, cycle = Novelty(), itertools.cycle(qualities)
        return sum(novelty.take(next(cycle), i / 30) for i in range(90))

    assert sum_of(0.7) < sum_of(0.7, 0.9) < 1.01 * sum_of(0.9)


def test_bad_pictures_between_good_ones_take_nothing_away() -> None:
    with_bad, without = Novelty(), Novelty()
    gained = sum(with_bad.take(0.9 if i % 3 == 0 else 0.2, i / 30) for i in range(91))
    assert gained == pytest.approx(sum(without.take(0.9, i / 30) for i in range(0, 91, 3)))


def test_gender_gathers_and_is_never_certain() -> None:
    age = BayesianAgeFilter(FilterSettings())
    age.observe(estimate(30, male=0.7), 1.0, 0.0)
    first = age.male
    assert first is not None
    assert first == pytest.approx(0.7)
    for i in range(1, 30):
        age.observe(estimate(30, male=0.7), 1.0, i * 1.0)
    assert age.male is not None
    assert first < age.male < 0.99
    other = BayesianAgeFilter(FilterSettings())
    for i in range(30):
        other.observe(estimate(30, male=0.0), 1.0, i * 1.0)
    assert other.male is not None
    assert 0.01 < other.male < 0.03


def test_gender_is_unknown_where_the_model_has_none() -> None:
    age = BayesianAgeFilter(FilterSettings())
    age.observe(estimate(30), 1.0, 0.0)
    assert age.male is None


def settled_minute(years: float, seed: int = 0) -> BayesianAgeFilter:
    """After a minute of looks at somebody whose frames scatter by 3 years."""
    age, rng = BayesianAgeFilter(FilterSettings()), np.random.default_rng(seed)
    for i in range(60):
        age.observe(estimate(years + 3 * rng.normal()), 0.9, i * 1.0)
    return age


@pytest.mark.parametrize("other", [2, 15, 38, 45, 60, 90])
@pytest.mark.parametrize("step_s", [0.04, 0.3])
def test_a_handful_of_somebody_else_hardly_moves_a_settled_minute(other: float, step_s: float) -> None:
    age = settled_minute(30)
    before = belief_of(age).years
    for i in range(5):
        age.observe(estimate(other), 0.9, 60 + i * step_s)
    assert belief_of(age).years == pytest.approx(before, abs=1.0)
    assert age.doubt > 0
    for i in range(6):
        age.observe(estimate(before), 0.9, 63.0 + i)
    assert age.doubt < 0.1
    assert belief_of(age).years == pytest.approx(before, abs=0.7)


def test_frames_that_disagree_with_each_other_in_turn_are_never_believed() -> None:
    age = settled_minute(30)
    for i in range(30):
        age.observe(estimate(70 if i % 2 else 30), 0.9, 60.0 + i)
    assert belief_of(age).years == pytest.approx(30, abs=1.5)


def test_two_who_are_one_are_known_as_if_all_frames_were_of_one() -> None:
    rng = np.random.default_rng(1)
    one, other, whole = (BayesianAgeFilter(FilterSettings()) for _ in range(3))
    for i in range(10):
        frame = estimate(40 + 3 * rng.normal(), male=0.8)
        (one if i < 6 else other).observe(frame, 0.9, i * 2.0, face_px=50 if i < 6 else 100)
        whole.observe(frame, 0.9, i * 2.0, face_px=50 if i < 6 else 100)
    one.merge(other)
    assert one.evidence == pytest.approx(whole.evidence, rel=0.1)
    assert belief_of(one).years == pytest.approx(belief_of(whole).years, abs=0.5)
    assert belief_of(one).high == pytest.approx(belief_of(whole).high, abs=1.0)
    assert one.male == pytest.approx(whole.male, abs=0.02)
    before = one.evidence
    one.observe(estimate(40), 0.9, 18.0)
    assert one.evidence - before < 0.01  # the newest look of both counts as known


def test_merging_with_nobody_changes_nothing_but_the_future() -> None:
    one = settled_minute(30)
    before = belief_of(one)
    one.merge(BayesianAgeFilter(FilterSettings()))
    assert belief_of(one).years == pytest.approx(before.years)
    empty = BayesianAgeFilter(FilterSettings())
    empty.merge(settled_minute(30))
    assert belief_of(empty).years == pytest.approx(before.years, abs=0.01)
    assert empty.evidence == FilterSettings().max_evidence


def test_in_hindsight_the_first_frames_are_known_for_somebody_elses() -> None:
    """A track that begins on one person and soon slips to another is about the other."""
    looks = [Look(estimate(60 if i < 3 else 20), 0.9, i * 1.0) for i in range(12)]
    final = final_belief(looks, FilterSettings())
    assert final is not None
    assert final.years == pytest.approx(20, abs=0.5)
    assert final.evidence <= FilterSettings().max_evidence
    assert final_belief([], FilterSettings()) is None
    assert final_belief([Look(estimate(60), 0.0, 0.0)], FilterSettings()) is None


def test_in_hindsight_all_frames_count_alike() -> None:
    ages = [20.0 + i / 4 for i in range(40)]
    looks = [Look(estimate(years), 1.0, i * 3.0) for i, years in enumerate(ages)]
    final = final_belief(looks, FilterSettings())
    assert final is not None
    assert final.years == pytest.approx(float(np.mean(ages)), abs=0.3)
    age = BayesianAgeFilter(FilterSettings())
    for look in looks:
        age.observe(look.estimate, look.quality, look.time_s)
    assert belief_of(age).years > final.years + 0.7


def test_another_pose_is_news_sooner() -> None:
    weights = []
    for yaw in (0.0, 8.0, 18.0, 60.0):
        novelty = Novelty()
        novelty.take(0.9, 0.0, (0.0, 0.0))
        weights.append(novelty.weight(0.9, 0.3, (yaw, 0.0)))
    assert weights[0] == weights[1] < weights[2] < weights[3] < 0.9
    shaken = Novelty()
    total = sum(shaken.take(0.9, i / 25, (30.0 * (i % 2), 0.0)) for i in range(50))
    still = Novelty()
    assert total < 3 * sum(still.take(0.9, i / 25, (0.0, 0.0)) for i in range(50))


def test_intervals_are_stretched_by_age_and_size() -> None:
    table = IntervalTable((20.0, 60.0), (30.0, 120.0), ((1.0, 1.0), (3.0, 2.0)), ((1.5, 1.0), (1.0, 1.0)))
    plain, stretched, small = (BayesianAgeFilter(FilterSettings(), each) for each in (None, table, table))
    for age, face_px in ((plain, 0.0), (stretched, 120.0), (small, 30.0)):
        age.observe(estimate(60), 1.0, 0.0, face_px=face_px)
    without, with_table, with_small = belief_of(plain), belief_of(stretched), belief_of(small)
    assert with_table.years == without.years
    assert with_table.years - with_table.low == pytest.approx(2 * (without.years - without.low), rel=0.01)
    assert with_small.years - with_small.low == pytest.approx(3 * (without.years - without.low), rel=0.01)
    assert with_table.high == pytest.approx(without.high)
