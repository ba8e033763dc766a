"""Small parts that several dialogs are made of."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QTextBrowser

TEXT_WIDTH_PX = 460
"""Of a paragraph: about seventy characters a line."""


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
