"""The browser of recorded sessions, opened from the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtGui import QAction, QKeySequence

from ui.control import Control
from ui.sessions_dialog import SessionsDialog

if TYPE_CHECKING:
    from ui.main_window import MainWindow


class SessionsControl(Control):
    """One browser, made when it is asked for first; edits there show in the window, where it is the same session."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._dialog: SessionsDialog | None = None
        self.action = QAction("&Sessions…", self)
        self.action.setShortcut(QKeySequence("Ctrl+H"))
        self.action.triggered.connect(self.open)
        window.menus.file.addAction(self.action)
        window.menus.file.addSeparator()
        window.run_ended.connect(self._reload)

    def close(self, timeout_s: float) -> bool:
        """Ends what the browser is doing; False where it has not ended in time."""
        return self._dialog is None or self._dialog.close_jobs(timeout_s)

    @Slot()
    def open(self) -> SessionsDialog:
        """Shows the browser."""
        if self._dialog is None:
            window = self.window
            self._dialog = SessionsDialog(window.services.log_path, window.exporting.open, window.show_error, window)
            self._dialog.edited.connect(self._on_edited)
        self._dialog.show()
        self._dialog.raise_()
        self._dialog.activateWindow()
        return self._dialog

    @Slot(int, list)
    def _on_edited(self, session_id: int, edits: list[object]) -> None:
        if session_id == self.window.session.log_session:
            self.window.people.take_edits(edits)  # type: ignore[arg-type] # through a signal

    @Slot()
    def _reload(self) -> None:
        if self._dialog is not None and self._dialog.isVisible():
            self._dialog.reload()
