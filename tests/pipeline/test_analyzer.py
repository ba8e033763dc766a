"""The whole analysis on painted pictures whose truth is known."""

from __future__ import annotations

import gc
import itertools
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from pipeline.analyzer import SEEK_S, Analyzer
from pipeline.protocols import FrameAnalyzer
from pipeline.settings import AgeSettings, DetectorSettings, Settings
from pipeline.tracking import CROWD
from pipeline.types import AgeBelief, Face, FrameResult
from tests.pipeline.painted import Painted, PaintedDetector, PaintedEngine, frame, paint, room

ROOM = room(0)
Scene = Callable[[float], Sequence[Painted]]


class Bench:
    """An analyzer with its doubles."""

    def __init__(self, settings: Settings | None = None, live: bool = False) -> None:
        self.detector, self.engine = PaintedDetector(), PaintedEngine()
        self.analyzer = Analyzer(self.detector, self.engine, settings or Settings(), live=live)

    def play(self, scene: Scene, seconds: float, fps: float = 25, start_s: float = 0.0) -> list[FrameResult]:
        times = [start_s + i / fps for i in range(round(seconds * fps))]
        return [self.analyzer.process(frame(paint(ROOM, scene(time_s)), time_s)) for time_s in times]


def two(time_s: float) -> list[Painted]:
    """A child who stands and an adult who walks by."""
    return [Painted(150, 120, age=8), Painted(100 + 150 * time_s, 260, age=45)]


def belief(face: Face) -> AgeBelief:
    assert face.belief is not None
    return face.belief


def test_it_is_a_frame_analyzer() -> None:
    bench = Bench()
    analyzer: FrameAnalyzer = bench.analyzer
    assert analyzer.engine is bench.engine.info
    assert analyzer.process(frame(ROOM, 0.0)).engine == "cpu int8"


def test_results_tell_what_changes_about_the_engine() -> None:
    """A faster engine is being built, then takes over: the window reads both off the frames."""
    bench = Bench()
    bench.engine.info = replace(bench.engine.info, note="building TensorRT 43%")
    assert bench.analyzer.process(frame(ROOM, 0.0)).engine_note == "building TensorRT 43%"
    bench.engine.info = replace(bench.engine.info, name="tensorrt", precision="fp16", note="")
    after = bench.analyzer.process(frame(ROOM, 0.04))
    assert (after.engine, after.engine_note) == ("tensorrt fp16", "")


def test_everybody_is_followed_and_aged() -> None:
    results = Bench().play(two, 3)
    assert all(len(result.faces) == 2 for result in results)
    assert not any(result.cut for result in results)
    ages = {face.person: belief(face) for face in results[-1].faces}
    assert sorted(ages) == [1, 2]
    assert sorted(round(age.years) for age in ages.values()) == [8, 45]
    assert all(age.settled and age.low < age.years < age.high for age in ages.values())
    for result in results:
        assert {face.person for face in result.faces} == {1, 2}
        assert all(face.raw is None or abs(face.raw.years - belief(face).years) < 1 for face in result.faces)


def test_a_face_shows_in_its_first_frame_with_an_age_to_come() -> None:
    (face,) = Bench().play(lambda _: [Painted(200, 200, age=30)], 0.04)[0].faces
    assert face.raw is not None
    assert belief(face).years == pytest.approx(30, abs=0.5)
    assert not belief(face).settled
    assert face.quality > 0.8
    assert face.male == pytest.approx(0.8)


def test_no_age_leaks_across_a_hard_cut() -> None:
    """Another person at the very same place."""
    bench = Bench()
    before = bench.play(lambda _: [Painted(200, 200, age=20)], 2)
    image = paint(room(7), [Painted(200, 200, age=70)])
    after = bench.analyzer.process(frame(image, 2.0))
    assert after.cut
    assert after.faces[0].person != before[-1].faces[0].person
    assert after.faces[0].track != before[-1].faces[0].track
    assert belief(after.faces[0]).years == pytest.approx(70, abs=0.5)


