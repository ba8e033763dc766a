"""When the whole picture is searched, and when only known places."""

from __future__ import annotations

from pipeline.guidance import BLIND_SIGMA, GuidedDetector
from pipeline.settings import DetectorSettings
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
