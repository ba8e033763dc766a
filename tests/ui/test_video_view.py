"""What is painted is the frame: its colours, its shape, its faces at their places."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from pipeline.types import Frame, FrameResult, UInt8Array, as_readonly
from tests.ui.doubles import AnalyzerDouble, face_box, picture
from ui.video_view import BACKGROUND, VideoView, fit

CYAN_BGR = (200, 150, 30)
CYAN = QColor(30, 150, 200)


@pytest.fixture
def view(qtbot: QtBot) -> VideoView:
    view = VideoView(lambda face: f"{face.person}", lambda _person: QColor("#ff0000"))
    qtbot.addWidget(view)
    view.resize(640, 480)
    view.show()
    return view


def result_of(image: UInt8Array, faces: bool = False) -> FrameResult:
    frame = Frame(image, 1.0, 0, "test", 0.0)
    return AnalyzerDouble().process(frame) if faces else FrameResult(frame, ())


def flat(height: int, width: int) -> UInt8Array:
    return as_readonly(np.full((height, width, 3), CYAN_BGR, np.uint8))


def test_colours_are_the_frames_and_the_rest_is_background(view: VideoView) -> None:
    view.show_result(result_of(flat(360, 640)))
    shot = view.grab().toImage()
    assert shot.pixelColor(320, 240) == CYAN
    assert shot.pixelColor(320, 20) == BACKGROUND
    assert shot.pixelColor(320, 460) == BACKGROUND


@pytest.mark.parametrize(("height", "width"), [(361, 639), (1, 1), (1080, 1920), (720, 405)])
def test_odd_sizes_fill_the_view_in_their_own_shape(view: VideoView, height: int, width: int) -> None:
    view.show_result(result_of(flat(height, width)))
    rect = view.picture_rect()
    assert rect.width() / rect.height() == pytest.approx(width / height)
    assert rect.width() == pytest.approx(640) or rect.height() == pytest.approx(480)
    assert view.grab().toImage().pixelColor(rect.center().toPoint()) == CYAN


def test_a_frame_of_another_size_replaces_the_one_before(view: VideoView) -> None:
    view.show_result(result_of(flat(1080, 1920)))
    view.grab()
    view.show_result(result_of(np.zeros((90, 160, 3), np.uint8)))
    assert view.grab().toImage().pixelColor(320, 240) == QColor(0, 0, 0)


def test_boxes_are_drawn_where_the_faces_are(view: VideoView) -> None:
    view.show_result(result_of(picture(0), faces=True))
    edge = view.face_rect(face_box(2, 1.0))
    shot = view.grab().toImage()
    assert _is_red(shot, QPointF(edge.left(), edge.center().y()))
    assert _is_red(shot, QPointF(edge.right(), edge.center().y()))
    assert not _is_red(shot, edge.center())


def test_a_click_on_a_face_chooses_it_and_beside_it_nobody(view: VideoView, qtbot: QtBot) -> None:
    view.show_result(result_of(picture(0), faces=True))
    for place, person in ((view.face_rect(face_box(2, 1.0)).center(), 2), (QPointF(320, 450), -1)):
        with qtbot.waitSignal(view.person_clicked) as clicked:
            QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=place.toPoint())
        assert clicked.args == [person]


def test_an_empty_view_and_a_banner_can_be_painted(view: VideoView) -> None:
    view.set_banner("Opening…", busy=True)
    blank = view.grab().toImage()
    view.set_banner("")
    assert blank != view.grab().toImage()


def test_text_size_does_not_depend_on_the_frame(view: VideoView) -> None:
    heights = []
    for scale in (1, 4):
        image = as_readonly(np.full((360 * scale, 640 * scale, 3), 40, np.uint8))
        view.show_result(result_of(image, faces=True))
        shot = view.grab().toImage()
        box = view.face_rect(face_box(2, 1.0))
        column = [_is_red(shot, QPointF(box.left() + 4, y)) for y in range(int(box.top()))]
        heights.append(sum(column))
    assert heights[0] > 10
    assert abs(heights[0] - heights[1]) <= 3


def test_fit_keeps_the_aspect_and_the_middle() -> None:
    rect = fit(1920, 1080, QRectF(0, 0, 500, 500))
    assert (rect.width(), rect.height()) == pytest.approx((500, 281.25))
    assert rect.center() == QPointF(250, 250)


def _is_red(shot: QImage, point: QPointF) -> bool:
    color = shot.pixelColor(point.toPoint())
    return color.red() > 180 and color.green() < 90 and color.blue() < 90
