"""Errors in two lines; addresses of streams; nothing secret in the details."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QPlainTextEdit, QPushButton
from pytestqt.qtbot import QtBot

from pipeline.errors import SourceError
from ui.dialogs import ErrorDialog, StreamDialog
from ui.report import error_details, error_lines


def test_an_error_is_what_happened_and_what_to_do(qtbot: QtBot) -> None:
    dialog = ErrorDialog(SourceError("film.mp4 is empty.", "Copy it again."))
    qtbot.addWidget(dialog)
    dialog.show()
    assert dialog.message_label.text() == "film.mp4 is empty."
    assert dialog.hint_label.text() == "Copy it again."
    details = dialog.findChild(QPlainTextEdit)
    assert details is not None
    assert not details.isVisible()
    (button,) = (button for button in dialog.findChildren(QPushButton) if "Details" in button.text())
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert details.isVisible()


def test_markup_in_a_file_name_is_shown_as_it_is(qtbot: QtBot) -> None:
    dialog = ErrorDialog(SourceError("<b>bold</b>.mp4 is empty.", "Copy it again."))
    qtbot.addWidget(dialog)
    assert dialog.message_label.textFormat() == Qt.TextFormat.PlainText


def test_a_bug_gives_two_calm_lines_and_its_traceback_on_request() -> None:
    with pytest.raises(ValueError) as caught:
        raise ValueError("a bug")
    message, hint = error_lines(caught.value)
    assert "Traceback" not in message + hint
    assert "Traceback" in error_details(caught.value)
    assert "ValueError: a bug" in error_details(caught.value)


def test_details_name_causes_and_hide_passwords() -> None:
    try:
        try:
            raise OSError("rtsp://user:secret@cam.local/1 refused")
        except OSError as cause:
            raise SourceError("The stream cannot be opened.", "Check the address.") from cause
    except SourceError as error:
        details = error_details(error)
    assert "refused" in details
    assert "secret" not in details
    assert "user" not in details


@pytest.mark.parametrize(
    ("address", "usable"),
    [
        ("", False),
        ("rtsp://", False),
        ("cam.local", False),
        ("file:///etc/passwd", False),
        ("RTSP://cam", True),
        (" http://a/b ", True),
    ],
)
def test_only_addresses_of_streams_can_be_opened(qtbot: QtBot, address: str, usable: bool) -> None:
    dialog = StreamDialog()
    qtbot.addWidget(dialog)
    dialog.address.setText(address)
    buttons = dialog.findChild(QDialogButtonBox)
    assert buttons is not None
    assert buttons.button(QDialogButtonBox.StandardButton.Open).isEnabled() is usable


def test_return_opens_the_address(qtbot: QtBot) -> None:
    dialog = StreamDialog()
    qtbot.addWidget(dialog)
    dialog.open()
    QTest.keyClicks(dialog.address, " http://cam/video ")
    with qtbot.waitSignal(dialog.chosen) as chosen:
        QTest.keyClick(dialog.address, Qt.Key.Key_Return)
    assert chosen.args == ["http://cam/video"]


def test_one_click_copies_the_report(qtbot: QtBot) -> None:
    dialog = ErrorDialog(SourceError("film.mp4 is empty.", "Copy it again."), report="a report")
    qtbot.addWidget(dialog)
    dialog.show()
    QApplication.clipboard().clear()
    QTest.mouseClick(dialog.copy_button, Qt.MouseButton.LeftButton)
    assert QApplication.clipboard().text() == "a report"
    assert dialog.copy_button.text() == "Copied"
