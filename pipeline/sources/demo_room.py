"""The room of the demo: painted once, without any picture file."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.types import Box, Float32Array, UInt8Array

WIDTH_PX, HEIGHT_PX = 1280, 720

PILLAR = Box(850, 0, 1020, HEIGHT_PX)
"""Stands in the middle of the room: who is far away passes behind it."""

COUNTER_TOP_PX = 545
"""Upper edge of the counter in the foreground. It hides where the portraits end."""

_FLOOR_PX = 452
_BOOK_COLOURS = (
    (58, 62, 128),
    (96, 74, 52),
    (70, 104, 66),
    (62, 110, 150),
    (150, 172, 186),
    (74, 66, 84),
    (40, 70, 104),
)
_SEED = 7


def paint_room() -> UInt8Array:
    """An office with a window, a shelf, a picture, a pillar and a counter, as a camera with a wide stop would see it.

    Returns:
        (720, 1280, 3) uint8 BGR, always the same.
    """
    rng = np.random.default_rng(_SEED)
    room = np.empty((HEIGHT_PX, WIDTH_PX, 3), np.float32)
    room[:_FLOOR_PX] = _shade((176, 192, 200), (150, 168, 178), _FLOOR_PX)
    room[_FLOOR_PX:] = _shade((72, 98, 126), (92, 122, 152), HEIGHT_PX - _FLOOR_PX)
    _boards(room, rng)
    cv2.rectangle(room, (0, _FLOOR_PX - 16), (WIDTH_PX, _FLOOR_PX), (205, 214, 218), -1)
    _window(room, Box(60, 60, 330, 330))
    _shelf(room, Box(560, 90, 800, 440), rng)
    _painting(room, Box(1085, 110, 1235, 250))
    # What is far away is out of focus; pillar and counter are nearer.
    room = np.asarray(cv2.GaussianBlur(room, (0, 0), 2.2), np.float32)
    _pillar(room)
    _counter(room, rng)
    room *= _daylight()
    room += cv2.GaussianBlur(rng.normal(0, 3, (HEIGHT_PX, WIDTH_PX)).astype(np.float32), (0, 0), 1.2)[:, :, None]
    return np.clip(room, 0, 255).astype(np.uint8)


def _shade(top: tuple[int, int, int], bottom: tuple[int, int, int], rows: int) -> Float32Array:
    """(rows, 1, 3) colours from top to bottom."""
    return np.linspace(top, bottom, rows, dtype=np.float32)[:, None, :]


def _boards(room: Float32Array, rng: np.random.Generator) -> None:
    """Floor boards that run to a vanishing point above the middle."""
    vanishing = np.array([WIDTH_PX / 2, 200.0])
    for x in range(-900, WIDTH_PX + 900, 90):
        near = np.array([x + float(rng.uniform(-12, 12)), float(HEIGHT_PX)])
        far = near + (vanishing - near) * (HEIGHT_PX - _FLOOR_PX) / (HEIGHT_PX - vanishing[1])
        cv2.line(room, _point(near), _point(far), (54, 76, 100), 2, cv2.LINE_AA)


def _window(room: Float32Array, box: Box) -> None:
    x1, y1, x2, y2 = _corners(box)
    cv2.rectangle(room, (x1 - 14, y1 - 14), (x2 + 14, y2 + 14), (222, 228, 230), -1)
    room[y1:y2, x1:x2] = _shade((250, 236, 214), (236, 240, 238), y2 - y1)
    pane = room[y1:y2, x1:x2]
    for x, top in ((20, 190), (105, 172), (180, 200), (250, 180)):
        cv2.circle(pane, (x, top + 62), 62, (164, 196, 172), -1, cv2.LINE_AA)
    room[y2 : y2 + 14, x1 - 14 : x2 + 14] = (196, 204, 208)
    middle_x, middle_y = (x1 + x2) // 2, (y1 + y2) // 2
    cv2.rectangle(room, (middle_x - 6, y1), (middle_x + 6, y2), (214, 221, 224), -1)
    cv2.rectangle(room, (x1, middle_y - 5), (x2, middle_y + 5), (214, 221, 224), -1)


def _shelf(room: Float32Array, box: Box, rng: np.random.Generator) -> None:
    x1, y1, x2, y2 = _corners(box)
    cv2.rectangle(room, (x1, y1), (x2, y2), (62, 84, 108), -1)
    for top in range(y1 + 10, y2 - 40, 84):
        cv2.rectangle(room, (x1 + 10, top), (x2 - 10, top + 74), (38, 52, 68), -1)
        x = x1 + 14
        while x < x2 - 40:
            width, height = int(rng.integers(10, 24)), int(rng.integers(44, 68))
            colour = _BOOK_COLOURS[int(rng.integers(len(_BOOK_COLOURS)))]
            cv2.rectangle(room, (x, top + 74 - height), (x + width - 2, top + 73), colour, -1)
            x += width if rng.random() < 0.9 else width + 26


def _painting(room: Float32Array, box: Box) -> None:
    x1, y1, x2, y2 = _corners(box)
    cv2.rectangle(room, (x1 - 8, y1 - 8), (x2 + 8, y2 + 8), (50, 66, 84), -1)
    room[y1:y2, x1:x2] = _shade((214, 190, 150), (190, 206, 226), y2 - y1)
    hills = np.array([(x1, y2), (x1, y1 + 95), (x1 + 45, y1 + 60), (x1 + 85, y1 + 92), (x2 - 20, y1 + 72), (x2, y2)])
    cv2.fillPoly(room, [hills.astype(np.int32)], (96, 128, 104), cv2.LINE_AA)


def _pillar(room: Float32Array) -> None:
    """Round: light from the window on its left side, shadow on its right."""
    x1, _, x2, _ = _corners(PILLAR)
    across = np.linspace(-1, 1, x2 - x1, dtype=np.float32)
    light = 0.62 + 0.38 * np.sqrt(np.clip(1 - (across + 0.35) ** 2 / 1.9, 0, 1))
    room[:, x1:x2] = np.array((188, 198, 204), np.float32) * light[None, :, None]
    shadow = np.linspace(0.8, 1, 46, dtype=np.float32)[None, :, None]
    room[:, x2 : x2 + 46] *= shadow


def _counter(room: Float32Array, rng: np.random.Generator) -> None:
    grain = cv2.GaussianBlur(rng.normal(0, 26, (HEIGHT_PX - COUNTER_TOP_PX, WIDTH_PX)).astype(np.float32), (0, 0), 18, sigmaY=0.8)
    room[COUNTER_TOP_PX:] = _shade((70, 104, 142), (38, 60, 86), HEIGHT_PX - COUNTER_TOP_PX) + grain[:, :, None]
    room[COUNTER_TOP_PX : COUNTER_TOP_PX + 26] += 34
    room[COUNTER_TOP_PX + 26 : COUNTER_TOP_PX + 34] *= 0.62


def _daylight() -> Float32Array:
    """(720, 1280, 1) gain: bright near the window, darker far from it and in the corners."""
    y, x = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)
    window = np.exp(-(((x - 200) / 620) ** 2 + ((y - 260) / 420) ** 2))
    corner = ((x / WIDTH_PX - 0.5) ** 2 + (y / HEIGHT_PX - 0.5) ** 2) * 0.22
    return np.asarray(0.86 + 0.2 * window - corner, np.float32)[:, :, None]


def _corners(box: Box) -> tuple[int, int, int, int]:
    return int(box.x1), int(box.y1), int(box.x2), int(box.y2)


def _point(position: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[int, int]:
    return round(float(position[0])), round(float(position[1]))
