"""Which faces get the engine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.novelty import Novelty
from pipeline.scheduling import AT_LEAST_EVERY_S, MOST_FIRST, NOMINAL_FACE_MS, POOR_WAITS_S, Candidate, LookTimes, Scheduler
from pipeline.settings import AgeSettings

NEW = Candidate(quality=0.8, evidence=0.0, gain=0.8, seen_s=0.0, estimated_s=None)
KNOWN = Candidate(quality=0.8, evidence=3.0, gain=0.5, seen_s=5.0, estimated_s=1.0)
IDLE = replace(KNOWN, gain=0.01, estimated_s=0.04)

SCHEDULER = Scheduler(AgeSettings(load=0))
ROOM = int(AgeSettings().budget_ms / NOMINAL_FACE_MS)


def test_new_faces_come_first_and_beyond_the_budget() -> None:
    faces = [KNOWN] + [NEW] * 5 + [KNOWN]
    assert SCHEDULER.choose(faces) == [1, 2, 3, 4, 5]


def test_a_crowd_of_new_faces_is_spread_over_frames_best_pictures_first() -> None:
    faces = [replace(NEW, quality=0.4)] * 3 + [NEW] * MOST_FIRST
    assert SCHEDULER.choose(faces) == list(range(3, 3 + MOST_FIRST))


def test_a_new_face_with_a_poor_picture_waits_a_little_for_a_better_one() -> None:
    poor = replace(NEW, quality=0.1, gain=0.1)
    assert SCHEDULER.choose([poor]) == []
    assert SCHEDULER.choose([replace(poor, seen_s=POOR_WAITS_S)]) == [0]


def test_hopeless_pictures_never_get_the_engine() -> None:
    nothing = replace(NEW, quality=0.0, gain=0.0, seen_s=60.0)
    assert SCHEDULER.choose([nothing, replace(nothing, estimated_s=60.0)]) == []


def test_known_faces_share_the_budget_by_need() -> None:
    faces = [IDLE, replace(KNOWN, gain=0.4), replace(KNOWN, gain=0.8), replace(KNOWN, evidence=0.5)]
    assert SCHEDULER.choose(faces) == [3, 2]
    assert ROOM == 2


def test_a_slow_engine_gets_one_face_and_a_fast_one_many() -> None:
    assert len(SCHEDULER.choose([KNOWN] * 20, face_ms=100.0)) == 1
    assert len(SCHEDULER.choose([KNOWN] * 20, face_ms=1.0)) == 18
    assert len(SCHEDULER.choose([KNOWN] * 20, face_ms=0.0)) == 20


def test_budget_zero_is_no_limit() -> None:
    assert len(Scheduler(AgeSettings(budget_ms=0, load=0)).choose([KNOWN] * 50, face_ms=100.0)) == 50


def test_a_face_is_looked_at_again_however_well_it_is_known() -> None:
    bored = replace(KNOWN, quality=0.3, evidence=11.0, gain=0.3, estimated_s=AT_LEAST_EVERY_S - 0.1)
    assert SCHEDULER.choose([bored]) == []
    assert SCHEDULER.choose([replace(bored, estimated_s=AT_LEAST_EVERY_S)]) == [0]


def test_equals_are_served_in_the_order_given() -> None:
    assert SCHEDULER.choose([KNOWN] * 5) == [0, 1]


@pytest.mark.parametrize("fps", [10, 25, 60])
def test_a_stable_face_costs_little_at_every_rate(fps: int) -> None:
    """Estimates of one good face in its first second, and per second once it is well known."""
    novelty, evidence, last_s, looks = Novelty(), 0.0, None, LookTimes()
    when: list[float] = []
    for i in range(fps * 30):
        time_s = i / fps
        gain = novelty.weight(0.9, time_s)
        on_grid = looks.is_open(time_s)
        face = Candidate(0.9, evidence, gain, time_s, None if last_s is None else time_s - last_s, on_grid=on_grid)
        chosen = SCHEDULER.choose([face])
        looks.decided(time_s)
        if chosen:
            evidence = min(12.0, evidence + novelty.take(0.9, time_s))
            last_s = time_s
            when.append(time_s)
    first = sum(time_s < 1 for time_s in when)
    late = sum(time_s >= 20 for time_s in when) / 10
    assert 3 <= first <= 6
    assert 0.2 <= late <= 0.5


@pytest.mark.parametrize("fps", [10, 25, 60])
def test_the_share_of_time_is_kept_with_twenty_faces_at_every_rate(fps: int) -> None:
    """All of them always want more; everybody gets a turn."""
    scheduler, looks = Scheduler(AgeSettings()), [0] * 20
    for i in range(fps * 20):
        faces = [replace(KNOWN, gain=0.8, evidence=float(looks[k])) for k in range(20)]
        for k in scheduler.choose(faces, elapsed_s=0.0 if i == 0 else 1 / fps):
            looks[k] += 1
    seconds = sum(looks) * NOMINAL_FACE_MS / 1000
    assert seconds == pytest.approx(AgeSettings().load * 20, rel=0.12)
    assert max(looks) - min(looks) <= 1


def test_few_faces_hardly_feel_the_limit() -> None:
    scheduler = Scheduler(AgeSettings())
    assert len(scheduler.choose([NEW] * 4)) == 4
    assert len(scheduler.choose([KNOWN] * 4, elapsed_s=0.2)) == ROOM


def test_first_estimates_are_never_refused_and_run_into_debt() -> None:
    scheduler = Scheduler(AgeSettings())
    assert [len(scheduler.choose([NEW] * 8, elapsed_s=0.04)) for _ in range(4)] == [8] * 4
    assert scheduler.choose([KNOWN] * 4, elapsed_s=0.04) == []
    assert len(scheduler.choose([KNOWN] * 4, elapsed_s=1.0)) >= 1


def test_an_unusually_poor_picture_waits_for_a_better_one() -> None:
    fair = replace(KNOWN, quality=0.5, gain=0.5, evidence=2.0)
    assert SCHEDULER.choose([replace(fair, usual=0.5)]) == [0]
    assert SCHEDULER.choose([replace(fair, usual=0.95)]) == []


def test_a_known_face_is_looked_at_on_the_grid_only_and_once_a_slot() -> None:
    assert SCHEDULER.choose([replace(KNOWN, on_grid=False)]) == []
    assert SCHEDULER.choose([replace(NEW, on_grid=False)]) == [0]
    looks = LookTimes()
    assert looks.is_open(0.0)
    looks.decided(0.0)
    assert not looks.is_open(0.19)
    assert looks.is_open(0.6 - 1e-12)  # as good as 0.6


def look_times_of(seed: int, jitter: float) -> list[float]:
    """When a face of that mean quality 0.95 is looked at in ten seconds, alone in the picture."""
    rng, looks, scheduler = np.random.default_rng(seed), LookTimes(), Scheduler(AgeSettings())
    when: list[float] = []
    for i in range(100):
        time_s, quality = i / 10, 0.95 + jitter * rng.uniform(-1, 1)
        estimated_s = time_s - when[-1] if when else None
        usual, on_grid = looks.usual(quality, time_s), looks.is_open(time_s)
        face = Candidate(quality, looks.evidence, looks.gain(quality, time_s), time_s, estimated_s, usual, on_grid)
        if scheduler.choose([face], elapsed_s=0.1):
            looks.looked(quality, time_s)
            when.append(time_s)
        looks.decided(time_s)
    return when


def test_jitter_of_quality_does_not_shift_the_looks() -> None:
    """At another frame rate faces are found from other boxes, and their quality differs a little."""
    steady = look_times_of(0, 0.0)
    assert 10 < len(steady) < 40
    assert all(look_times_of(seed, 0.045) == steady for seed in range(5))


def test_who_is_recognised_is_not_looked_at_like_a_newcomer() -> None:
    earlier, here = LookTimes(), LookTimes()
    for second in range(10):
        earlier.looked(0.9, float(second))
    here.looked(0.9, 60.0)
    assert here.evidence < 1.5
    here.take_over(earlier)
    assert here.evidence == earlier.evidence > 5
