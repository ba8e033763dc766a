"""The list of persons: who was seen, when, and how old they look."""

from __future__ import annotations

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QPoint, QSize, QSortFilterProxyModel, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenu,
    QStackedLayout,
    QStyledItemDelegate,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from ui.parts import RowTable
from ui.people_model import SWATCH_PX, Column, Index, PeopleModel

WIDEST = {
    Column.PERSON: "First name",
    Column.AGE: "estimating… ▾",
    Column.IN_VIEW: "Now",
    Column.DWELL: "In sight",
    Column.FIRST_SEEN: "00:00.0",
    Column.LAST_SEEN: "00:00.0",
    Column.CALLS: "Looks",
}
"""What has to fit. Measuring the contents instead would cost more with every person, five times a second."""
COLUMN_PADDING_PX = 19
SCROLL_BAR_PX = 16


EMPTY = "Everybody who appears in the picture\nis listed here."
LONGEST_NAME = 60
"""Characters; labels in the picture have to hold it."""


class NameDelegate(QStyledItemDelegate):
    """Edits names. What is being typed stays as it is while the row goes on changing underneath, several times a second."""

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        if isinstance(editor, QLineEdit) and not editor.accessibleName():
            editor.setAccessibleName("Name of the person")
            editor.setPlaceholderText("Name")
            editor.setMaxLength(LONGEST_NAME)
            super().setEditorData(editor, index)


class PeoplePanel(QWidget):
    """A heading, and the table or a line that says why it is empty.

    Args:
        live: whether there is a picture in which somebody can be now.
        empty: the line.
    """

    person_selected = Signal(int)
    """Number of the chosen person, the last of several; −1 for none."""
    selection_changed = Signal()

    def __init__(self, model: PeopleModel, parent: QWidget | None = None, *, live: bool = True, empty: str = EMPTY) -> None:
        super().__init__(parent)
        self._model = model
        self._live = live
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(model)
        self._sorted.setSortRole(PeopleModel.SORT_ROLE)
        self._heading = QLabel("People")
        self._heading.setObjectName("panelHeading")
        self._menu: QMenu | None = None
        self.table = self._make_table()
        self._empty = QLabel(empty)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setObjectName("quiet")
        self._empty.setWordWrap(True)

        self._pages = QStackedLayout()
        self._pages.addWidget(self._empty)
        self._pages.addWidget(self.table)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._heading)
        layout.addLayout(self._pages, 1)
        for signal in (model.rowsInserted, model.rowsRemoved, model.modelReset):
            signal.connect(self._show_count)
        self.table.selectionModel().selectionChanged.connect(self._on_selection)
        self.table.customContextMenuRequested.connect(self._show_menu)
        self._show_count()

    def set_menu(self, menu: QMenu) -> None:
        """What a right click, or the menu key, offers for the chosen persons."""
        self._menu = menu
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)

    def set_empty(self, text: str) -> None:
        """What is written where nobody is listed."""
        self._empty.setText(text)

    def select(self, person: int | None) -> None:
        """Selects a person's row; None, or somebody who is not listed, selects nothing."""
        row = None if person is None else self._model.row_of(person)
        if row is None:
            self.table.clearSelection()
            return
        index = self._sorted.mapFromSource(self._model.index(row, 0))
        self.table.choose_row(index.row())
        self.table.scrollTo(index)

    def selected(self) -> list[int]:
        """The chosen persons, as the table shows them from above."""
        rows = sorted(index.row() for index in self.table.selectionModel().selectedRows())
        return [self._model.person_at(self._sorted.mapToSource(self._sorted.index(row, 0)).row()) for row in rows]

    def edit_name(self) -> None:
        """Lets the user type a name into the chosen row."""
        rows = self.table.selectionModel().selectedRows(Column.PERSON)
        if rows:
            self.table.selectionModel().setCurrentIndex(rows[0], QItemSelectionModel.SelectionFlag.NoUpdate)
            self.table.edit(rows[0])

    def sizeHint(self) -> QSize:
        return QSize(sum(_width(self.table, column) for column in Column) + SCROLL_BAR_PX, 480)

    def _make_table(self) -> RowTable:
        table = RowTable()
        table.setModel(self._sorted)
        table.setSortingEnabled(True)
        table.sortByColumn(Column.FIRST_SEEN, Qt.SortOrder.AscendingOrder)
        table.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed | QAbstractItemView.EditTrigger.DoubleClicked)
        table.setItemDelegateForColumn(Column.PERSON, NameDelegate(table))
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.setWordWrap(False)
        table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        table.setIconSize(QSize(SWATCH_PX, SWATCH_PX))
        table.setFrameShape(RowTable.Shape.NoFrame)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + 12)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(_width(table, Column.IN_VIEW))
        for column in Column:
            header.resizeSection(column, _width(table, column))
        # Names have what room there is.
        header.setSectionResizeMode(Column.PERSON, QHeaderView.ResizeMode.Stretch)
        table.setColumnHidden(Column.IN_VIEW, not self._live)
        table.setAccessibleName("People")
        table.setAccessibleDescription(
            "Everybody seen in this run, with age and times; choosing a row brings out the face, F2 gives a name"
        )
        return table

    @Slot()
    def _show_count(self) -> None:
        count = self._model.rowCount()
        self._heading.setText(f"People · {count}" if count else "People")
        self._pages.setCurrentIndex(1 if count else 0)
        self._fit_columns()

    def _fit_columns(self) -> None:
        pictures = self._model.of_pictures
        if self.table.isColumnHidden(Column.LAST_SEEN) == pictures:
            return
        header = self.table.horizontalHeader()
        width = _width(self.table, Column.FIRST_SEEN)
        for column in (Column.LAST_SEEN, Column.DWELL, Column.IN_VIEW):
            self.table.setColumnHidden(column, pictures or (column is Column.IN_VIEW and not self._live))
        header.resizeSection(Column.FIRST_SEEN, 3 * width if pictures else width)

    @Slot(QItemSelection, QItemSelection)
    def _on_selection(self, _selected: QItemSelection, _deselected: QItemSelection) -> None:
        selection = self.table.selectionModel()
        rows = selection.selectedRows()
        current = selection.currentIndex()
        chosen = next((index for index in rows if index.row() == current.row()), rows[-1] if rows else None)
        person = -1 if chosen is None else self._model.person_at(self._sorted.mapToSource(chosen).row())
        self.person_selected.emit(person)
        self.selection_changed.emit()

    @Slot(QPoint)
    def _show_menu(self, place: QPoint) -> None:
        if self._menu is not None and self.table.selectionModel().hasSelection():
            self._menu.popup(self.table.viewport().mapToGlobal(place))


def _width(table: QTableView, column: Column) -> int:
    return table.fontMetrics().horizontalAdvance(WIDEST[column]) + COLUMN_PADDING_PX
