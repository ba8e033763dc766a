"""Short films of one still photograph, as a camera would show its person: for measuring what smoothing and intervals are worth.

A stored crop is turned like a cylinder (pose), scaled, moved, lit, blurred, covered for a while, made noisy and compressed, along
smooth random paths. The same name and seed give the same film. Landmarks move along and jitter as a detector's do; there is no
detector.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from engines.align import CROP_PX, TEMPLATE
from pipeline.types import Box, Detection, Float64Array, UInt8Array, as_readonly
from training.crops import CROP_MARGIN, STORED_PX

FILMS_VERSION = 1
"""Of what films look like: raise it with every change that alters a pixel."""

BOX: Float64Array = np.array([-0.01, -0.18, 0.97, 1.0])
"""The detector's box, x1 y1 x2 y2, in sides of the aligned crop (its upper edge lies a little higher, where crops end)."""

FACE_PX = (24.0, 170.0)
"""Width of the face at the middle of a film, by ratio as often small as large."""

RADIUS = 0.78
"""Of the cylinder that the face is painted on, in sides of the crop: beyond the stored margin."""

NOSE_OUT = 0.16
"""How far the tip of the nose stands out, in sides of the crop."""

AXIS = 0.8
"""How much of the turn's shift the neck takes back."""

COARSE = 32

JITTER = 0.012
JITTER_PX = 0.25
"""Scatter of landmarks: a share of the face, and of a pixel."""

