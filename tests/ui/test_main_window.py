"""The window as a person uses it."""

from __future__ import annotations

import csv
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, QSettings, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QLabel,
    QMenu,
    QPushButton,
    QTableView,
    QTextBrowser,
    QToolButton,
)
from pytestqt.qtbot import QtBot

from tests.limits import assert_within
from tests.ui.conftest import MakeWindow
from tests.ui.doubles import BROKEN, World
from ui.about import AboutDialog
from ui.dialogs import ErrorDialog, StreamDialog
from ui.export_dialog import ExportDialog
from ui.main_window import MainWindow
from ui.session import State
from ui.theme import Appearance

WAIT_MS = 60_000


def button(window: MainWindow, text: str) -> QAbstractButton:
    found = [b for b in window.findChildren(QAbstractButton) if text in b.text().replace("&", "") and b.isVisible()]
    assert found, f"no button {text!r}"
    return found[0]


def wait_for(qtbot: QtBot, window: MainWindow, state: State) -> None:
    qtbot.waitUntil(lambda: window.session.state is state, timeout=WAIT_MS)


def rows(window: MainWindow) -> list[list[str]]:
    model = window.panel.table.model()
    return [[model.index(row, column).data() for column in range(model.columnCount())] for row in range(model.rowCount())]


def status(window: MainWindow) -> str:
    parts = window.statusBar().findChildren(QLabel) + window.statusBar().findChildren(QToolButton)
    return " | ".join(part.text() for part in parts if part.isVisible())


def play_demo(qtbot: QtBot, window: MainWindow) -> None:
    """Both persons have an age, and are in the picture."""
    window.actions_.demo.trigger()
    qtbot.waitUntil(lambda: [row[1] for row in rows(window)] == ["34 (28–41)", "9 (3–16)"], timeout=WAIT_MS)
    qtbot.waitUntil(lambda: window.view.result is not None, timeout=WAIT_MS)


def says(qtbot: QtBot, window: MainWindow, text: str) -> None:
    qtbot.waitUntil(lambda: text in status(window), timeout=WAIT_MS)


def test_the_greeting_offers_what_can_be_opened(qtbot: QtBot, window: MainWindow) -> None:
    assert window.welcome.isVisible()
    QTest.mouseClick(button(window, "Play the demo"), Qt.MouseButton.LeftButton)
    wait_for(qtbot, window, State.RUNNING)
    assert not window.welcome.isVisible()
    assert window.view.isVisible()


def test_the_greeting_can_be_used_with_the_keyboard(qtbot: QtBot, window: MainWindow) -> None:
    assert window.welcome.isVisible()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is not None, timeout=WAIT_MS)
    seen = set()
    for _ in range(8):
        focused = QApplication.focusWidget()
        if isinstance(focused, QPushButton):
            seen.add(focused.text().replace("&", "").strip())
        assert focused is not None
        QTest.keyClick(focused, Qt.Key.Key_Tab)
    assert {"Open film or picture…", "Camera", "Open folder of pictures…", "Play the demo"} <= seen


def test_faces_appear_and_the_list_fills(qtbot: QtBot, window: MainWindow) -> None:
    play_demo(qtbot, window)
    assert window.view.result is not None
    assert len(window.view.result.faces) == 2
    for text in ("analysed", "2 faces", "Engine: cpu int8", "Log: session 1"):
        says(qtbot, window, text)
    assert window.windowTitle().startswith("double.mp4")


def test_space_pauses_what_runs_and_starts_what_was_stopped(qtbot: QtBot, window: MainWindow) -> None:
    play_demo(qtbot, window)
    QTest.keyClick(window, Qt.Key.Key_Space)
    assert not window.session.orders.playing
    assert window.session.state is State.RUNNING
    QTest.keyClick(window, Qt.Key.Key_Space)
    assert window.session.orders.playing
    window.actions_.run.trigger()
    wait_for(qtbot, window, State.FINISHED)
    assert window.view.result is not None
    assert len(rows(window)) == 2
    assert "stopped" in status(window)
    QTest.keyClick(window, Qt.Key.Key_Space)
    wait_for(qtbot, window, State.RUNNING)
    says(qtbot, window, "Log: session 2")


