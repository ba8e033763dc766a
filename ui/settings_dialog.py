"""The settings dialog: made from the settings model, one page per section, with a search over all of them."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from pipeline.errors import AppError
from pipeline.options import options, value_of
from pipeline.settings import Settings
from pipeline.settings_file import SettingsStore
from ui.parts import without_icons
from ui.settings_fields import SettingRow

SECTIONS_WIDTH_PX = 190
SECTION_PADDING_PX = 16
SIZE_PX = (760, 580)
WHEN = "Settings of the display count at once, all others when the next source is started."


class SettingsDialog(QDialog):
    """Shows all settings and saves those that were changed.

    Args:
        store: the settings in force; changed when the user saves.
    """

    saved = Signal(Settings)
    """What is in force now."""

    def __init__(self, store: SettingsStore, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self.setWindowTitle("Settings")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(*SIZE_PX)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search settings")
        self.search.setAccessibleName("Search settings")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._show_rows)
        self.sections = QListWidget()
        self.sections.setAccessibleName("Sections")
        self.sections.setObjectName("sections")
        self.sections.setFixedWidth(SECTIONS_WIDTH_PX)
        self.rows: dict[str, SettingRow] = {}
        self._headings: dict[str, QLabel] = {}
        self._before = {option.name: value_of(store.stored, option.name) for option in options()}
        self._nothing = _line("No setting matches.", "quietText")
        self._page = self._make_page()
        self.sections.addItems(list(self._headings))
        for number in range(self.sections.count()):
            self.sections.item(number).setSizeHint(QSize(0, self.sections.fontMetrics().height() + SECTION_PADDING_PX))
        self.sections.itemSelectionChanged.connect(self._on_section)

        self.problem = _line("", "problem")
        self.problem.hide()
        self.reset_all = QPushButton("&Reset all")
        self.reset_all.setToolTip("Puts every setting back to its default; nothing is saved before you say so")
        self.reset_all.setAutoDefault(False)
        self.reset_all.clicked.connect(self._reset_all)
        self.buttons = self._make_buttons()
        self._arrange()
        self.sections.setCurrentRow(0)
        self.search.setFocus()
        self._check()
        for row in self.rows.values():
            row.edited.connect(self._check)

    def changes(self) -> dict[str, bool | int | float | str]:
        """What the user changed: section.field → value."""
        return {name: row.value for name, row in self.rows.items() if row.value != self._before[name]}

    def _make_buttons(self) -> QDialogButtonBox:
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        buttons.addButton(self.reset_all, QDialogButtonBox.ButtonRole.ResetRole)
        buttons.accepted.connect(self._save)
        buttons.rejected.connect(self.reject)
        return without_icons(buttons)

    def _arrange(self) -> None:
        middle = QHBoxLayout()
        middle.setSpacing(16)
        middle.addWidget(self.sections)
        middle.addWidget(self._page, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(12)
        layout.addWidget(self.search)
        layout.addLayout(middle, 1)
        layout.addWidget(_line(WHEN, "quietText"))
        layout.addWidget(self.problem)
        layout.addWidget(self.buttons)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Find), self, self.search.setFocus)

    def _make_page(self) -> QScrollArea:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(4, 0, 14, 0)
        column.setSpacing(0)
        for option in options():
            if option.section not in self._headings:
                heading = QLabel(option.section)
                heading.setObjectName("settingSection")
                heading.setIndent(0)
                self._headings[option.section] = heading
                column.addWidget(heading)
            row = SettingRow(option, self._before[option.name], option.name in self._store.pinned)
            self.rows[option.name] = row
            column.addWidget(row)
        column.addWidget(self._nothing)
        column.addStretch()
        area = QScrollArea()
        area.setWidget(page)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setAccessibleName("Settings")
        return area

    @Slot()
    def _on_section(self) -> None:
        if self.sections.selectedItems():
            self.search.clear()
            self._show_rows()

    @Slot()
    def _show_rows(self) -> None:
        words = self.search.text().strip()
        item = self.sections.currentItem()
        section = item.text() if item else ""
        if item and bool(words) == item.isSelected():
            # What is found is on no page, or on several.
            item.setSelected(not words)
        shown = {name: row.matches(words) if words else row.option.section == section for name, row in self.rows.items()}
        for name, row in self.rows.items():
            row.setVisible(shown[name])
        for title, heading in self._headings.items():
            heading.setVisible(any(shown[name] for name, row in self.rows.items() if row.option.section == title))
        self._nothing.setVisible(not any(shown.values()))
        self._page.verticalScrollBar().setValue(0)

    @Slot()
    def _check(self) -> None:
        wrong = [row.option for row in self.rows.values() if row.problem]
        self.buttons.button(QDialogButtonBox.StandardButton.Save).setEnabled(not wrong and bool(self.changes()))
        self.reset_all.setEnabled(any(row.value != row.option.value for row in self.rows.values()))
        self.show_problem(f"Not possible: {', '.join(f'{option.section}, {option.title}' for option in wrong)}" if wrong else "")

    def show_problem(self, text: str) -> None:
        """A line above the buttons; empty removes it."""
        self.problem.setText(text)
        self.problem.setVisible(bool(text))

    @Slot()
    def _reset_all(self) -> None:
        for row in self.rows.values():
            row.reset()

    @Slot()
    def _save(self) -> None:
        try:
            settings = self._store.change(self.changes())
        except AppError as error:
            # In place: closing the dialog would lose what was entered.
            self.show_problem(str(error))
            return
        self.saved.emit(settings)
        self.accept()


def _line(text: str, style: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName(style)
    label.setWordWrap(True)
    return label
