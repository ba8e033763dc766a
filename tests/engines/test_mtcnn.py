"""The detector: the same faces as facenet-pytorch's own, and what a program needs beyond that."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.mtcnn import MtcnnDetector
from pipeline.types import Box, Detection, UInt8Array

ROOT = Path(__file__).resolve().parents[2]
STILLS = ROOT.parent / "shared" / "data" / "stills"
PORTRAITS = sorted((ROOT / "assets" / "demo").glob("*.webp"))
SMALLEST_FACE_PX = 40


def read(path: Path) -> UInt8Array:
    image = cv2.imread(str(path))
    assert image is not None, path
    return np.asarray(image, np.uint8)


@pytest.fixture(scope="module")
def detector() -> MtcnnDetector:
    return MtcnnDetector.load(SMALLEST_FACE_PX, threads=1)


def corners(face: Detection) -> list[float]:
    return [face.box.x1, face.box.y1, face.box.x2, face.box.y2]


def golden(detector: MtcnnDetector, path: Path) -> int:
    """Compares with facenet-pytorch on one picture; returns the number of faces."""
    reference = pytest.importorskip("facenet_pytorch", reason="the reference detector (extra: train)")
    image = read(path)
    theirs = reference.MTCNN(keep_all=True, min_face_size=SMALLEST_FACE_PX)
    boxes, scores, points = theirs.detect(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), landmarks=True)
    boxes = [] if boxes is None else boxes
    ours = detector.scan(image)
    assert len(ours) == len(boxes)
    for row, box in enumerate(boxes):
        best = max(ours, key=lambda face: face.box.iou(Box(*box)))
        assert best.box.iou(Box(*box)) > 0.9
        np.testing.assert_allclose(corners(best), np.asarray(box, np.float64), atol=2)
        np.testing.assert_allclose(best.landmarks, np.asarray(points[row], np.float64), atol=2)
        assert best.score == pytest.approx(scores[row], abs=0.01)
    return len(boxes)


@pytest.mark.parametrize("path", PORTRAITS, ids=lambda path: path.stem)
def test_same_face_as_facenet_pytorch_on_the_portraits(detector: MtcnnDetector, path: Path) -> None:
    assert golden(detector, path) >= 1


@pytest.mark.skipif(not STILLS.is_dir(), reason="the group photos are not in the repository")
def test_same_faces_as_facenet_pytorch_on_the_stills(detector: MtcnnDetector) -> None:
    faces = {path.name: golden(detector, path) for path in sorted(STILLS.glob("*.jpg"))}
    assert faces["no-face-dogs.jpg"] == 0
    assert sum(faces.values()) >= 40


def two_faces() -> UInt8Array:
    """Both portraits beside each other, one at two thirds of its size."""
    assert len(PORTRAITS) >= 2
    canvas = np.full((720, 1280, 3), 90, np.uint8)
    for path, x, height in ((PORTRAITS[0], 60, 600), (PORTRAITS[1], 700, 400)):
        image = read(path)
        small = cv2.resize(image, (round(image.shape[1] * height / image.shape[0]), height), interpolation=cv2.INTER_AREA)
        small = small[:, : 1280 - x]
        canvas[60 : 60 + height, x : x + small.shape[1]] = small
    return canvas


def test_refining_finds_the_scanned_faces_again(detector: MtcnnDetector) -> None:
    image = two_faces()
    scanned = detector.scan(image)
    assert len(scanned) == 2
    side = max(face.box.width for face in scanned)
    for shift in (0.0, 0.1, -0.12):
        near = [Box(f.box.x1 + shift * side, f.box.y1, f.box.x2 + shift * side, f.box.y2) for f in scanned]
        refined = detector.refine(image, near)
        assert len(refined) == 2
        for face in scanned:
            assert max(face.box.iou(other.box) for other in refined) > 0.75, shift


def test_refining_an_empty_place_finds_nothing(detector: MtcnnDetector) -> None:
    assert detector.refine(two_faces(), [Box(560, 560, 660, 680), Box(-500, -500, -400, -400)]) == []
    assert detector.refine(two_faces(), []) == []


def test_known_faces_are_refined_and_new_ones_still_found(detector: MtcnnDetector) -> None:
    image = two_faces()
    scanned = detector.scan(image)
    again = detector.scan(image, [scanned[0].box])
    assert len(again) == 2
    for face in scanned:
        assert max(face.box.iou(other.box) for other in again) > 0.75
    # A followed face that is gone leaves no ghost, and hides no face nearby.
    assert len(detector.scan(image, [Box(560, 560, 660, 680)])) == 2


def test_where_a_face_is_carried_nothing_is_proposed_and_the_others_are_found(detector: MtcnnDetector) -> None:
    image = two_faces()
    one, other = detector.scan(image)
    found = detector.scan(image, carried=[one.box])
    assert len(found) == 1
    assert found[0].box.iou(other.box) > 0.9
    assert len(detector.scan(image, [one.box], [other.box])) == 1


def test_the_smallest_face_is_obeyed() -> None:
    faces = MtcnnDetector.load(300, threads=1).scan(two_faces())
    assert all(face.box.height > 150 for face in faces)
    assert len(faces) < 2


@pytest.mark.parametrize("shape", [(1, 1), (11, 400), (40, 40), (480, 13)])
def test_pictures_smaller_than_a_face_hold_none(detector: MtcnnDetector, shape: tuple[int, int]) -> None:
    assert detector.scan(np.full((*shape, 3), 120, np.uint8)) == []


def test_landmarks_are_ordered_as_seen_in_the_picture(detector: MtcnnDetector) -> None:
    for face in detector.scan(two_faces()):
        left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
        assert left_eye[0] < nose[0] < right_eye[0]
        assert left_mouth[0] < right_mouth[0]
        assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


def moved(face: Detection, x: float, y: float, ratio: float) -> Detection:
    """The face as found a little beside, by shares of its size."""
    (cx, cy), half_w, half_h = face.box.center, face.box.width * ratio / 2, face.box.height * ratio / 2
    cx, cy = cx + x * face.box.width, cy + y * face.box.width
    points = (face.landmarks + np.array([x, y]) * face.box.width).astype(np.float32)
    return Detection(Box(cx - half_w, cy - half_h, cx + half_w, cy + half_h), face.score, points)


def test_settled_landmarks_hardly_depend_on_where_the_face_was_found(detector: MtcnnDetector) -> None:
    image = two_faces()
    rng = np.random.default_rng(0)
    for face in detector.scan(image):
        beside = rng.normal(0, 0.02, (10, 3)).tolist()
        found = [moved(face, x, y, float(np.exp(larger))) for x, y, larger in beside]
        settled, roughly = np.array(detector.settle(image, found)), np.array(detector.settle(image, found, roughly=True))
        assert settled.shape == (10, 5, 2)
        assert np.abs(settled.mean(axis=0) - face.landmarks).max() < 0.04 * face.box.width
        before = np.std([each.landmarks for each in found], axis=0).mean()
        assert settled.std(axis=0).mean() < 0.2 * before
        assert settled.std(axis=0).mean() < roughly.std(axis=0).mean() < before


def test_settling_moves_with_the_picture(detector: MtcnnDetector) -> None:
    """Only a part of the picture is looked at: landmarks are still in pixels of the whole."""
    image = two_faces()
    face = max(detector.scan(image), key=lambda each: each.box.area)
    shifted_image = np.ascontiguousarray(np.roll(image, (40, 60), axis=(0, 1)))
    shift = np.array([60, 40])
    there = Detection(
        Box(face.box.x1 + 60, face.box.y1 + 40, face.box.x2 + 60, face.box.y2 + 40),
        face.score,
        face.landmarks + shift.astype(np.float32),
    )
    (here,), (gone,) = detector.settle(image, [face]), detector.settle(shifted_image, [there])
    assert np.abs(gone - shift - here).max() < 0.01 * face.box.width


def test_a_face_half_out_of_the_picture_keeps_its_landmarks_or_better(detector: MtcnnDetector) -> None:
    image = two_faces()
    face = max(detector.scan(image), key=lambda each: each.box.area)
    cut = np.ascontiguousarray(image[:, round(face.box.center[0]) :])
    there = moved(face, -round(face.box.center[0]) / face.box.width, 0, 1.0)
    (points,) = detector.settle(cut, [there])
    assert points.shape == (5, 2)
    assert np.isfinite(points).all()
    outside = moved(face, -10.0, 0, 1.0)
    assert detector.settle(image, [outside])[0] is outside.landmarks


def test_a_huge_picture_is_searched_in_a_smaller_size(detector: MtcnnDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    image = two_faces()
    whole = detector.scan(image)
    monkeypatch.setattr("engines.mtcnn.MOST_PIXELS", 400_000)
    for found in (detector.scan(image), detector.refine(image, [face.box for face in whole])):
        assert len(found) == len(whole) == 2
        for face in whole:
            other = max(found, key=lambda one: one.box.iou(face.box))
            assert other.box.iou(face.box) > 0.8
            np.testing.assert_allclose(other.landmarks, face.landmarks, atol=0.1 * face.box.width)
