"""Persons: feeds list and timeline from the session; list, timeline and picture agree about who is who and selected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtGui import QAction, QKeySequence

from ui.control import Control
from ui.session import State

if TYPE_CHECKING:
    from ui.main_window import MainWindow


class PeopleControl(Control):
    """The People menu, the timeline under the picture, and what connects them with the session."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._people = window.people
        self._began = False
        self._people.actions.fill(window.menus.people)
        window.stage.set_timeline(self._people.timeline)
        self.timeline_action = QAction("&Timeline", self)
        self.timeline_action.setCheckable(True)
        self.timeline_action.setShortcut(QKeySequence("Ctrl+T"))
        self.timeline_action.setChecked(window.preferences.value("timeline", True, bool) is not False)
        self.timeline_action.toggled.connect(self._on_timeline)
        window.menus.view.addAction(self.timeline_action)
        self._people.timeline.hide()
        window.run_began.connect(self._begin_run)
        window.run_ended.connect(self._people.end)
        window.session.state_changed.connect(self._on_state)
        window.refreshed.connect(self._refresh)
        window.view.person_clicked.connect(self._people.select)
        self._people.person_selected.connect(self._highlight_person)
        self._people.edited.connect(self._show_edited)

    def close(self, timeout_s: float) -> bool:
        """Keeps the last edits; False where the log has not taken them in time."""
        return self._people.close(timeout_s)

    @Slot()
    def _begin_run(self) -> None:
        self._began = True
        self._people.begin()
        self.window.view.set_selected(None)
        self._people.timeline.setVisible(self.timeline_action.isChecked())

    @Slot(State)
    def _on_state(self, state: State) -> None:
        if state is State.ENDED:
            # The film is at its end, and the log has the last word on everybody. One can still go back in the film.
            self._people.end()

    @Slot()
    def _refresh(self) -> None:
        session = self.window.session
        length_s = session.source.duration_s if session.source is not None else None
        self._people.refresh(session.take_people(), session.progress.time_s, session.log_session, length_s)

    @Slot(int)
    def _highlight_person(self, person: int) -> None:
        self.window.view.set_selected(None if person < 0 else person)

    @Slot()
    def _show_edited(self) -> None:
        self.window.picture.show_again()

    @Slot(bool)
    def _on_timeline(self, shown: bool) -> None:
        self.window.preferences.setValue("timeline", shown)
        self._people.timeline.setVisible(shown and self._began)
