"""How the picture is shown: its size, what is drawn over it, full screen, and the sheet of keys."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint, QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from pipeline.types import Face
from tests.ui.conftest import MakeWindow
from tests.ui.doubles import HEIGHT, WIDTH, World
from ui.keys_dialog import KeysDialog
from ui.main_window import MainWindow
from ui.session import State
from ui.video_view import Scaling

WAIT_MS = 60_000


def wait_until(qtbot: QtBot, condition: Callable[[], bool]) -> None:
    qtbot.waitUntil(condition, timeout=WAIT_MS)


def play(qtbot: QtBot, window: MainWindow) -> None:
    window.open_source("demo")
    wait_until(qtbot, lambda: window.view.result is not None and len(window.view.result.faces) == 2)


def face(window: MainWindow, person: int) -> Face:
    assert window.view.result is not None
    return next(face for face in window.view.result.faces if face.person == person)


def test_fit_fill_and_original_size(qtbot: QtBot, window: MainWindow) -> None:
    play(qtbot, window)
    view = window.view
    window.viewing.scalings[Scaling.FIT].trigger()
    inside = view.picture_rect()
    assert view.rect().toRectF().contains(inside)
    assert inside.width() == pytest.approx(view.width()) or inside.height() == pytest.approx(view.height())
    window.viewing.scalings[Scaling.FILL].trigger()
    assert view.picture_rect().adjusted(-1, -1, 1, 1).contains(view.rect().toRectF())
    window.viewing.scalings[Scaling.ORIGINAL].trigger()
    original = view.picture_rect()
    ratio = view.devicePixelRatioF()
    assert (original.width() * ratio, original.height() * ratio) == pytest.approx((WIDTH, HEIGHT))
    assert (original.left() * ratio) % 1 == pytest.approx(0, abs=1e-6)


def test_what_does_not_fit_can_be_dragged_but_not_away(qtbot: QtBot, window: MainWindow) -> None:
    play(qtbot, window)
    view = window.view
    window.viewing.scalings[Scaling.FILL].trigger()
    view.resize(300, 600)
    before = view.picture_rect()
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(150, 20))
    QTest.mouseMove(view, QPoint(100, 20))
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(100, 20))
    after = view.picture_rect()
    if view.picture_rect().width() > view.width() + 60:
        assert after.left() < before.left()
    assert after.left() <= 0.5
    assert after.right() >= view.width() - 0.5


def test_choices_are_remembered(make_window: MakeWindow, preferences: QSettings) -> None:
    first = make_window()
    first.viewing.scalings[Scaling.FILL].trigger()
    first.viewing.overlays["landmarks"].trigger()
    first.picture.blur.trigger()
    first.close()
    assert preferences.value("scaling") == "fill"
    second = make_window()
    assert second.view.scaling is Scaling.FILL
    assert second.viewing.overlays["landmarks"].isChecked()
    assert second.session.wishes.blur.on


def test_labels_say_what_is_chosen_and_gender_only_then(qtbot: QtBot, window: MainWindow, world: World) -> None:
    world.analyzer.reason = "small face"
    play(qtbot, window)
    wait_until(qtbot, lambda: window.view.text_of(face(window, 1)).startswith("34 (28–41)"))
    assert not window.viewing.overlays["gender"].isChecked()
    assert window.view.text_of(face(window, 1)) == "34 (28–41) · small face"
    for name in ("raw_age", "quality", "track"):
        window.viewing.overlays[name].trigger()
    window.viewing.overlays["reason"].trigger()
    assert window.view.text_of(face(window, 1)) == "34 (28–41) · raw 34.2 · q 0.80 · #1"
    window.viewing.overlays["gender"].trigger()
    assert window.settings.view.show_gender


def test_boxes_and_landmarks_can_be_switched(qtbot: QtBot, window: MainWindow) -> None:
    play(qtbot, window)
    window.session.stop()
    wait_until(qtbot, lambda: window.session.state is State.FINISHED)
    with_boxes = window.view.grab().toImage()
    window.viewing.overlays["boxes"].trigger()
    without = window.view.grab().toImage()
    assert without != with_boxes
    window.viewing.overlays["landmarks"].trigger()
    assert window.view.grab().toImage() != without


def test_full_screen_shows_the_picture_alone_and_escape_leads_back(qtbot: QtBot, window: MainWindow) -> None:
    play(qtbot, window)
    QTest.keyClick(window.view, Qt.Key.Key_F)
    wait_until(qtbot, window.isFullScreen)
    assert not any(w.isVisible() for w in (window.menuBar(), window.status, window.panel, window.people.timeline))
    wait_until(qtbot, lambda: not window.playback.bar.isVisible())
    QTest.mouseMove(window.view, QPoint(40, 40))
    wait_until(qtbot, window.playback.bar.isVisible)
    # Keys go on working where menus are hidden.
    QTest.keyClick(window.view, Qt.Key.Key_M)
    assert window.picture.blur.isChecked()
    QTest.keyClick(window.view, Qt.Key.Key_Escape)
    wait_until(qtbot, lambda: not window.isFullScreen())
    assert all(w.isVisible() for w in (window.menuBar(), window.status, window.panel, window.people.timeline))


def test_closing_in_full_screen_opens_a_usual_window_next_time(
    qtbot: QtBot, make_window: MakeWindow, preferences: QSettings
) -> None:
    first = make_window()
    play(qtbot, first)
    first.full_screen.action.trigger()
    wait_until(qtbot, first.isFullScreen)
    first.close()
    preferences.sync()
    second = make_window()
    assert not second.isFullScreen()
    assert second.menuBar().isVisible()


def test_the_sheet_of_keys_is_complete(window: MainWindow) -> None:
    QTest.keyClick(window, Qt.Key.Key_Question)
    dialog = window.findChild(KeysDialog)
    assert dialog is not None
    texts = {label.text() for label in dialog.findChildren(QLabel)}
    assert {"Loop", "Full screen", "Step forward", "Blur faces", "Snapshot", "Space", "F  or  F11", ".", "["} <= texts
    dialog.close()


def test_no_key_means_two_things(window: MainWindow) -> None:
    seen: dict[str, str] = {}
    for action in (*window.actions(), *window.stage.upper.actions()):
        for shortcut in action.shortcuts():
            key = shortcut.toString()
            assert key not in seen, f"{key}: {seen.get(key)} and {action.text()}"
            seen[key] = action.text()
