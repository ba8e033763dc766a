"""Arithmetic on many boxes at once: (n, 4) float32, x1 y1 x2 y2 in pixels."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import Float32Array

Indices = NDArray[np.intp]


def nms(boxes: Float32Array, scores: Float32Array, max_iou: float) -> Indices:
    """Greedy non-maximum suppression: indices that stay, best score first.

    Args:
        boxes: (n, 4).
        scores: (n,).
        max_iou: boxes that overlap a better one by more than this go.
    """
    if len(boxes) == 0:
        return np.zeros(0, np.intp)
    corner_size = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    return np.asarray(cv2.dnn.NMSBoxes(corner_size.tolist(), scores.tolist(), 0.0, max_iou), np.intp).reshape(-1)


def nms_by_smaller(boxes: Float32Array, scores: Float32Array, max_share: float) -> Indices:
    """As `nms`, with the overlap measured against the smaller box: a box inside another goes (MTCNN's last step)."""
    left = np.argsort(-scores)
    areas = (boxes[:, 2] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 1] + 1)
    kept: list[int] = []
    while left.size:
        best, left = left[0], left[1:]
        kept.append(int(best))
        low = np.maximum(boxes[best, :2], boxes[left, :2])
        high = np.minimum(boxes[best, 2:], boxes[left, 2:])
        shared = np.maximum(0, high - low + 1).prod(axis=1)
        left = left[shared / np.minimum(areas[best], areas[left]) <= max_share]
    return np.asarray(kept, np.intp)


def squared(boxes: Float32Array) -> Float32Array:
    """Squares with the same centres and the longer sides."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    return np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)


def shifted(boxes: Float32Array, offsets: Float32Array) -> Float32Array:
    """Boxes moved by a network's regression: (n, 4) offsets of the corners as fractions of the box's size."""
    size = boxes[:, 2:] - boxes[:, :2] + 1
    return np.asarray(boxes + offsets * np.concatenate([size, size], axis=1), np.float32)


def iou_matrix(boxes: Float32Array, others: Float32Array) -> Float32Array:
    """Intersection over union of each with each: (n, m)."""
    shared, area, other_area = _shared(boxes, others), _areas(boxes), _areas(others)
    return np.asarray(shared / np.maximum(area[:, None] + other_area[None] - shared, 1e-6), np.float32)


def shared_of_smaller(boxes: Float32Array, others: Float32Array) -> Float32Array:
    """Intersection of each with each over the smaller one's area: (n, m); 1 where one lies within the other."""
    smaller = np.minimum(_areas(boxes)[:, None], _areas(others)[None])
    return np.asarray(_shared(boxes, others) / np.maximum(smaller, 1e-6), np.float32)


def _shared(boxes: Float32Array, others: Float32Array) -> Float32Array:
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    return np.asarray(np.maximum(0, high - low).prod(axis=2), np.float32)


def _areas(boxes: Float32Array) -> Float32Array:
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), np.float32)
