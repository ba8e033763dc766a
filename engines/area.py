"""Pictures and cut-outs resized by exact means over areas, all at once, from one integral image.

The means are those of adaptive average pooling (torch's `area`): every target pixel is the mean of the source pixels that it
touches. MTCNN was trained and is published with it; OpenCV's INTER_AREA weights the touched pixels differently, which is
enough to move the cascade's boxes by some pixels.
F. Crow, Summed-area tables for texture mapping, SIGGRAPH 1984.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import Float32Array, UInt8Array

Indices = NDArray[np.int64]
Sums = NDArray[np.int32]


class AreaMeans:
    """One picture, ready to be resized and cut often.

    Args:
        image: (H, W, 3) uint8.
    """

    def __init__(self, image: UInt8Array) -> None:
        self.height, self.width = image.shape[:2]
        # 32 bits run over in pictures above 8 megapixels. That is harmless: sums over cells are differences, right modulo 2³².
        self._sums = np.asarray(cv2.integral(image, sdepth=cv2.CV_32S), np.int32)

    def resized(self, width: int, height: int) -> Float32Array:
        """The whole picture: (height, width, 3) float32, 0 … 255."""
        left, right = _cells(self.width, width)
        top, bottom = _cells(self.height, height)
        rows = self._sums[bottom] - self._sums[top]
        total = np.take(rows, right, axis=1)
        total -= np.take(rows, left, axis=1)
        return _mean(total, (bottom - top)[:, None], (right - left)[None, :])

    def cut(self, boxes: Float32Array, side: int) -> tuple[Float32Array, Float32Array]:
        """Cut-outs of one size, without those that lie outside of the picture; what reaches beyond the border is left off.

        Args:
            boxes: (n, 4) x1 y1 x2 y2, counted from 1 with both ends included, as MTCNN's (Matlab) original has them.
            side: pixels of the results.

        Returns:
            The boxes that are left, (m, 4), and their pictures, (m, side, side, 3) float32, 0 … 255.
        """
        edges = np.trunc(boxes).astype(np.int64)
        x1, y1 = np.maximum(edges[:, 0], 1) - 1, np.maximum(edges[:, 1], 1) - 1
        x2, y2 = np.minimum(edges[:, 2], self.width), np.minimum(edges[:, 3], self.height)
        inside = np.flatnonzero((x2 > x1) & (y2 > y1))
        left, right = (x1[inside, None] + cells for cells in _cells((x2 - x1)[inside, None], side))
        top, bottom = (y1[inside, None] + cells for cells in _cells((y2 - y1)[inside, None], side))
        table, stride = self._sums.reshape(-1, 3), self.width + 1
        total = _gather(table, bottom[:, :, None] * stride + right[:, None, :])
        total -= _gather(table, bottom[:, :, None] * stride + left[:, None, :])
        total -= _gather(table, top[:, :, None] * stride + right[:, None, :])
        total += _gather(table, top[:, :, None] * stride + left[:, None, :])
        return boxes[inside], _mean(total, (bottom - top)[:, :, None], (right - left)[:, None, :])


def _gather(table: Sums, places: Indices) -> Sums:
    # Five times as fast as table[places]; nothing is clipped, the mode only spares the check for negative places.
    return np.take(table, places, axis=0, mode="clip")


def _mean(total: Sums, rows: Indices, columns: Indices) -> Float32Array:
    """Sums over cells divided by the cells' sizes, which broadcast against each other."""
    mean = total.astype(np.float32)
    mean *= np.divide(1, rows * columns, dtype=np.float32)[..., None]
    return mean


def _cells(source: int | Indices, target: int) -> tuple[Indices, Indices]:
    """First and one-past-last source pixel that each target pixel touches."""
    step = np.arange(target, dtype=np.int64)
    return step * source // target, -(-(step + 1) * source // target)
