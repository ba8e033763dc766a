"""Settings, help and errors as the window offers them."""

from __future__ import annotations

from typing import TypeVar

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QDialogButtonBox
from pytestqt.qtbot import QtBot

from tests.ui.conftest import MakeWindow
from tests.ui.doubles import World
from ui.dialogs import ErrorDialog
from ui.help import FirstRunDialog, HelpDialog
from ui.main_window import MainWindow
from ui.session import State
from ui.settings_dialog import SettingsDialog

WAIT_MS = 60_000


Kind = TypeVar("Kind", bound=QDialog)


def dialog_of(window: MainWindow, kind: type[Kind]) -> Kind:
    (found,) = window.findChildren(kind)
    return found


def test_the_notice_is_shown_until_it_was_closed_once(make_window: MakeWindow, preferences: QSettings) -> None:
    window = make_window()
    window.help.show_notice_once()
    notice = dialog_of(window, FirstRunDialog)
    assert notice.isVisible()
    QTest.keyClick(notice, Qt.Key.Key_Escape)
    assert not notice.isVisible()
    preferences.sync()
    again = make_window()
    again.help.show_notice_once()
    assert again.findChildren(FirstRunDialog) == []


def test_the_help_shows_the_page_that_was_asked_for(window: MainWindow) -> None:
    window.help.model_card.trigger()
    page = dialog_of(window, HelpDialog)
    assert page.isVisible()
    assert "Model card" in page.pages.tabText(page.pages.currentIndex())
    page.close()


def save_settings(window: MainWindow, **changes: object) -> None:
    QTest.keyClick(window, Qt.Key.Key_Comma, Qt.KeyboardModifier.ControlModifier)
    dialog = dialog_of(window, SettingsDialog)
    for name, value in changes.items():
        dialog.rows[name.replace("__", ".")].set_value(value)  # type: ignore[arg-type]
    dialog.buttons.button(QDialogButtonBox.StandardButton.Save).click()
    QApplication.sendPostedEvents(None, 52)  # deferred deletion


def test_settings_of_the_display_count_at_once(window: MainWindow) -> None:
    save_settings(window, view__show_gender=True)
    assert window.settings.view.show_gender
    assert window.status.currentMessage() == "Settings saved"


def test_others_wait_for_the_next_start_and_say_so(qtbot: QtBot, window: MainWindow) -> None:
    window.actions_.demo.trigger()
    qtbot.waitUntil(lambda: window.session.state is State.RUNNING, timeout=WAIT_MS)
    save_settings(window, detector__smallest_face_px=80)
    assert window.settings.detector.smallest_face_px == 80
    assert "next source" in window.status.currentMessage()
    assert window.session.state is State.RUNNING


@pytest.mark.parametrize("spec", ["/home/anna/holiday in Rome.mp4", "rtsp://anna:secret@cam.example/1"])
def test_an_error_offers_a_report_without_names(qtbot: QtBot, window: MainWindow, world: World, spec: str) -> None:
    window.open_source(spec)
    qtbot.waitUntil(lambda: bool(window.findChildren(ErrorDialog)), timeout=WAIT_MS)
    dialog = dialog_of(window, ErrorDialog)
    dialog.copy_button.click()
    report = QApplication.clipboard().text()
    assert "AgeLens 0.0-test" in report
    for secret in ("anna", "Rome", "secret", "cam.example"):
        assert secret not in report
    assert world.opened == [spec]
    dialog.close()