@pytest.mark.parametrize("jump_s", [-1.0, SEEK_S + 0.5])
def test_a_seek_is_a_cut(jump_s: float) -> None:
    bench = Bench()
    results = bench.play(lambda _: [Painted(200, 200, age=20)], 2)
    after = bench.analyzer.process(frame(paint(ROOM, [Painted(200, 200, age=20)]), results[-1].frame.time_s + jump_s))
    assert after.cut
    assert after.faces[0].person == 2


def test_another_source_is_a_cut() -> None:
    bench = Bench()
    bench.play(lambda _: [Painted(200, 200, age=20)], 1)
    after = bench.analyzer.process(frame(paint(ROOM, [Painted(200, 200, age=20)]), 1.0, source="another"))
    assert after.cut
    assert [face.person for face in after.faces] == [2]


def test_independent_pictures_share_nothing() -> None:
    bench = Bench()
    faces = [Painted(100 + 110 * i, 150, age=10 + 10 * i) for i in range(5)]
    results = [bench.analyzer.process(frame(paint(ROOM, faces), i, i, f"{i}.jpg", independent=True)) for i in range(3)]
    assert all(result.cut for result in results)
    assert bench.detector.scans == 3
    assert bench.detector.refined == []
    assert bench.engine.batches == [5, 5, 5]
    persons = [face.person for result in results for face in result.faces]
    assert persons == list(range(1, 16))
    for result in results:
        for face, painted in zip(sorted(result.faces, key=lambda face: face.detection.box.x1), faces, strict=True):
            assert belief(face).settled
            assert belief(face).years == pytest.approx(painted.age, abs=1)
    film = bench.analyzer.process(frame(paint(ROOM, faces), 3.0))
    assert film.cut
    assert not belief(film.faces[0]).settled


def test_even_a_poor_picture_of_a_folder_gets_an_age() -> None:
    image = paint(ROOM, [Painted(20, 150, age=60, size=30)])
    (face,) = Bench().analyzer.process(frame(image, 0.0, independent=True)).faces
    assert face.quality < 0.7
    assert face.reason is not None
    assert belief(face).years == pytest.approx(60, abs=1.5)


def test_most_frames_are_not_scanned_and_nobody_is_lost() -> None:
    bench = Bench()
    results = bench.play(two, 3)
    assert bench.detector.scans == pytest.approx(3 / 0.24, abs=3)
    assert len(results) == 75
    assert all(len(result.faces) == 2 for result in results)


def test_scan_interval_zero_scans_every_frame() -> None:
    bench = Bench(Settings(detector=DetectorSettings(scan_interval_s=0)))
    bench.play(two, 1)
    assert bench.detector.scans == 25


def test_newcomers_are_seen_within_the_scan_interval() -> None:
    def enters(time_s: float) -> list[Painted]:
        return [Painted(150, 120, age=8)] + ([Painted(400, 200, age=30)] if time_s >= 1 else [])

    results = Bench().play(enters, 2)
    first = next(result.frame.time_s for result in results if len(result.faces) == 2)
    assert 1 <= first <= 1.25


def test_hidden_faces_are_not_in_the_result_and_come_back_as_the_same_person() -> None:
    def hides(time_s: float) -> list[Painted]:
        return [] if 1 < time_s < 1.5 else [Painted(200 + 60 * time_s, 200, age=30)]

    results = Bench().play(hides, 3)
    assert {face.person for result in results for face in result.faces} == {1}
    assert all(bool(result.faces) == bool(hides(result.frame.time_s)) for result in results if result.frame.time_s < 1.5)
    assert all(result.faces for result in results if result.frame.time_s > 1.8)


def test_one_batch_per_frame_and_few_estimates_for_known_faces() -> None:
    bench = Bench()
    results = bench.play(two, 8)
    late = [face for result in results if result.frame.time_s > 5 for face in result.faces if face.raw]
    assert 2 <= len(late) <= 12
    assert len(bench.engine.batches) <= len(results)
    assert sum(bench.engine.batches) == sum(face.raw is not None for result in results for face in result.faces)


