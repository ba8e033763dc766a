"""The browser of recorded sessions: list, search, look into one, correct, export, delete."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QItemSelection, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from pipeline.sessions import SessionSummary, delete_sessions
from pipeline.store import SessionLog
from ui.background import BackgroundCall
from ui.parts import RowTable
from ui.session_view import SessionView
from ui.sessions_model import Listed, SessionColumn, SessionFilter, SessionsModel, read_list, source_text, started_text

SIZE_PX = (1180, 680)
LIST_PX = 520
RELOAD_MS = 2000
"""While something is being recorded, its length and its people grow."""
COLUMN_PADDING_PX = 24
WIDEST = {
    SessionColumn.STARTED: "2026-12-28 20:00",
    SessionColumn.SOURCE: "a usual name",
    SessionColumn.LENGTH: "Length ▾",
    SessionColumn.PEOPLE: "People",
    SessionColumn.STATE: "interrupted",
}


class SessionsDialog(QDialog):
    """Beside the window, which goes on.

    Args:
        log_path: where sessions are.
        export: opens the export of a session; gets its number and the name of its source.
        show_error: gets errors of the log.
    """

    edited = Signal(int, list)
    """Session and its edits, after one of them changed."""
    deleted = Signal(list)
    """Numbers of sessions that are gone."""

    def __init__(
        self,
        log_path: Path,
        export: Callable[[int, str], object],
        show_error: Callable[[Exception], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._log_path = log_path
        self._export = export
        self._show_error = show_error
        self.setWindowTitle("Sessions")
        self.resize(*SIZE_PX)
        self._model = SessionsModel(self)
        self._filter = SessionFilter(self)
        self._filter.setSourceModel(self._model)
        self._reading: BackgroundCall[Listed] = BackgroundCall("sessions", self._on_listed, self._on_failed)
        self._deleting: BackgroundCall[list[int]] = BackgroundCall("delete", self._on_deleted, self._on_failed)
        self._stale = False
        self._loaded = False
        self._timer = QTimer(self, interval=RELOAD_MS)
        self._timer.timeout.connect(self._reload_running)
        self.view = SessionView(log_path)
        self.view.edited.connect(self.edited)
        self.view.edited.connect(self.reload)
        self.view.failed.connect(show_error)
        self.table = self._make_table()
        self._build()
        self._update()

    # What a person can do.

    @Slot()
    def reload(self) -> None:
        """Reads the list again, in the background."""
        if not self._reading.start(partial(read_list, self._log_path)):
            self._stale = True

    def chosen(self) -> list[SessionSummary]:
        """The selected sessions, as the list shows them from above."""
        rows = sorted(index.row() for index in self.table.selectionModel().selectedRows())
        return [self._model.session_at(self._filter.mapToSource(self._filter.index(row, 0)).row()) for row in rows]

    def select(self, session_id: int) -> bool:
        """Chooses a session; False where it is not in the list."""
        for row in range(self._filter.rowCount()):
            if self._model.session_at(self._filter.mapToSource(self._filter.index(row, 0)).row()).id == session_id:
                self.table.choose_row(row)
                return True
        return False

    @Slot()
    def export_chosen(self) -> None:
        """Opens the export of the chosen session."""
        for session in self.chosen()[:1]:
            self._export(session.id, source_text(session))

    @Slot()
    def ask_delete(self) -> None:
        """Asks whether the chosen sessions are to go."""
        chosen = self.chosen()
        if not chosen:
            return
        what = (
            f"session {chosen[0].id} ({source_text(chosen[0])}, {started_text(chosen[0].started_at)})"
            if len(chosen) == 1
            else f"{len(chosen)} sessions"
        )
        box = QMessageBox(
            QMessageBox.Icon.Warning,
            "Delete",
            f"Delete {what} for good?",
            QMessageBox.StandardButton.Cancel,
            self,
        )
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setInformativeText("Persons, times and ages are overwritten in the log. Exported files stay.")
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        delete = box.addButton("Delete", QMessageBox.ButtonRole.DestructiveRole)
        delete.clicked.connect(partial(self._delete, [session.id for session in chosen]))
        box.setDefaultButton(QMessageBox.StandardButton.Cancel)
        box.open()

    def close_jobs(self, timeout_s: float) -> bool:
        """Ends what is under way; False where it has not ended in time."""
        self._timer.stop()
        deadline_s = time.monotonic() + timeout_s
        calls = (self._deleting.close, self._reading.close, self.view.close_jobs)
        # All of them, also after one that hangs.
        ended = [close(max(0.0, deadline_s - time.monotonic())) for close in calls]
        return all(ended)

    @property
    def busy(self) -> bool:
        """Something is being read, written or deleted."""
        return self._reading.busy or self._deleting.busy or self.view.busy

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._timer.start()
        self.reload()

    def hideEvent(self, event: object) -> None:
        super().hideEvent(event)  # type: ignore[arg-type]
        self._timer.stop()

    # Following the log.

    def _on_listed(self, listed: Listed) -> None:
        self._model.show_sessions(listed)
        if not self._loaded and self._filter.rowCount():
            self.table.choose_row(0)
        self._loaded = True
        if self._stale:
            self._stale = False
            self.reload()
        self._update()

    def _on_failed(self, error: Exception) -> None:
        self._update()
        self._show_error(error)

    @Slot()
    def _reload_running(self) -> None:
        if not self._model.running:
            return
        self.reload()
        chosen = self.chosen()
        if len(chosen) == 1 and chosen[0].state == "running":
            self.view.reload()

    def _delete(self, session_ids: list[int], _checked: bool = False) -> None:
        self._deleting.start(partial(_delete, self._log_path, session_ids))
        self._update()

    def _on_deleted(self, session_ids: list[int]) -> None:
        self.deleted.emit(session_ids)
        self.reload()

    @Slot(QItemSelection, QItemSelection)
    def _on_selection(self, _selected: QItemSelection, _deselected: QItemSelection) -> None:
        chosen = self.chosen()
        self.view.show_session(chosen[0].id if len(chosen) == 1 else None)
        self._update()

    @Slot()
    def _update(self) -> None:
        chosen = self.chosen()
        self.export_button.setEnabled(len(chosen) == 1)
        running = any(session.state == "running" for session in chosen)
        self.delete_button.setEnabled(bool(chosen) and not running and not self._deleting.busy)
        self.delete_button.setToolTip("What is being recorded cannot be deleted." if running else "")
        count, shown = self._model.rowCount(), self._filter.rowCount()
        sessions = "1 session" if count == 1 else f"{count} sessions"
        self.count.setText(sessions if shown == count else f"{shown} of {sessions}")

    # Building.

    def _make_table(self) -> RowTable:
        table = RowTable()
        table.setModel(self._filter)
        table.setSortingEnabled(True)
        table.sortByColumn(SessionColumn.STARTED, Qt.SortOrder.DescendingOrder)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.setWordWrap(False)
        table.setFrameShape(RowTable.Shape.NoFrame)
        table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + 12)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        for column in SessionColumn:
            header.resizeSection(column, table.fontMetrics().horizontalAdvance(WIDEST[column]) + COLUMN_PADDING_PX)
        header.setSectionResizeMode(SessionColumn.SOURCE, QHeaderView.ResizeMode.Stretch)
        table.setAccessibleName("Sessions")
        table.setAccessibleDescription("Everything that was recorded; the newest session is above")
        table.selectionModel().selectionChanged.connect(self._on_selection)
        return table

    def _build(self) -> None:
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search: source, date, name of a person")
        self.search.setAccessibleName("Search sessions")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter.search)
        self.search.textChanged.connect(self._update)
        self.count = QLabel()
        self.count.setObjectName("quietText")
        self.export_button = QPushButton("&Export…")
        self.export_button.clicked.connect(self.export_chosen)
        self.delete_button = QPushButton("&Delete…")
        self.delete_button.clicked.connect(self.ask_delete)
        close = QPushButton("&Close")
        close.clicked.connect(self.close)
        for button in (self.export_button, self.delete_button, close):
            button.setAutoDefault(False)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Find), self, self.search.setFocus)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Refresh), self, self.reload)
        delete = QShortcut(QKeySequence(Qt.Key.Key_Delete), self.table, self.ask_delete)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 12, 0)
        column.setSpacing(8)
        column.addWidget(self.search)
        column.addWidget(self.table, 1)
        parts = QSplitter(Qt.Orientation.Horizontal)
        parts.setHandleWidth(1)
        parts.setChildrenCollapsible(False)
        parts.addWidget(left)
        parts.addWidget(self.view)
        parts.setStretchFactor(1, 1)
        parts.setSizes([LIST_PX, SIZE_PX[0] - LIST_PX])
        buttons = QHBoxLayout()
        buttons.addWidget(self.export_button)
        buttons.addWidget(self.delete_button)
        buttons.addWidget(self.count)
        buttons.addStretch(1)
        buttons.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(12)
        layout.addWidget(parts, 1)
        layout.addLayout(buttons)


def _delete(log_path: Path, session_ids: list[int]) -> list[int]:
    """In a thread of its own; the numbers, which are gone then."""
    with SessionLog.open(log_path) as log:
        delete_sessions(log, session_ids)
    return session_ids
