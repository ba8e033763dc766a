"""Asks which appearances of a person are of somebody else."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from pipeline.clock import clock_text
from pipeline.roster import PersonRow
from ui.parts import paragraph, without_icons


class SplitDialog(QDialog):
    """Lists a person's tracks; those that are ticked become somebody else, each a person of its own."""

    chosen = Signal(list)
    """Numbers of the tracks."""

    def __init__(self, person: PersonRow, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Split off")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        text = paragraph(
            f"{person.label} came into sight {len(person.tracks)} times. Tick what was somebody else.", Qt.TextFormat.PlainText
        )
        label = QLabel("&Times in sight")
        self.list = QListWidget()
        self.list.setAccessibleName("Times in sight")
        label.setBuddy(self.list)
        for row in person.tracks:
            until = "" if row.last_s == row.first_s else f" – {clock_text(row.last_s)}"
            item = QListWidgetItem(row.picture or f"{clock_text(row.first_s)}{until}, {row.frames} frames")
            item.setData(Qt.ItemDataRole.UserRole, row.track)
            item.setCheckState(Qt.CheckState.Unchecked)
            self.list.addItem(item)
        self.list.setCurrentRow(0)
        self.list.itemChanged.connect(self._check)
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self._buttons.button(QDialogButtonBox.StandardButton.Ok).setText("Split off")
        self._buttons.accepted.connect(self._accept)
        self._buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(22, 20, 22, 16)
        layout.setSpacing(10)
        for part in (text, label, self.list, without_icons(self._buttons)):
            layout.addWidget(part)
        self._check()

    def ticked(self) -> list[int]:
        """Numbers of the ticked tracks."""
        items = [self.list.item(row) for row in range(self.list.count())]
        return [item.data(Qt.ItemDataRole.UserRole) for item in items if item.checkState() is Qt.CheckState.Checked]

    def _check(self) -> None:
        # Somebody has to be left.
        count = len(self.ticked())
        self._buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(0 < count < self.list.count())

    def _accept(self) -> None:
        self.chosen.emit(self.ticked())
        self.accept()
