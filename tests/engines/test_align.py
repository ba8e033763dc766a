"""Alignment: the template's geometry, large and small faces, borders."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from engines.align import CROP_PX, TEMPLATE, align, similarity
from pipeline.types import Float32Array, UInt8Array


def landmarks_of(size_px: float, angle_deg: float, centre: tuple[float, float]) -> Float32Array:
    turn = np.deg2rad(angle_deg)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.asarray((TEMPLATE - 0.5) * size_px @ rotation.T + centre, np.float32)


def picture_of(size_px: float, angle_deg: float, centre: tuple[float, float]) -> UInt8Array:
    """Five coloured discs on grey, where the landmarks are."""
    image = np.full((1000, 1000, 3), 128, np.uint8)
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255)]
    for (x, y), colour in zip(landmarks_of(size_px, angle_deg, centre), colours, strict=True):
        cv2.circle(image, (round(float(x)), round(float(y))), max(2, round(size_px * 0.04)), colour, -1, cv2.LINE_AA)
    return image


@pytest.mark.parametrize("angle_deg", [0.0, 25.0, -70.0, 180.0])
@pytest.mark.parametrize("size_px", [60.0, 160.0, 333.0, 700.0])
def test_landmarks_land_on_the_template(angle_deg: float, size_px: float) -> None:
    points = landmarks_of(size_px, angle_deg, (500.0, 480.0))
    moved = np.c_[points, np.ones(5)] @ similarity(points).T
    np.testing.assert_allclose(moved, TEMPLATE * CROP_PX, atol=0.01)


@pytest.mark.parametrize("size_px", [80.0, 160.0, 330.0, 650.0])
def test_crops_of_any_scale_look_alike(size_px: float) -> None:
    """The shortcut for large faces (shrink, then sample) must not shift or scale the face."""
    crop = align(picture_of(size_px, 20, (500, 500)), landmarks_of(size_px, 20, (500, 500)))
    expected = align(picture_of(160, 0, (500, 500)), landmarks_of(160, 0, (500, 500)))
    for channel in range(3):
        a, b = (cv2.moments(np.abs(picture[..., channel].astype(np.float32) - 128)) for picture in (crop, expected))
        shift = np.hypot(a["m10"] / a["m00"] - b["m10"] / b["m00"], a["m01"] / a["m00"] - b["m01"] / b["m00"])
        assert shift < 0.7, f"channel {channel} moved by {shift:.2f} px"


def test_margin_adds_picture_around_the_same_face() -> None:
    image, points = picture_of(300, 10, (500, 500)), landmarks_of(300, 10, (500, 500))
    wide = align(image, points, size=208, margin=0.15)
    inner = wide[24:184, 24:184]
    assert np.abs(inner.astype(int) - align(image, points)).mean() < 2


def test_beyond_the_border_there_is_mirrored_picture() -> None:
    image = np.full((100, 100, 3), 200, np.uint8)
    crop = align(image, landmarks_of(120, 0, (0, 0)))
    assert crop.shape == (CROP_PX, CROP_PX, 3)
    assert crop.min() == 200


def test_landmarks_on_one_point_are_refused() -> None:
    with pytest.raises(ValueError, match="no face to align"):
        similarity(np.zeros((5, 2), np.float32))


def test_mirrored_landmarks_are_not_mirrored_back() -> None:
    """A similarity has no reflection: a mirror image must stay one, or left and right would swap in silence."""
    points = landmarks_of(160, 0, (500, 500))
    points[:, 0] = 1000 - points[:, 0]
    assert np.linalg.det(similarity(points)[:, :2]) > 0
