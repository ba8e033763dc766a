"""What one training crop may turn into: the errors of landmarks, cameras, light and video compression."""

from __future__ import annotations

import cv2
import numpy as np

from engines.align import CROP_PX
from pipeline.types import UInt8Array

TURN_DEG, SCALE_LOG, SHIFT = 8.0, 0.10, 0.04
"""Largest rotation, change of scale (natural logarithm) and shift (of the crop's side): twice the detector's own scatter."""

GREY = 0.05
DEGRADED = 0.4
"""Probability that a crop is shrunk, blurred, made noisy and compressed, each with one half."""

ERASED, ERASED_PX = 0.2, (16, 64)
"""Probability that a rectangle is covered, and its sides: hands, microphones, cups."""

SMALL_PX = (32, 112)
"""Side to which a crop is shrunk and brought back: faces of a webcam or of people across a room. Small ones are as many as
large ones, by ratio: from 32 to 56 is as much as from 64 to 112."""


def augmented(crop: UInt8Array, rng: np.random.Generator, degraded: float = DEGRADED, erased: float = ERASED) -> UInt8Array:
    """One random view of a stored crop.

    Args:
        crop: (s, s, 3) uint8 RGB with its margin.
        degraded, erased: probabilities of a bad camera and of a covered part.

    Returns:
        (160, 160, 3) uint8 RGB, the margin cut off.
    """
    view = _placed(crop, rng)
    if rng.random() < degraded:
        view = _degraded(view, rng)
    view = _coloured(view, rng)
    return _erased(view, rng) if rng.random() < erased else view


def centred(crop: UInt8Array) -> UInt8Array:
    """The middle (160, 160, 3) of a stored crop: exactly what the program sees."""
    edge = (crop.shape[0] - CROP_PX) // 2
    return crop[edge : edge + CROP_PX, edge : edge + CROP_PX]


def _placed(crop: UInt8Array, rng: np.random.Generator) -> UInt8Array:
    centre = (crop.shape[0] - 1) / 2
    matrix = cv2.getRotationMatrix2D(
        (centre, centre), rng.uniform(-TURN_DEG, TURN_DEG), float(np.exp(rng.uniform(-SCALE_LOG, SCALE_LOG)))
    )
    matrix[:, 2] += rng.uniform(-SHIFT, SHIFT, 2) * CROP_PX - (crop.shape[0] - CROP_PX) / 2
    if rng.random() < 0.5:
        matrix[0] = -matrix[0]
        matrix[0, 2] += CROP_PX - 1
    view = cv2.warpAffine(crop, matrix, (CROP_PX, CROP_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(view, np.uint8)


def _degraded(view: UInt8Array, rng: np.random.Generator) -> UInt8Array:
    """What a camera does, in its order: few pixels, blur, noise, compression; last, the program's own enlargement."""
    if rng.random() < 0.5:
        side = round(float(np.exp(rng.uniform(*np.log(SMALL_PX)))))
        view = np.asarray(cv2.resize(view, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    if rng.random() < 0.5:
        view = np.asarray(cv2.GaussianBlur(view, (0, 0), rng.uniform(0.4, 1.5) * view.shape[0] / CROP_PX), np.uint8)
    if rng.random() < 0.5:
        noise = rng.standard_normal(view.shape, np.float32) * rng.uniform(2, 10)
        view = np.clip(view + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        ok, data = cv2.imencode(".jpg", view, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 90))])
        if ok:
            view = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return np.asarray(cv2.resize(view, (CROP_PX, CROP_PX), interpolation=cv2.INTER_LINEAR), np.uint8)


def _coloured(view: UInt8Array, rng: np.random.Generator) -> UInt8Array:
    """Exposure, contrast, white balance and saturation; rarely a black-and-white picture."""
    x = view.astype(np.float32)
    grey = cv2.cvtColor(view, cv2.COLOR_RGB2GRAY).astype(np.float32)[:, :, None]
    saturation = 0.0 if rng.random() < GREY else rng.uniform(0.7, 1.3)
    x = grey + (x - grey) * np.float32(saturation)
    gain = (rng.uniform(0.8, 1.2) * rng.uniform(0.93, 1.07, 3)).astype(np.float32)
    mean = np.float32(grey.mean())
    x = (x - mean) * gain + mean * np.float32(rng.uniform(0.75, 1.25))
    return np.clip(x, 0, 255).astype(np.uint8)


def _erased(view: UInt8Array, rng: np.random.Generator) -> UInt8Array:
    """A rectangle of one random colour over a part of it (Z. Zhong et al., Random Erasing Data Augmentation, AAAI 2020)."""
    height, width = rng.integers(*ERASED_PX, 2)
    y, x = rng.integers(0, CROP_PX - height), rng.integers(0, CROP_PX - width)
    covered = view.copy()
    covered[y : y + height, x : x + width] = rng.integers(0, 256, 3)
    return covered
