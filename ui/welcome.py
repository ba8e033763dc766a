"""What the window shows before anything was opened."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QGridLayout, QLabel, QMenu, QPushButton, QVBoxLayout, QWidget

from ui.theme import program_icon

LOGO_PX = 72
BUTTON_ICON_PX = 24
COLUMNS = 2


class Welcome(QWidget):
    """A greeting, and the actions to begin with as large buttons.

    Args:
        actions: with text, icon and tool tip; the buttons follow their state.
    """

    def __init__(self, actions: Sequence[QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        logo = QLabel()
        logo.setPixmap(program_icon().pixmap(LOGO_PX, LOGO_PX))
        logo.setAlignment(Qt.AlignmentFlag.AlignCenter)
        title = _line("How old does everybody look?", "welcomeTitle")
        text = _line(
            "AgeLens finds the faces in a film, a picture or a camera,\nfollows them and estimates their ages.", "welcomeText"
        )
        drop = _line("Or drop a film, a picture or a folder of pictures here.", "welcomeText")
        privacy = _line("Everything stays on this computer.", "welcomeText")

        buttons = QGridLayout()
        buttons.setSpacing(10)
        for number, action in enumerate(actions):
            button = _ActionButton(action)
            buttons.addWidget(button, *divmod(number, COLUMNS))
            if number == 0:
                self.setFocusProxy(button)

        column = QVBoxLayout()
        column.setSpacing(14)
        column.addStretch()
        for widget in (logo, title, text):
            column.addWidget(widget)
        column.addSpacing(8)
        column.addLayout(buttons)
        column.addSpacing(8)
        column.addWidget(drop)
        column.addWidget(privacy)
        column.addStretch()
        frame = QGridLayout(self)
        frame.setColumnStretch(0, 1)
        frame.setColumnStretch(2, 1)
        frame.addLayout(column, 0, 1)


class _ActionButton(QPushButton):
    """A push button for an action, with its menu where it has one."""

    def __init__(self, action: QAction) -> None:
        super().__init__()
        self._action = action
        self.setObjectName("card")
        self.setIconSize(QSize(BUTTON_ICON_PX, BUTTON_ICON_PX))
        self.setMinimumWidth(230)
        menu = action.menu()
        if isinstance(menu, QMenu):
            self.setMenu(menu)
        else:
            self.clicked.connect(action.trigger)
        action.changed.connect(self._follow)
        self._follow()

    @Slot()
    def _follow(self) -> None:
        self.setText("  " + self._action.text())
        self.setIcon(self._action.icon())
        self.setToolTip(self._action.toolTip())
        self.setEnabled(self._action.isEnabled())
        self.setAccessibleName(self._action.text().replace("&", ""))


def _line(text: str, style: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName(style)
    label.setAlignment(Qt.AlignmentFlag.AlignCenter)
    return label
