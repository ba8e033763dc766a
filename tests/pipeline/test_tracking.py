"""Tracks of synthetic people whose true ways are known."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from pipeline.settings import TrackerSettings
from pipeline.tracking import IouTracker
from pipeline.types import Box, Detection, Track

Way = Callable[[float], tuple[float, float]]


@dataclass
class Person:
    """A face whose centre goes along `way`, seen where `visible` says so, with `score`."""

    way: Way
    size: float = 100.0
    visible: Callable[[float], bool] = lambda _: True
    score: Callable[[float], float] = lambda _: 0.99


def detection(x: float, y: float, size: float = 100.0, score: float = 0.99) -> Detection:
    box = Box(x - size / 2, y - size / 2, x + size / 2, y + size / 2)
    return Detection(box, score, np.zeros((5, 2), np.float32))


def boxed(box: Box, score: float = 0.99) -> Detection:
    return Detection(box, score, np.zeros((5, 2), np.float32))


def follow(people: Sequence[Person], times: Sequence[float], jitter: float = 0.02, seed: int = 0) -> list[list[int]]:
    """Ids that each person's detections were given, in order. Detections come in random order with noise on place and size."""
    rng = np.random.default_rng(seed)
    tracker = IouTracker(TrackerSettings())
    ids: list[list[int]] = [[] for _ in people]
    for time_s in times:
        found: list[tuple[int, Detection]] = []
        for number, person in enumerate(people):
            if person.visible(time_s):
                x, y = person.way(time_s) + rng.normal(0, jitter * person.size, 2)
                size = person.size * (1 + rng.normal(0, jitter))
                found.append((number, detection(x, y, size, person.score(time_s))))
        rng.shuffle(found)
        tracks = tracker.update([each for _, each in found], time_s)
        for number, each in found:
            ids[number] += [track.id for track in tracks if track.detection is each]
    return ids


def straight(x: float, y: float, speed: float) -> Way:
    """To the right with `speed` pixels a second."""
    return lambda time_s: (x + speed * time_s, y)


def clock(fps: float, seconds: float) -> list[float]:
    return [i / fps for i in range(round(fps * seconds))]


@pytest.mark.parametrize("fps", [5, 10, 25, 60])
def test_a_walker_keeps_one_id_at_every_rate(fps: float) -> None:
    """3.5 face widths a second: at 5 fps the boxes of neighbouring frames share a fifth of their area."""
    (ids,) = follow([Person(straight(0, 300, 350))], clock(fps, 3))
    assert len(ids) == round(fps * 3)
    assert set(ids) == {1}


@pytest.mark.parametrize("fps", [12, 30])
def test_crossing_people_keep_their_ids(fps: float) -> None:
    """One passes behind the other and is not seen while their boxes overlap."""
    front = Person(straight(0, 300, 250))
    back = Person(straight(750, 290, -250), visible=lambda t: abs(750 - 500 * t) > 70)
    for seed in range(5):
        ids = follow([front, back], clock(fps, 3), seed=seed)
        assert [len(set(each)) for each in ids] == [1, 1]
        assert set(ids[0]) != set(ids[1])


def test_close_passing_people_who_are_both_seen_do_not_swap() -> None:
    ids = follow([Person(straight(0, 300, 300)), Person(straight(900, 355, -300))], clock(30, 3))
    assert [len(set(each)) for each in ids] == [1, 1]


def test_a_face_hidden_for_less_than_keep_s_comes_back_as_the_same() -> None:
    (ids,) = follow([Person(straight(100, 300, 120), visible=lambda t: not 1.5 < t < 2.2)], clock(25, 4))
    assert set(ids) == {1}


def test_a_face_hidden_for_longer_gets_a_new_id() -> None:
    (ids,) = follow([Person(straight(100, 300, 0), visible=lambda t: not 1.5 < t < 2.9)], clock(25, 4))
    assert list(dict.fromkeys(ids)) == [1, 2]


def test_hidden_tracks_coast_on_their_motion() -> None:
    tracker = IouTracker(TrackerSettings())
    for time_s in clock(25, 1):
        tracker.update([detection(100 + 200 * time_s, 300)], time_s)
    (track,) = tracker.update([], 1.3)
    assert track.detection is None
    assert track.seen_s == pytest.approx(0.96)
    assert track.box.center == pytest.approx((100 + 200 * 1.3, 300), abs=15)
    assert track.box.width == pytest.approx(100, abs=5)


def test_prediction_is_of_that_time_and_changes_nothing() -> None:
    tracker = IouTracker(TrackerSettings())
    for time_s in clock(25, 1):
        tracker.update([detection(100 + 200 * time_s, 300)], time_s)
    (box,) = tracker.predict(1.1)
    assert box.center == pytest.approx((320, 300), abs=8)
    assert tracker.predict(1.1) == [box]


