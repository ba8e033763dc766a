"""What a part of the window's behaviour is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

if TYPE_CHECKING:
    from ui.main_window import MainWindow


class Control(QObject):
    """A part of the window's behaviour: adds its actions to the menus, follows the window's and the session's signals."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.window = window

    def close(self, timeout_s: float) -> bool:  # noqa: ARG002 - for those that have something under way
        """Ends what is under way; False where it has not ended in time."""
        return True
