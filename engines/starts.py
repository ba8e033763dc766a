"""Where the detector's last stages begin when a face's landmarks must not depend on how the face was found.

A network that refines a box gives a slightly other face for every box that it begins at. So it begins at several boxes of a fixed
grid of places and sizes, the ones around the face, and their results are mixed by how near each is: linear interpolation. Then a
box that is a little off changes little, and none of it by leaps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from pipeline.types import Box, Float32Array, Float64Array

STEP = 0.15
"""Distance of the grid's places, as a share of its size."""

SIZE_RATIO = 1.15
"""Of one of the grid's sizes to the next."""

STARTS = 6
"""Three places at each of two sizes."""


def starts_around(box: Box) -> tuple[Float32Array, Float64Array]:
    """The squares to begin at, and how much each counts.

    Returns:
        (6, 4) float32 pixels x1 y1 x2 y2, and (6,) float64, which sum up to 1.
    """
    level = math.log(max(1.0, box.width, box.height)) / math.log(SIZE_RATIO)
    squares, shares = [], []
    for whole in (math.floor(level), math.floor(level) + 1):
        size = SIZE_RATIO**whole
        for x, y, share in _triangle(*(place / (STEP * size) for place in box.center)):
            middle_x, middle_y = x * STEP * size, y * STEP * size
            squares.append((middle_x - size / 2, middle_y - size / 2, middle_x + size / 2, middle_y + size / 2))
            shares.append(share * (1 - abs(level - whole)))
    return np.array(squares, np.float32), np.array(shares, np.float64)


def _triangle(x: float, y: float) -> Iterator[tuple[int, int, float]]:
    """The corners of the triangle of whole numbers that holds a point, with the point's share in each."""
    left, top = math.floor(x), math.floor(y)
    right, down = x - left, y - top
    yield left, top, 1 - max(right, down)
    yield left + (right >= down), top + (down > right), abs(right - down)
    yield left + 1, top + 1, min(right, down)
