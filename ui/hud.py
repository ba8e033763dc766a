"""Figures over the picture, for those who want to know where the time goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from pipeline.timing import StageReport
from ui.figures import LATE, STAGES

GROUND = QColor(18, 20, 23, 205)
TEXT = QColor("#f2f3f5")
QUIET = QColor("#a9b1bc")
MARGIN_PX = 12
PADDING_PX = 12
LONGEST_REASON = 58
"""Characters a line; a reason is a sentence."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the figures are about, in words.

    Attributes:
        source: rates of source, analysis and screen.
        dropped: how many pictures were left out.
        engine: what runs.
        reason: why that one.
        memory: of the process; empty where the system does not tell.
    """

    source: str = ""
    dropped: str = ""
    engine: str = ""
    reason: str = ""
    memory: str = ""


def hud_lines(stages: Mapping[str, StageReport], facts: Facts) -> list[str]:
    """The figures as lines of text of fixed width."""
    lines = [f"{'ms per picture':<16}{'p50':>7}{'p95':>8}"]
    for name in STAGES:
        if (stage := stages.get(name)) is not None:
            lines.append(f"{name:<16}{stage.p50_ms:>7.1f}{stage.p95_ms:>8.1f}")
    if LATE in stages:
        lines.append("(read → painted)")
    said = [line for line in (facts.source, facts.dropped, facts.engine, *_wrapped(facts.reason), facts.memory) if line]
    return [*lines, "", *said] if said else lines


class Hud(QWidget):
    """Lies over the upper left corner of its parent and lets the mouse through."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._lines: list[str] = []
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName("Timings")
        self.move(MARGIN_PX, MARGIN_PX)
        self.hide()

    @property
    def text(self) -> str:
        """What is shown."""
        return "\n".join(self._lines)

    def show_figures(self, stages: Mapping[str, StageReport], facts: Facts) -> None:
        """Replaces what is shown."""
        self._lines = hud_lines(stages, facts)
        self.setAccessibleDescription(self.text)
        self.resize(self.sizeHint())
        self.update()

    def sizeHint(self) -> QSize:
        metrics = QFontMetricsF(self._font())
        width = max((metrics.horizontalAdvance(line) for line in self._lines), default=0.0)
        return QSize(round(width) + 2 * PADDING_PX + 1, round(metrics.lineSpacing() * len(self._lines)) + 2 * PADDING_PX)

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(GROUND)
        painter.drawRoundedRect(self.rect(), 10, 10)
        font = self._font()
        metrics = QFontMetricsF(font)
        painter.setFont(font)
        for number, line in enumerate(self._lines):
            painter.setPen(QUIET if number == 0 or line.startswith("(") else TEXT)
            painter.drawText(PADDING_PX, round(PADDING_PX + metrics.ascent() + number * metrics.lineSpacing()), line)
        painter.end()

    def _font(self) -> QFont:
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPointSizeF(max(self.font().pointSizeF(), 9.0))
        return font


def _wrapped(sentence: str) -> list[str]:
    lines: list[str] = []
    for word in sentence.split():
        if lines and len(lines[-1]) + 1 + len(word) <= LONGEST_REASON:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
