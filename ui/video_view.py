"""Shows the newest analysed frame with its faces."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFont, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QPushButton, QWidget

from pipeline.types import Box, Face, Frame, FrameResult, UInt8Array
from ui.newest import RateMeter
from ui.overlay import Mark, draw_landmarks, draw_marks, text_color_on

BACKGROUND = QColor("#0f1113")
"""Around the picture, in both themes: what surrounds a picture should not compete with it."""

BANNER = QColor(18, 20, 23, 205)
SPINNER_STEP_DEG = 30
SPINNER_INTERVAL_MS = 60

FaceText = Callable[[Face], str]
PersonColor = Callable[[int], QColor]


class Scaling(enum.Enum):
    """How a picture fills the view."""

    FIT = "fit"
    """Whole, as large as there is room."""
    FILL = "fill"
    """No room is left; what does not fit is cut off."""
    ORIGINAL = "original"
    """One pixel of the picture is one of the screen."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """What is drawn over the picture."""

    boxes: bool = True
    landmarks: bool = False


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
    cancelled = Signal()
    """The button of the banner was pressed."""
    double_clicked = Signal()
    frame_painted = Signal(Frame, float)
    """A frame has appeared, once each; the milliseconds that painting took."""

    def __init__(self, face_text: FaceText, person_color: PersonColor, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._face_text = face_text
        self._person_color = person_color
        self._result: FrameResult | None = None
        self._pixels: UInt8Array | None = None
        self._image = QImage()
        self._unpainted = False
        self._selected: int | None = None
        self._scaling = Scaling.FIT
        self._pan = QPointF()
        self._grip: QPointF | None = None
        self._overlay = Overlay()
        self._cancel = QPushButton(self)
        self._cancel.clicked.connect(self.cancelled)
        self._cancel.hide()
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

    def text_of(self, face: Face) -> str:
        """What stands beside a face."""
        return self._face_text(face)

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
        self._unpainted = True
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

    @property
    def banner(self) -> str:
        """What the line over the picture says."""
        return self._banner

    def set_banner(self, text: str, busy: bool = False, cancel: str = "") -> None:
        """A line over the picture, with a turning wheel where something is under way; empty removes it.

        Args:
            cancel: text of a button under it; empty for none.
        """
        self._banner = text
        self._cancel.setText(cancel)
        self._cancel.adjustSize()
        self._cancel.setVisible(bool(cancel))
        if busy:
            self._spinner.start()
        else:
            self._spinner.stop()
        self.update()

    def picture_rect(self) -> QRectF:
        """Where the picture is, in device-independent pixels of the widget; empty without a picture."""
        if self._image.isNull():
            return QRectF()
        width, height, bounds = self._image.width(), self._image.height(), QRectF(self.rect())
        if self._scaling is Scaling.FIT:
            return fit(width, height, bounds)
        scale = 1 / self.devicePixelRatioF()
        if self._scaling is Scaling.FILL:
            scale = max(bounds.width() / width, bounds.height() / height)
        picture = QRectF(0, 0, width * scale, height * scale)
        room_x, room_y = (max(0.0, picture.width() - bounds.width()) / 2, max(0.0, picture.height() - bounds.height()) / 2)
        # On whole pixels of the screen: only so is 1:1 sharp.
        ratio = self.devicePixelRatioF()
        x = bounds.center().x() - picture.width() / 2 + min(max(self._pan.x(), -room_x), room_x)
        y = bounds.center().y() - picture.height() / 2 + min(max(self._pan.y(), -room_y), room_y)
        picture.moveTo(round(x * ratio) / ratio, round(y * ratio) / ratio)
        return picture

    @property
    def scaling(self) -> Scaling:
        return self._scaling

    def set_scaling(self, scaling: Scaling) -> None:
        """How the picture fills the view; what does not fit can be dragged."""
        self._scaling, self._pan = scaling, QPointF()
        self.update()

    def set_overlay(self, overlay: Overlay) -> None:
        """What is drawn over the picture."""
        self._overlay = overlay
        self.update()

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
        self._grip = event.position()
        hits = [face for face in self._result.faces if self.face_rect(face.detection.box).contains(event.position())]
        # The smallest of overlapping boxes: a large one can be clicked elsewhere.
        hit = min(hits, key=lambda face: face.detection.box.area, default=None)
        self.person_clicked.emit(-1 if hit is None else hit.person)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grip is not None and event.buttons() & Qt.MouseButton.LeftButton and self._scaling is not Scaling.FIT:
            self._pan += event.position() - self._grip
            self._grip = event.position()
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._grip = None
        super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self.double_clicked.emit()

    def paintEvent(self, _: QPaintEvent) -> None:
        begun_s = time.perf_counter()
        painter = QPainter(self)
        painter.fillRect(self.rect(), BACKGROUND)
        if self._result is not None and not self._image.isNull():
            picture = self.picture_rect()
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(picture, self._image)
            painter.setClipRect(picture)
            bounds = picture.intersected(QRectF(self.rect()))
            if self._overlay.boxes:
                draw_marks(painter, self._marks(self._result), bounds, self._label_font(), self._selected)
            if self._overlay.landmarks:
                draw_landmarks(painter, self._landmarks(self._result))
            painter.setClipping(False)
        if self._banner:
            self._paint_banner(painter)
        painter.end()
        if self._unpainted and self._result is not None:
            self._unpainted = False
            self.frame_painted.emit(self._result.frame, (time.perf_counter() - begun_s) * 1000)

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

    def _landmarks(self, result: FrameResult) -> list[tuple[QColor, list[QPointF]]]:
        picture = self.picture_rect()
        scale = picture.width() / self._image.width()
        corner = picture.topLeft()
        return [
            (
                self._person_color(face.person),
                [corner + QPointF(float(x), float(y)) * scale for x, y in face.detection.landmarks],
            )
            for face in result.faces
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
        below = pill.bottom() + 12 if self._image.isNull() else pill.top() - 12 - self._cancel.height()
        self._cancel.move(round(middle.x() - self._cancel.width() / 2), round(below))
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
