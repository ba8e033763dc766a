"""The Help menu, and the notice that a new user sees once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QKeySequence

from ui.about import AboutDialog
from ui.control import Control
from ui.help import MODEL_PAGE, NUMBERS_PAGE, PRIVACY_PAGE, FirstRunDialog, HelpDialog

if TYPE_CHECKING:
    from ui.main_window import MainWindow

NOTICE = 1
"""Raised when the notice says something new that everybody must see."""


class HelpControl(Control):
    """Opens what the Help menu offers."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        make, menu = window.actions_.make, window.menus.help
        self.numbers = make("What the &numbers mean", "", QKeySequence(Qt.Key.Key_F1))
        self.privacy = make("&Privacy")
        self.model_card = make("&Model card")
        menu.addActions([self.numbers, self.privacy, self.model_card])
        menu.addSeparator()
        menu.addAction(window.actions_.about)
        for action, page in ((self.numbers, NUMBERS_PAGE), (self.privacy, PRIVACY_PAGE), (self.model_card, MODEL_PAGE)):
            action.triggered.connect(partial(self._show_page, page))
        window.actions_.about.triggered.connect(self._show_about)
        window.status.engine_clicked.connect(self._show_about)

    def show_notice_once(self) -> None:
        """Shows the notice to whoever has not closed it yet."""
        if int(str(self.window.preferences.value("notice", 0)) or 0) >= NOTICE:
            return
        dialog = FirstRunDialog(self.window)
        dialog.finished.connect(lambda _: self.window.preferences.setValue("notice", NOTICE))
        dialog.open()

    def _show_page(self, page: int, _checked: bool = False) -> None:
        HelpDialog(page, parent=self.window).show()

    @Slot()
    def _show_about(self) -> None:
        services = self.window.services
        AboutDialog(services.app_version, self.window.engine_sentence, str(services.log_path), self.window).open()
