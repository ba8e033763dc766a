"""Makes faces unrecognisable: in the picture on the screen, in recordings and in snapshots.

Faces become a few large squares. Gaussian blur can be undone in part, and fine mosaics leave enough for a recogniser; with at
most `BLOCKS` squares across a face nothing is left but the colour of skin and hair.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from pipeline.edits import EditedPersons, apply_edits
from pipeline.types import Box, Face, FrameResult, UInt8Array

BLOCKS = 6
"""Squares across the pixelated part, margin included: a face itself is about four wide."""

MARGIN = 0.3
"""Of the box's size, on each side: hair, ears and chin identify, too."""

LEAST_BLOCK_PX = 8
"""Squares of small faces are not smaller than this: coarser then."""

HOLD_S = 1.0
"""A face that was overlooked, or turned away, stays hidden where it was for so long."""

HOLD_GROWTH = 0.35
"""Of its size per second: by how much the hidden part grows meanwhile, since the face may move."""


@dataclass(frozen=True, slots=True)
class BlurChoice:
    """What the user wants.

    Attributes:
        on: faces are blurred.
        who: after the user's edits; knows who is exempt.
    """

    on: bool = False
    who: EditedPersons = field(default_factory=lambda: apply_edits(()))

    def hides(self, face: Face) -> bool:
        """Whether this face is to be blurred, by its numbers as the analysis gave them."""
        return self.on and not self.who.is_exempt(face.person, face.track)


def pixelate(image: UInt8Array, boxes: Iterable[Box]) -> UInt8Array:
    """A copy of the picture in which the boxes and a margin around them are pixelated; the picture itself without boxes.

    Args:
        image: (H, W, 3) uint8 BGR; may be read-only.
        boxes: faces, in pixels; parts beyond the border don't matter.
    """
    boxes = list(boxes)
    if not boxes:
        return image
    canvas = image.copy()
    for box in boxes:
        _pixelate_part(canvas, box)
    return canvas


def _pixelate_part(canvas: UInt8Array, box: Box) -> None:
    height, width = canvas.shape[:2]
    across, down = box.width * MARGIN, box.height * MARGIN
    x1, y1 = max(0, int(np.floor(box.x1 - across))), max(0, int(np.floor(box.y1 - down)))
    x2, y2 = min(width, int(np.ceil(box.x2 + across))), min(height, int(np.ceil(box.y2 + down)))
    if x2 <= x1 or y2 <= y1:
        return
    part = canvas[y1:y2, x1:x2]
    # By the size of the whole box: what a border leaves of a face must not get finer squares.
    block = max(LEAST_BLOCK_PX, (box.width + 2 * across) / BLOCKS)
    columns, rows = max(1, round((x2 - x1) / block)), max(1, round((y2 - y1) / block))
    small = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA)
    part[:] = cv2.resize(small, (x2 - x1, y2 - y1), interpolation=cv2.INTER_NEAREST)


class HiddenFaces:
    """Where faces are to be hidden, frame after frame: those in sight, and for a while those that were just in sight."""

    def __init__(self) -> None:
        self._last: dict[int, tuple[Face, float]] = {}
        self._time_s = 0.0

    def boxes(self, result: FrameResult, choice: BlurChoice) -> list[Box]:
        """The boxes to pixelate in this frame; call it for every frame, also while nothing is to be hidden.

        Args:
            result: of the frames in order; after a cut, or another jump in time, nobody is held.
        """
        frame = result.frame
        if result.cut or frame.independent or not 0 <= frame.time_s - self._time_s <= HOLD_S:
            self._last.clear()
        self._time_s = frame.time_s
        for face in result.faces:
            self._last[face.track] = face, frame.time_s
        boxes = []
        for track, (face, seen_s) in list(self._last.items()):
            age_s = frame.time_s - seen_s
            if age_s > HOLD_S:
                del self._last[track]
            elif choice.hides(face):
                boxes.append(_grown(face.detection.box, age_s * HOLD_GROWTH))
        return boxes


def blurred(result: FrameResult, boxes: Sequence[Box]) -> FrameResult:
    """The same result over the picture with these boxes pixelated."""
    if not boxes:
        return result
    image = pixelate(result.frame.image, boxes)
    image.flags.writeable = False
    return replace(result, frame=replace(result.frame, image=image))


def _grown(box: Box, share: float) -> Box:
    across, down = box.width * share / 2, box.height * share / 2
    return Box(box.x1 - across, box.y1 - down, box.x2 + across, box.y2 + down)
