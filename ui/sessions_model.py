"""The list of recorded sessions."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QSortFilterProxyModel, Qt

from pipeline.clock import duration_text
from pipeline.edits import Rename, edits_of
from pipeline.sessions import SessionSummary, list_sessions
from pipeline.store import SessionLog
from ui.people_model import Index


class SessionColumn(enum.IntEnum):
    STARTED = 0
    SOURCE = 1
    LENGTH = 2
    PEOPLE = 3
    STATE = 4


TITLES = {
    SessionColumn.STARTED: "Started",
    SessionColumn.SOURCE: "Source",
    SessionColumn.LENGTH: "Length",
    SessionColumn.PEOPLE: "People",
    SessionColumn.STATE: "State",
}
STATES = {"running": "recording", "finished": "complete", "interrupted": "interrupted"}


@dataclass(frozen=True, slots=True)
class Listed:
    """What the list needs.

    Attributes:
        names: that the user gave to persons, by session: they can be searched for.
    """

    sessions: Sequence[SessionSummary]
    names: Mapping[int, str]


def read_list(log_path: Path) -> Listed:
    """All sessions; in a thread of its own, because a log belongs to the thread that opened it."""
    with SessionLog.open(log_path) as log:
        sessions = list_sessions(log)
        names = {
            session.id: " ".join(edit.name for edit in edits_of(log, session.id) if isinstance(edit, Rename))
            for session in sessions
        }
    return Listed(sessions, names)


class SessionsModel(QAbstractTableModel):
    """One row per session."""

    SORT_ROLE = Qt.ItemDataRole.UserRole
    SEARCH_ROLE = Qt.ItemDataRole.UserRole + 1

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._sessions: list[SessionSummary] = []
        self._names: Mapping[int, str] = {}

    def show_sessions(self, listed: Listed) -> None:
        """These sessions and no others; those that were there already keep their rows."""
        self._names = listed.names
        wanted = {session.id: session for session in listed.sessions}
        for row in reversed(range(len(self._sessions))):
            if self._sessions[row].id not in wanted:
                self.beginRemoveRows(QModelIndex(), row, row)
                del self._sessions[row]
                self.endRemoveRows()
        for row, session in enumerate(self._sessions):
            if session != wanted[session.id]:
                self._sessions[row] = wanted[session.id]
                self.dataChanged.emit(self.index(row, 0), self.index(row, len(SessionColumn) - 1))
        known = {session.id for session in self._sessions}
        added = [session for session in listed.sessions if session.id not in known]
        if added:
            self.beginInsertRows(QModelIndex(), len(self._sessions), len(self._sessions) + len(added) - 1)
            self._sessions += added
            self.endInsertRows()

    def session_at(self, row: int) -> SessionSummary:
        """The session in a row."""
        return self._sessions[row]

    @property
    def running(self) -> bool:
        """Some session is being recorded."""
        return any(session.state == "running" for session in self._sessions)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self._sessions)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(SessionColumn)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return TITLES[SessionColumn(section)]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        session, column = self._sessions[index.row()], SessionColumn(index.column())
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return _text(session, column)
            case self.SORT_ROLE:
                return _sort_key(session, column)
            case self.SEARCH_ROLE:
                texts = [_text(session, one) for one in SessionColumn]
                sources = [record.name for record in session.inputs]
                return " ".join([str(session.id), *texts, *sources, self._names.get(session.id, ""), session.engine])
            case Qt.ItemDataRole.ToolTipRole:
                names = ", ".join(record.name for record in session.inputs)
                return f"Session {session.id}: {names}\n{session.engine}, {session.model}\n{session.observations} rows"
        return None


class SessionFilter(QSortFilterProxyModel):
    """Sorts, and keeps what holds every word that is searched for."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._words: list[str] = []
        self.setSortRole(SessionsModel.SORT_ROLE)

    def search(self, text: str) -> None:
        """Keeps sessions with all of these words in number, date, sources, names of persons, engine or state."""
        self._words = text.casefold().split()
        self.invalidate()

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:
        text = str(self.sourceModel().index(row, 0, parent).data(SessionsModel.SEARCH_ROLE)).casefold()
        return all(word in text for word in self._words)


def started_text(moment: datetime) -> str:
    """In local time, as people sort it."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


def source_text(session: SessionSummary) -> str:
    """Name of the only source, or of the first one and how many more there are."""
    names = [record.name for record in session.inputs]
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more" if names else ""


def _text(session: SessionSummary, column: SessionColumn) -> str:
    match column:
        case SessionColumn.STARTED:
            return started_text(session.started_at)
        case SessionColumn.SOURCE:
            return source_text(session)
        case SessionColumn.LENGTH:
            return duration_text(session.duration_s)
        case SessionColumn.PEOPLE:
            return str(session.persons)
        case SessionColumn.STATE:
            return STATES[session.state]


def _sort_key(session: SessionSummary, column: SessionColumn) -> float | str:
    match column:
        case SessionColumn.STARTED:
            return float(session.id)
        case SessionColumn.LENGTH:
            return session.duration_s
        case SessionColumn.PEOPLE:
            return float(session.persons)
        case _:
            return _text(session, column).casefold()
