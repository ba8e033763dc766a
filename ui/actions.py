"""The window's actions with their shortcuts and icons, and the menus and the toolbar that offer them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, QSize, Qt
from PySide6.QtGui import QAction, QActionGroup, QColor, QKeySequence
from PySide6.QtWidgets import QMenuBar, QSizePolicy, QToolBar, QToolButton, QWidget

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
        self.open_file = self._action("&Open film or picture…", "film", QKeySequence(standard.Open), "Open")
        self.open_folder = self._action("Open &folder of pictures…", "folder", QKeySequence("Ctrl+Shift+O"))
        self.open_stream = self._action("Open &network stream…", "network", QKeySequence("Ctrl+L"))
        self.demo = self._action("Play the &demo", "demo", QKeySequence("Ctrl+D"), "Demo")
        self.run = self._action("Start", "start", QKeySequence(Qt.Key.Key_Space))
        self.export = self._action("&Export CSV…", "export", QKeySequence("Ctrl+E"), "Export CSV")
        self.quit = self._action("&Quit", "", QKeySequence("Ctrl+Q"))
        self.about = self._action("&About AgeLens", "about")
        self.appearances = {
            choice: self._action(text, "")
            for choice, text in (
                (Appearance.SYSTEM, "As the &system"),
                (Appearance.LIGHT, "&Light"),
                (Appearance.DARK, "&Dark"),
            )
        }

    def show_running(self, running: bool, enabled: bool) -> None:
        """Makes the run action say Stop while something runs, else Start."""
        self.run.setText("&Stop" if running else "&Start")
        self.run.setToolTip(_tool_tip(self.run))
        self.run.setEnabled(enabled)
        self._icons = [(action, name) for action, name in self._icons if action is not self.run]
        self._icons.append((self.run, "stop" if running else "start"))
        self._tint(*self._icons[-1])

    def tint(self, color: QColor) -> None:
        """Draws all icons in the colour of the text around them."""
        self._color = color
        for action, name in self._icons:
            self._tint(action, name)

    def fill_menu_bar(self, bar: QMenuBar) -> None:
        """Source, View, Help."""
        source = bar.addMenu("&Source")
        source.addActions([self.open_file, self.open_folder])
        source.addMenu(self.camera_menu)
        source.addActions([self.open_stream, self.demo])
        source.addSeparator()
        source.addAction(self.run)
        source.addSeparator()
        source.addAction(self.export)
        source.addSeparator()
        source.addAction(self.quit)
        appearance = bar.addMenu("&View").addMenu("&Appearance")
        group = QActionGroup(self)
        for action in self.appearances.values():
            action.setCheckable(True)
            group.addAction(action)
            appearance.addAction(action)
        bar.addMenu("&Help").addAction(self.about)

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

    def _action(self, text: str, icon: str, shortcut: QKeySequence | None = None, icon_text: str = "") -> QAction:
        action = QAction(text, self)
        if shortcut is not None:
            action.setShortcut(shortcut)
        if icon_text:
            action.setIconText(icon_text)
        action.setToolTip(_tool_tip(action))
        if icon:
            self._icons.append((action, icon))
        self._window.addAction(action)
        return action

    def _tint(self, action: QAction, name: str) -> None:
        if self._color.isValid():
            action.setIcon(tinted_icon(name, self._color))


def _call_without_checked(choose: Callable[[Appearance], None], choice: Appearance, _checked: bool = False) -> None:
    choose(choice)


def _tool_tip(action: QAction) -> str:
    text = action.text().replace("&", "").rstrip("…")
    keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
    return f"{text} ({keys})" if keys else text
