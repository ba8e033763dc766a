"""Small parts that several dialogs and panels are made of."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QAbstractItemView, QDialog, QDialogButtonBox, QLabel, QTableView, QTextBrowser

TEXT_WIDTH_PX = 460
"""Of a paragraph: about seventy characters a line."""


class RowTable(QTableView):
    """A table of whole rows, of which the user chooses one or, with Shift and Ctrl, several."""

    def __init__(self) -> None:
        super().__init__()
        self._choosing = False
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)

    def choose_row(self, row: int) -> None:
        """Selects this row and no other; a click with Shift extends the selection from here.

        Qt's own `selectRow` looks at the keys that are down at that moment: with Shift held, as during a shortcut or a click
        elsewhere, it extends the selection, or selects nothing where there was none to extend.
        """
        self._choosing = True
        try:
            self.selectRow(row)
        finally:
            self._choosing = False

    def selectionCommand(
        self, index: QModelIndex | QPersistentModelIndex, event: QEvent | None = None
    ) -> QItemSelectionModel.SelectionFlag:
        if self._choosing:
            return QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        return super().selectionCommand(index, event)


def paragraph(text: str, form: Qt.TextFormat = Qt.TextFormat.AutoText) -> QLabel:
    """Text that wraps and can be selected with the mouse.

    Args:
        form: plain where the text names something of the user's: a file may be called "<b>".
    """
    label = QLabel(text)
    label.setTextFormat(form)
    label.setWordWrap(True)
    label.setMinimumWidth(TEXT_WIDTH_PX)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def without_icons(buttons: QDialogButtonBox) -> QDialogButtonBox:
    """The same buttons; Fusion puts its own icons on standard ones, which match nothing else here."""
    for button in buttons.buttons():
        button.setIcon(QIcon())
    return buttons


def text_page(title: str, text: str) -> QTextBrowser:
    """A page of Markdown that scrolls; its links lead nowhere: nothing goes to the network, not even by a click."""
    page = QTextBrowser()
    page.setAccessibleName(title)
    page.setOpenLinks(False)
    page.setFrameShape(QTextBrowser.Shape.NoFrame)
    page.document().setDocumentMargin(14)
    page.setMarkdown(text)
    return page


def fit_height(dialog: QDialog) -> None:
    """Keeps a dialog as high as its wrapped text needs: Qt gives new windows two thirds of the screen at most."""
    layout = dialog.layout()
    if layout is not None:
        dialog.setMinimumHeight(layout.totalHeightForWidth(layout.totalMinimumSize().width()))
