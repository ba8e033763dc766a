"""About: versions, what runs, where the log is, and the licences of everything that the program is made of."""

from __future__ import annotations

import shiboken6
from PySide6.QtCore import Qt, qVersion
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTabWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ui.background import BackgroundCall
from ui.components import Component, components
from ui.parts import text_page, without_icons
from ui.theme import program_icon

ICON_PX = 64
SIZE_PX = (560, 470)
WAIT_S = 1.0

PRIVACY = (
    "Everything stays on this computer. AgeLens opens no network connection but to a camera whose address you enter, "
    "and sends nothing to anybody. Pictures are kept in memory only, unless you record."
)
LICENCES = (
    "AgeLens is free software under the MIT licence. The age model is for research use only; its terms are in the model card. "
    "PyAV brings FFmpeg with x264 and x265: whoever passes on a bundle of all this does so under the GPL."
)


class AboutDialog(QDialog):
    """What the program is, what runs, and what it is made of.

    Args:
        version: of the program.
        engine: one sentence about what runs; empty before anything ran.
        log: where the log is.
    """

    def __init__(self, version: str, engine: str, log: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("About AgeLens")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(*SIZE_PX)
        icon = QLabel()
        icon.setPixmap(program_icon().pixmap(ICON_PX, ICON_PX))
        title = QLabel(f"AgeLens {version}".strip())
        title.setObjectName("welcomeTitle")
        heading = QHBoxLayout()
        heading.setSpacing(16)
        heading.addWidget(icon)
        heading.addWidget(title, 1)
        self.pages = QTabWidget()
        self.pages.setAccessibleName("About pages")
        self.list = QTreeWidget()
        self.list.setAccessibleName("Packages, versions and licences")
        self.list.setHeaderLabels(["Package", "Version", "Licence"])
        self.list.setRootIsDecorated(False)
        self.list.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(26, 24, 26, 18)
        layout.setSpacing(12)
        layout.addLayout(heading)
        layout.addWidget(self.pages)
        layout.addWidget(without_icons(buttons))
        parts = [
            "Finds every face of a camera or a film, follows it and estimates its age.",
            f"**Privacy.** {PRIVACY}",
            *([f"**Engine.** {engine}"] if engine else []),
            f"**Log.** `{log}`",
            f"**Licences.** {LICENCES}",
        ]
        text = text_page("About", "\n\n".join(parts))
        self.pages.addTab(text, "AgeLens")
        self.pages.addTab(self.list, "Made with")
        # Thirty files are read for it: not while the window waits.
        self._search: BackgroundCall[list[Component]] = BackgroundCall("about", self._show, self._fail)
        self._search.start(components)
        self.finished.connect(lambda _: self._search.close(WAIT_S))

    def _show(self, found: list[Component]) -> None:
        if not shiboken6.isValid(self):
            return
        rows = [Component("Qt", qVersion(), "LGPL-3.0-only"), *found]
        self.list.addTopLevelItems([QTreeWidgetItem([row.name, row.version, row.licence]) for row in rows])

    def _fail(self, error: Exception) -> None:
        if shiboken6.isValid(self):
            self.list.addTopLevelItem(QTreeWidgetItem([f"Not known: {error}", "", ""]))
