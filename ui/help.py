"""Help: what the numbers mean, privacy, the model card; and the notice that a new user sees once."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QHBoxLayout, QLabel, QTabWidget, QVBoxLayout, QWidget

from ui.help_texts import NUMBERS, NUMBERS_BRIEF, PRIVACY, PRIVACY_BRIEF
from ui.parts import fit_height, paragraph, text_page, without_icons
from ui.theme import program_icon

MODEL_CARD = Path(__file__).resolve().parents[1] / "assets" / "models" / "MODEL_CARD.md"
SIZE_PX = (820, 620)
NOTICE_WIDTH_PX = 520
NOTICE_ICON_PX = 48

NUMBERS_PAGE, PRIVACY_PAGE, MODEL_PAGE = range(3)


class HelpDialog(QDialog):
    """Pages of text; beside the window, which goes on.

    Args:
        page: shown first.
        model_card: file of the third page.
    """

    def __init__(self, page: int = NUMBERS_PAGE, model_card: Path = MODEL_CARD, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("AgeLens help")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(*SIZE_PX)
        self.pages = QTabWidget()
        self.pages.setAccessibleName("Help pages")
        self.pages.setDocumentMode(True)
        for title, text in (("What the numbers mean", NUMBERS), ("Privacy", PRIVACY), ("Model card", _card(model_card))):
            self.pages.addTab(text_page(title, text), title)
        self.pages.setCurrentIndex(page)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 14)
        layout.setSpacing(12)
        layout.addWidget(self.pages)
        layout.addWidget(without_icons(buttons))


class FirstRunDialog(QDialog):
    """What a new user must know: shown once, and in the help for ever."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Welcome to AgeLens")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        icon = QLabel()
        icon.setPixmap(program_icon().pixmap(NOTICE_ICON_PX, NOTICE_ICON_PX))
        title = QLabel("Before you begin")
        title.setObjectName("welcomeTitle")
        heading = QHBoxLayout()
        heading.setSpacing(16)
        heading.addWidget(icon)
        heading.addWidget(title, 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok)
        buttons.button(QDialogButtonBox.StandardButton.Ok).setText("I &understand")
        buttons.accepted.connect(self.accept)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(26, 24, 26, 18)
        layout.setSpacing(14)
        layout.addLayout(heading)
        for text in (PRIVACY_BRIEF, NUMBERS_BRIEF):
            part = paragraph(text, Qt.TextFormat.MarkdownText)
            part.setMinimumWidth(NOTICE_WIDTH_PX)
            layout.addWidget(part)
        note = paragraph("You find this again in the Help menu.")
        note.setObjectName("quietText")
        layout.addWidget(note)
        layout.addWidget(without_icons(buttons))
        fit_height(self)


def _card(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return "The model card did not come with this copy of the program."