def test_a_film_that_ends_leaves_its_people(qtbot: QtBot, window: MainWindow) -> None:
    window.open_source("short")
    wait_for(qtbot, window, State.FINISHED)
    assert "finished · 2 people" in status(window)
    assert window.actions_.run.text() == "S&tart"


def test_a_slow_analysis_is_said(qtbot: QtBot, window: MainWindow, world: World) -> None:
    world.analyzer.delay_s = 0.15
    window.open_source("demo")
    says(qtbot, window, "frames a second to stay in real time")


def test_a_chosen_row_brings_out_its_face_and_a_clicked_face_its_row(qtbot: QtBot, window: MainWindow) -> None:
    play_demo(qtbot, window)
    table = window.panel.findChild(QTableView)
    assert table is not None
    place = table.visualRect(table.model().index(1, 0)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert window.view.selected == 2
    assert window.view.result is not None
    face = next(face for face in window.view.result.faces if face.person == 1)
    QTest.mouseClick(window.view, Qt.MouseButton.LeftButton, pos=window.view.face_rect(face.detection.box).center().toPoint())
    assert window.view.selected == 1
    assert [index.data() for index in table.selectionModel().selectedRows()] == ["1"]


def test_export_writes_what_is_logged_while_the_film_goes_on(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    assert not window.actions_.export.isEnabled()
    play_demo(qtbot, window)
    qtbot.waitUntil(lambda: logged(tmp_path / "log.sqlite") >= 10, timeout=WAIT_MS)
    window.actions_.export.trigger()
    dialog = window.findChild(ExportDialog)
    assert dialog is not None
    target = tmp_path / "ages.csv"
    dialog.folder.setText(str(tmp_path))
    dialog.name.setText("ages")
    dialog.export.click()
    qtbot.waitUntil(lambda: "Exported ages.csv" in window.statusBar().currentMessage(), timeout=WAIT_MS)
    assert window.session.state is State.RUNNING
    with target.open(encoding="utf-8-sig", newline="") as file:
        observations = list(csv.DictReader(file))
    assert len(observations) >= 10
    assert {row["person"] for row in observations} == {"1", "2"}
    assert (tmp_path / "ages.persons.csv").exists()


def logged(path: Path) -> int:
    """Rows in the log."""
    with closing(sqlite3.connect(path)) as log:
        ((count,),) = log.execute("SELECT count(*) FROM observations")
    return int(count)


def export(window: MainWindow, folder: Path) -> None:
    window.actions_.export.trigger()
    dialog = window.findChild(ExportDialog)
    assert dialog is not None
    dialog.folder.setText(str(folder))
    dialog.start()


def test_a_target_that_cannot_be_written_is_one_error(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    window.open_source("short")
    wait_for(qtbot, window, State.FINISHED)
    (tmp_path / "file").write_text("no folder")
    export(window, tmp_path / "file")
    dialog = error_dialog(qtbot, window)
    assert dialog.message_label.text()
    assert dialog.hint_label.text()
    dialog.close()
    assert window.actions_.export.isEnabled()


def error_dialog(qtbot: QtBot, window: MainWindow) -> ErrorDialog:
    qtbot.waitUntil(lambda: window.findChild(ErrorDialog) is not None, timeout=WAIT_MS)
    dialog = window.findChild(ErrorDialog)
    assert dialog is not None
    return dialog


def test_a_broken_file_gives_two_lines_and_the_window_goes_on(qtbot: QtBot, window: MainWindow) -> None:
    window.open_source("broken.mp4")
    dialog = error_dialog(qtbot, window)
    assert dialog.isVisible()
    assert (dialog.message_label.text(), dialog.hint_label.text()) == (BROKEN.message, BROKEN.hint)
    assert window.session.state is State.FAILED
    assert "could not be played" in status(window)
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: window.findChild(ErrorDialog) is None, timeout=WAIT_MS)
    play_demo(qtbot, window)


def test_one_error_is_shown_at_a_time(window: MainWindow) -> None:
    for _ in range(3):
        window.show_error(BROKEN)
    assert len(window.findChildren(ErrorDialog)) == 1


def test_cameras_are_offered_by_name(qtbot: QtBot, window: MainWindow, world: World) -> None:
    def names() -> list[str]:
        return [action.text() for action in window.camera_menu.actions() if action.text() and not action.menu()]

    assert names() == ["Looking for cameras…"]
    window.camera_menu.aboutToShow.emit()
    qtbot.waitUntil(lambda: names() == ["Built-in camera", "Desk camera"], timeout=WAIT_MS)
    window.camera_menu.actions()[0].trigger()
    wait_for(qtbot, window, State.RUNNING)
    assert world.opened == ["0"]


def test_a_stream_is_opened_by_its_address(qtbot: QtBot, window: MainWindow, world: World) -> None:
    window.actions_.open_stream.trigger()
    dialog = window.findChild(StreamDialog)
    assert dialog is not None
    QTest.keyClicks(dialog.address, "rtsp://me:secret@camera.local/1")
    QTest.keyClick(dialog.address, Qt.Key.Key_Return)
    error_dialog(qtbot, window).close()
    assert world.opened == ["rtsp://me:secret@camera.local/1"]
    assert "secret" not in status(window) + window.windowTitle()


def test_a_film_can_be_dropped_on_the_window(qtbot: QtBot, window: MainWindow, world: World) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile("/films/summer.mp4")])
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(50, 50), copy, mime, left, none)
    window.dragEnterEvent(enter)
    assert enter.isAccepted()
    window.dropEvent(QDropEvent(QPointF(50, 50), copy, mime, left, none))
    error_dialog(qtbot, window).close()
    assert world.opened == ["/films/summer.mp4"]


