"""The window's actions with their shortcuts and icons, and the toolbar that offers some."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, QSize, Qt
from PySide6.QtGui import QAction, QColor, QKeySequence
from PySide6.QtWidgets import QSizePolicy, QToolBar, QToolButton, QWidget

from ui.source_menu import CameraMenu
from ui.theme import Appearance, tinted_icon

TOOLBAR_ICON_PX = 20


class Actions(QObject):
    """Everything that a person can make the window do, by name.

    Args:
        camera_menu: joins the menus and the toolbar.
        window: gets the actions, so that shortcuts work everywhere in it.
    """

    def __init__(self, camera_menu: CameraMenu, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._icons: list[tuple[QAction, str]] = [(camera_menu.menuAction(), "camera")]
        self._color = QColor()
        self.camera_menu = camera_menu
        camera_menu.menuAction().setToolTip("Choose a camera")
        standard = QKeySequence.StandardKey
        self.open_file = self.make("&Open film or picture…", "film", QKeySequence(standard.Open), "Open")
        self.open_folder = self.make("Open &folder of pictures…", "folder", QKeySequence("Ctrl+Shift+O"))
        self.open_stream = self.make("Open &network stream…", "network", QKeySequence("Ctrl+L"))
        self.demo = self.make("Play the &demo", "demo", QKeySequence("Ctrl+D"), "Demo")
        self.run = self.make("Start", "start", QKeySequence("Ctrl+Return"))
        self.export = self.make("&Export…", "export", QKeySequence("Ctrl+E"), "Export")
        self.quit = self.make("&Quit", "", QKeySequence("Ctrl+Q"))
        self.timings = self.make("&Timings over the picture")
        self.timings.setShortcuts([QKeySequence(Qt.Key.Key_F12), QKeySequence(Qt.Key.Key_I)])
        self.timings.setToolTip(_tool_tip(self.timings))
        self.timings.setCheckable(True)
        self.about = self.make("&About AgeLens", "about")
        self.appearances = {
            choice: self.make(text, "")
            for choice, text in (
                (Appearance.SYSTEM, "As the &system"),
                (Appearance.LIGHT, "&Light"),
                (Appearance.DARK, "&Dark"),
            )
        }

    def make(
        self,
        text: str,
        icon: str = "",
        shortcut: QKeySequence | None = None,
        icon_text: str = "",
        owner: QWidget | None = None,
    ) -> QAction:
        """A new action of the window, which works by its shortcut wherever it is; for controls to add to their menus.

        Args:
            icon: name of one of our own icons; drawn in the colour of text.
            icon_text: shorter text for the toolbar.
            owner: widget to which the action belongs, in place of the window.
        """
        action = QAction(text, self)
        if shortcut is not None:
            action.setShortcut(shortcut)
        if icon_text:
            action.setIconText(icon_text)
        action.setToolTip(_tool_tip(action))
        if icon:
            self._icons.append((action, icon))
            self._tint(action, icon)
        (owner or self._window).addAction(action)
        return action

    def show_running(self, running: bool, enabled: bool) -> None:
        """Makes the run action say Stop while something runs, else Start."""
        self.show_as(self.run, "S&top" if running else "S&tart", "stop" if running else "start")
        self.run.setEnabled(enabled)

    def show_as(self, action: QAction, text: str, icon: str) -> None:
        """Gives an action another text and icon."""
        if action.text() == text:
            return
        action.setText(text)
        action.setToolTip(_tool_tip(action))
        self._icons = [(other, name) for other, name in self._icons if other is not action]
        self._icons.append((action, icon))
        self._tint(action, icon)

    def tint(self, color: QColor) -> None:
        """Draws all icons in the colour of the text around them."""
        self._color = color
        for action, name in self._icons:
            self._tint(action, name)

    def make_toolbar(self) -> QToolBar:
        """What is used all the time."""
        bar = QToolBar("Toolbar")
        bar.setObjectName("toolbar")
        bar.setMovable(False)
        bar.setIconSize(QSize(TOOLBAR_ICON_PX, TOOLBAR_ICON_PX))
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        bar.addAction(self.run)
        bar.addSeparator()
        bar.addAction(self.open_file)
        camera = QToolButton()
        camera.setDefaultAction(self.camera_menu.menuAction())
        camera.setToolButtonStyle(bar.toolButtonStyle())
        camera.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        bar.addWidget(camera)
        bar.addAction(self.demo)
        space = QWidget()
        space.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        bar.addWidget(space)
        bar.addAction(self.export)
        return bar

    def connect_appearances(self, choose: Callable[[Appearance], None], chosen: Appearance) -> None:
        """Calls back with the appearance that the user chooses."""
        self.appearances[chosen].setChecked(True)
        for choice, action in self.appearances.items():
            action.triggered.connect(partial(_call_without_checked, choose, choice))

    def _tint(self, action: QAction, name: str) -> None:
        if self._color.isValid():
            action.setIcon(tinted_icon(name, self._color))


def _call_without_checked(choose: Callable[[Appearance], None], choice: Appearance, _checked: bool = False) -> None:
    choose(choice)


def _tool_tip(action: QAction) -> str:
    text = action.text().replace("&", "").rstrip("…")
    keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
    return f"{text} ({keys})" if keys else text
