"""Draws boxes and labels over the picture, at a size that does not depend on the picture's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from ui.chip_places import place_chips

BOX_RADIUS = 7.0
BOX_WIDTH = 2.2
SELECTED_WIDTH = 3.6
CHIP_PADDING = QSizeF(7.0, 3.0)
CHIP_RADIUS = 6.0
LANDMARK_RADIUS = 2.6
"""All in device-independent pixels."""

MOST_ROUND = 0.2
"""Of a small box's width: rounder, it would be an oval."""

RIM = QColor(0, 0, 0, 130)
"""Around boxes and chips: keeps every colour readable on snow and on night."""

UNSELECTED_OPACITY = 0.45
DARK_TEXT = QColor("#15171a")
LIGHT_TEXT = QColor("#ffffff")
LIGHT_GROUND = 0.25
"""Above this luminance text is dark. WCAG's formula turns at 0.18, but to the eye white is the better one on a strong violet."""

WAITING_CHIP = QColor(24, 26, 30, 215)


@dataclass(frozen=True, slots=True)
class Mark:
    """One face as it is drawn.

    Attributes:
        person: number of the person.
        box: in device-independent pixels of the widget.
        text: of the chip; its first word is drawn bold.
        color: of the person.
        settled: False draws the chip in grey: the text is not an age yet.
    """

    person: int
    box: QRectF
    text: str
    color: QColor
    settled: bool


def text_color_on(background: QColor) -> QColor:
    """Dark or light text, by the ground's relative luminance (WCAG 2)."""

    def linear(channel: float) -> float:
        return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)

    luminance = 0.2126 * linear(background.redF()) + 0.7152 * linear(background.greenF()) + 0.0722 * linear(background.blueF())
    return DARK_TEXT if luminance > LIGHT_GROUND else LIGHT_TEXT


def draw_marks(painter: QPainter, marks: Sequence[Mark], bounds: QRectF, font: QFont, selected: int | None) -> None:
    """Draws all boxes, then all chips, so that no box crosses a label.

    Args:
        bounds: where the picture is; chips stay inside.
        font: of the chips.
        selected: person to bring out; the others step back. None: all alike.
    """
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    bold = QFont(font)
    bold.setWeight(QFont.Weight.Bold)
    full = [_chip_size(mark.text, font, bold if mark.settled else font) for mark in marks]
    short = [_chip_size(short_text(mark.text), font, bold if mark.settled else font) for mark in marks]
    places = place_chips([mark.box for mark in marks], full, bounds, short)
    someone_selected = any(mark.person == selected for mark in marks)
    for mark in marks:
        painter.setOpacity(1.0 if not someone_selected or mark.person == selected else UNSELECTED_OPACITY)
        _draw_box(painter, mark, mark.person == selected)
    for mark, place in zip(marks, places, strict=True):
        painter.setOpacity(1.0 if not someone_selected or mark.person == selected else UNSELECTED_OPACITY)
        shown = replace(mark, text=short_text(mark.text)) if place.short else mark
        _draw_chip(painter, shown, place.rect, font, bold)
    painter.setOpacity(1.0)


def short_text(text: str) -> str:
    """What is left of a label where there is no room for more: name and age."""
    return text.partition(" (")[0]


def draw_landmarks(painter: QPainter, faces: Sequence[tuple[QColor, Sequence[QPointF]]]) -> None:
    """Draws the points by which faces are aligned, in the colours of their persons."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(RIM, 1.0))
    for color, points in faces:
        painter.setBrush(color)
        for point in points:
            painter.drawEllipse(point, LANDMARK_RADIUS, LANDMARK_RADIUS)


def _draw_box(painter: QPainter, mark: Mark, selected: bool) -> None:
    width = SELECTED_WIDTH if selected else BOX_WIDTH
    painter.setBrush(Qt.BrushStyle.NoBrush)
    radius = min(BOX_RADIUS, mark.box.width() * MOST_ROUND)
    for color, line in ((RIM, width + 2.0), (mark.color, width)):
        painter.setPen(QPen(color, line))
        painter.drawRoundedRect(mark.box, radius, radius)


def _split(text: str) -> tuple[str, str]:
    first, space, rest = text.partition(" ")
    return first, space + rest


def _chip_size(text: str, font: QFont, head: QFont) -> QSizeF:
    first, rest = _split(text)
    width = QFontMetricsF(head).horizontalAdvance(first) + QFontMetricsF(font).horizontalAdvance(rest)
    return QSizeF(width + 2 * CHIP_PADDING.width(), QFontMetricsF(font).height() + 2 * CHIP_PADDING.height())


def _draw_chip(painter: QPainter, mark: Mark, chip: QRectF, font: QFont, bold: QFont) -> None:
    background = mark.color if mark.settled else WAITING_CHIP
    painter.setPen(QPen(RIM if mark.settled else mark.color, 1.0))
    painter.setBrush(background)
    painter.drawRoundedRect(chip, CHIP_RADIUS, CHIP_RADIUS)
    painter.setPen(text_color_on(background) if mark.settled else LIGHT_TEXT)
    baseline = chip.top() + CHIP_PADDING.height() + QFontMetricsF(font).ascent()
    x = chip.left() + CHIP_PADDING.width()
    first, rest = _split(mark.text)
    head = bold if mark.settled else font
    painter.setFont(head)
    painter.drawText(QPointF(x, baseline), first)
    painter.setFont(font)
    painter.drawText(QPointF(x + QFontMetricsF(head).horizontalAdvance(first), baseline), rest)
