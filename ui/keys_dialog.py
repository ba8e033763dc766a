"""The sheet of keys: made from the menus, so that it is always right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLabel, QMenu, QScrollArea, QVBoxLayout, QWidget

from ui.control import Control
from ui.parts import without_icons

if TYPE_CHECKING:
    from ui.main_window import MainWindow

COLUMNS = 2
SIZE_PX = (880, 700)


def keys_of(menu: QMenu) -> list[tuple[str, str]]:
    """What a menu offers by key, its submenus included: text and keys."""
    found = []
    for action in menu.actions():
        submenu = action.menu()
        if isinstance(submenu, QMenu):
            found += keys_of(submenu)
        elif action.shortcuts():
            found.append((plain(action), "  or  ".join(key.toString(_NATIVE) for key in action.shortcuts())))
    return found


def plain(action: QAction) -> str:
    """An action's text without the mark of its access key."""
    return action.text().replace("&", "").rstrip("…")


_NATIVE = QKeySequence.SequenceFormat.NativeText


class KeysDialog(QDialog):
    """All keys, menu by menu.

    Args:
        groups: title of a menu, and what its keys do.
    """

    def __init__(self, groups: list[tuple[str, list[tuple[str, str]]]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(*SIZE_PX)
        page = QWidget()
        grid = QGridLayout(page)
        grid.setHorizontalSpacing(36)
        heights = [0] * COLUMNS
        columns = [QVBoxLayout() for _ in range(COLUMNS)]
        for title, keys in groups:
            # To the shorter column.
            place = heights.index(min(heights))
            heights[place] += len(keys) + 2
            columns[place].addWidget(_group(title, keys))
        for place, column in enumerate(columns):
            column.addStretch()
            grid.addLayout(column, 0, place)
        area = QScrollArea()
        area.setWidget(page)
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setAccessibleName("Keys")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(area)
        layout.addWidget(without_icons(buttons))


def _group(title: str, keys: list[tuple[str, str]]) -> QWidget:
    group = QWidget()
    grid = QGridLayout(group)
    grid.setColumnStretch(0, 1)
    heading = QLabel(title)
    heading.setStyleSheet("font-weight: 600")
    grid.addWidget(heading, 0, 0, 1, 2)
    for row, (text, key) in enumerate(keys, start=1):
        grid.addWidget(QLabel(text), row, 0)
        label = QLabel(key)
        label.setObjectName("quietText")
        grid.addWidget(label, row, 1)
    return group


class KeysControl(Control):
    """Opens the sheet."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.action = window.actions_.make("&Keys", "", QKeySequence(Qt.Key.Key_Question))
        window.menus.help.addAction(self.action)
        self.action.triggered.connect(self._show)

    @Slot()
    def _show(self) -> None:
        menus = self.window.menus.all
        groups = [(menu.title().replace("&", ""), keys_of(menu)) for menu in menus]
        groups = [(title, keys) for title, keys in groups if keys]
        groups.append(("Picture", [("Bring out a person", "Click on a face"), ("Full screen", "Double click")]))
        KeysDialog(groups, self.window).show()