ROOM = 0.3
"""Picture around the crop's square, in its sides."""


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One picture of a film.

    Attributes:
        image: (h, w, 3) uint8 BGR, little more than the face.
        covered: something is held before the face.
    """

    time_s: float
    image: UInt8Array
    detection: Detection
    covered: bool


@dataclass(frozen=True, slots=True)
class Style:
    """What kind of film it is; drawn at random by `style_of`.

    Attributes:
        face_px: width of the face in the middle of its range.
        turn: largest yaw in degrees.
        light: mean brightness relative to the photo's.
        blur: spread at its worst, in sides of the face.
        noise: in grey levels.
        jpeg: quality, 1 … 100.
        covered_s: from when to when a hand is before the face; an empty span for none.
    """

    face_px: float
    turn: float
    light: float
    blur: float
    noise: float
    jpeg: int
    covered_s: tuple[float, float]


def seed_of(name: str, seed: int) -> int:
    return zlib.crc32(name.encode("utf-8", "surrogateescape")) * 1000 + seed


def style_of(name: str, seed: int, seconds: float) -> Style:
    """The film that this photograph gets under that seed."""
    rng = np.random.default_rng(seed_of(name, seed))
    begins = rng.uniform(0, seconds)
    covered = rng.random() < 0.3
    return Style(
        face_px=float(np.exp(rng.uniform(*np.log(FACE_PX)))),
        turn=float(rng.choice([8.0, 20.0, 40.0])),
        light=float(np.exp(rng.normal(-0.15, 0.35))),
        blur=float(rng.choice([0.0, 0.01, 0.03])),
        noise=float(rng.uniform(1, 7)),
        jpeg=int(rng.integers(40, 92)),
        covered_s=(float(begins), float(begins + rng.uniform(0.3, 1.5))) if covered else (0.0, 0.0),
    )


def film(crop: UInt8Array, name: str, seed: int, fps: float, seconds: float) -> Iterator[Shot]:
    """The pictures of the film, in order.

    Args:
        crop: (208, 208, 3) uint8 RGB, as `training.crops` stores it.
    """
    style = style_of(name, seed, seconds)
    rng = np.random.default_rng(seed_of(name, seed) + 1)
    names = ("size", "x", "y", "roll", "yaw", "pitch", "light", "side", "blur")
    paths = {each: _path(rng) for each in names}
    bgr = np.ascontiguousarray(crop[:, :, ::-1])
    for i in range(round(fps * seconds)):
        time_s = i / fps
        now = {each: path(time_s) for each, path in paths.items()}
        covered = style.covered_s[0] <= time_s < style.covered_s[1]
        noise = np.random.default_rng([seed_of(name, seed), round(time_s * 1000)])
        yield _shot(bgr, style, now, time_s=time_s, covered=covered, rng=noise)


def _shot(
    bgr: UInt8Array, style: Style, now: dict[str, float], time_s: float, *, covered: bool, rng: np.random.Generator
) -> Shot:
    side = style.face_px * math.exp(0.25 * now["size"]) / (BOX[2] - BOX[0])
    yaw, pitch = math.radians(style.turn * now["yaw"]), math.radians(8 * now["pitch"])
    canvas = max(12, math.ceil(side * (1 + 2 * ROOM)))
    centre = canvas / 2 + np.array([now["x"], now["y"]]) * 0.06 * side
    angle = math.radians(6 * now["roll"])
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    image = _rendered(bgr, side, canvas, centre, turn=turn, pose=(yaw, pitch))
    if covered:
        image = _with_hand(image, side, centre, (now["x"], now["y"]))
    image = _as_a_camera_sees(image, style, now, side, rng)
    points = (_turned(TEMPLATE - 0.5, yaw, pitch)) @ turn.T * side + centre
    points += rng.normal(0, JITTER * side + JITTER_PX, points.shape)
    corners = (BOX - 0.5) * side + np.tile(centre, 2) + rng.normal(0, JITTER * side, 4)
    score = float(rng.uniform(0.72, 0.95) if covered else 1 - rng.exponential(0.003))
    detection = Detection(Box(*(float(edge) for edge in corners)), max(0.7, score), points.astype(np.float32))
    return Shot(time_s, as_readonly(image), detection, covered)


def _turned(points: Float64Array, yaw: float, pitch: float) -> Float64Array:
    """(5, 2) landmarks around the centre, in sides of the crop, after the head has turned; the nose stands out."""
    turned = RADIUS * np.sin(np.arcsin(points / RADIUS) + np.array([yaw, pitch]))
    turned -= RADIUS * np.sin([yaw, pitch]) * AXIS  # the head turns about its own axis, not about the picture's centre
    turned[2] += NOSE_OUT * np.sin([yaw, pitch])
    return np.asarray(turned, np.float64)


def _rendered(
    bgr: UInt8Array, side: float, canvas: int, centre: Float64Array, *, turn: Float64Array, pose: tuple[float, float]
) -> UInt8Array:
    """(canvas, canvas, 3): the crop painted on a cylinder and photographed."""
    scale = side / CROP_PX
    source = bgr
    if scale < 0.7:
        small = max(8, round(STORED_PX * scale))
        source = np.asarray(cv2.resize(bgr, (small, small), interpolation=cv2.INTER_AREA), np.uint8)
    # Exact at a coarse grid, straight lines in between: a tenth of the time, and the head is smooth.
    line = (np.arange(COARSE) + 0.5) * canvas / COARSE - 0.5
    grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    seen = (grid - centre) @ turn / side
    angle = np.arcsin(np.clip((seen + RADIUS * np.sin(pose) * AXIS) / RADIUS, -0.999, 0.999)) - pose
    flat = RADIUS * np.sin(np.clip(angle, -1.5, 1.5)) + 0.5
    place = (flat + CROP_MARGIN) / (1 + 2 * CROP_MARGIN) * source.shape[0] - 0.5
    maps = cv2.resize(place.reshape(COARSE, COARSE, 2).astype(np.float32), (canvas, canvas), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.remap(source, maps, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101), np.uint8)  # type: ignore[call-overload]


def _with_hand(image: UInt8Array, side: float, centre: Float64Array, move: tuple[float, float]) -> UInt8Array:
    """Something of the colour of skin before half of the face."""
    covered = image.copy()
    colour = np.median(image.reshape(-1, 3), axis=0) * 0.95
    place = centre + side * np.array([0.25 * move[0], 0.2 + 0.15 * move[1]])
    axes = (max(1, round(0.32 * side)), max(1, round(0.22 * side)))
    cv2.ellipse(covered, (round(place[0]), round(place[1])), axes, 60 * move[0], 0, 360, colour.tolist(), -1, cv2.LINE_AA)
    return covered


def _as_a_camera_sees(
    image: UInt8Array, style: Style, now: dict[str, float], side: float, rng: np.random.Generator
) -> UInt8Array:
    """Light, blur, noise and compression."""
    blur = style.blur * side * abs(now["blur"])
    if blur > 0.3:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), blur), np.uint8)
    ramp = 1 + 0.3 * now["side"] * np.linspace(-1, 1, image.shape[1], dtype=np.float32)[None, :, None]
    lit = image * (ramp * np.float32(style.light * math.exp(0.15 * now["light"])))
    lit += rng.standard_normal(image.shape, np.float32) * np.float32(style.noise)
    seen = np.clip(lit, 0, 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", seen, [cv2.IMWRITE_JPEG_QUALITY, style.jpeg])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def _path(rng: np.random.Generator) -> Callable[[float], float]:
    """A smooth random path of time, about −1 … 1: it says the same of a moment at every frame rate."""
    waves = [(rng.uniform(0.05, 0.45), rng.uniform(0, 2 * math.pi)) for _ in range(4)]
    return lambda time_s: sum(math.sin(2 * math.pi * rate * time_s + phase) for rate, phase in waves) / 2.5
