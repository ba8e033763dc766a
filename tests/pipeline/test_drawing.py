"""Labels stay in the picture, apart from each other, and can be read."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.drawing import Caption, Painter
from pipeline.types import Box, UInt8Array, as_readonly

SIZE = (360, 640)
YELLOW, NAVY = (60, 220, 240), (90, 30, 20)


def grey() -> UInt8Array:
    return as_readonly(np.full((*SIZE, 3), 128, np.uint8))


def area(image: UInt8Array, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """x1 y1 x2 y2 of the pixels of exactly that colour."""
    ys, xs = np.nonzero((image == colour).all(axis=2))
    return int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max())


def test_a_label_is_drawn_above_its_box_and_the_original_is_left_alone() -> None:
    original = grey()
    drawn = Painter().draw(original, [Caption(Box(200, 150, 280, 250), "34 (28–41)", YELLOW)])
    x1, y1, _, y2 = area(drawn, YELLOW)
    assert y1 < 150 - 10
    assert x1 == pytest.approx(200, abs=3)
    assert y2 == pytest.approx(250, abs=3)
    assert (original == 128).all()


@pytest.mark.parametrize("box", [Box(600, 5, 660, 80), Box(-40, -30, 30, 40), Box(0, 0, 640, 360), Box(300, 340, 360, 400)])
def test_a_label_at_the_border_is_whole(box: Box) -> None:
    painter = Painter()
    inside = painter.draw(grey(), [Caption(Box(300, 150, 340, 190), "34 (28–41)", YELLOW)])
    outside = painter.draw(grey(), [Caption(box, "34 (28–41)", YELLOW)])
    # The text is dark on yellow: as many dark pixels, but for those of the boxes' rims, as in the middle of the picture.
    text = painter.draw(grey(), [Caption(Box(300, 150, 340, 190), "", YELLOW)])
    written = int((inside < 60).all(axis=2).sum() - (text < 60).all(axis=2).sum())
    assert written > 100
    assert int((outside < 60).all(axis=2).sum()) >= 0.9 * written


def test_labels_of_neighbours_do_not_hide_each_other() -> None:
    boxes = [Box(200 + 30 * i, 150, 225 + 30 * i, 180) for i in range(3)]
    colours = [(250, 60, 60), (60, 250, 60), (60, 60, 250)]
    painter = Painter()
    together = painter.draw(grey(), [Caption(box, "34 (28–41)", colour) for box, colour in zip(boxes, colours, strict=True)])
    for box, colour in zip(boxes, colours, strict=True):
        alone = painter.draw(grey(), [Caption(box, "34 (28–41)", colour)])
        visible = (together == colour).all(axis=2).sum() / (alone == colour).all(axis=2).sum()
        assert visible > 0.85


@pytest.mark.parametrize("text", ["34 (28–41)", "estimating…", "7 (4–11) female"])
def test_every_character_of_a_label_is_in_the_font(text: str) -> None:
    """What the font lacks is drawn as a question mark."""
    painter = Painter()
    box = Box(200, 150, 280, 250)
    drawn = painter.draw(grey(), [Caption(box, text, YELLOW)])
    with_marks = painter.draw(grey(), [Caption(box, text.replace("–", "?").replace("…", "?"), YELLOW)])
    assert text.isascii() or (drawn != with_marks).any()


def test_text_is_light_on_dark_and_dark_on_light() -> None:
    painter = Painter()
    box = Box(200, 150, 280, 250)
    on_dark = painter.draw(grey(), [Caption(box, "34", NAVY)])
    on_light = painter.draw(grey(), [Caption(box, "34", YELLOW)])
    assert (on_dark > 240).all(axis=2).any()
    assert not (on_light > 240).all(axis=2).any()
