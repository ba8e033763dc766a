"""The list of persons: who was seen, when, and how old they look."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelection,
    QModelIndex,
    QPersistentModelIndex,
    QSize,
    QSortFilterProxyModel,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QLabel, QStackedLayout, QTableView, QVBoxLayout, QWidget

from pipeline.types import AgeBelief
from ui.newest import PersonRow

Index = QModelIndex | QPersistentModelIndex

IN_VIEW_S = 0.4
"""A person counts as in view this long after the last frame with the face: one missed detection is no departure."""

SWATCH_PX = 12


class Column(enum.IntEnum):
    PERSON = 0
    AGE = 1
    FIRST_SEEN = 2
    LAST_SEEN = 3
    IN_VIEW = 4


TITLES = {
    Column.PERSON: "Person",
    Column.AGE: "Age",
    Column.FIRST_SEEN: "First",
    Column.LAST_SEEN: "Last",
    Column.IN_VIEW: "Now",
}
PICTURE_TITLE = "Picture"

WIDEST = {
    Column.PERSON: "Person ▾",
    Column.AGE: "estimating…",
    Column.FIRST_SEEN: "00:00:00.0",
    Column.LAST_SEEN: "00:00:00.0",
    Column.IN_VIEW: "Now",
}
"""What has to fit. Measuring the contents instead would cost more with every person, five times a second."""
COLUMN_PADDING_PX = 22

TOOL_TIPS = {
    Column.PERSON: "Number of the person in this run",
    Column.AGE: "Estimated age in years, and the interval that holds the true age in nine of ten cases",
    Column.FIRST_SEEN: "Time of the first frame with this person",
    Column.LAST_SEEN: "Time of the newest frame with this person",
    Column.IN_VIEW: "Whether the person is in the picture now",
}


def clock_text(time_s: float) -> str:
    """Time within a source: 0:07.4, 12:31.0, 1:02:03.5."""
    tenths = round(time_s * 10)
    minutes, rest = divmod(max(0, tenths), 600)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest // 10:02d}.{rest % 10}"
    return f"{hours}:{minutes:02d}:{seconds}" if hours else f"{minutes}:{seconds}"


class PeopleModel(QAbstractTableModel):
    """One row per person, in order of appearance.

    Args:
        age_text: text of what is known about a person's age.
        person_color: a person's colour.
    """

    SORT_ROLE = Qt.ItemDataRole.UserRole

    def __init__(
        self,
        age_text: Callable[[int, AgeBelief | None], str],
        person_color: Callable[[int], QColor],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._age_text = age_text
        self._person_color = person_color
        self._rows: list[PersonRow] = []
        self._row_of: dict[int, int] = {}
        self._in_view: set[int] = set()
        self._swatches: dict[int, QIcon] = {}

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return PICTURE_TITLE if self.of_pictures and section == Column.FIRST_SEEN else TITLES[Column(section)]
        if role == Qt.ItemDataRole.ToolTipRole:
            return TOOL_TIPS[Column(section)]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: PLR0911 - one per role
        row, column = self._rows[index.row()], Column(index.column())
        absent = row.person not in self._in_view
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._text(row, column)
            case self.SORT_ROLE:
                return self._sort_key(row, column)
            case Qt.ItemDataRole.DecorationRole:
                return self._swatch(row.person) if column is Column.PERSON else None
            case Qt.ItemDataRole.ForegroundRole:
                return QGuiApplication.palette().placeholderText() if absent else None
            case Qt.ItemDataRole.AccessibleTextRole if column is Column.IN_VIEW:
                return "not in the picture" if absent else "in the picture"
            case Qt.ItemDataRole.ToolTipRole:
                return row.picture
        return None

    @property
    def of_pictures(self) -> bool:
        """The persons are from a folder of pictures: instead of two times there is the name of a picture."""
        return bool(self._rows) and self._rows[0].picture is not None

    def person_at(self, row: int) -> int:
        """Number of the person in a row."""
        return self._rows[row].person

    def row_of(self, person: int) -> int | None:
        """The person's row; None where the person is not listed yet."""
        return self._row_of.get(person)

    def clear(self) -> None:
        """Forgets everybody: another run begins."""
        self.beginResetModel()
        self._rows.clear()
        self._row_of.clear()
        self._in_view.clear()
        self._swatches.clear()
        self.endResetModel()

    def update_people(self, changed: Iterable[PersonRow], now_s: float) -> None:
        """Takes what changed since the last call; `now_s` is the presentation time of the newest analysed frame."""
        known: list[PersonRow] = []
        added: list[PersonRow] = []
        for row in changed:
            (known if row.person in self._row_of else added).append(row)
        for row in known:
            self._rows[self._row_of[row.person]] = row
        if added:
            self.beginInsertRows(QModelIndex(), len(self._rows), len(self._rows) + len(added) - 1)
            for row in added:
                self._row_of[row.person] = len(self._rows)
                self._rows.append(row)
            self.endInsertRows()
        candidates = self._in_view | {row.person for row in (*known, *added)}
        in_view = {person for person in candidates if now_s - self._rows[self._row_of[person]].last_s <= IN_VIEW_S}
        touched = {row.person for row in known} | (self._in_view ^ in_view)
        self._in_view = in_view
        for person in touched:
            number = self._row_of[person]
            self.dataChanged.emit(self.index(number, Column.PERSON), self.index(number, Column.IN_VIEW))

    def _text(self, row: PersonRow, column: Column) -> str:
        match column:
            case Column.PERSON:
                return str(row.person)
            case Column.AGE:
                return self._age_text(row.person, row.belief)
            case Column.FIRST_SEEN:
                return row.picture or clock_text(row.first_s)
            case Column.LAST_SEEN:
                return row.picture or clock_text(row.last_s)
            case Column.IN_VIEW:
                return "●" if row.person in self._in_view else ""

    def _sort_key(self, row: PersonRow, column: Column) -> float:
        match column:
            case Column.PERSON:
                return row.person
            case Column.AGE:
                return row.belief.years if row.belief and row.belief.settled else -1.0
            case Column.FIRST_SEEN:
                return row.first_s
            case Column.LAST_SEEN:
                return row.last_s
            case Column.IN_VIEW:
                return float(row.person in self._in_view)

    def _swatch(self, person: int) -> QIcon:
        if person not in self._swatches:
            pixmap = QPixmap(2 * SWATCH_PX, 2 * SWATCH_PX)
            pixmap.fill(Qt.GlobalColor.transparent)
            painter = QPainter(pixmap)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._person_color(person))
            painter.drawEllipse(pixmap.rect().adjusted(1, 1, -1, -1))
            painter.end()
            icon = QIcon(pixmap)
            # The same in a selected row: the style would tint it.
            icon.addPixmap(pixmap, QIcon.Mode.Selected)
            self._swatches[person] = icon
        return self._swatches[person]


