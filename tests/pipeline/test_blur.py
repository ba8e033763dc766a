"""Pixelated faces hold nothing that identifies, and stay hidden through short losses."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.blur import BLOCKS, HOLD_S, MARGIN, BlurChoice, HiddenFaces, blurred, pixelate
from pipeline.edits import Exempt, apply_edits
from pipeline.types import Box, Detection, Face, Frame, FrameResult, UInt8Array, as_readonly


def noise(width: int = 400, height: int = 300) -> UInt8Array:
    rng = np.random.default_rng(5)
    return as_readonly(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def result(time_s: float, *faces: tuple[int, Box], cut: bool = False) -> FrameResult:
    landmarks = np.zeros((5, 2), np.float32)
    found = tuple(Face(p, p, Detection(box, 0.9, landmarks), 0.5, None, None) for p, box in faces)
    return FrameResult(Frame(noise(), time_s, round(time_s * 25), "film", 0.0), found, cut)


@pytest.mark.parametrize("side", [24, 60, 180])
def test_few_squares_are_left_of_a_face_and_its_margin(side: int) -> None:
    image = noise()
    box = Box(100, 60, 100 + side, 60 + side * 1.2)
    hidden = pixelate(image, [box])
    x1, x2 = round(100 - MARGIN * side), round(100 + (1 + MARGIN) * side)
    row = hidden[60 + side // 2, x1:x2].astype(int)
    changes = int((np.abs(np.diff(row, axis=0)).sum(axis=1) > 0).sum())
    assert changes <= BLOCKS
    # The noise's detail is gone: what is left is its mean.
    part = hidden[60 : round(60 + side * 1.2), 100 : 100 + side]
    assert part.std() < 0.25 * image.std()


def test_the_rest_of_the_picture_is_untouched() -> None:
    image, box = noise(), Box(100, 60, 160, 130)
    hidden = pixelate(image, [box])
    outside = np.ones(image.shape[:2], bool)
    outside[60 - 21 : 130 + 21, 100 - 18 : 160 + 18] = False
    assert (hidden[outside] == image[outside]).all()
    assert (image == noise()).all()


def test_faces_at_the_border_and_beyond_it() -> None:
    image = noise()
    hidden = pixelate(image, [Box(-40, -30, 40, 60), Box(900, 900, 950, 950), Box(380, 280, 480, 400)])
    assert len(np.unique(hidden[:60, :40].reshape(-1, 3), axis=0)) < 30
    assert hidden.shape == image.shape


def test_without_faces_the_picture_is_not_copied() -> None:
    image = noise()
    assert pixelate(image, []) is image


def test_an_enlarged_mosaic_is_no_picture_of_the_face() -> None:
    """Blown up again, the squares correlate with what was there hardly more than with its mean colour."""
    image = noise()
    box = Box(100, 60, 220, 200)
    hidden = pixelate(image, [box])[60:200, 100:220].astype(np.float32)
    before = cv2.GaussianBlur(image[60:200, 100:220].astype(np.float32), (0, 0), 3)
    assert abs(np.corrcoef(hidden.ravel(), before.ravel())[0, 1]) < 0.35


def test_a_lost_face_stays_hidden_for_a_while_and_its_part_grows() -> None:
    hidden, on = HiddenFaces(), BlurChoice(True)
    box = Box(100, 100, 150, 160)
    assert hidden.boxes(result(0.0, (1, box)), on) == [box]
    (held,) = hidden.boxes(result(0.4), on)
    assert held.width > box.width
    assert held.center == box.center
    hidden.boxes(result(0.8), on)
    assert hidden.boxes(result(HOLD_S + 0.2), on) == []


def test_after_a_cut_or_a_jump_nobody_is_held() -> None:
    on, box = BlurChoice(True), Box(100, 100, 150, 160)
    hidden = HiddenFaces()
    hidden.boxes(result(1.0, (1, box)), on)
    assert hidden.boxes(result(1.04, cut=True), on) == []
    hidden.boxes(result(1.08, (1, box)), on)
    assert hidden.boxes(result(0.5), on) == []


def test_whoever_is_exempt_is_seen_and_switching_on_later_works_at_once() -> None:
    one, two = Box(10, 10, 50, 60), Box(200, 10, 250, 60)
    hidden = HiddenFaces()
    assert hidden.boxes(result(0.0, (1, one), (2, two)), BlurChoice(False)) == []
    choice = BlurChoice(True, apply_edits([Exempt(2)]))
    assert hidden.boxes(result(0.1), choice) != []
    assert hidden.boxes(result(0.2, (1, one), (2, two)), choice) == [one]


def test_somebody_else_on_the_track_of_who_is_exempt_is_hidden() -> None:
    box, landmarks = Box(10, 10, 50, 60), np.zeros((5, 2), np.float32)
    choice = BlurChoice(True, apply_edits([Exempt(2)]))
    faces = [Face(person, 7, Detection(box, 0.9, landmarks), 0.5, None, None) for person in (2, 3)]
    assert [choice.hides(face) for face in faces] == [False, True]


def test_a_blurred_result_has_the_same_faces() -> None:
    before = result(0.0, (1, Box(10, 10, 50, 60)))
    after = blurred(before, [Box(10, 10, 50, 60)])
    assert after.faces is before.faces
    assert not after.frame.image.flags.writeable
    assert (after.frame.image != before.frame.image).any()
    assert blurred(before, []) is before
