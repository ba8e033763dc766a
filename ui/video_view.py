"""Shows the newest analysed frame with its faces."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFont, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from pipeline.types import Box, Face, FrameResult, UInt8Array
from ui.newest import RateMeter
from ui.overlay import Mark, draw_marks, text_color_on

BACKGROUND = QColor("#0f1113")
"""Around the picture, in both themes: what surrounds a picture should not compete with it."""

BANNER = QColor(18, 20, 23, 205)
SPINNER_STEP_DEG = 30
SPINNER_INTERVAL_MS = 60

FaceText = Callable[[Face], str]
PersonColor = Callable[[int], QColor]


def fit(width: float, height: float, bounds: QRectF) -> QRectF:
    """The largest rectangle of the aspect width : height in the middle of the bounds."""
    scale = min(bounds.width() / width, bounds.height() / height)
    fitted = QRectF(0, 0, width * scale, height * scale)
    fitted.moveCenter(bounds.center())
    return fitted


class VideoView(QWidget):
    """Paints a frame, its boxes and labels, and says what it is waiting for.

    Args:
        face_text: text of a face's label.
        person_color: a person's colour.
    """

    person_clicked = Signal(int)
    """Number of the clicked face's person; −1 for a click beside all faces."""

    def __init__(self, face_text: FaceText, person_color: PersonColor, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._face_text = face_text
        self._person_color = person_color
        self._result: FrameResult | None = None
        self._pixels: UInt8Array | None = None
        self._image = QImage()
        self._selected: int | None = None
        self._banner = ""
        self._angle_deg = 0
        self._meter = RateMeter()
        self._spinner = QTimer(self, interval=SPINNER_INTERVAL_MS)
        self._spinner.timeout.connect(self._spin)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(240, 180)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setAccessibleName("Picture")
        self.setAccessibleDescription("The analysed picture with a box and an age for every face")

    @property
    def result(self) -> FrameResult | None:
        """What is shown."""
        return self._result

    @property
    def selected(self) -> int | None:
        """The person who is brought out."""
        return self._selected

    @property
    def shown_rate(self) -> float:
        """Pictures painted per second, lately."""
        return self._meter.rate()

    def show_result(self, result: FrameResult) -> None:
        """Shows a frame; its picture is read now and not kept."""
        self._result = result
        image = result.frame.image
        if self._pixels is None or self._pixels.shape[:2] != image.shape[:2]:
            self._pixels = np.empty((*image.shape[:2], 4), np.uint8)
            height, width = image.shape[:2]
            self._image = QImage(self._pixels.data, width, height, self._pixels.strides[0], QImage.Format.Format_RGB32)
        # One pass to 32 bits pays: 1080p scaled smoothly into 720p takes 1.8 ms with it, and 4.4 ms from BGR888.
        cv2.cvtColor(image, cv2.COLOR_BGR2BGRA, dst=self._pixels)
        self._meter.count()
        self.update()

    def clear(self) -> None:
        """Shows nothing."""
        self._result = None
        self._pixels = None
        self._image = QImage()
        self._meter = RateMeter()
        self.update()

    def set_selected(self, person: int | None) -> None:
        """Brings out one person's face."""
        self._selected = person
        self.update()

    def set_banner(self, text: str, busy: bool = False) -> None:
        """A line over the picture, with a turning wheel where something is under way; empty removes it."""
        self._banner = text
        if busy:
            self._spinner.start()
        else:
            self._spinner.stop()
        self.update()

    def picture_rect(self) -> QRectF:
        """Where the picture is, in device-independent pixels of the widget; empty without a picture."""
        if self._image.isNull():
            return QRectF()
        return fit(self._image.width(), self._image.height(), QRectF(self.rect()))

    def face_rect(self, box: Box) -> QRectF:
        """A box of the frame in device-independent pixels of the widget."""
        picture = self.picture_rect()
        scale = picture.width() / self._image.width()
        return QRectF(picture.left() + box.x1 * scale, picture.top() + box.y1 * scale, box.width * scale, box.height * scale)

    def sizeHint(self) -> QSize:
        return QSize(960, 540)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is not Qt.MouseButton.LeftButton or self._result is None:
            super().mousePressEvent(event)
            return
        hits = [face for face in self._result.faces if self.face_rect(face.detection.box).contains(event.position())]
        # The smallest of overlapping boxes: a large one can be clicked elsewhere.
        hit = min(hits, key=lambda face: face.detection.box.area, default=None)
        self.person_clicked.emit(-1 if hit is None else hit.person)

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), BACKGROUND)
        if self._result is not None and not self._image.isNull():
            picture = self.picture_rect()
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(picture, self._image)
            painter.setClipRect(picture)
            draw_marks(painter, self._marks(self._result), picture, self._label_font(), self._selected)
            painter.setClipping(False)
        if self._banner:
            self._paint_banner(painter)
        painter.end()

    def _marks(self, result: FrameResult) -> list[Mark]:
        # In the order of persons, so that a chip does not jump because detections changed places.
        return [
            Mark(
                person=face.person,
                box=self.face_rect(face.detection.box),
                text=self._face_text(face),
                color=self._person_color(face.person),
                settled=face.belief is not None and face.belief.settled,
            )
            for face in sorted(result.faces, key=lambda face: face.person)
        ]

    def _label_font(self) -> QFont:
        font = QFont(self.font())
        font.setPointSizeF(max(font.pointSizeF(), 9.0) * 1.08)
        return font

    def _spin(self) -> None:
        self._angle_deg = (self._angle_deg + SPINNER_STEP_DEG) % 360
        self.update()

    def _paint_banner(self, painter: QPainter) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self._label_font())
        wheel = 26.0 if self._spinner.isActive() else 0.0
        text = painter.boundingRect(QRectF(0, 0, self.width() - 80 - wheel, 200), Qt.TextFlag.TextWordWrap, self._banner)
        pill = QRectF(0, 0, text.width() + wheel + 32, text.height() + 18)
        middle = QRectF(self.rect()).center()
        pill.moveCenter(middle if self._image.isNull() else QPointF(middle.x(), self.height() - pill.height()))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(BANNER)
        painter.drawRoundedRect(pill, 12, 12)
        painter.setPen(text_color_on(BANNER))
        inner = pill.adjusted(16 + wheel, 9, -16, -9)
        painter.drawText(inner, Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignVCenter, self._banner)
        if wheel:
            painter.setPen(QPen(QColor("#7fb0ff"), 2.4, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
            circle = QRectF(pill.left() + 14, pill.center().y() - 8, 16, 16)
            painter.drawArc(circle, -self._angle_deg * 16, 270 * 16)