def test_files_give_the_same_result_however_slow_the_engine() -> None:
    def crowd(time_s: float) -> list[Painted]:
        return [Painted(80 + 120 * i + 20 * time_s, 180, age=20 + 10 * i) for i in range(4)]

    quick, slow = Bench(), Bench()
    slow.engine.face_s = 0.02
    seen = [
        [(face.person, face.raw is None, face.belief) for result in bench.play(crowd, 1) for face in result.faces]
        for bench in (quick, slow)
    ]
    assert seen[0] == seen[1]


def test_live_sources_give_a_slow_engine_fewer_faces() -> None:
    bench = Bench(Settings(age=AgeSettings(budget_ms=18, load=0)), live=True)
    bench.engine.face_s = 0.013
    bench.play(lambda _: [Painted(80 + 120 * i, 180, age=20 + 10 * i) for i in range(5)], 5)
    assert bench.engine.batches[0] == 5
    assert max(bench.engine.batches[15:]) == 1


def test_faces_are_cut_out_by_settled_landmarks_in_films_and_not_in_stills() -> None:
    bench = Bench()
    bench.play(two, 1)
    assert bench.detector.settled == bench.engine.batches
    bench.analyzer.process(frame(paint(ROOM, two(0)), 0.0, source="still", independent=True))
    assert len(bench.detector.settled) == len(bench.engine.batches) - 1


@pytest.mark.parametrize("people", [CROWD, CROWD + 1])
def test_only_in_crowds_landmarks_are_settled_roughly(people: int) -> None:
    bench = Bench()
    bench.play(lambda _: [Painted(60 + 80 * (i % 7), 100 + 120 * (i // 7), age=20 + i, size=48) for i in range(people)], 1)
    assert set(bench.detector.rough) == {people > CROWD}


def test_ids_of_analyzers_for_one_log_are_unique() -> None:
    tracks, persons = itertools.count(11), itertools.count(101)
    results = []
    for _ in range(2):
        analyzer = Analyzer(PaintedDetector(), PaintedEngine(), Settings(), track_ids=tracks, person_ids=persons)
        results.append(analyzer.process(frame(paint(ROOM, two(0)), 0.0)))
    assert [face.person for result in results for face in result.faces] == [101, 102, 103, 104]
    assert [face.track for result in results for face in result.faces] == [11, 12, 13, 14]


def test_stage_times_are_measured() -> None:
    times = Bench().play(two, 0.1)[0].times
    assert min(times.detect_ms, times.track_ms, times.estimate_ms, times.fuse_ms) > 0


def test_pictures_that_change_size_and_have_no_face_break_nothing() -> None:
    bench = Bench()
    for i, (width, height) in enumerate([(640, 360), (320, 240), (16, 16), (1280, 720)]):
        result = bench.analyzer.process(frame(paint(room(i, width, height), []), i / 25))
        assert result.faces == ()


def test_memory_does_not_grow_with_people_who_came_and_went() -> None:
    """Somebody new at another place every half second. (Films keep the last word on everybody: 500 bytes each.)"""
    bench = Bench(live=True)
    images = [paint(room(0, 320, 180), [Painted(60 + 90 * (i % 3), 60 + 60 * (i % 2), age=20 + i, size=40)]) for i in range(6)]
    sizes = []
    tracemalloc.start()
    for i in range(400):
        bench.analyzer.process(frame(images[(i // 2) % 6], i * 0.25))
        if i in (150, 399):
            gc.collect()  # empties Python's free lists, which count as memory in use
            sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert sizes[1] - sizes[0] < 20_000
    assert next(bench.analyzer._people._ids) > 100


def test_results_do_not_depend_on_other_analyzers() -> None:
    alone = Bench().play(two, 1)
    first, second = Bench(), Bench()
    mixed = []
    for i in range(25):
        image = paint(ROOM, two(i / 25))
        mixed.append(first.analyzer.process(frame(image, i / 25)))
        second.analyzer.process(frame(paint(room(9), [Painted(300, 100, age=90)]), i / 25))
    assert [[face.belief for face in result.faces] for result in alone] == [
        [face.belief for face in result.faces] for result in mixed
    ]
    assert np.all([len(result.faces) == 2 for result in mixed])
