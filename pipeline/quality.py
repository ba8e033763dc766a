"""How much a picture of a face can say about its age: 0 … 1, a product of factors that each have one reason.

The scale is information relative to the best picture, as `smoothing` uses it: a frame of quality 0.5 counts as half a frame.
The size factor is measured; the others are set by looking at faces of real clips along each factor.
"""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
from cv2.typing import MatLike

from pipeline.types import Box, Detection, Float32Array, UInt8Array

SIZE_PX = (8.0, 20.0, 30.0, 50.0, 75.0)
SIZE_WEIGHT = (0.0, 0.40, 0.67, 0.92, 1.0)
"""By face width: (6.9 / RMSE)² of the age error, measured as 10.9 years at 20 px, 8.4 at 30, 7.2 at 50 and 6.9 from 75 px."""

SHARP_PX = 64
"""Faces are compared at this width at most: blur that vanishes when the face is shrunk to the model's input harms nobody."""

SHARPNESS = (0.01, 0.04, 0.10)
SHARPNESS_WEIGHT = (0.15, 0.6, 1.0)

TURN_DEGREES = (15.0, 30.0, 45.0, 60.0, 90.0)
TURN_WEIGHT = (1.0, 0.75, 0.35, 0.1, 0.0)
"""By the angle that `pose_degrees` tells: MTCNN's landmarks stay near the frontal face, a full profile reads as 45 to 60."""

SCORE = (0.7, 0.8, 0.95, 0.99)
SCORE_WEIGHT = (0.15, 0.4, 0.9, 1.0)

VISIBLE = (0.6, 0.85, 1.0)
VISIBLE_WEIGHT = (0.0, 0.6, 1.0)

BRIGHTNESS = (15.0, 50.0, 210.0, 245.0)
BRIGHTNESS_WEIGHT = (0.2, 1.0, 1.0, 0.2)

CONTRAST = (4.0, 16.0)
CONTRAST_WEIGHT = (0.2, 1.0)

NOSE_DEPTH = 0.55
"""How far the tip of the nose lies before the plane of eyes and mouth, in distances from the eyes to the mouth."""

NOSE_DOWN = 0.59
"""Where the nose of a frontal face lies on the way from the eyes to the mouth."""

WORTH_A_REASON = 0.75
"""Pictures above this are good enough not to name what is wrong with them."""


class QualityReason(Enum):
    """What spoils a picture of a face most."""

    SMALL = "small"
    BLURRED = "blurred"
    TURNED = "turned"
    UNSURE = "unsure"
    CUT_OFF = "cut off"
    DARK = "dark"
    EXPOSURE = "exposure"


@dataclass(frozen=True, slots=True)
class Quality:
    """What a picture of a face is worth.

    Attributes:
        value: 0 … 1.
        reason: the factor that lowers it most, None for a good picture.
        pose: yaw and pitch of the head in degrees, as `pose_degrees` tells them.
    """

    value: float
    reason: QualityReason | None
    pose: tuple[float, float] = (0.0, 0.0)


def assess(image: UInt8Array, detection: Detection) -> Quality:
    """The quality of one face.

    Args:
        image: (H, W, 3) uint8 BGR, the whole frame.
        detection: a face of that frame.
    """
    face = _grey_face(image, detection.box)
    height, width = image.shape[:2]
    pose = pose_degrees(detection.landmarks)
    factors = {
        QualityReason.SMALL: size_factor(detection.box),
        QualityReason.BLURRED: sharpness_factor(face),
        QualityReason.TURNED: turn_factor(pose),
        QualityReason.UNSURE: score_factor(detection.score),
        QualityReason.CUT_OFF: border_factor(detection.box, width, height),
        QualityReason.DARK if is_dark(face) else QualityReason.EXPOSURE: exposure_factor(face),
    }
    value = math.prod(factors.values())
    worst = min(factors, key=lambda reason: factors[reason])
    return Quality(value, worst if value < WORTH_A_REASON else None, pose)


def size_factor(box: Box) -> float:
    """By pixels of the face: what was never in the picture cannot be read from it."""
    return _curve(min(box.width, box.height), SIZE_PX, SIZE_WEIGHT)


def sharpness_factor(face: Float32Array) -> float:
    """By focus and movement: wrinkles are the first to go.

    Variance of the Laplacian (J. L. Pech-Pacheco et al., ICPR 2000) over the variance of the picture itself, so that light
    and contrast do not pass for sharpness.

    Args:
        face: (h, w) float32 grey, SHARP_PX wide at most.
    """
    return _curve(sharpness(face), SHARPNESS, SHARPNESS_WEIGHT)


def sharpness(face: Float32Array) -> float:
    """Variance of the Laplacian over the variance of the picture; 0 for a flat one."""
    if face.size == 0:
        return 0.0
    _, spread = _mean_and_spread(face)
    return (_mean_and_spread(cv2.Laplacian(face, cv2.CV_32F))[1] / spread) ** 2 if spread > 1 else 0.0


