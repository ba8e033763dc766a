"""Five landmarks → the crop that the age model sees. Training imports this very file, so that both see the same thing.

The template is the median position of MTCNN's landmarks on UTKFace's own chips (298 of 300 random chips, mirrored halves
averaged): those chips are the tightest pictures the model learns from, and a template that fits them needs no made-up border.
"""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.types import Float32Array, Float64Array, UInt8Array

CROP_PX = 160
"""FaceNet's input size."""

TEMPLATE: Float64Array = np.array([[0.302, 0.290], [0.698, 0.290], [0.500, 0.528], [0.326, 0.693], [0.674, 0.693]])
"""Landmarks as fractions of the crop: left eye, right eye, nose, left and right corner of the mouth."""


def similarity(landmarks: Float32Array, size: int = CROP_PX, margin: float = 0.0) -> Float64Array:
    """The rotation, uniform scale and shift that bring the landmarks nearest to the template (least squares; no mirroring).

    S. Umeyama, Least-squares estimation of transformation parameters between two point patterns, PAMI 1991.

    Args:
        landmarks: (5, 2) pixels of the picture.
        size: side of the crop in pixels.
        margin: extra picture around the template on every side, as a fraction of the template's side.

    Returns:
        (2, 3) float64, picture → crop.

    Raises:
        ValueError: all landmarks fall on one point.
    """
    source = np.asarray(landmarks, dtype=np.float64)
    target = (TEMPLATE + margin) / (1 + 2 * margin) * size
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    centred, goal = source - source_mean, target - target_mean
    spread = float((centred**2).sum())
    if not np.isfinite(spread) or spread < 1e-6:
        raise ValueError("landmarks fall on one point: no face to align")
    # In two dimensions Umeyama's solution is one complex number: scale · e^(i·angle).
    cosine = float((centred * goal).sum()) / spread
    sine = float((centred[:, 0] * goal[:, 1] - centred[:, 1] * goal[:, 0]).sum()) / spread
    rotation = np.array([[cosine, -sine], [sine, cosine]])
    return np.hstack([rotation, (target_mean - rotation @ source_mean)[:, None]])


def align(image: UInt8Array, landmarks: Float32Array, size: int = CROP_PX, margin: float = 0.0) -> UInt8Array:
    """The upright face as a square crop, in the picture's colour order.

    Large faces are shrunk by area first: bilinear sampling alone would alias, and texture is what age is read from.
    Beyond the border the picture is mirrored, which the network takes better than a hard black edge.

    Args:
        image: (H, W, 3) uint8.
        landmarks: (5, 2) pixels of the image.
        size: side of the crop in pixels.
        margin: extra picture on every side, as a fraction of the crop (0 at run time; training crops keep room for jitter).

    Returns:
        (size, size, 3) uint8, own memory.
    """
    matrix = similarity(landmarks, size, margin)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < 0.5:
        image, matrix = _shrink(image, matrix, size, factor=int(1 / scale))
    return np.asarray(
        cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101), np.uint8
    )


def _shrink(image: UInt8Array, matrix: Float64Array, size: int, factor: int) -> tuple[UInt8Array, Float64Array]:
    """Cuts the part that the crop needs, shrinks it by a whole factor, and returns the matrix for the smaller picture."""
    inverse = cv2.invertAffineTransform(matrix)
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]]) @ inverse[:, :2].T + inverse[:, 2]
    height, width = image.shape[:2]
    x1, y1 = np.clip(np.floor(corners.min(axis=0)) - factor, 0, [width - 1, height - 1]).astype(int)
    x2, y2 = np.clip(np.ceil(corners.max(axis=0)) + factor, [x1 + 1, y1 + 1], [width, height]).astype(int)
    part = image[y1:y2, x1:x2]
    small_w, small_h = max(1, part.shape[1] // factor), max(1, part.shape[0] // factor)
    small = cv2.resize(part, (small_w, small_h), interpolation=cv2.INTER_AREA)
    # Pixel centres: a small pixel u covers big pixels u·f … u·f + f − 1, its centre is at u·f + (f − 1) / 2.
    fx, fy = part.shape[1] / small_w, part.shape[0] / small_h
    to_full = np.array([[fx, 0, x1 + (fx - 1) / 2], [0, fy, y1 + (fy - 1) / 2], [0, 0, 1]])
    return np.asarray(small, np.uint8), matrix @ to_full