def test_about_names_version_and_privacy(window: MainWindow) -> None:
    window.actions_.about.trigger()
    dialog = window.findChild(AboutDialog)
    assert dialog is not None
    text = " ".join(label.text() for label in dialog.findChildren(QLabel))
    text += " ".join(page.toPlainText() for page in dialog.findChildren(QTextBrowser))
    assert "0.0-test" in text
    assert "stays on this computer" in text
    dialog.close()


def test_geometry_and_appearance_are_remembered(make_window: MakeWindow, preferences: QSettings) -> None:
    first = make_window()
    first.resize(760, 560)
    first.actions_.appearances[Appearance.DARK].trigger()
    first.close()
    assert Path(preferences.fileName()).exists()
    second = make_window()
    assert (second.width(), second.height()) == (760, 560)
    assert second.actions_.appearances[Appearance.DARK].isChecked()
    assert second.palette().window().color().lightness() < 64
    second.actions_.appearances[Appearance.SYSTEM].trigger()
    assert second.palette().window().color().lightness() > 192


@pytest.mark.parametrize("spec", ["demo", "0", "slow-open", "broken.mp4", "folder"])
def test_closing_at_any_moment_is_quick_and_clean(qtbot: QtBot, window: MainWindow, world: World, spec: str) -> None:
    window.open_source(spec)
    qtbot.wait(150)
    for dialog in window.findChildren(ErrorDialog):
        dialog.close()
    began = time.monotonic()
    window.close()
    assert_within(time.monotonic() - began, 1.5)
    assert window.clean_exit
    assert world.closed == world.opened


def test_closing_while_it_exports(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    play_demo(qtbot, window)
    export(window, tmp_path)
    window.close()
    assert window.clean_exit


def test_everything_that_can_be_used_has_a_name(window: MainWindow) -> None:
    for control in window.findChildren(QAbstractButton):
        if control.isVisible():
            assert control.text() or control.accessibleName() or control.toolTip(), control
    for menu in window.menuBar().findChildren(QMenu):
        for action in menu.actions():
            assert action.text() or action.isSeparator()
    assert window.view.accessibleName()
    assert window.panel.table.accessibleName()
