"""Small films with known content, made on the fly."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from pipeline.types import UInt8Array

WIDTH_PX, HEIGHT_PX = 96, 64
_MILLISECOND = Fraction(1, 1000)


def plain(number: int, width: int = WIDTH_PX, height: int = HEIGHT_PX) -> UInt8Array:
    """A grey picture whose brightness is its number: 20, 30, … 220, and from the beginning again."""
    return np.full((height, width, 3), brightness(number), np.uint8)


def brightness(number: int) -> int:
    return 20 + 10 * (number % 21)


def quarters(width: int = WIDTH_PX, height: int = HEIGHT_PX) -> UInt8Array:
    """Top left red, top right green, bottom left blue, bottom right white: tells all eight ways to lay a picture apart."""
    image = np.full((height, width, 3), 255, np.uint8)
    image[: height // 2, : width // 2] = (0, 0, 255)
    image[: height // 2, width // 2 :] = (0, 255, 0)
    image[height // 2 :, : width // 2] = (255, 0, 0)
    return image


def corner_colours(image: UInt8Array) -> str:
    """The corners' colours, clockwise from the top left: "rgwb" for an upright `quarters`."""
    height, width = image.shape[:2]
    y1, y2, x1, x2 = height // 4, height * 3 // 4, width // 4, width * 3 // 4
    names = {(0, 0, 1): "r", (0, 1, 0): "g", (1, 0, 0): "b", (1, 1, 1): "w"}
    points = ((y1, x1), (y1, x2), (y2, x2), (y2, x1))
    bright = [[int(value > 127) for value in image[point]] for point in points]
    return "".join(names.get((blue, green, red), "?") for blue, green, red in bright)


def write_film(
    path: Path,
    images: Iterable[UInt8Array],
    times_ms: Sequence[int] | None = None,
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    layout: str = "bgr24",
    time_base: Fraction = _MILLISECOND,
    options: dict[str, str] | None = None,
    container_format: str | None = None,
    with_sound: bool = False,
    pixel_shape: Fraction | None = None,
    size: tuple[int, int] | None = None,
    codec_options: dict[str, str] | None = None,
) -> Path:
    """Writes pictures as a film.

    Args:
        images: (H, W, C) uint8, laid out as `layout` says.
        times_ms: presentation time of each in milliseconds; 40 ms apart where None.
        pixel_shape: width over height of a pixel (sample aspect ratio).
        size: width and height, where the arrays' shape does not say (planar layouts).
        time_base: of the timestamps that are written; times are rounded to it.
    """
    with av.open(str(path), "w", format=container_format, options=options or {}) as container:
        pictures = list(images)
        stream = container.add_stream(codec, rate=25, options=codec_options or {})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = size or pictures[0].shape[1::-1]
        stream.pix_fmt = pix_fmt
        stream.codec_context.time_base = time_base
        if pixel_shape is not None:
            stream.codec_context.sample_aspect_ratio = pixel_shape
        sound = container.add_stream("aac", rate=16000) if with_sound else None
        for number, image in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(image, format=layout)
            frame.pts = round((times_ms[number] if times_ms else 40 * number) * _MILLISECOND / time_base)
            frame.time_base = time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            assert isinstance(sound, av.AudioStream)
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
            silence.sample_rate, silence.pts = 16000, 0
            container.mux(sound.encode(silence))
            container.mux(sound.encode(None))
    return path


def cut_short(path: Path, share: float) -> Path:
    """Keeps only the first part of a file, as an interrupted copy does."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def set_display_matrix(path: Path, a: int, b: int, c: int, d: int) -> Path:
    """Writes the linear part of the display matrix into an MP4's track header, as phones do."""
    data = bytearray(path.read_bytes())
    # tkhd, version 0 (ISO/IEC 14496-12, 8.3.2): 40 bytes after the type the matrix begins, 16.16 fixed point, 9 numbers.
    begin = data.index(b"tkhd") + 4 + 40
    matrix = [value << 16 for value in (a, b, 0, c, d, 0, 0, 0)] + [1 << 30]
    data[begin : begin + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(data)
    return path
