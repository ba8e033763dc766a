"""Each factor of quality on pictures that lack just this, made from a drawn face."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from pipeline.quality import (
    QualityReason,
    assess,
    border_factor,
    exposure_factor,
    pose_degrees,
    pose_factor,
    score_factor,
    sharpness_factor,
    size_factor,
)
from pipeline.types import Box, Detection, Float32Array, UInt8Array

FRONTAL = np.array([[0.302, 0.290], [0.698, 0.290], [0.500, 0.528], [0.326, 0.693], [0.674, 0.693]])
"""Landmarks of a frontal face, as fractions of its box."""


def head(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0, size: float = 100.0) -> Float32Array:
    """Landmarks of a turned head, from a rigid model: eyes and mouth in a plane, the tip of the nose before it."""
    length = 0.403
    points = np.column_stack([FRONTAL - 0.5, [0, 0, 0.55 * length, 0, 0]])
    y, p, r = (math.radians(angle) for angle in (yaw, pitch, roll))
    turn = np.array([[math.cos(y), 0, math.sin(y)], [0, 1, 0], [-math.sin(y), 0, math.cos(y)]])
    nod = np.array([[1, 0, 0], [0, math.cos(p), math.sin(p)], [0, -math.sin(p), math.cos(p)]])
    lean = np.array([[math.cos(r), -math.sin(r), 0], [math.sin(r), math.cos(r), 0], [0, 0, 1]])
    turned = points @ (lean @ nod @ turn).T
    return np.asarray((turned[:, :2] + 0.5) * size, np.float32)


def picture(size: int = 120) -> UInt8Array:
    """A face-like pattern that fills the middle of a grey frame twice as large: features and fine skin texture."""
    rng = np.random.default_rng(0)
    face = np.full((240, 240), 150, np.float32)
    for x, y in FRONTAL:
        cv2.circle(face, (round(x * 240), round(y * 240)), 16, 60, -1, cv2.LINE_AA)
    face += cv2.GaussianBlur(rng.normal(0, 60, face.shape).astype(np.float32), (0, 0), 1.2)
    small = cv2.resize(face, (size, size), interpolation=cv2.INTER_AREA)
    frame = np.full((2 * size, 2 * size), 128, np.float32)
    frame[size // 2 : size // 2 + size, size // 2 : size // 2 + size] = small
    return cv2.cvtColor(np.clip(frame, 0, 255).astype(np.uint8), cv2.COLOR_GRAY2BGR).astype(np.uint8)


def found(size: float = 120.0, score: float = 0.999, landmarks: Float32Array | None = None) -> Detection:
    corner = size / 2
    points = head(size=size) + np.float32(corner) if landmarks is None else landmarks
    return Detection(Box(corner, corner, corner + size, corner + size), score, points.astype(np.float32))


def test_a_good_face_is_worth_nearly_everything_and_has_no_reason() -> None:
    quality = assess(picture(), found())
    assert quality.value > 0.9
    assert quality.reason is None


def test_small() -> None:
    assert size_factor(Box(0, 0, 100, 120)) == 1
    assert size_factor(Box(0, 0, 20, 26)) == pytest.approx(0.4)
    assert size_factor(Box(0, 0, 5, 6)) == 0
    assert assess(picture(22), found(22)).reason is QualityReason.SMALL


def test_blurred_the_more_the_worse() -> None:
    values = []
    for sigma in (0.0, 1.5, 3.0, 6.0):
        image = picture() if sigma == 0 else cv2.GaussianBlur(picture(), (0, 0), sigma).astype(np.uint8)
        values.append(assess(image, found()).value)
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.4 * values[0]
    assert assess(cv2.GaussianBlur(picture(), (0, 0), 5).astype(np.uint8), found()).reason is QualityReason.BLURRED


def test_blur_counts_at_the_size_that_the_model_sees() -> None:
    """A blur of four pixels ruins a face of 120 pixels and leaves one of 960 as it was."""
    large = cv2.resize(picture(120), None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC)
    blurred = cv2.GaussianBlur(large, (0, 0), 4).astype(np.uint8)
    assert assess(blurred, found(960)).value > 0.8 * assess(large.astype(np.uint8), found(960)).value


def test_contrast_is_no_sharpness() -> None:
    face = cv2.GaussianBlur(picture(), (0, 0), 2)[60:180, 60:180, 0].astype(np.float32)
    assert sharpness_factor(face) == pytest.approx(sharpness_factor(128 + 0.4 * (face - 128)), abs=1e-3)


@pytest.mark.parametrize("roll", [0, 35, -90, 180])
@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (25, 0), (-40, 0), (0, 20), (0, -20)])
def test_angles_of_a_rigid_head_do_not_depend_on_roll(yaw: float, pitch: float, roll: float) -> None:
    told_yaw, told_pitch = pose_degrees(head(yaw, pitch, roll))
    assert told_yaw == pytest.approx(yaw, abs=3)
    assert told_pitch == pytest.approx(pitch, abs=12)
    assert told_pitch * pitch >= 0


def test_turned() -> None:
    values = [pose_factor(head(yaw)) for yaw in (0, 25, 50, 75)]
    assert values[0] == 1
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.1
    turned = head(60, size=120) + np.float32(60)
    assert assess(picture(), found(landmarks=turned)).reason is QualityReason.TURNED


@pytest.mark.parametrize("value", [50.0, np.nan])
def test_landmarks_that_make_no_face_are_worth_nothing(value: float) -> None:
    assert assess(picture(), found(landmarks=np.full((5, 2), value, np.float32))).value == 0


def test_unsure() -> None:
    assert score_factor(0.999) == 1
    assert score_factor(0.7) < 0.2
    assert assess(picture(), found(score=0.75)).reason is QualityReason.UNSURE


def test_cut_off() -> None:
    assert border_factor(Box(0, 0, 100, 100), 640, 480) == 1
    assert 0.4 < border_factor(Box(-20, 0, 80, 100), 640, 480) < 0.7
    assert border_factor(Box(600, 100, 700, 200), 640, 480) == 0
    assert border_factor(Box(-50, -50, -10, -10), 640, 480) == 0
    assert border_factor(Box(-10, -10, 650, 490), 640, 480) > 0.8
    half = picture()[:, 84:].copy()
    moved = found()
    box = Box(moved.box.x1 - 84, moved.box.y1, moved.box.x2 - 84, moved.box.y2)
    assert assess(half, Detection(box, 0.999, moved.landmarks)).reason is QualityReason.CUT_OFF


@pytest.mark.parametrize(("gain", "offset"), [(0.1, 0), (0.1, 235), (0.05, 120)])
def test_too_dark_too_bright_too_flat(gain: float, offset: float) -> None:
    image = np.clip(picture().astype(np.float32) * gain + offset, 0, 255).astype(np.uint8)
    quality = assess(image, found())
    assert quality.value < 0.5
    assert quality.reason is (QualityReason.DARK if offset == 0 else QualityReason.EXPOSURE)


def test_exposure_of_ordinary_light_is_full() -> None:
    face = picture()[60:180, 60:180, 0].astype(np.float32)
    assert exposure_factor(face) == 1
    assert exposure_factor(face * 0.7) == 1


def test_faces_outside_of_the_picture_break_nothing() -> None:
    for x, y in ((-500, 10), (230, 230), (10_000, 0), (119, 239)):
        box = Box(x, y, x + 120, y + 120)
        assert 0 <= assess(picture(), Detection(box, 0.99, head() + np.float32(x))).value < 0.2
