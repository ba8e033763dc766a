"""The two people of the demo: their portraits, where they walk, and how they are put into the room."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from pipeline.errors import SourceError
from pipeline.types import Box, Float64Array, UInt8Array

_ASSETS = Path(__file__).resolve().parents[2] / "assets" / "demo"

_FAR_PX, _NEAR_PX = 90.0, 220.0
_EYE_LEVEL_FAR_PX, _EYE_LEVEL_NEAR_PX = 366.0, 300.0
"""Height of a face's middle in the picture for the farthest and the nearest stand."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Where a person is at one moment: middle and width of the face, in pixels of the picture."""

    time_s: float
    x_px: float
    face_px: float


@dataclass(frozen=True, slots=True)
class Actor:
    """A person of the demo.

    Attributes:
        age: years, at the time of the portrait.
        portrait: file in assets/demo: BGR and alpha.
        face: the face in the portrait, as MTCNN boxes it.
        walk: the way through the room; between two stops the person starts and slows down softly.
        sway_phase: radians, so that two people don't sway as one.
    """

    name: str
    age: int
    portrait: str
    face: Box
    walk: tuple[Stop, ...]
    sway_phase: float


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a portrait is in one frame.

    Attributes:
        face: the face, in pixels of the frame.
        face_px: its width without sway; the larger, the nearer to the camera.
        to_frame: (2, 3) float64, portrait → frame.
    """

    face: Box
    face_px: float
    to_frame: Float64Array


COLLINS = Actor(
    name="Eileen Collins",
    age=42,
    portrait="collins.webp",
    face=Box(178.7, 59.8, 268.0, 174.8),
    # Enters on the left, comes nearer, crosses in front of Hopper, leaves on the right and returns.
    walk=(
        Stop(0.0, -220, 90),
        Stop(2.6, 300, 92),
        Stop(6.4, 390, 150),
        Stop(7.3, 400, 152),
        Stop(9.3, 890, 150),
        Stop(10.4, 900, 150),
        Stop(12.8, 1830, 160),
        Stop(15.4, 1830, 165),
        Stop(17.6, 960, 160),
        Stop(20.0, 930, 170),
    ),
    sway_phase=0.4,
)

HOPPER = Actor(
    name="Grace Hopper",
    age=77,
    portrait="hopper.webp",
    face=Box(174.6, 123.5, 351.6, 339.2),
    # Enters on the right, hides behind the pillar, crosses behind Collins, comes close.
    walk=(
        Stop(1.0, 1450, 105),
        Stop(3.2, 1140, 105),
        Stop(4.4, 1125, 105),
        Stop(5.3, 935, 105),
        Stop(6.2, 935, 106),
        Stop(7.4, 705, 110),
        Stop(9.3, 300, 120),
        Stop(13.0, 330, 220),
        Stop(15.6, 340, 220),
        Stop(18.2, 380, 165),
        Stop(20.0, 390, 165),
    ),
    sway_phase=2.1,
)


def pose(actor: Actor, time_s: float) -> Pose:
    """Where the actor is: the walk, with a little sub-pixel sway of position, size and tilt."""
    x_px, face_px = _on_walk(actor.walk, time_s)
    nearness = (face_px - _FAR_PX) / (_NEAR_PX - _FAR_PX)
    eye_level = _EYE_LEVEL_FAR_PX + nearness * (_EYE_LEVEL_NEAR_PX - _EYE_LEVEL_FAR_PX)
    x = x_px + 2.3 * _wave(time_s, 0.37, actor.sway_phase)
    y = eye_level + 1.7 * _wave(time_s, 0.61, actor.sway_phase + 1)
    scale = face_px / actor.face.width * (1 + 0.008 * _wave(time_s, 0.23, actor.sway_phase + 2))
    angle = math.radians(1.6) * _wave(time_s, 0.29, actor.sway_phase + 3)
    cosine, sine = scale * math.cos(angle), scale * math.sin(angle)
    centre_x, centre_y = actor.face.center
    to_frame = np.array(
        [
            [cosine, -sine, x - cosine * centre_x + sine * centre_y],
            [sine, cosine, y - sine * centre_x - cosine * centre_y],
        ]
    )
    half_w, half_h = scale * actor.face.width / 2, scale * actor.face.height / 2
    return Pose(Box(x - half_w, y - half_h, x + half_w, y + half_h), face_px, to_frame)


def _on_walk(walk: tuple[Stop, ...], time_s: float) -> tuple[float, float]:
    for a, b in pairwise(walk):
        if a.time_s <= time_s < b.time_s:
            part = (time_s - a.time_s) / (b.time_s - a.time_s)
            soft = part * part * (3 - 2 * part)
            return a.x_px + soft * (b.x_px - a.x_px), a.face_px + soft * (b.face_px - a.face_px)
    nearest = walk[0] if time_s < walk[0].time_s else walk[-1]
    return nearest.x_px, nearest.face_px


def _wave(time_s: float, rate_hz: float, phase: float) -> float:
    return math.sin(2 * math.pi * rate_hz * time_s + phase)


class Portrait:
    """A person cut out of a photograph, ready to be drawn at any size.

    Args:
        actor: whose portrait.

    Raises:
        SourceError: the portrait is not where the program was installed.
    """

    def __init__(self, actor: Actor) -> None:
        path = self.path = _ASSETS / actor.portrait
        data = path.read_bytes() if path.is_file() else b""
        cut_out = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
        if cut_out is None or cut_out.ndim != 3 or cut_out.shape[2] != 4:
            raise SourceError(f"The demo needs {path}, which is missing or damaged.", "Install the program again.")
        self.alpha = np.ascontiguousarray(cut_out[:, :, 3])
        # Three sizes: bilinear sampling neither aliases nor blurs when it shrinks by less than half.
        self._levels = tuple(_level(np.asarray(cut_out, np.uint8), factor) for factor in (0.5, 1.0, 2.0))

    def covers(self, placed: Pose, points: Float64Array) -> UInt8Array:
        """Which points of the frame the person covers.

        Args:
            points: (N, 2) pixels of the frame.

        Returns:
            (N,) uint8, 0 or 1.
        """
        back = cv2.invertAffineTransform(placed.to_frame)
        inside = (points @ back[:, :2].T + back[:, 2]).astype(np.float32)
        alpha = cv2.remap(self.alpha, inside[:, :1], inside[:, 1:], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        return np.asarray(alpha[:, 0] > 127, np.uint8)

    def draw(self, frame: UInt8Array, placed: Pose, floor_px: int) -> None:
        """Puts the person into the frame, above row `floor_px`. Only the person's rectangle is touched."""
        height, width = self.alpha.shape
        corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) @ placed.to_frame[:, :2].T + placed.to_frame[:, 2]
        x1, y1 = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
        x2, y2 = np.minimum(np.ceil(corners.max(axis=0)).astype(int), [frame.shape[1], floor_px])
        if x1 >= x2 or y1 >= y2:
            return
        scale = float(np.hypot(*placed.to_frame[:, 0]))
        factor, cut_out = next((level for level in self._levels if level[0] >= scale), self._levels[-1])
        # Pixel centres of the resized portrait: u·f is at u + (1 − f) / (2·f) of the original's grid.
        matrix = placed.to_frame.copy()
        matrix[:, 2] += matrix[:, :2] @ np.full(2, (1 / factor - 1) / 2) - (x1, y1)
        matrix[:, :2] /= factor
        size = (int(x2 - x1), int(y2 - y1))
        # Four channels at once: OpenCV warps them twice as fast as three.
        warped = cv2.warpAffine(cut_out, matrix, size, flags=cv2.INTER_LINEAR)
        person = cv2.cvtColor(warped, cv2.COLOR_BGRA2BGR)
        behind = cv2.cvtColor(cv2.bitwise_not(cv2.extractChannel(warped, 3)), cv2.COLOR_GRAY2BGR)
        part = frame[y1:y2, x1:x2]
        cv2.add(cv2.multiply(part, behind, scale=1 / 255), person, dst=part)


def _level(cut_out: UInt8Array, factor: float) -> tuple[float, UInt8Array]:
    """The portrait at another size: factor and (H, W, 4) uint8, colours already multiplied by alpha."""
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    resized = cv2.resize(cut_out, None, fx=factor, fy=factor, interpolation=way)
    alpha = cv2.extractChannel(resized, 3)
    colours = cv2.multiply(cv2.cvtColor(resized, cv2.COLOR_BGRA2BGR), cv2.cvtColor(alpha, cv2.COLOR_GRAY2BGR), scale=1 / 255)
    return factor, np.asarray(cv2.merge([*cv2.split(colours), alpha]), np.uint8)
