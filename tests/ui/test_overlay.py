"""Labels stay in the picture, do not hide each other, and can be read on their ground."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from PySide6.QtCore import QRectF, QSizeF
from PySide6.QtGui import QColor

from pipeline.labels import color_rgb
from ui.overlay import place_chips, text_color_on

BOUNDS = QRectF(0, 0, 800, 450)
CHIP = QSizeF(90, 24)


def test_a_chip_sits_above_its_face() -> None:
    (chip,) = place_chips([QRectF(200, 200, 100, 120)], [CHIP], BOUNDS)
    assert chip.left() == 200
    assert chip.bottom() < 200


def test_chips_stay_in_the_picture_at_every_border() -> None:
    boxes = [QRectF(x, y, 90, 110) for x in (-60, 380, 770) for y in (-50, 170, 400)]
    for box in boxes:
        (chip,) = place_chips([box], [CHIP], BOUNDS)
        assert BOUNDS.contains(chip)


def test_faces_side_by_side_do_not_hide_each_others_labels() -> None:
    boxes = [QRectF(100 + 60 * number, 150, 55, 70) for number in range(8)]
    chips = place_chips(boxes, [CHIP] * 8, BOUNDS)
    overlapping = [pair for pair in combinations(chips, 2) if pair[0].intersects(pair[1])]
    assert not overlapping


def test_a_chip_wider_than_the_picture_begins_at_its_left_edge() -> None:
    (chip,) = place_chips([QRectF(10, 10, 20, 20)], [QSizeF(200, 24)], QRectF(0, 0, 100, 100))
    assert chip.left() == 0


def test_text_can_be_read_on_every_persons_colour() -> None:
    for person in range(200):
        ground = QColor(*color_rgb(person))
        contrast = _contrast(ground, text_color_on(ground))
        # 3 is WCAG's least for large or bold text.
        assert contrast >= 3, (person, ground.name(), contrast)


def _contrast(one: QColor, other: QColor) -> float:
    def luminance(color: QColor) -> float:
        rgb = np.array([color.redF(), color.greenF(), color.blueF()])
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
