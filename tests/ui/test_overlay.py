"""Labels stay in the picture, do not hide each other, and can be read on their ground."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
from PySide6.QtCore import QRectF, QSizeF
from PySide6.QtGui import QColor

from pipeline.labels import color_rgb
from ui.chip_places import place_chips
from ui.overlay import short_text, text_color_on

BOUNDS = QRectF(0, 0, 800, 450)
CHIP = QSizeF(90, 24)


def test_a_chip_sits_above_its_face() -> None:
    (chip,) = placed([QRectF(200, 200, 100, 120)], [CHIP])
    assert chip.left() == 200
    assert chip.bottom() < 200


def test_chips_stay_in_the_picture_at_every_border() -> None:
    boxes = [QRectF(x, y, 90, 110) for x in (-60, 380, 770) for y in (-50, 170, 400)]
    for box in boxes:
        (chip,) = placed([box], [CHIP])
        assert BOUNDS.contains(chip)


def test_faces_side_by_side_do_not_hide_each_others_labels() -> None:
    boxes = [QRectF(100 + 60 * number, 150, 55, 70) for number in range(8)]
    chips = placed(boxes, [CHIP] * 8)
    overlapping = [pair for pair in combinations(chips, 2) if pair[0].intersects(pair[1])]
    assert not overlapping


def test_a_label_covers_no_other_face_where_there_is_room() -> None:
    boxes = [QRectF(200, 200, 60, 70), QRectF(190, 120, 60, 70)]
    first, second = placed(boxes, [CHIP] * 2)
    assert not first.intersects(boxes[1])
    assert not second.intersects(boxes[0])


def test_in_a_crowd_labels_are_shortened_rather_than_laid_over_each_other() -> None:
    boxes = [QRectF(100 + 55 * column, 80 + 66 * row, 30, 38) for row in range(5) for column in range(10)]
    short = QSizeF(26, 24)
    places = place_chips(boxes, [CHIP] * len(boxes), BOUNDS, [short] * len(boxes))
    assert any(place.short for place in places)
    assert all(place.rect.width() == (26 if place.short else 90) for place in places)
    assert covered([place.rect for place in places], boxes) < 0.7 * covered(placed(boxes, [CHIP] * len(boxes)), boxes)
    (alone,) = place_chips(boxes[:1], [CHIP], BOUNDS, [short])
    assert not alone.short


def test_the_short_form_is_name_and_age() -> None:
    assert [short_text(text) for text in ("34 (28–41) · dark", "Ada 34 (28–41)", "estimating…")] == [
        "34",
        "Ada 34",
        "estimating…",
    ]


def placed(boxes: list[QRectF], sizes: list[QSizeF], bounds: QRectF = BOUNDS) -> list[QRectF]:
    return [place.rect for place in place_chips(boxes, sizes, bounds)]


def covered(rects: list[QRectF], faces: list[QRectF]) -> float:
    """Area of labels over other labels and over faces, in pixels."""
    shared = [one.intersected(other) for one, other in [*combinations(rects, 2), *product(rects, faces)]]
    return sum(rect.width() * rect.height() for rect in shared)


def test_a_chip_wider_than_the_picture_begins_at_its_left_edge() -> None:
    (chip,) = placed([QRectF(10, 10, 20, 20)], [QSizeF(200, 24)], QRectF(0, 0, 100, 100))
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
