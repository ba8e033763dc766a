"""Decoded frames of PyAV → upright BGR pictures with square pixels. Films and network streams share it."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import cv2
import numpy as np
from av.buffer import Buffer
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, VideoReformatter

from pipeline.types import UInt8Array, as_readonly

_SPREAD_PIXELS = (Fraction(1, 4), Fraction(4))
"""Pixel shapes outside of this range are errors in the file, not wide screens."""

_BROADCAST_HEIGHT_PX = 576
"""Pictures higher than this that don't name their colours use BT.709, the others BT.601: what players assume."""

_UNSPECIFIED_COLOURS = 2
"""AVCOL_SPC_UNSPECIFIED."""


class BgrConverter:
    """Turns decoded frames of one stream into pictures. Belongs to one thread.

    Args:
        pixel_shape: width of a pixel over its height (sample aspect ratio), None where unknown.
    """

    def __init__(self, pixel_shape: Fraction | None) -> None:
        known = pixel_shape is not None and _SPREAD_PIXELS[0] < pixel_shape < _SPREAD_PIXELS[1]
        self._pixel_shape = float(pixel_shape) if known and pixel_shape is not None else 1.0
        self._reformatter = VideoReformatter()
        self._turn: _Turn | None = None

    def convert(self, frame: VideoFrame) -> UInt8Array:
        """The picture as it is meant to be seen: rotation applied, pixels square, transparent parts on white.

        Returns:
            (H, W, 3) uint8 BGR, contiguous, not writeable.
        """
        has_alpha = any(component.is_alpha for component in frame.format.components)
        image = self._pixels(frame, "bgra" if has_alpha else "bgr24")
        if has_alpha:
            image = on_white(image)
        if self._turn is None:
            # Once per stream: asking a frame for its side data ties it into a reference cycle, and its memory stays until
            # the garbage collector comes by, hundreds of megabytes later (PyAV 18).
            self._turn = _display_turn(frame)
        return as_readonly(np.ascontiguousarray(self._turn.apply(image)))

    def _pixels(self, frame: VideoFrame, layout: str) -> UInt8Array:
        unnamed = frame.colorspace == _UNSPECIFIED_COLOURS and frame.height > _BROADCAST_HEIGHT_PX
        converted = self._reformatter.reformat(
            frame,
            width=max(1, round(frame.width * self._pixel_shape)),
            format=layout,
            src_colorspace=Colorspace.ITU709 if unnamed else None,
            # One 1080p frame takes 0.8 ms; waking swscale's own threads costs more than they give.
            threads=1,
        )
        channels = len(layout.removesuffix("24"))
        plane = converted.planes[0]
        if plane.line_size != converted.width * channels:
            return np.asarray(converted.to_ndarray(), np.uint8)
        # No copy: the array keeps libav's buffer alive.
        return np.frombuffer(memoryview(plane), np.uint8).reshape(converted.height, converted.width, channels)


def on_white(image: UInt8Array) -> UInt8Array:
    """Puts a picture with transparency on white paper, as viewers show it.

    Args:
        image: (H, W, 4) uint8 BGRA.

    Returns:
        (H, W, 3) uint8 BGR, own memory.
    """
    colours = np.ascontiguousarray(image[:, :, :3])
    alpha = np.ascontiguousarray(image[:, :, 3])
    if int(alpha.min()) == 255:
        return colours
    weight = cv2.merge([alpha, alpha, alpha])
    shown = cv2.multiply(colours, weight, scale=1 / 255)
    return np.asarray(cv2.add(shown, cv2.bitwise_not(weight)), np.uint8)


@dataclass(frozen=True, slots=True)
class _Turn:
    """How a stored picture is to be laid: first transposed, then mirrored."""

    transposed: bool
    mirror_x: bool
    mirror_y: bool

    def apply(self, image: UInt8Array) -> UInt8Array:
        if self.transposed:
            image = np.asarray(cv2.transpose(image), np.uint8)
        if self.mirror_x or self.mirror_y:
            image = np.asarray(cv2.flip(image, -1 if self.mirror_x and self.mirror_y else int(self.mirror_x)), np.uint8)
        return image


def _display_turn(frame: VideoFrame) -> _Turn:
    """What the display matrix asks for: phones film on their side and say so there, front cameras may mirror."""
    # PyAV's annotation names one kind of side data only.
    matrix = cast("Mapping[Type, Buffer]", frame.side_data).get(Type.DISPLAYMATRIX)
    if matrix is None:
        return _Turn(transposed=False, mirror_x=False, mirror_y=False)
    # libav's 3×3 fixed-point matrix in the machine's byte order: x' = a·x + c·y, y' = b·x + d·y. Only signs matter here:
    # quarter turns and mirrors are all that cameras write.
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(matrix))
    if abs(b) > abs(a):
        return _Turn(transposed=True, mirror_x=c < 0, mirror_y=b < 0)
    return _Turn(transposed=False, mirror_x=a < 0, mirror_y=d < 0)
