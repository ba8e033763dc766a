"""Hard cuts in drawn scenes and in real clips."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from pipeline.cuts import CutDetector
from pipeline.types import UInt8Array

VIDEOS = Path(__file__).resolve().parents[2] / "../shared/data/videos"


def scene(seed: int, width: int = 640, height: int = 360) -> UInt8Array:
    """A room-like picture: large soft shapes, all scenes in the same few colours."""
    rng = np.random.default_rng(seed)
    image = np.full((height, width, 3), 90, np.uint8)
    for _ in range(14):
        x, y = rng.integers(0, width), rng.integers(0, height)
        size = rng.integers(height // 8, height // 2, 2)
        level = int(rng.integers(40, 200))
        cv2.rectangle(image, (int(x), int(y)), (int(x + size[0]), int(y + size[1])), (level, level, min(255, level + 20)), -1)
    return cv2.GaussianBlur(image, (0, 0), 2).astype(np.uint8)


def cuts_of(images: Iterator[UInt8Array] | list[UInt8Array]) -> list[int]:
    detector = CutDetector()
    return [i for i, image in enumerate(images) if detector.is_cut(image)]


def noisy(image: UInt8Array, seed: int) -> UInt8Array:
    noise = np.random.default_rng(seed).normal(0, 8, image.shape)
    return np.asarray(np.clip(image + noise, 0, 255), np.uint8)


def with_light(image: UInt8Array, gain: float, offset: float) -> UInt8Array:
    return np.asarray(np.clip(image * gain + offset, 0, 255), np.uint8)


def test_the_first_picture_is_no_cut() -> None:
    assert cuts_of([scene(0)]) == []


def test_cuts_between_scenes_of_the_same_colours() -> None:
    images = [noisy(scene(i // 3), seed=i) for i in range(45)]
    assert cuts_of(images) == list(range(3, 45, 3))


def test_a_moving_camera_is_no_cut() -> None:
    wide = scene(3, width=1600)
    assert cuts_of([wide[:, 40 * i : 40 * i + 640] for i in range(20)]) == []


def test_somebody_who_fills_half_of_the_picture_within_five_frames_is_no_cut() -> None:
    images = []
    for i in range(14):
        image = scene(5).copy()
        cv2.ellipse(image, (760 - 60 * i, 260), (150, 300), 0, 0, 360, (60, 70, 90), -1)
        images.append(image)
    assert cuts_of(images) == []


@pytest.mark.parametrize("offset", [60, 120, 200, 250])
def test_a_flash_is_no_cut_at_either_end(offset: float) -> None:
    images = [noisy(scene(1), seed=i) for i in range(9)]
    for i in (4, 5):
        images[i] = with_light(images[i], 1.2, offset)
    assert cuts_of(images) == []


def test_light_that_is_switched_off_is_no_cut() -> None:
    images = [with_light(noisy(scene(1), seed=i), 1.0 if i < 4 else 0.35, 0) for i in range(8)]
    assert cuts_of(images) == []


def test_a_fade_through_black_to_another_scene_is_one_cut() -> None:
    fade = [with_light(scene(1), gain, 0) for gain in (1, 0.6, 0.3, 0.1, 0, 0)]
    rise = [with_light(scene(2), gain, 0) for gain in (0, 0.1, 0.3, 0.6, 1)]
    assert len(cuts_of(fade + rise)) == 1
    same = [with_light(scene(1), gain, 0) for gain in (0, 0.1, 0.3, 0.6, 1)]
    assert cuts_of(fade + same) == []


def test_flat_pictures_break_nothing() -> None:
    flat = np.zeros((120, 160, 3), np.uint8)
    halves = flat.copy()
    halves[60:] = 200
    assert cuts_of([flat, flat + 255, halves, flat, halves, halves]) == []


def test_tiny_and_odd_sizes() -> None:
    for shape in ((1, 1), (7, 300), (300, 7), (37, 65)):
        image = np.random.default_rng(0).integers(0, 255, (*shape, 3)).astype(np.uint8)
        assert cuts_of([image, image]) == []


def test_after_a_reset_nothing_is_continued() -> None:
    detector = CutDetector()
    detector.is_cut(scene(1))
    detector.reset()
    assert not detector.is_cut(scene(2))
    assert detector.is_cut(scene(1))


CLIPS = {
    "stage-cuts.mp4": [20, 82, 211],
    "children.mp4": [],
    "crossing.mp4": [],
    "corridor.gif": [],
    "hands-over-face.mkv": [],
    "selfie-2.mp4": [],
    "webcam.mp4": [],
}
"""Frames that begin a new scene, found by looking."""


@pytest.mark.parametrize("clip", CLIPS)
def test_real_clips(clip: str) -> None:
    path = VIDEOS / clip
    if not path.exists():
        pytest.skip(f"{clip} is not beside the repository")
    with av.open(str(path)) as container:
        images = (np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in container.decode(video=0))
        assert cuts_of(images) == CLIPS[clip]
