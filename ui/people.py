"""The persons of the running session in the window: list, timeline, edits, and who is not blurred.

people = PeopleController(log_path, age_text, person_color, show_error, window)
people.begin()                                              # another run
view.show_result(people.shown(result))                      # with the numbers and without the faces that the user chose
people.refresh(session.take_people(), now_s, session_id)    # a few times a second
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from pipeline.age_series import AgeSeries
from pipeline.edits import Edit, EditedPersons, with_ages
from pipeline.observations import persons
from pipeline.roster import People, PeopleChanges, PersonRow, TrackKey
from pipeline.store import SessionLog
from pipeline.types import AgeBelief, FrameResult
from ui import people_editing
from ui.background import BackgroundCall
from ui.edit_log import EditLog
from ui.people_actions import Hidden, PeopleActions
from ui.people_editing import Step
from ui.people_model import PeopleModel
from ui.people_panel import PeoplePanel
from ui.split_dialog import SplitDialog
from ui.timeline import Timeline
from ui.timeline_items import Lane

CROWD = 15
"""With more persons than this the timeline is drawn anew less often, every `CROWD_TURNS`th time: painting takes a millisecond per
three of them, and pictures are not to wait for that."""
CROWD_TURNS = 5


class PeopleController(QObject):
    """Holds what is known about persons, and the two widgets that show it.

    Args:
        log_path: where edits are kept.
        age_text: text of what is known about a person's age.
        person_color: a person's colour.
        show_error: gets errors of the log.
    """

    edited = Signal()
    """An edit was made or taken back, or the last word is known: pictures and labels may look different."""
    person_selected = Signal(int)
    """Number of the chosen person; −1 for none."""
    exempt_changed = Signal()

    def __init__(
        self,
        log_path: Path,
        age_text: Callable[[int, AgeBelief | None], str],
        person_color: Callable[[int], QColor],
        show_error: Callable[[Exception], None],
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._person_color = person_color
        self._people = People()
        self._ages: AgeSeries[TrackKey] = AgeSeries()
        self._rows: dict[int, PersonRow] = {}
        self._sorted: list[PersonRow] | None = None
        self._lanes: dict[int, Lane] = {}
        self._steps: list[Step] = []
        self._exempt: frozenset[int] = frozenset()
        self._session_id: int | None = None
        self._now_s = 0.0
        self._length_s: float | None = None
        self._turn = 0
        self._result: FrameResult | None = None
        self._show_error = show_error
        self._log_path = log_path
        self._finals: dict[int, AgeBelief] = {}
        self._ended = False
        self._stale = False
        self._reading: BackgroundCall[tuple[int, dict[int, AgeBelief]]] = BackgroundCall(
            "final ages", self._on_finals, show_error
        )
        self._edit_log = EditLog(log_path, self._on_edit_failed)

        self.model = PeopleModel(age_text, person_color, self)
        self.panel = PeoplePanel(self.model)
        self.timeline = Timeline()
        self.actions = PeopleActions(self.panel, self.hidden, self._show_again)
        self.panel.set_menu(self.actions.menu)
        self.panel.person_selected.connect(self._on_selected)
        self.panel.selection_changed.connect(self._update_actions)
        self.timeline.person_chosen.connect(self.select)
        self.model.name_given.connect(self._on_name)
        self.actions.rename.triggered.connect(self.panel.edit_name)
        self.actions.merge.triggered.connect(self.merge_chosen)
        self.actions.split.triggered.connect(self._ask_split)
        self.actions.hide.triggered.connect(self.hide_chosen)
        self.actions.exempt.triggered.connect(self._exempt_chosen)
        self.actions.undo.triggered.connect(self.undo)

    # What the window tells.

    def begin(self) -> None:
        """Another run begins: nobody has been seen."""
        self._people = People()
        self._ages = AgeSeries()
        self._rows.clear()
        self._sorted = None
        self._lanes.clear()
        self._steps.clear()
        self._exempt = frozenset()
        self._session_id = None
        self._now_s = 0.0
        self._result = None
        self._finals = {}
        self._ended = False
        self.model.clear()
        self.timeline.clear()
        self._update_actions()
        self.exempt_changed.emit()

    def refresh(self, changes: PeopleChanges, now_s: float, session_id: int | None, length_s: float | None = None) -> None:
        """Takes news of the analysis.

        Args:
            now_s: presentation time of the newest analysed frame.
            session_id: where edits are kept in the log; None while nothing is recorded, then they hold until the run ends.
            length_s: of the film.
        """
        self._now_s, self._length_s = now_s, length_s
        self._open_session(session_id)
        for track in changes.tracks:
            if track.belief is not None and track.picture is None:
                self._ages.add(track.key, track.last_s, track.belief.years, track.belief.low, track.belief.high)
        touched = self._people.take(changes)
        if touched is None:
            self._show_all()
        else:
            rows = [self._final(row) for person in touched if (row := self._people.person(person)) is not None]
            self.model.update_people(sorted(rows, key=lambda row: (row.first_s, row.person)), now_s)
            self._remember(rows)
        self._turn += 1
        if len(self._lanes) <= CROWD or self._turn % CROWD_TURNS == 0:
            self._draw_timeline()
        if changes.tracks:
            # Somebody chosen may have come back into sight, and can be split from now on.
            self._update_actions()

    def end(self) -> None:
        """The run, or its film, has ended: from now on the ages are the log's last word, which looks back at the whole run."""
        self._ended = True
        self._read_finals()

    def shown(self, result: FrameResult) -> FrameResult:
        """A result with the persons that the user sees, and at the end of a film with the last word on them."""
        self._result = result
        return with_ages(self._people.apply(result), self._finals)

    @property
    def shown_again(self) -> FrameResult | None:
        """The newest result of this run, as it is to be shown after an edit."""
        return None if self._result is None else self.shown(self._result)

    @property
    def who(self) -> EditedPersons:
        """Who is who after the user's edits."""
        return self._people.who

    @property
    def final_ages(self) -> Mapping[int, AgeBelief]:
        """The last word on everybody, by the number that is shown; empty while there is none."""
        return self._finals

    def name(self, person: int) -> str | None:
        """The name that the user gave."""
        return self._people.who.name(person)

    @property
    def exempt(self) -> frozenset[int]:
        """Who is not to be blurred, by the number that is shown."""
        return self._people.who.exempt

    @property
    def rows(self) -> list[PersonRow]:
        """Everybody who is listed, in order of appearance."""
        if self._sorted is None:
            self._sorted = sorted(self._rows.values(), key=lambda row: (row.first_s, row.person))
        return self._sorted

    def hidden(self) -> list[Hidden]:
        """Whom the user hid."""
        return [Hidden(person, f"person {self._people.label(person)}") for person in self._people.hidden()]

    def close(self, timeout_s: float) -> bool:
        """Writes the edits that are still to be written; False where the log hangs."""
        written = self._edit_log.close(timeout_s)
        return self._reading.close(timeout_s) and written

    # What a person can do.

    @Slot(int)
    def select(self, person: int) -> None:
        """Chooses a person everywhere; a negative number chooses nobody."""
        self.panel.select(None if person < 0 else person)

    def chosen(self) -> list[PersonRow]:
        """The chosen persons."""
        return [row for person in self.panel.selected() if (row := self._people.person(person)) is not None]

    def rename(self, person: int, name: str) -> None:
        """Gives a person a name; an empty one takes it away."""
        row = self._people.person(person)
        if row is not None:
            self._do(people_editing.rename(row, name))

    @Slot()
    def merge_chosen(self) -> None:
        """The chosen persons are one."""
        chosen = self.chosen()
        if len(chosen) > 1:
            step = people_editing.merge(chosen)
            self._do(step)
            kept = next(row.person for row in chosen if self._people.person(row.person) is not None)
            self.select(kept)

    def split(self, person: int, tracks: Sequence[int]) -> None:
        """Tracks of a person are somebody else."""
        row = self._people.person(person)
        if row is not None and tracks:
            self._do(people_editing.split(row, tracks, self._people.edits))

    @Slot()
    def hide_chosen(self) -> None:
        """The chosen persons are left out of list, picture and exports."""
        chosen = self.chosen()
        if chosen:
            self._do(people_editing.hide(chosen))

    @Slot()
    def undo(self) -> None:
        """Takes the last edit back."""
        if not self._steps:
            return
        step = self._steps.pop()
        edits = list(self._people.edits)
        self._people.set_edits(edits[: len(edits) - len(step.edits)])
        if self._session_id is not None:
            self._edit_log.undo(self._session_id, len(step.edits), self._read_finals)
        self._show_edited()

    def take_edits(self, edits: Sequence[Edit]) -> None:
        """The edits of this session as they are in the log, after they were changed elsewhere."""
        if list(edits) != list(self._people.edits):
            self._steps = [people_editing.step_of(edit) for edit in edits]
            self._people.set_edits(edits)
            self._show_edited()

    # Inside.

    def _do(self, step: Step) -> None:
        self._steps.append(step)
        self._people.set_edits([*self._people.edits, *step.edits])
        if self._session_id is not None:
            self._edit_log.add(self._session_id, step.edits, self._read_finals)
        self._show_edited()

    def _on_edit_failed(self, error: Exception) -> None:
        # The log lacks the edit: taking it back there would take back another one.
        self._steps.clear()
        self._update_actions()
        self._show_error(error)

    def _open_session(self, session_id: int | None) -> None:
        if session_id == self._session_id:
            return
        # Recording began: what was edited before holds there as well.
        self._session_id = session_id
        if session_id is not None and self._people.edits:
            self._edit_log.add(session_id, self._people.edits)

    def _read_finals(self) -> None:
        if not self._ended or self._session_id is None or self._edit_log.busy:
            return
        self._stale = not self._reading.start(partial(_final_ages, self._log_path, self._session_id))

    def _on_finals(self, found: tuple[int, dict[int, AgeBelief]]) -> None:
        session_id, finals = found
        if self._stale:
            self._read_finals()
        elif self._ended and session_id == self._session_id:
            self._finals = finals
            self._show_all()
            self._draw_timeline()
            self.edited.emit()

    def _final(self, row: PersonRow) -> PersonRow:
        belief = self._finals.get(row.person)
        return row if belief is None else replace(row, belief=belief)

    def _show_edited(self) -> None:
        self._show_all()
        self._draw_timeline()
        self._update_actions()
        self.edited.emit()

    def _show_all(self) -> None:
        rows = [self._final(row) for row in self._people.persons()]
        self.model.set_people(rows, self._now_s)
        if self.exempt != self._exempt:
            self._exempt = self.exempt
            self.model.set_exempt(self._exempt)
            self.exempt_changed.emit()
        self._rows.clear()
        self._lanes.clear()
        self._remember(rows)

    def _remember(self, rows: Iterable[PersonRow]) -> None:
        self._sorted = None
        for row in rows:
            self._rows[row.person] = row
            self._lanes[row.person] = self._lane(row)

    def _lane(self, row: PersonRow) -> Lane:
        known = row.belief.years if row.belief is not None and row.belief.settled else None
        curve = self._ages.curve_of(track.key for track in row.tracks)
        return Lane(row.person, row.label, self._person_color(row.person), curve, row.spans, known)

    def _draw_timeline(self) -> None:
        lanes = sorted(self._lanes.values(), key=lambda lane: (lane.spans[0][0], lane.person))
        self.timeline.show_lanes(lanes, self._now_s, self._length_s)

    @Slot(int)
    def _on_selected(self, person: int) -> None:
        self.timeline.set_selected(None if person < 0 else person)
        self.person_selected.emit(person)

    @Slot(int, str)
    def _on_name(self, person: int, name: str) -> None:
        self.rename(person, name)

    @Slot()
    def _ask_split(self) -> None:
        chosen = self.chosen()
        if len(chosen) != 1:
            return
        person = chosen[0].person
        dialog = SplitDialog(chosen[0], self.panel)
        dialog.chosen.connect(lambda tracks: self.split(person, tracks))
        dialog.open()

    def _show_again(self, person: int) -> None:
        self._do(people_editing.show(person, self._people.label(person)))

    @Slot(bool)
    def _exempt_chosen(self, exempt: bool) -> None:
        chosen = self.chosen()
        if chosen:
            self._do(people_editing.exempt(chosen, exempt))

    @Slot()
    def _update_actions(self) -> None:
        self.actions.update_for(self.chosen(), self._exempt, self._steps[-1].text if self._steps else "")


def _final_ages(log_path: Path, session_id: int) -> tuple[int, dict[int, AgeBelief]]:
    """In a thread of its own: what the log says in the end about everybody's age; with the session's number."""
    with SessionLog.open(log_path) as log:
        found = persons(log, [session_id])
    ages = {
        row.person: AgeBelief(row.age, row.low, row.high, 0.0, settled=True)
        for row in found
        if row.age is not None and row.low is not None and row.high is not None
    }
    return session_id, ages
