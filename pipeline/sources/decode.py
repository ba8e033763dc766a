"""Decoded frames of PyAV → upright BGR pictures with square pixels. Films and network streams share it."""

from __future__ import annotations

import struct
from collections.abc import Mapping
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

    def convert(self, frame: VideoFrame) -> UInt8Array:
        """The picture as it is meant to be seen: rotation applied, pixels square, transparent parts on white.

        Returns:
            (H, W, 3) uint8 BGR, contiguous, not writeable.
        """
        has_alpha = any(component.is_alpha for component in frame.format.components)
        image = self._pixels(frame, "bgra" if has_alpha else "bgr24")
        if has_alpha:
            image = on_white(image)
        return as_readonly(np.ascontiguousarray(_upright(image, frame)))

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


def _upright(image: UInt8Array, frame: VideoFrame) -> UInt8Array:
    """Applies the display matrix: phones film on their side and say so there, front cameras may mirror."""
    # PyAV's annotation names one kind of side data only.
    matrix = cast("Mapping[Type, Buffer]", frame.side_data).get(Type.DISPLAYMATRIX)
    if matrix is None:
        return image
    # libav's 3×3 fixed-point matrix in the machine's byte order: x' = a·x + c·y, y' = b·x + d·y. Only signs matter here:
    # quarter turns and mirrors are all that cameras write.
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(matrix))
    if abs(b) > abs(a):
        image = np.asarray(cv2.transpose(image), np.uint8)
        mirror_x, mirror_y = c < 0, b < 0
    else:
        mirror_x, mirror_y = a < 0, d < 0
    if mirror_x or mirror_y:
        image = np.asarray(cv2.flip(image, -1 if mirror_x and mirror_y else int(mirror_x)), np.uint8)
    return image