def pose_factor(landmarks: Float32Array) -> float:
    """By how far the face is turned away. Leaning the head (roll) costs nothing: crops are turned upright.

    Args:
        landmarks: (5, 2) pixels.
    """
    return turn_factor(pose_degrees(landmarks))


def turn_factor(pose: tuple[float, float]) -> float:
    """The same from yaw and pitch in degrees."""
    yaw, pitch = pose
    return _curve(math.hypot(yaw, pitch), TURN_DEGREES, TURN_WEIGHT)


def pose_degrees(landmarks: Float32Array) -> tuple[float, float]:
    """Yaw (to the picture's right) and pitch (down) in degrees, roughly: the nose stands out of the plane of eyes and mouth.

    Args:
        landmarks: (5, 2) pixels. Points that make no face (all on one spot) count as turned away altogether.
    """
    (lx, ly), (rx, ry), (nose_x, nose_y), (mlx, mly), (mrx, mry) = landmarks.tolist()
    eyes_x, eyes_y = (lx + rx) / 2, (ly + ry) / 2
    down_x, down_y = (mlx + mrx) / 2 - eyes_x, (mly + mry) / 2 - eyes_y
    squared = down_x**2 + down_y**2
    if not squared >= 1:  # also true for NaN
        return 90.0, 90.0
    # The nose in the frame of the face: along the line from the eyes to the mouth, and across it, in lengths of that line.
    nose_x, nose_y = nose_x - eyes_x, nose_y - eyes_y
    along = (nose_x * down_x + nose_y * down_y) / squared
    across = (nose_x * down_y - nose_y * down_x) / squared
    return _arcsin_degrees(across / NOSE_DEPTH), _arcsin_degrees((along - NOSE_DOWN) / NOSE_DEPTH)


def score_factor(score: float) -> float:
    """By the detector's sureness: hands, masks and false alarms lower it."""
    return _curve(score, SCORE, SCORE_WEIGHT)


def border_factor(box: Box, width: int, height: int) -> float:
    """By the part of the face inside the picture: the rest is made up by mirroring."""
    inside_x = min(box.x2, width) - max(box.x1, 0.0)
    inside_y = min(box.y2, height) - max(box.y1, 0.0)
    if inside_x <= 0 or inside_y <= 0:
        return 0.0
    return _curve(inside_x * inside_y / box.area, VISIBLE, VISIBLE_WEIGHT)


def exposure_factor(face: Float32Array) -> float:
    """By light: near black or white, and with no contrast, the texture of the skin is gone.

    Args:
        face: (h, w) float32 grey, 0 … 255.
    """
    if face.size == 0:
        return 0.0
    mean, spread = _mean_and_spread(face)
    return _curve(mean, BRIGHTNESS, BRIGHTNESS_WEIGHT) * _curve(spread, CONTRAST, CONTRAST_WEIGHT)


def is_dark(face: Float32Array) -> bool:
    """Whether it is a lack of light that spoils the exposure.

    Args:
        face: (h, w) float32 grey, 0 … 255.
    """
    return face.size > 0 and _mean_and_spread(face)[0] < BRIGHTNESS[1]


def _grey_face(image: UInt8Array, box: Box) -> Float32Array:
    """The middle of the box, without background, as (h, w) float32 grey, SHARP_PX wide at most; empty outside the picture."""
    height, width = image.shape[:2]
    inset_x, inset_y = box.width * 0.1, box.height * 0.1
    x1, x2 = (round(min(max(x, 0), width)) for x in (box.x1 + inset_x, box.x2 - inset_x))
    y1, y2 = (round(min(max(y, 0), height)) for y in (box.y1 + inset_y, box.y2 - inset_y))
    if x2 - x1 < 3 or y2 - y1 < 3:
        return np.zeros((0, 0), np.float32)
    part = image[y1:y2, x1:x2]
    scale = SHARP_PX / (x2 - x1)
    if scale < 1:
        part = np.asarray(cv2.resize(part, (SHARP_PX, max(3, round((y2 - y1) * scale))), interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.cvtColor(part, cv2.COLOR_BGR2GRAY), np.float32)


def _mean_and_spread(picture: MatLike) -> tuple[float, float]:
    # numpy's mean and std take five times longer on pictures this small.
    mean, spread = cv2.meanStdDev(picture)
    return float(mean[0, 0]), float(spread[0, 0])


def _arcsin_degrees(sine: float) -> float:
    return math.degrees(math.asin(min(1.0, max(-1.0, sine))))


def _curve(value: float, points: tuple[float, ...], weights: tuple[float, ...]) -> float:
    """Straight lines through (points, weights), level beyond the ends. (For single numbers ten times faster than numpy's.)"""
    right = bisect.bisect_left(points, value)
    if right == 0:
        return weights[0]
    if right == len(points):
        return weights[-1]
    share = (value - points[right - 1]) / (points[right] - points[right - 1])
    return weights[right - 1] + share * (weights[right] - weights[right - 1])
