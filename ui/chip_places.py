"""Where the labels of faces go: beside their face, in the picture, not over each other and not over somebody else's face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QRectF, QSizeF

from pipeline.types import Float64Array

CHIP_GAP = 5.0
"""Between a box and its label, in device-independent pixels."""

FACES_WEIGH, OWN_WEIGHS = 0.3, 0.05
"""How bad it is to cover another face, or one's own, by the side of covering another label."""

MAY_COVER = 0.05
"""Of a label's own area: where it must cover more than this of labels and faces, it is shortened."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one label goes.

    Attributes:
        short: in its short form, for want of room.
    """

    rect: QRectF
    short: bool = False


def place_chips(
    boxes: Sequence[QRectF], sizes: Sequence[QSizeF], bounds: QRectF, short_sizes: Sequence[QSizeF] = ()
) -> list[Place]:
    """Above its box, or where that is taken somewhere else around it.

    Args:
        boxes: of the faces.
        sizes: of their labels, in the same order; earlier ones choose first.
        bounds: labels stay inside, where they fit at all.
        short_sizes: of the labels' short forms; none where there are none.
    """
    faces = np.array([_edges(box) for box in boxes], np.float64).reshape(-1, 4)
    placed = np.empty_like(faces)
    places = []
    for number, size in enumerate(sizes):
        others = np.concatenate([placed[:number], faces])
        weights = np.ones(len(others))
        weights[number:] = FACES_WEIGH
        weights[2 * number] = OWN_WEIGHS
        rect, cost = _best(faces[number], size, bounds, others, weights)
        short = False
        if cost > MAY_COVER and short_sizes and short_sizes[number].width() < size.width():
            shorter, cost_of_it = _best(faces[number], short_sizes[number], bounds, others, weights)
            if cost_of_it < cost:
                rect, short = shorter, True
        placed[number] = rect
        left, top, right, bottom = rect.tolist()
        places.append(Place(QRectF(left, top, right - left, bottom - top), short))
    return places


def _best(
    face: Float64Array, size: QSizeF, bounds: QRectF, others: Float64Array, weights: Float64Array
) -> tuple[Float64Array, float]:
    """The first place that covers nothing, or else the one that covers least, and how much of the label lies over something."""
    places = _around(face, size, bounds)
    wide = np.minimum(places[:, None, 2], others[:, 2]) - np.maximum(places[:, None, 0], others[:, 0])
    high = np.minimum(places[:, None, 3], others[:, 3]) - np.maximum(places[:, None, 1], others[:, 1])
    costs = (wide.clip(0) * high.clip(0)) @ weights / max(1.0, size.width() * size.height())
    best = int(costs.argmin())
    return places[best], float(costs[best])


def _around(face: Float64Array, size: QSizeF, bounds: QRectF) -> Float64Array:
    """(14, 4): places around a face, the usual ones first."""
    width, height = size.width(), size.height()
    x1, y1, x2, y2 = face.tolist()
    above, below = y1 - CHIP_GAP - height, y2 + CHIP_GAP
    left, right, middle = x1, x2 - width, (x1 + x2 - width) / 2
    row, inside = height + 1, x1 + CHIP_GAP
    corners = np.array(
        (
            *((left, above), (left, below), (right, above), (right, below), (middle, above), (middle, below)),
            *((inside, y1 + CHIP_GAP), (inside, below - 2 * CHIP_GAP - height)),
            *((x2 + CHIP_GAP, y1), (x1 - CHIP_GAP - width, y1)),
            *((left, above - row), (right, above - row), (left, below + row), (right, below + row)),
        )
    )
    corners = np.minimum(corners, (bounds.right() - width, bounds.bottom() - height))
    corners = np.maximum(corners, (bounds.left(), bounds.top()))
    return np.hstack([corners, corners + np.array((width, height))])


def _edges(rect: QRectF) -> tuple[float, float, float, float]:
    return rect.left(), rect.top(), rect.right(), rect.bottom()
