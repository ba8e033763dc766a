"""The settings dialog in the Tools menu, and what happens when settings are saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtGui import QAction, QKeySequence

from pipeline.options import options, value_of
from pipeline.settings import Settings
from ui.control import Control
from ui.settings_dialog import SettingsDialog

if TYPE_CHECKING:
    from ui.main_window import MainWindow

MESSAGE_MS = 8000


class SettingsControl(Control):
    """Opens the dialog; what can count at once does, and the status bar says when the rest will."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.action = window.actions_.make("&Settings…", "", QKeySequence("Ctrl+,"))
        self.action.setMenuRole(QAction.MenuRole.PreferencesRole)
        self.action.triggered.connect(self._show)
        window.menus.tools.addAction(self.action)

    @Slot()
    def _show(self) -> None:
        before = self.window.settings
        dialog = SettingsDialog(self.window.store, self.window)
        dialog.saved.connect(lambda settings: self._on_saved(before, settings))
        dialog.open()

    def _on_saved(self, before: Settings, settings: Settings) -> None:
        self.window.labelling.show_as(settings.view)
        self.window.picture.wish()
        self.window.view.update()
        later = any(value_of(before, o.name) != value_of(settings, o.name) for o in options() if not o.at_once)
        waits = later and self.window.session.state.active
        self.window.status.showMessage(
            "Settings saved; they count when the next source is started" if waits else "Settings saved", MESSAGE_MS
        )
