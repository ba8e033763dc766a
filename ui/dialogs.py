"""The small dialogs: an error in two lines, the address of a stream. None of them blocks."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QFontDatabase, QGuiApplication
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

from ui.parts import TEXT_WIDTH_PX, fit_height, paragraph, without_icons
from ui.report import error_details, error_lines

STREAM_SCHEMES = ("rtsp://", "rtsps://", "http://", "https://")
ICON_PX = 40

COPY = "&Copy report"
COPIED_MS = 2500
"""How long the button says that the report was copied."""


class ErrorDialog(QDialog):
    """What happened and what to do, technical details for those who ask, and a report to pass on.

    Args:
        report: copied by one click, see `ui.report.error_report`; empty offers none.
    """

    def __init__(self, error: BaseException, parent: QWidget | None = None, report: str = "") -> None:
        super().__init__(parent)
        self.setWindowTitle("AgeLens")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        message, hint = error_lines(error)
        self.message_label = paragraph(message, Qt.TextFormat.PlainText)
        self.message_label.setStyleSheet("font-weight: 600")
        self.hint_label = paragraph(hint, Qt.TextFormat.PlainText)
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
        self._report = report
        self.copy_button = QPushButton(COPY)
        self.copy_button.setToolTip("Copies what happened and on what system; no names of files, people or this computer")
        self.copy_button.setAutoDefault(False)
        self.copy_button.clicked.connect(self._copy)
        if report:
            buttons.addButton(self.copy_button, QDialogButtonBox.ButtonRole.ActionRole)
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
        layout.addWidget(without_icons(buttons))
        fit_height(self)
        close.setFocus()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._report)
        self.copy_button.setText("Copied")
        QTimer.singleShot(COPIED_MS, self.copy_button, lambda: self.copy_button.setText(COPY))

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
        note = paragraph("RTSP, or MJPEG over HTTP. A user name and password may be part of the address; they are never logged.")
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
        layout.addWidget(without_icons(self._buttons))
        self._check()

    def _check(self) -> None:
        address = self.address.text().strip().lower()
        complete = any(address.startswith(scheme) and len(address) > len(scheme) for scheme in STREAM_SCHEMES)
        self._buttons.button(QDialogButtonBox.StandardButton.Open).setEnabled(complete)

    def _accept(self) -> None:
        self.chosen.emit(self.address.text().strip())
        self.accept()