def test_unsure_detections_continue_a_track_but_begin_none() -> None:
    (ids,) = follow([Person(straight(100, 300, 100), score=lambda t: 0.99 if t < 1 else 0.75)], clock(25, 3))
    assert set(ids) == {1}
    assert len(ids) == 75
    assert follow([Person(straight(100, 300, 0), score=lambda _: 0.85)], clock(25, 1)) == [[]]


def test_a_sure_detection_shows_at_once() -> None:
    (track,) = IouTracker(TrackerSettings()).update([detection(100, 100)], 7.0)
    assert (track.id, track.first_s, track.seen_s) == (1, 7.0, 7.0)
    assert track.detection is not None


def test_a_false_alarm_of_one_frame_is_soon_gone_and_catches_nobody() -> None:
    tracker = IouTracker(TrackerSettings())
    tracker.update([detection(300, 300)], 0.0)
    assert tracker.update([], 0.1)
    assert tracker.update([], 0.4) == []
    (track,) = tracker.update([detection(310, 300)], 0.44)
    assert track.id == 2


def test_one_frame_a_second_still_follows_a_person_who_stands() -> None:
    """Longer than YOUNG_KEEP_S between looks: a face that was there the last time gets its chance."""
    (ids,) = follow([Person(straight(300, 300, 10))], clock(1, 6))
    assert set(ids) == {1}


def test_a_face_found_twice_is_one_track() -> None:
    tracker = IouTracker(TrackerSettings())
    for time_s in clock(25, 1):
        tracks = tracker.update([detection(300, 300), detection(312, 306, 96)], time_s)
        assert len(tracks) == 1


def test_two_tracks_that_run_together_are_merged_into_the_older() -> None:
    tracker = IouTracker(TrackerSettings())
    for time_s in clock(25, 2):
        apart = max(0.0, 300 * (1 - time_s))
        tracks = tracker.update([detection(300, 300), detection(304 + apart, 300)], time_s)
    assert [track.id for track in tracks] == [1]


def test_a_hidden_track_behind_a_visible_one_is_kept() -> None:
    tracker = IouTracker(TrackerSettings())
    for time_s in clock(25, 1):
        tracker.update([detection(300, 300), detection(460 - 100 * time_s, 300)], time_s)
    for time_s in (1.2, 1.4, 1.6):
        tracks = tracker.update([detection(300, 300)], time_s)
    assert [(track.id, track.detection is not None) for track in tracks] == [(1, True), (2, False)]


def test_a_newcomer_beside_a_hidden_face_is_somebody_else() -> None:
    """Two face widths away, half a second after the other was lost."""
    tracker = IouTracker(TrackerSettings())
    for time_s in clock(25, 1):
        tracker.update([detection(300, 300)], time_s)
    tracks = tracker.update([detection(500, 300)], 1.4)
    assert [(track.id, track.detection is not None) for track in tracks] == [(1, False), (2, True)]


def test_a_face_of_another_size_at_the_same_place_is_somebody_else() -> None:
    tracker = IouTracker(TrackerSettings())
    for time_s in clock(25, 1):
        tracker.update([detection(300, 300)], time_s)
    tracks = tracker.update([detection(300, 300, 230)], 1.04)
    assert {track.id for track in tracks if track.detection} == {2}


def test_variable_rate() -> None:
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.uniform(0.01, 0.2, 60)).tolist()
    ids = follow([Person(straight(0, 300, 250)), Person(straight(300, 600, 250))], times)
    assert [len(set(each)) for each in ids] == [1, 1]


def test_a_turning_person_is_not_lost() -> None:
    (ids,) = follow([Person(lambda t: (500 + 250 * np.sin(2 * t), 300 + 40 * np.sin(7 * t)))], clock(15, 6))
    assert set(ids) == {1}


