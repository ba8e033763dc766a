"""When the whole picture is searched, and when only known places."""

from __future__ import annotations

from pipeline.guidance import BLIND_SIGMA, GuidedDetector
from pipeline.settings import DetectorSettings
from pipeline.tracking import CROWD
from pipeline.types import Box
from tests.pipeline.painted import Painted, PaintedDetector, paint, room

IMAGE = paint(room(0), [Painted(200, 200, age=30), Painted(450, 150, age=50)])
LEFT, NOBODY = Box(160, 160, 240, 240), Box(20, 260, 100, 340)
SETTINGS = DetectorSettings(scan_interval_s=0.24)


def test_scans_at_intervals_and_refines_in_between() -> None:
    detector = PaintedDetector()
    guided = GuidedDetector(detector, SETTINGS)
    counts = [len(guided.detect(IMAGE, [LEFT], 0.0, i / 25)) for i in range(13)]
    assert detector.scans == 3
    assert [i for i, count in enumerate(counts) if count == 2] == [0, 6, 12]


def test_a_lost_face_brings_the_scan_forward_but_not_at_once_again() -> None:
    detector = PaintedDetector()
    guided = GuidedDetector(detector, SETTINGS)
    for i in range(4):
        guided.detect(IMAGE, [LEFT], 0.0, i / 25)
        guided.face_lost()
    assert detector.scans == 2


def test_restart_scans_the_next_picture() -> None:
    detector = PaintedDetector()
    guided = GuidedDetector(detector, SETTINGS)
    guided.detect(IMAGE, [], 0.0, 5.0)
    guided.restart()
    guided.detect(IMAGE, [], 0.0, 5.04)
    assert detector.scans == 2


def test_predictions_that_may_be_far_off_are_not_relied_on() -> None:
    detector = PaintedDetector()
    guided = GuidedDetector(detector, SETTINGS)
    guided.detect(IMAGE, [LEFT], 0.0, 0.0)
    faces = guided.detect(IMAGE, [NOBODY], BLIND_SIGMA, 0.04)
    assert len(faces) == 2
    assert detector.known == [1, 0]


def test_while_a_crowd_is_followed_every_second_scan_is_left_out() -> None:
    detector = PaintedDetector()
    guided = GuidedDetector(detector, SETTINGS)
    look, carried = [LEFT] * 4, [NOBODY] * (CROWD - 3)
    scanned = []
    for i in range(25):
        before = detector.scans
        guided.detect(IMAGE, look if i else [], 0.0, i / 25, carried if i else [])
        if detector.scans > before:
            scanned.append(i)
    assert scanned == [0, 6, 12, 24]


def test_a_lost_face_brings_the_scan_forward_in_a_crowd_too() -> None:
    detector = PaintedDetector()
    guided = GuidedDetector(detector, SETTINGS)
    crowd = [LEFT] * (CROWD + 1)
    guided.detect(IMAGE, crowd, 0.0, 0.0)
    guided.face_lost()
    for i in range(1, 6):
        guided.detect(IMAGE, crowd, 0.0, i / 25)
    assert detector.scans == 2
