"""Full screen: the picture and nothing else; the bar comes when the mouse moves. Escape leads out of it, and out of more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Slot
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QToolBar, QWidget

from ui.control import Control
from ui.session import State

if TYPE_CHECKING:
    from ui.main_window import MainWindow

BAR_STAYS_MS = 2500


class FullScreenControl(Control):
    """Shows and hides what surrounds the picture."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.action: QAction = window.actions_.make("F&ull screen", "full-screen")
        self.action.setShortcuts([QKeySequence(Qt.Key.Key_F), QKeySequence(Qt.Key.Key_F11)])
        self.action.setCheckable(True)
        self.escape = window.actions_.make("Leave full screen, or stop opening", "", QKeySequence(Qt.Key.Key_Escape))
        window.menus.view.addAction(self.action)
        self._hidden: list[QWidget] = []
        self._was_maximized = False
        self._bar_timer = QTimer(self, singleShot=True, interval=BAR_STAYS_MS)
        self._bar_timer.timeout.connect(self._hide_bar)
        self.action.triggered.connect(self.set_on)
        self.escape.triggered.connect(self._on_escape)
        window.view.double_clicked.connect(self.action.trigger)
        window.view.setMouseTracking(True)
        window.view.installEventFilter(self)

    @property
    def on(self) -> bool:
        return self.window.isFullScreen()

    @Slot(bool)
    def set_on(self, on: bool) -> None:
        """Enters or leaves full screen; what was to be seen before comes back."""
        window = self.window
        self.action.setChecked(on)
        if on == window.isFullScreen():
            return
        if on:
            self._was_maximized = window.isMaximized()
            around = [window.menuBar(), window.status, window.people.panel, window.people.timeline]
            around += window.findChildren(QToolBar)
            self._hidden = [widget for widget in around if widget.isVisible()]
            for widget in self._hidden:
                widget.hide()
            window.showFullScreen()
            self._bar_timer.start()
        else:
            self._show_bar()
            self._bar_timer.stop()
            if self._was_maximized:
                window.showMaximized()
            else:
                window.showNormal()
            for widget in self._hidden:
                widget.show()
            self._hidden = []

    def eventFilter(self, _: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.MouseMove and self.on:
            self._show_bar()
            self._bar_timer.start()
        return False

    @Slot()
    def _on_escape(self) -> None:
        if self.on:
            self.set_on(False)
        elif self.window.session.state is State.OPENING:
            self.window.session.stop()
        else:
            self.window.people.select(-1)

    @Slot()
    def _hide_bar(self) -> None:
        if self.on and not self.window.playback.bar.underMouse():
            self.window.playback.bar.hide()
            self.window.view.setCursor(Qt.CursorShape.BlankCursor)

    def _show_bar(self) -> None:
        self.window.playback.bar.setVisible(self.window.session.spec is not None)
        self.window.view.unsetCursor()
