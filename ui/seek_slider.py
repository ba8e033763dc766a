"""The line under the picture: where the film is, where persons appear, and where to go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPalette, QPixmap
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from pipeline.clock import clock_text
from pipeline.spans import Span

HEIGHT_PX = 30
GROOVE_PX = 4.0
MARK_PX = 3.0
MARK_GAP_PX = 1.0
MOST_LANES = 4
"""Rows of marks; the fifth person shares the row of the first."""
KNOB_RADIUS_PX = 6.5
MARGIN_PX = 8.0
LEAST_MARK_PX = 2.0


@dataclass(frozen=True, slots=True)
class Presence:
    """When one person is in sight.

    Attributes:
        spans: in seconds of the film.
    """

    person: int
    color: QColor
    spans: tuple[Span, ...]


class SeekSlider(QWidget):
    """A slider over the seconds of a film, with a mark wherever somebody is in sight."""

    sought = Signal(float)
    """The user wants to see this second; comes often while the knob is dragged."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._length_s = 0.0
        self._time_s = 0.0
        self._aim_s: float | None = None
        self._presence: tuple[Presence, ...] = ()
        self._marks = QPixmap()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.setAccessibleName("Place in the film")
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    @property
    def presence(self) -> tuple[Presence, ...]:
        """What is marked."""
        return self._presence

    @property
    def shown_s(self) -> float:
        """Where the knob is."""
        return self._time_s if self._aim_s is None else self._aim_s

    def set_length(self, length_s: float) -> None:
        """How long the film is; 0 while that is unknown."""
        if length_s != self._length_s:
            self._length_s = length_s
            self._redraw()

    def set_time(self, time_s: float) -> None:
        """Where the film is."""
        before = self._x(self.shown_s)
        self._time_s = time_s
        if abs(self._x(self.shown_s) - before) >= 1 / self.devicePixelRatioF():
            self.update()

    def set_presence(self, presence: Sequence[Presence]) -> None:
        """Who is in sight when, in order of appearance."""
        if tuple(presence) != self._presence:
            self._presence = tuple(presence)
            self._redraw()

    def x_of(self, time_s: float) -> float:
        """Where a second of the film is, in pixels of the slider."""
        return self._x(time_s)

    def sizeHint(self) -> QSize:
        return QSize(240, HEIGHT_PX)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton and self._length_s > 0:
            self._aim(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._length_s <= 0:
            return
        QToolTip.showText(event.globalPosition().toPoint(), clock_text(self._time_at(event.position().x())), self)
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._aim(event.position())

    def mouseReleaseEvent(self, _: QMouseEvent) -> None:
        if self._aim_s is not None:
            # Until the picture of this place comes, the knob stays where it was let go.
            self._time_s, self._aim_s = self._aim_s, None
            self.update()

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        groove = self._groove()
        palette = self.palette()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.color(QPalette.ColorRole.Mid))
        painter.drawRoundedRect(groove, GROOVE_PX / 2, GROOVE_PX / 2)
        if self._length_s > 0:
            done = QRectF(groove)
            done.setRight(self._x(self.shown_s))
            painter.setBrush(palette.color(QPalette.ColorRole.Accent))
            painter.drawRoundedRect(done, GROOVE_PX / 2, GROOVE_PX / 2)
            if self._marks.isNull():
                self._marks = self._draw_marks()
            painter.drawPixmap(0, 0, self._marks)
            painter.setPen(palette.color(QPalette.ColorRole.Window))
            painter.setBrush(palette.color(QPalette.ColorRole.Accent))
            painter.drawEllipse(QPointF(self._x(self.shown_s), groove.center().y()), KNOB_RADIUS_PX, KNOB_RADIUS_PX)
        painter.end()

    def resizeEvent(self, _: QEvent) -> None:
        self._redraw()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        self._redraw()

    def _redraw(self) -> None:
        self._marks = QPixmap()
        self.update()

    def _draw_marks(self) -> QPixmap:
        """All marks; drawn only when they change: a busy hour has thousands."""
        ratio = self.devicePixelRatioF()
        pixmap = QPixmap((QSize(self.width(), self.height()).toSizeF() * ratio).toSize())
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        top = self._groove().bottom() + 3.5
        for number, presence in enumerate(self._presence):
            y = top + (number % MOST_LANES) * (MARK_PX + MARK_GAP_PX)
            painter.setBrush(presence.color)
            for start_s, end_s in presence.spans:
                left = self._x(start_s)
                painter.drawRoundedRect(QRectF(left, y, max(LEAST_MARK_PX, self._x(end_s) - left), MARK_PX), 1.0, 1.0)
        painter.end()
        return pixmap

    def _groove(self) -> QRectF:
        return QRectF(MARGIN_PX, 7.0, max(1.0, self.width() - 2 * MARGIN_PX), GROOVE_PX)

    def _x(self, time_s: float) -> float:
        groove = self._groove()
        share = min(max(time_s / self._length_s, 0.0), 1.0) if self._length_s > 0 else 0.0
        return groove.left() + share * groove.width()

    def _time_at(self, x: float) -> float:
        groove = self._groove()
        return min(max((x - groove.left()) / groove.width(), 0.0), 1.0) * self._length_s

    def _aim(self, point: QPointF) -> None:
        self._aim_s = self._time_at(point.x())
        self.update()
        self.sought.emit(self._aim_s)
