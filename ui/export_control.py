"""Exports what is logged of the current or last run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import Slot

from pipeline.exporting import Written
from ui.control import Control
from ui.export_dialog import ExportDialog, written_text

if TYPE_CHECKING:
    from ui.main_window import MainWindow

MESSAGE_MS = 8000


class ExportControl(Control):
    """Opens the export dialog, for this run or for a session of the past, and says what was written."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._dialogs: dict[int, ExportDialog] = {}
        self._action = window.actions_.export
        self._action.triggered.connect(self._open_current)
        window.menus.file.addAction(self._action)
        window.menus.file.addSeparator()
        window.updated.connect(self._update)
        # Logging may be switched on in the middle of a run.
        window.refreshed.connect(self._update)

    def close(self, timeout_s: float) -> bool:
        """Breaks off exports under way; False where one has not ended in time."""
        deadline_s = time.monotonic() + timeout_s
        ended = [dialog.close_job(max(0.0, deadline_s - time.monotonic())) for dialog in self._dialogs.values()]
        return all(ended)

    def open(self, session_id: int, name: str) -> ExportDialog:
        """The dialog for a session; a session has one at a time.

        Args:
            name: of the source, for the names of files.
        """
        dialog = self._dialogs.get(session_id)
        if dialog is None:
            window = self.window
            dialog = ExportDialog(window.services.log_path, session_id, name, window.preferences, window)
            dialog.exported.connect(self._on_exported)
            dialog.failed.connect(window.show_error)
            self._dialogs[session_id] = dialog
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()
        return dialog

    @Slot()
    def _open_current(self) -> None:
        session = self.window.session
        if session.log_session is not None:
            self.open(session.log_session, session.source.name if session.source is not None else "session")

    @Slot(list)
    def _on_exported(self, written: list[Written]) -> None:
        self.window.status.showMessage(written_text(written), MESSAGE_MS)

    @Slot()
    def _update(self) -> None:
        self._action.setEnabled(self.window.session.log_session is not None)
