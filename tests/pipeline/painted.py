"""A world whose truth is painted into the picture, and a detector and an age engine that can read it.

A face is a textured square: blue is 255 throughout (and nowhere else in the picture), green tells the age, red is texture. So
the doubles really look at the pixels that they are given: what is not in the picture or not near a box is not found.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from pipeline.protocols import EngineInfo
from pipeline.types import AgeEstimate, Box, Detection, Float32Array, Float64Array, Frame, UInt8Array, as_readonly

LANDMARKS = np.array([[0.302, 0.290], [0.698, 0.290], [0.500, 0.528], [0.326, 0.693], [0.674, 0.693]])
REACH = 0.5
"""How far from a given box, in its own size, the refining detector still finds a face."""


@dataclass(frozen=True)
class Painted:
    """A face to paint."""

    x: float
    y: float
    age: int
    size: int = 80


def room(seed: int, width: int = 640, height: int = 360) -> UInt8Array:
    """A grey room of large shapes, different for every seed."""
    rng = np.random.default_rng(seed)
    image = np.full((height, width), 90, np.uint8)
    for _ in range(14):
        x, y = (int(value) for value in rng.integers(0, [width, height]))
        w, h = (int(value) for value in rng.integers(height // 8, height // 2, 2))
        cv2.rectangle(image, (x, y), (x + w, y + h), int(rng.integers(40, 200)), -1)
    return cv2.cvtColor(image, cv2.COLOR_GRAY2BGR).astype(np.uint8)


def paint(background: UInt8Array, faces: Sequence[Painted]) -> UInt8Array:
    image = background.copy()
    for face in faces:
        texture = np.random.default_rng(face.age).integers(0, 255, (face.size, face.size))
        x, y = round(face.x - face.size / 2), round(face.y - face.size / 2)
        x1, y1, x2, y2 = max(0, x), max(0, y), min(image.shape[1], x + face.size), min(image.shape[0], y + face.size)
        if x1 < x2 and y1 < y2:
            image[y1:y2, x1:x2, 0] = 255
            image[y1:y2, x1:x2, 1] = 2 * face.age
            image[y1:y2, x1:x2, 2] = texture[y1 - y : y2 - y, x1 - x : x2 - x]
    return as_readonly(image)


def frame(image: UInt8Array, time_s: float, index: int = 0, source: str = "film", independent: bool = False) -> Frame:
    return Frame(image, time_s, index, source, 0.0, independent)


@dataclass
class PaintedDetector:
    """Finds painted faces; counts what it was asked."""

    scans: int = 0
    known: list[int] = field(default_factory=list)
    refined: list[int] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)
    rough: list[bool] = field(default_factory=list)

    def scan(self, image: UInt8Array, known: Sequence[Box] = (), carried: Sequence[Box] = ()) -> list[Detection]:
        self.scans += 1
        self.known.append(len(known))
        return [face for face in _faces(image) if not any(face.box.iou(box) > 0.3 for box in carried)]

    def refine(self, image: UInt8Array, boxes: Sequence[Box]) -> list[Detection]:
        self.refined.append(len(boxes))
        return [face for face in _faces(image) if any(_near(face.box, box) for box in boxes)]

    def settle(self, image: UInt8Array, faces: Sequence[Detection], roughly: bool = False) -> list[Float32Array]:
        self.settled.append(len(faces))
        self.rough.append(roughly)
        return [max(_faces(image), key=lambda found: found.box.iou(face.box)).landmarks for face in faces]


@dataclass
class PaintedEngine:
    """Reads the painted age at the tip of the nose; remembers the size of every batch. Takes `face_s` for each face.

    With `embeds`, faces painted with one age are one person, and have nearly the same embedding in every frame.
    """

    face_s: float = 0.0
    embeds: bool = False
    batches: list[int] = field(default_factory=list)
    info: EngineInfo = field(default_factory=lambda: EngineInfo("cpu", "int8", "painted", "a test double"))

    def estimate(self, image: UInt8Array, landmarks: Sequence[Float32Array]) -> list[AgeEstimate]:
        self.batches.append(len(landmarks))
        time.sleep(self.face_s * len(landmarks))
        ages = [float(image[round(float(points[2, 1])), round(float(points[2, 0])), 1]) / 2 for points in landmarks]
        found = [_estimate(age) for age in ages]
        if not self.embeds:
            return found
        return [replace(each, embedding=embedding(round(each.years), seed=len(self.batches))) for each in found]


def embedding(who: int, seed: int = 0, likeness: float = 0.85) -> Float32Array:
    """(512,) float32 of length 1: a face embedding of somebody, different for every seed.

    Args:
        likeness: cosine between two pictures of one person, about.
    """
    person, picture = (_direction(number) for number in (who, 1_000_000 + 1000 * seed + who))
    mixed = np.sqrt(likeness) * person + np.sqrt(1 - likeness) * picture
    return np.asarray(mixed / np.linalg.norm(mixed), np.float32)


def _direction(seed: int) -> Float64Array:
    vector = np.random.default_rng(seed).normal(size=512)
    return np.asarray(vector / np.linalg.norm(vector))


def _estimate(age: float) -> AgeEstimate:
    weights = np.exp(-((np.arange(101) - age) ** 2) / (2 * 5.0**2))
    distribution = (weights / weights.sum()).astype(np.float32)
    return AgeEstimate(distribution, age, 0.8)


def _near(face: Box, box: Box) -> bool:
    (x1, y1), (x2, y2) = face.center, box.center
    return bool(np.hypot(x1 - x2, y1 - y2) < REACH * max(box.width, box.height))


def _faces(image: UInt8Array) -> list[Detection]:
    count, _, stats, _ = cv2.connectedComponentsWithStats((image[..., 0] == 255).astype(np.uint8))
    boxes = [Box(float(x), float(y), float(x + w), float(y + h)) for x, y, w, h, _ in stats[1:count].tolist()]
    return [Detection(box, 0.999, (LANDMARKS * [box.width, box.height] + [box.x1, box.y1]).astype(np.float32)) for box in boxes]