def test_a_crowd_keeps_its_ids() -> None:
    """Twelve people on three lanes in both directions, each missed now and then."""
    rng = np.random.default_rng(1)
    gaps = rng.random((12, 400)) < 0.1
    people = [
        Person(
            straight(150.0 * (i // 3) + 400 * (i % 3), 200 + 180 * (i % 3), (-1) ** (i % 3) * 120),
            size=90,
            visible=lambda t, i=i: not gaps[i, round(t * 25)],  # type: ignore[misc]
        )
        for i in range(12)
    ]
    ids = follow(people, clock(25, 5))
    assert [len(set(each)) for each in ids] == [1] * 12
    assert len({each[0] for each in ids}) == 12


def test_ids_are_never_used_twice_and_go_on_after_a_reset() -> None:
    tracker = IouTracker(TrackerSettings())
    seen: list[int] = []
    for i in range(5):
        seen += [track.id for track in tracker.update([detection(100, 100), detection(400, 100)], i * 5.0)]
        tracker.reset()
        assert tracker.predict(i * 5.0) == []
    assert seen == list(range(1, 11))


def test_trackers_with_one_counter_share_no_id() -> None:
    ids = itertools.count(5)
    first, second = IouTracker(TrackerSettings(), ids), IouTracker(TrackerSettings(), ids)
    tracks: list[Track] = first.update([detection(100, 100)], 0) + second.update([detection(100, 100)], 0)
    assert [track.id for track in tracks] == [5, 6]


def test_keep_s_zero_ends_a_track_with_the_first_miss() -> None:
    tracker = IouTracker(TrackerSettings(keep_s=0))
    tracker.update([detection(100, 100)], 0.0)
    tracker.update([detection(100, 100)], 0.04)
    assert tracker.update([], 0.08) == []


def test_uncertainty_is_high_for_new_faces_at_low_rates_and_falls_once_the_speed_is_known() -> None:
    tracker = IouTracker(TrackerSettings())
    assert tracker.uncertainty(0.0) == 0
    tracker.update([detection(100, 100)], 0.0)
    assert tracker.uncertainty(0.03) < 0.2
    assert tracker.uncertainty(0.12) > 0.45
    for i in range(1, 10):
        tracker.update([detection(100, 100)], i * 0.12)
    assert tracker.uncertainty(9 * 0.12 + 0.12) < 0.4
    tracker.update([], 1.2)
    assert tracker.uncertainty(1.3) == 0


def test_a_face_found_twice_does_not_throw_a_hidden_track_off() -> None:
    """Where one face hides another, the detector finds the front one again where the hidden one should be."""
    tracker = IouTracker(TrackerSettings())
    front, behind = Box(400, 240, 545, 430), Box(580, 283, 690, 425)
    for frame in range(30):
        tracker.update([boxed(front), boxed(behind)], frame / 30)
    double = Box(450, 245, 600, 432)
    for frame in range(30, 40):
        tracks = tracker.update([boxed(front, 1.0), boxed(double, 0.95)], frame / 30)
    hidden = next(track for track in tracks if track.detection is None)
    assert hidden.box.iou(behind) > 0.8
    tracks = tracker.update([boxed(front), boxed(behind)], 40 / 30)
    assert [track.id for track in tracks if track.detection is not None] == [1, 2]


def crowd(time_s: float, walker: bool = False) -> list[Detection]:
    """Fifteen who sit in rows and sway; the last may walk."""
    found = [
        detection(200 + 250 * (k % 5) + 6 * np.sin(2 * time_s + k), 200 + 250 * (k // 5) + 3 * np.cos(2 * time_s + k))
        for k in range(14)
    ]
    return [*found, detection(150 + (400 * time_s if walker else 0.0), 1000)]


def watch_crowd(people: Callable[[float], Sequence[Detection]], seconds: float) -> tuple[list[int], list[list[Track]]]:
    """How many were looked at in each frame, and the tracks. Whom nobody looks at is not found."""
    tracker = IouTracker(TrackerSettings())
    looks, frames = [], []
    for i in range(round(25 * seconds)):
        plan = tracker.plan(i / 25)
        hidden = [found for found in people(i / 25) if any(found.box.iou(box) > 0.5 for box in plan.carried)]
        looks.append(len(plan.look))
        found = [each for each in people(i / 25) if not any(each is other or each.box == other.box for other in hidden)]
        frames.append(tracker.update(found, i / 25))
    return looks, frames


def test_calm_faces_of_a_crowd_are_looked_at_in_turns_and_stay_where_they_are() -> None:
    looks, frames = watch_crowd(crowd, 4)
    assert np.mean(looks[50:]) < 6
    assert {track.id for tracks in frames for track in tracks} == set(range(1, 16))
    for i, tracks in enumerate(frames):
        assert len(tracks) == 15
        for track, truth in zip(sorted(tracks, key=lambda each: each.id), crowd(i / 25), strict=True):
            assert track.detection is not None
            assert track.box.iou(truth.box) > 0.85
    carried = [track for tracks in frames[50:] for track in tracks if track.carried]
    assert len(carried) > 0.6 * 15 * 50


def test_who_walks_through_a_crowd_is_looked_at_in_every_frame() -> None:
    _, frames = watch_crowd(lambda time_s: crowd(time_s, walker=True), 3)
    walker = max(frames[-1], key=lambda track: track.box.y1)
    assert walker.box.center[0] == pytest.approx(150 + 400 * (74 / 25), abs=15)
    assert not any(track.carried for tracks in frames for track in tracks if track.id == walker.id)


def test_few_faces_are_never_carried() -> None:
    looks, frames = watch_crowd(lambda time_s: crowd(time_s)[:12], 2)
    assert looks[1:] == [12] * 49
    assert not any(track.carried for tracks in frames for track in tracks)


def test_a_carried_face_that_has_gone_ends_as_others_do() -> None:
    def leaves(time_s: float) -> list[Detection]:
        return crowd(time_s)[: 15 if time_s < 2 else 13]

    _, frames = watch_crowd(leaves, 4)
    assert [len(tracks) for tracks in (frames[49], frames[-1])] == [15, 13]
    assert sum(track.detection is not None for track in frames[57]) == 13
