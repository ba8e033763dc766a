"""The small dialogs: an error in two lines, the address of a stream, about the program. None of them blocks."""

from __future__ import annotations

import re
import traceback

from PySide6.QtCore import Qt, Signal, qVersion
from PySide6.QtGui import QFontDatabase, QIcon
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QStyle,
    QVBoxLayout,
    QWidget,
)

from pipeline.errors import AppError
from ui.theme import program_icon

STREAM_SCHEMES = ("rtsp://", "rtsps://", "http://", "https://")
TEXT_WIDTH_PX = 460
ICON_PX = 40
ABOUT_ICON_PX = 64

UNEXPECTED_MESSAGE = "Something in AgeLens went wrong that should not have."
UNEXPECTED_HINT = "What was recorded is saved. Try again; if it happens again, please report it with the details."

PRIVACY = (
    "Everything stays on this computer. AgeLens opens no network connection but to a camera whose address you enter, "
    "and sends nothing to anybody. Pictures are kept in memory only, and are gone when you stop. "
    "The log holds numbers: times, places in the picture, ages. It holds no pictures, and nothing that identifies anybody. "
    "An estimated age is an estimate: no basis for decisions about a person."
)


def error_lines(error: BaseException) -> tuple[str, str]:
    """What happened, and what to do."""
    if isinstance(error, AppError):
        return error.message, error.hint
    return UNEXPECTED_MESSAGE, UNEXPECTED_HINT


def error_details(error: BaseException) -> str:
    """For a report: the chain of causes, and for a bug where it happened; without passwords of addresses."""
    if isinstance(error, AppError):
        lines = []
        link: BaseException | None = error
        while link is not None:
            lines.append(f"{type(link).__name__}: {link}")
            link = link.__cause__ or link.__context__
        text = "\ncaused by ".join(lines)
    else:
        text = "".join(traceback.format_exception(error))
    return re.sub(r"://[^/@\s]+@", "://", text)


class ErrorDialog(QDialog):
    """What happened and what to do, and technical details for those who ask."""

    def __init__(self, error: BaseException, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("AgeLens")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        message, hint = error_lines(error)
        self.message_label = _text(message, Qt.TextFormat.PlainText)
        self.message_label.setStyleSheet("font-weight: 600")
        self.hint_label = _text(hint, Qt.TextFormat.PlainText)
        icon = QLabel()
        icon.setPixmap(self.style().standardIcon(QStyle.StandardPixmap.SP_MessageBoxWarning).pixmap(ICON_PX, ICON_PX))

        self._details = QPlainTextEdit(error_details(error))
        self._details.setReadOnly(True)
        self._details.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self._details.setAccessibleName("Technical details")
        self._details.setMinimumHeight(160)
        self._details.hide()
        self._toggle = QPushButton("&Details…")
        self._toggle.setCheckable(True)
        self._toggle.toggled.connect(self._show_details)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.addButton(self._toggle, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.rejected.connect(self.reject)
        close = buttons.button(QDialogButtonBox.StandardButton.Close)
        close.setDefault(True)
        self._toggle.setAutoDefault(False)

        lines = QVBoxLayout()
        lines.setSpacing(8)
        lines.addWidget(self.message_label)
        lines.addWidget(self.hint_label)
        top = QHBoxLayout()
        top.setSpacing(16)
        top.addWidget(icon, alignment=Qt.AlignmentFlag.AlignTop)
        top.addLayout(lines, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(22, 20, 22, 16)
        layout.setSpacing(18)
        layout.addLayout(top)
        layout.addWidget(self._details)
        layout.addWidget(_without_icons(buttons))
        close.setFocus()

    def _show_details(self, shown: bool) -> None:
        self._details.setVisible(shown)
        self.adjustSize()


class StreamDialog(QDialog):
    """Asks for the address of a network camera."""

    chosen = Signal(str)
    """The address, once it looks like one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Open network stream")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.address = QLineEdit()
        self.address.setPlaceholderText("rtsp://camera.local/stream")
        self.address.setClearButtonEnabled(True)
        self.address.setMinimumWidth(TEXT_WIDTH_PX)
        label = QLabel("&Address of the camera")
        label.setBuddy(self.address)
        note = _text("RTSP, or MJPEG over HTTP. A user name and password may be part of the address; they are never logged.")
        note.setObjectName("welcomeText")
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel)
        self._buttons.accepted.connect(self._accept)
        self._buttons.rejected.connect(self.reject)
        self.address.textChanged.connect(self._check)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(22, 20, 22, 16)
        layout.setSpacing(10)
        layout.addWidget(label)
        layout.addWidget(self.address)
        layout.addWidget(note)
        layout.addSpacing(8)
        layout.addWidget(_without_icons(self._buttons))
        self._check()

    def _check(self) -> None:
        address = self.address.text().strip().lower()
        complete = any(address.startswith(scheme) and len(address) > len(scheme) for scheme in STREAM_SCHEMES)
        self._buttons.button(QDialogButtonBox.StandardButton.Open).setEnabled(complete)

    def _accept(self) -> None:
        self.chosen.emit(self.address.text().strip())
        self.accept()


class AboutDialog(QDialog):
    """What the program is, what runs, and what happens to pictures of people.

    Args:
        version: of the program.
        engine: one sentence about what runs; empty before anything ran.
        log: where the log is.
    """

    def __init__(self, version: str, engine: str, log: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("About AgeLens")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        icon = QLabel()
        icon.setPixmap(program_icon().pixmap(ABOUT_ICON_PX, ABOUT_ICON_PX))
        title = QLabel(f"AgeLens {version}".strip())
        title.setObjectName("welcomeTitle")
        heading = QHBoxLayout()
        heading.setSpacing(16)
        heading.addWidget(icon)
        heading.addWidget(title, 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(26, 24, 26, 18)
        layout.setSpacing(14)
        layout.addLayout(heading)
        layout.addWidget(_text("Finds every face of a camera or a film, follows it and estimates its age."))
        layout.addWidget(_text(f"<b>Privacy.</b> {PRIVACY}"))
        if engine:
            layout.addWidget(_text(f"<b>Engine.</b> {engine}"))
        layout.addWidget(_text(f"<b>Log.</b> {log}"))
        layout.addWidget(_text(f"Free software under the MIT licence. Made with Qt {qVersion()}."))
        layout.addWidget(_without_icons(buttons))


def _without_icons(buttons: QDialogButtonBox) -> QDialogButtonBox:
    # Fusion puts its own icons on standard buttons, which match nothing else here.
    for button in buttons.buttons():
        button.setIcon(QIcon())
    return buttons


def _text(text: str, form: Qt.TextFormat = Qt.TextFormat.AutoText) -> QLabel:
    label = QLabel(text)
    # Errors name files, and a file may be called "<b>".
    label.setTextFormat(form)
    label.setWordWrap(True)
    label.setMinimumWidth(TEXT_WIDTH_PX)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
