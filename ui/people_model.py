"""The rows and columns of the list of persons."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPixmap

from pipeline.clock import clock_text, duration_text
from pipeline.roster import PersonRow
from pipeline.types import AgeBelief

Index = QModelIndex | QPersistentModelIndex

IN_VIEW_S = 0.4
"""A person counts as in view this long after the last frame with the face: one missed detection is no departure."""

SWATCH_PX = 12


class Column(enum.IntEnum):
    PERSON = 0
    AGE = 1
    IN_VIEW = 2
    DWELL = 3
    FIRST_SEEN = 4
    LAST_SEEN = 5
    CALLS = 6


TITLES = {
    Column.PERSON: "Person",
    Column.AGE: "Age",
    Column.IN_VIEW: "Now",
    Column.DWELL: "In sight",
    Column.FIRST_SEEN: "First",
    Column.LAST_SEEN: "Last",
    Column.CALLS: "Looks",
}
PICTURE_TITLE = "Picture"

TOOL_TIPS = {
    Column.PERSON: "Name, or number of the person in this run; F2 or a double click gives a name",
    Column.AGE: "Estimated age in years, and the interval that holds the true age in nine of ten cases",
    Column.IN_VIEW: "Whether the person is in the picture now",
    Column.DWELL: "How long the person was in sight, absences of more than a second left out",
    Column.FIRST_SEEN: "Time of the first frame with this person",
    Column.LAST_SEEN: "Time of the newest frame with this person",
    Column.CALLS: "How often the age model looked at this person",
}


class PeopleModel(QAbstractTableModel):
    """One row per person, in order of appearance.

    Args:
        age_text: text of what is known about a person's age.
        person_color: a person's colour.
        editable: whether persons can be given names.
    """

    SORT_ROLE = Qt.ItemDataRole.UserRole

    name_given = Signal(int, str)
    """The user typed this name for this person; empty takes the name away."""

    def __init__(
        self,
        age_text: Callable[[int, AgeBelief | None], str],
        person_color: Callable[[int], QColor],
        parent: QObject | None = None,
        *,
        editable: bool = True,
    ) -> None:
        super().__init__(parent)
        self._age_text = age_text
        self._person_color = person_color
        self._editable = editable
        self._rows: list[PersonRow] = []
        self._row_of: dict[int, int] = {}
        self._in_view: set[int] = set()
        self._exempt: frozenset[int] = frozenset()
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
            case Qt.ItemDataRole.EditRole:
                return row.name if column is Column.PERSON else self._text(row, column)
            case self.SORT_ROLE:
                return self._sort_key(row, column)
            case Qt.ItemDataRole.DecorationRole:
                return self._swatch(row.person) if column is Column.PERSON else None
            case Qt.ItemDataRole.ForegroundRole:
                # Grey tells who has left; where nobody is in sight, that is no news.
                return QGuiApplication.palette().placeholderText() if absent and self._in_view else None
            case Qt.ItemDataRole.AccessibleTextRole if column is Column.IN_VIEW:
                return "not in the picture" if absent else "in the picture"
            case Qt.ItemDataRole.ToolTipRole:
                return self._tool_tip(row)
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = super().flags(index)
        return flags | Qt.ItemFlag.ItemIsEditable if self._editable and index.column() == Column.PERSON else flags

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Passes the name on; the row changes when it comes back as an edit."""
        if role != Qt.ItemDataRole.EditRole or index.column() != Column.PERSON:
            return False
        row, name = self._rows[index.row()], " ".join(str(value).split())
        if name != row.name:
            self.name_given.emit(row.person, name)
        return True

    @property
    def of_pictures(self) -> bool:
        """The persons are from a folder of pictures: instead of two times there is the name of a picture."""
        return bool(self._rows) and self._rows[0].picture is not None

    def person_at(self, row: int) -> int:
        """Number of the person in a row."""
        return self._rows[row].person

    def row_of(self, person: int) -> int | None:
        """The person's row; None where the person is not listed (yet)."""
        return self._row_of.get(person)

    def clear(self) -> None:
        """Forgets everybody: another run begins."""
        self.beginResetModel()
        self._rows.clear()
        self._row_of.clear()
        self._in_view.clear()
        self._exempt = frozenset()
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
        in_view = {person for person in candidates if is_in_view(self._rows[self._row_of[person]], now_s)}
        touched = {row.person for row in known} | (self._in_view ^ in_view)
        self._in_view = in_view
        for person in touched:
            self._tell(self._row_of[person])

    def set_people(self, rows: Iterable[PersonRow], now_s: float) -> None:
        """These persons and nobody else, after an edit; the rows of those who stay keep their place and selection."""
        wanted = {row.person: row for row in rows}
        for number in reversed(range(len(self._rows))):
            if self._rows[number].person not in wanted:
                self.beginRemoveRows(QModelIndex(), number, number)
                self._in_view.discard(self._rows.pop(number).person)
                self._row_of = {row.person: place for place, row in enumerate(self._rows)}
                self.endRemoveRows()
        self.update_people(wanted.values(), now_s)

    def set_exempt(self, persons: frozenset[int]) -> None:
        """Who is not blurred: their names say so."""
        touched = self._exempt ^ persons
        self._exempt = persons
        for person in touched:
            if person in self._row_of:
                self._tell(self._row_of[person])

    def _tell(self, number: int) -> None:
        self.dataChanged.emit(self.index(number, 0), self.index(number, len(Column) - 1))

    def _text(self, row: PersonRow, column: Column) -> str:  # noqa: PLR0911 - one per column
        match column:
            case Column.PERSON:
                return f"{row.label} · not blurred" if row.person in self._exempt else row.label
            case Column.AGE:
                return self._age_text(row.person, row.belief)
            case Column.IN_VIEW:
                return "●" if row.person in self._in_view else ""
            case Column.DWELL:
                return "" if row.picture else duration_text(row.dwell_s)
            case Column.FIRST_SEEN:
                return row.picture or clock_text(row.first_s)
            case Column.LAST_SEEN:
                return row.picture or clock_text(row.last_s)
            case Column.CALLS:
                return str(row.calls)

    def _sort_key(self, row: PersonRow, column: Column) -> float | str:  # noqa: PLR0911 - one per column
        match column:
            case Column.PERSON:
                # Numbers in their order, names behind them in theirs.
                return f"1{row.name.casefold()}" if row.name else f"0{row.person:09d}"
            case Column.AGE:
                return row.belief.years if row.belief and row.belief.settled else -1.0
            case Column.IN_VIEW:
                return float(row.person in self._in_view)
            case Column.DWELL:
                return row.dwell_s
            case Column.FIRST_SEEN:
                return row.first_s
            case Column.LAST_SEEN:
                return row.last_s
            case Column.CALLS:
                return row.calls

    @staticmethod
    def _tool_tip(row: PersonRow) -> str:
        if row.picture:
            return row.picture
        times = "once" if len(row.tracks) == 1 else f"{len(row.tracks)} times"
        return f"{row.label}: came into sight {times}, found in {row.frames} frames"

    def _swatch(self, person: int) -> QIcon:
        if person not in self._swatches:
            self._swatches[person] = swatch(self._person_color(person))
        return self._swatches[person]


def is_in_view(row: PersonRow, now_s: float) -> bool:
    """Whether a person is in sight at that time of the source."""
    return any(start <= now_s <= end + IN_VIEW_S for start, end in reversed(row.spans))


def swatch(color: QColor) -> QIcon:
    """A round patch of a person's colour."""
    pixmap = QPixmap(2 * SWATCH_PX, 2 * SWATCH_PX)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawEllipse(pixmap.rect().adjusted(1, 1, -1, -1))
    painter.end()
    icon = QIcon(pixmap)
    # The same in a selected row: the style would tint it.
    icon.addPixmap(pixmap, QIcon.Mode.Selected)
    return icon