class PeoplePanel(QWidget):
    """A heading, and the table or a line that says why it is empty."""

    person_selected = Signal(int)
    """Number of the chosen person; −1 for none."""

    def __init__(self, model: PeopleModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(model)
        self._sorted.setSortRole(PeopleModel.SORT_ROLE)
        self._heading = QLabel("People")
        self._heading.setObjectName("panelHeading")
        self.table = self._make_table()
        self._empty = QLabel("Everybody who appears in the picture\nis listed here.")
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
        model.rowsInserted.connect(self._show_count)
        model.modelReset.connect(self._show_count)
        self.table.selectionModel().selectionChanged.connect(self._on_selection)
        self._show_count()

    def select(self, person: int | None) -> None:
        """Selects a person's row; None, or somebody who is not listed, selects nothing."""
        row = None if person is None else self._model.row_of(person)
        if row is None:
            self.table.clearSelection()
            return
        index = self._sorted.mapFromSource(self._model.index(row, 0))
        self.table.selectRow(index.row())
        self.table.scrollTo(index)

    def sizeHint(self) -> QSize:
        return QSize(400, 480)

    def _make_table(self) -> QTableView:
        table = QTableView()
        table.setModel(self._sorted)
        table.setSortingEnabled(True)
        table.sortByColumn(Column.PERSON, Qt.SortOrder.AscendingOrder)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.setWordWrap(False)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.setIconSize(QSize(SWATCH_PX, SWATCH_PX))
        table.setFrameShape(QTableView.Shape.NoFrame)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + 12)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setStretchLastSection(True)
        header.setMinimumSectionSize(_width(table, Column.IN_VIEW))
        for column in Column:
            header.resizeSection(column, _width(table, column))
        table.setAccessibleName("People")
        table.setAccessibleDescription("Everybody seen in this run, with age and times; choosing a row brings out the face")
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
        self.table.setColumnHidden(Column.LAST_SEEN, pictures)
        header.resizeSection(Column.FIRST_SEEN, 2 * width if pictures else width)

    @Slot(QItemSelection, QItemSelection)
    def _on_selection(self, _selected: QItemSelection, _deselected: QItemSelection) -> None:
        rows = self.table.selectionModel().selectedRows()
        self.person_selected.emit(self._model.person_at(self._sorted.mapToSource(rows[0]).row()) if rows else -1)


def _width(table: QTableView, column: Column) -> int:
    return table.fontMetrics().horizontalAdvance(WIDEST[column]) + COLUMN_PADDING_PX
