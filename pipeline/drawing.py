"""Draws boxes and labels into a picture, for recordings. (The window draws its own, sharp at any zoom.)

Text is drawn with OpenCV 5's built-in variable font: the Hershey fonts of older versions know neither "–" nor "…".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.types import Box, UInt8Array

Colour = tuple[int, int, int]
"""Blue, green, red, 0 … 255."""

FONT_WEIGHT = 600
"""Semi-bold: stays readable after video compression at small sizes."""

TEXT_PER_SIDE = 1 / 34
"""Text size as a fraction of the picture's shorter side, so that a label looks the same in 480p and 4K."""
SMALLEST_TEXT_PX = 13

GAP_PX = 2
"""Between a box and its label."""

_DARK: Colour = (24, 20, 18)
_LIGHT: Colour = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Caption:
    """A face's box with its label.

    Attributes:
        box: in pixels of the picture; parts beyond the border are not drawn.
        text: one line; empty for a box without label.
        colour: of the box and behind the text; the text itself is black or white, whichever is readable on it.
    """

    box: Box
    text: str
    colour: Colour


class Painter:
    """Draws captions. Holds the font, which takes 20 ms to load, and nothing else."""

    def __init__(self) -> None:
        self._font = cv2.FontFace("sans")

    def draw(self, image: UInt8Array, captions: Sequence[Caption]) -> UInt8Array:
        """A copy of the picture with the captions drawn in. Labels avoid each other as far as there is room.

        Args:
            image: (H, W, 3) uint8 BGR; may be read-only.
        """
        canvas = image.copy()
        line_px = max(2, round(min(canvas.shape[:2]) / 360))
        for caption in captions:
            box = caption.box
            corners = (round(box.x1), round(box.y1)), (round(box.x2), round(box.y2))
            # A dark rim keeps a light box visible on a light background.
            cv2.rectangle(canvas, *corners, _DARK, line_px + 2, cv2.LINE_AA)
            cv2.rectangle(canvas, *corners, caption.colour, line_px, cv2.LINE_AA)
        labels: list[Box] = []
        for caption in captions:
            if caption.text:
                others = [other.box for other in captions if other is not caption]
                labels.append(self._label(canvas, caption, labels, others))
        return canvas

    def _label(self, canvas: UInt8Array, caption: Caption, labels: Sequence[Box], faces: Sequence[Box]) -> Box:
        height, width = canvas.shape[:2]
        size = max(SMALLEST_TEXT_PX, round(min(height, width) * TEXT_PER_SIDE))
        _, _, text_width, _ = cv2.getTextSize((width, height), caption.text, (0, 0), self._font, size, FONT_WEIGHT)
        pad = max(3, size // 3)
        chip_width, chip_height = text_width + 2 * pad, round(1.25 * size) + pad
        place = _place(caption.box, (chip_width, chip_height), (width, height), labels, faces)
        _rounded(canvas, place, radius=chip_height // 4, colour=caption.colour)
        # Digits and capitals are about 0.72 of the size high: centre those in the chip.
        baseline = round((place.y1 + place.y2) / 2 + 0.36 * size)
        origin = (round(place.x1) + pad, baseline)
        cv2.putText(canvas, caption.text, origin, _readable_on(caption.colour), self._font, size, FONT_WEIGHT)
        return place


def _place(box: Box, chip: tuple[int, int], picture: tuple[int, int], labels: Sequence[Box], faces: Sequence[Box]) -> Box:
    """Where the label goes: the first of some places around its box that hides least of other labels, then of other faces."""
    (chip_width, chip_height), (width, height) = chip, picture
    left = min(max(0.0, box.x1), max(0.0, width - chip_width))
    above, below = box.y1 - chip_height - GAP_PX, box.y2 + GAP_PX
    step = chip_height + GAP_PX
    places = [
        Box(left, top, left + chip_width, top + chip_height)
        for top in (above, below, above - step, below + step, box.y1 + GAP_PX)
        if 0 <= top <= height - chip_height
    ]
    if not places:
        top = min(max(0.0, box.y1), max(0.0, height - chip_height))
        return Box(left, top, left + chip_width, top + chip_height)
    return min(places, key=lambda place: (_hidden(place, labels), _hidden(place, faces)))


def _hidden(place: Box, others: Sequence[Box]) -> float:
    return sum(place.iou(other) for other in others)


def _rounded(canvas: UInt8Array, box: Box, radius: int, colour: Colour) -> None:
    x1, y1, x2, y2 = round(box.x1), round(box.y1), round(box.x2), round(box.y2)
    cv2.rectangle(canvas, (x1 + radius, y1), (x2 - radius, y2), colour, cv2.FILLED)
    cv2.rectangle(canvas, (x1, y1 + radius), (x2, y2 - radius), colour, cv2.FILLED)
    for x in (x1 + radius, x2 - radius):
        for y in (y1 + radius, y2 - radius):
            cv2.circle(canvas, (x, y), radius, colour, cv2.FILLED, cv2.LINE_AA)


def _readable_on(colour: Colour) -> Colour:
    """Black or white text by the background's relative luminance (ITU-R BT.709 weights)."""
    luminance = float(np.dot(colour, (0.0722, 0.7152, 0.2126)))
    return _DARK if luminance > 110 else _LIGHT
