"""The built-in clip: two people whose ages are known walk through a painted room.

It is made while it plays, always the same, and its truth is published: what to try the program on without a camera, and
what tests measure against.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Generator, Iterator
from typing import NamedTuple

import cv2
import numpy as np

from pipeline.protocols import SourceInfo
from pipeline.sources.demo_people import COLLINS, HOPPER, Actor, Portrait, Pose, pose
from pipeline.sources.demo_room import COUNTER_TOP_PX, HEIGHT_PX, PILLAR, WIDTH_PX, paint_room
from pipeline.types import Box, Float64Array, Frame, UInt8Array, as_readonly

NAME = "demo"
FPS = 30
DURATION_S = 20.0
FRAME_COUNT = int(FPS * DURATION_S)

_CAST = (COLLINS, HOPPER)

_BEFORE_PILLAR_PX = 130.0
"""Who has a larger face than this stands on the camera's side of the pillar."""

_SEEN_SHARE = 0.6
"""A face counts as visible while at least this part of its box is neither covered nor outside."""

_NOISE_SIGMA = 3.5
_NOISE_MEAN = 14
"""Grey levels. Noise is added as numbers from 0 on, so the mean is taken off first; 4 sigma, so that nothing is clipped."""

_NOISE_ROOM_PX = 160
"""The noise picture is larger than a frame by this much; each frame takes another part of it."""

_SEED = 42


class Truth(NamedTuple):
    """One person at one moment.

    Attributes:
        box: the face, whether or not it can be seen.
        visible: at least 60 % of the box is inside of the picture and not covered.
    """

    name: str
    age: int
    box: Box
    visible: bool


class DemoSource:
    """Twenty seconds, 1280×720, 30 frames a second: a film (not live) that needs no file but two portraits.

    Args:
        stop: when set, `frames` ends before the next picture.

    Raises:
        SourceError: the portraits are missing.
    """

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._studio = Studio()
        self._next = 0
        self._frames = self._read()

    @property
    def can_seek(self) -> bool:
        return True

    def index_at(self, time_s: float) -> int:
        """Index of the picture at that time."""
        return min(max(0, int(time_s * FPS + 1e-6)), FRAME_COUNT - 1)

    def seek(self, index: int) -> None:
        """`frames`, called anew, goes on with this picture."""
        self._frames.close()
        self._next = min(max(0, index), FRAME_COUNT - 1)
        self._frames = self._read()

    @property
    def info(self) -> SourceInfo:
        return SourceInfo(
            name=NAME,
            live=False,
            width=WIDTH_PX,
            height=HEIGHT_PX,
            fps=float(FPS),
            frame_count=FRAME_COUNT,
            duration_s=DURATION_S,
        )

    def frames(self) -> Iterator[Frame]:
        """Every picture once: a second call goes on where the first one ended."""
        return self._frames

    def close(self) -> None:
        """No frames come after it; safe to call twice."""
        self._frames.close()

    def _read(self) -> Generator[Frame, None, None]:
        for index in range(self._next, FRAME_COUNT):
            if self._stop.is_set():
                return
            image = self._studio.picture(index)
            yield Frame(as_readonly(image), index / FPS, index, NAME, wall_time_s=time.time())


class Scene:
    """The two people at any moment: who is in front of whom, and whose face can be seen."""

    def __init__(self) -> None:
        self.portraits = {actor.name: Portrait(actor) for actor in _CAST}

    def people(self, time_s: float) -> list[tuple[Actor, Pose]]:
        """Both, the farther one first."""
        return sorted(((actor, pose(actor, time_s)) for actor in _CAST), key=lambda person: person[1].face_px)

    def truth(self, time_s: float) -> tuple[Truth, ...]:
        """Where both are, sorted by name."""
        people = self.people(time_s)
        found: list[Truth] = []
        for place, (actor, placed) in enumerate(people):
            points = _grid(placed.face)
            seen = (points >= 0).all(axis=1) & (points < (WIDTH_PX, HEIGHT_PX)).all(axis=1)
            if placed.face_px < _BEFORE_PILLAR_PX:
                seen &= (points[:, 0] < PILLAR.x1) | (points[:, 0] >= PILLAR.x2)
            for other, in_front in people[place + 1 :]:
                seen &= self.portraits[other.name].covers(in_front, points) == 0
            found.append(Truth(actor.name, actor.age, placed.face, bool(seen.mean() >= _SEEN_SHARE)))
        return tuple(sorted(found))


class Studio:
    """Makes the pictures of the demo. The same index gives the same picture, in any order."""

    def __init__(self) -> None:
        self._scene = Scene()
        self._room = paint_room()
        rng = np.random.default_rng(_SEED)
        shape = (HEIGHT_PX + _NOISE_ROOM_PX, WIDTH_PX + _NOISE_ROOM_PX, 3)
        noise = rng.standard_normal(shape, dtype=np.float32)
        self._noise = np.asarray(cv2.convertScaleAbs(noise, alpha=_NOISE_SIGMA, beta=_NOISE_MEAN), np.uint8)
        self._noise_at = rng.integers(0, _NOISE_ROOM_PX, (FRAME_COUNT, 2))

    def picture(self, index: int) -> UInt8Array:
        """(720, 1280, 3) uint8 BGR, own memory."""
        time_s = index / FPS
        frame = self._room.copy()
        people = self._scene.people(time_s)
        for actor, placed in people:
            if placed.face_px < _BEFORE_PILLAR_PX:
                self._scene.portraits[actor.name].draw(frame, placed, COUNTER_TOP_PX)
        pillar = slice(int(PILLAR.x1), int(PILLAR.x2))
        frame[:COUNTER_TOP_PX, pillar] = self._room[:COUNTER_TOP_PX, pillar]
        for actor, placed in people:
            if placed.face_px >= _BEFORE_PILLAR_PX:
                self._scene.portraits[actor.name].draw(frame, placed, COUNTER_TOP_PX)
        exposure = 1 + 0.05 * math.sin(2 * math.pi * time_s / 11) + 0.015 * math.sin(2 * math.pi * time_s / 2.3)
        top, left = self._noise_at[index % FRAME_COUNT]
        noise = self._noise[top : top + HEIGHT_PX, left : left + WIDTH_PX]
        return np.asarray(cv2.add(cv2.convertScaleAbs(frame, alpha=exposure, beta=-_NOISE_MEAN), noise), np.uint8)


def truth(time_s: float) -> tuple[Truth, ...]:
    """What is to be seen at that time: one entry per person, sorted by name. For many times keep a `Scene`."""
    return Scene().truth(time_s)


def _grid(box: Box) -> Float64Array:
    """(81, 2) points that fill the box evenly."""
    x, y = np.meshgrid(np.linspace(box.x1, box.x2, 9), np.linspace(box.y1, box.y2, 9))
    return np.column_stack([x.ravel(), y.ravel()])
