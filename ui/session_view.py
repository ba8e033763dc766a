"""One session of the past: its persons, their ages over time, and what can be corrected about them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QProgressBar, QSplitter, QVBoxLayout, QWidget

from pipeline.edits import Edit, person_label
from pipeline.history import InputHistory, SessionHistory, read_history
from pipeline.labels import age_text
from pipeline.progress import Watch
from pipeline.roster import PersonRow
from pipeline.store import SessionLog
from ui import people_editing
from ui.background import BackgroundJob
from ui.edit_log import EditLog
from ui.labelling import person_color
from ui.people_actions import Hidden, PeopleActions
from ui.people_editing import Step
from ui.people_model import PeopleModel
from ui.people_panel import PeoplePanel
from ui.split_dialog import SplitDialog
from ui.timeline import Timeline
from ui.timeline_items import Lane

BAR_STEPS = 1000
NOBODY_NOW_S = -1.0
NOTHING = "Choose a session to see who was in it."
NOBODY = "Nobody was seen in this session."


class SessionView(QWidget):
    """Reads a session in the background and shows it. Edits go into the log; then it is read again.

    Args:
        log_path: where sessions are.
    """

    edited = Signal(int, list)
    """Session and all of its edits, after one of them changed in the log."""
    failed = Signal(Exception)

    def __init__(self, log_path: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._log_path = log_path
        self._wanted: int | None = None
        self._announce = False
        self._stale = False
        self._history: SessionHistory | None = None
        self._steps: list[Step] = []
        self._job: BackgroundJob[SessionHistory] = BackgroundJob(
            "history", self._on_read, self._on_failed, self._on_progress, self._on_cancelled
        )
        self._edit_log = EditLog(log_path, self._on_edit_failed)
        self._model = PeopleModel(lambda _person, belief: "–" if belief is None else age_text(belief), person_color, self)
        self.panel = PeoplePanel(self._model, live=False, empty=NOTHING)
        self.timeline = Timeline()
        self.actions_ = PeopleActions(self.panel, self._hidden, self._show_again, blur=False)
        self.panel.set_menu(self.actions_.menu)
        self._connect()
        self._build()
        self.show_session(None)

    # What a person can do.

    def show_session(self, session_id: int | None) -> None:
        """Shows a session as soon as it is read; None shows nothing. What was being read before is broken off."""
        if session_id != self._wanted or session_id is None:
            self._show_nothing()
            self._steps.clear()
        self._wanted = session_id
        if self._job.busy:
            self._job.cancel()
        else:
            self._read()

    def reload(self) -> None:
        """Reads the session again: it goes on being recorded, or was edited elsewhere."""
        if not self._job.busy:
            self._read()

    @property
    def history(self) -> SessionHistory | None:
        """What is shown; None while it is read."""
        return self._history

    @property
    def busy(self) -> bool:
        """Something is being read or written."""
        return self._job.busy or self._edit_log.busy

    def chosen(self) -> list[PersonRow]:
        """The chosen persons."""
        found = {row.person: row for row in self._people()}
        return [found[person] for person in self.panel.selected() if person in found]

    def close_jobs(self, timeout_s: float) -> bool:
        """Ends what is under way; False where it has not ended in time."""
        written = self._edit_log.close(timeout_s)
        return self._job.close(timeout_s) and written

    # Reading.

    def _read(self) -> None:
        if self._wanted is None:
            return
        self.bar.setValue(0)
        self.bar.show()
        self._stale = False
        self._job.start(partial(_read, self._log_path, self._wanted))

    def _on_progress(self, share: float) -> None:
        self.bar.setValue(round(share * BAR_STEPS))

    def _on_read(self, history: SessionHistory) -> None:
        self.bar.hide()
        if history.session.id != self._wanted:
            self._read()
            return
        before = self._inputs.currentIndex() if self._history is not None else 0
        self._history = history
        stale = self._stale
        if self._announce and not stale:
            self._announce = False
            self.edited.emit(history.session.id, list(history.edits))
        self._inputs.blockSignals(True)
        self._inputs.clear()
        self._inputs.addItems([one.name for one in history.inputs])
        self._inputs.setCurrentIndex(min(before, len(history.inputs) - 1))
        self._inputs.blockSignals(False)
        self._inputs.setVisible(len(history.inputs) > 1)
        self._show_input()
        if stale:
            self._read()

    def _on_failed(self, error: Exception) -> None:
        self.bar.hide()
        self.failed.emit(error)

    def _on_cancelled(self) -> None:
        self.bar.hide()
        self._read()

    # Showing.

    def _show_nothing(self) -> None:
        self._history = None
        self._model.clear()
        self.timeline.clear()
        self._inputs.hide()
        self.bar.hide()
        self.heading.setText("")
        self.panel.set_empty(NOTHING)
        self._update_actions()

    @Slot()
    def _show_input(self) -> None:
        one = self._input()
        if one is None or self._history is None:
            return
        session = self._history.session
        self.heading.setText(f"Session {session.id} · {one.name}")
        self.panel.set_empty(NOBODY)
        self._model.set_people(one.people, NOBODY_NOW_S)
        self.timeline.setVisible(not one.pictures)
        lanes = [
            Lane(
                row.person,
                row.label,
                person_color(row.person),
                one.curve(row.person),
                row.spans,
                None if row.belief is None else row.belief.years,
            )
            for row in one.people
        ]
        self.timeline.show_lanes(lanes, None, one.length_s)
        self._update_actions()

    def _input(self) -> InputHistory | None:
        place = self._inputs.currentIndex()
        return None if self._history is None or place < 0 else self._history.inputs[place]

    def _people(self) -> Sequence[PersonRow]:
        one = self._input()
        return () if one is None else one.people

    def _hidden(self) -> list[Hidden]:
        one = self._input()
        return [] if one is None else [Hidden(person, f"person {person_label(person)}") for person in one.hidden]

    @Slot(int)
    def _on_selected(self, person: int) -> None:
        self.timeline.set_selected(None if person < 0 else person)

    @Slot(int)
    def _select(self, person: int) -> None:
        self.panel.select(None if person < 0 else person)

    # Editing.

    def rename(self, person: int, name: str) -> None:
        """Gives a person a name; an empty one takes it away."""
        row = next((row for row in self._people() if row.person == person), None)
        if row is not None:
            self._do(people_editing.rename(row, name))

    @Slot()
    def merge_chosen(self) -> None:
        """The chosen persons are one."""
        if len(self.chosen()) > 1:
            self._do(people_editing.merge(self.chosen()))

    @Slot()
    def hide_chosen(self) -> None:
        """The chosen persons are left out."""
        if self.chosen():
            self._do(people_editing.hide(self.chosen()))

    def split(self, row: PersonRow, tracks: Sequence[int]) -> None:
        """Tracks of a person are somebody else."""
        self._do(people_editing.split(row, tracks, self._edits()))

    @Slot()
    def undo(self) -> None:
        """Takes the last edit back, also one of an earlier day."""
        edits = self._edits()
        if self._history is None or not edits or self._edit_log.busy:
            return
        step = self._steps.pop() if self._steps else people_editing.step_of(edits[-1])
        self._edit_log.undo(self._history.session.id, len(step.edits), self._on_written)
        self._update_actions()

    def _do(self, step: Step) -> None:
        if self._history is not None:
            self._steps.append(step)
            self._edit_log.add(self._history.session.id, step.edits, self._on_written)

    def _on_written(self) -> None:
        self._announce = True
        self._read_anew()

    def _read_anew(self) -> None:
        # What is being read already may lack what was just written.
        if self._job.busy:
            self._stale = True
        else:
            self._read()

    def _on_edit_failed(self, error: Exception) -> None:
        # What was to be taken back may not be there.
        self._steps.clear()
        self._read_anew()
        self.failed.emit(error)

    def _edits(self) -> Sequence[Edit]:
        return () if self._history is None else self._history.edits

    @Slot()
    def _ask_split(self) -> None:
        chosen = self.chosen()
        if len(chosen) == 1:
            dialog = SplitDialog(chosen[0], self)
            dialog.chosen.connect(partial(self.split, chosen[0]))
            dialog.open()

    def _show_again(self, person: int) -> None:
        self._do(people_editing.show(person, f"person {person_label(person)}"))

    @Slot()
    def _update_actions(self) -> None:
        edits = self._edits()
        undo = self._steps[-1].text if self._steps else people_editing.step_of(edits[-1]).text if edits else ""
        self.actions_.update_for(self.chosen(), frozenset(), undo)

    # Building.

    def _connect(self) -> None:
        self.panel.person_selected.connect(self._on_selected)
        self.panel.selection_changed.connect(self._update_actions)
        self.timeline.person_chosen.connect(self._select)
        self._model.name_given.connect(self.rename)
        self.actions_.rename.triggered.connect(self.panel.edit_name)
        self.actions_.merge.triggered.connect(self.merge_chosen)
        self.actions_.split.triggered.connect(self._ask_split)
        self.actions_.hide.triggered.connect(self.hide_chosen)
        self.actions_.undo.triggered.connect(self.undo)

    def _build(self) -> None:
        self.heading = QLabel()
        self.heading.setObjectName("panelHeading")
        self.heading.setTextFormat(Qt.TextFormat.PlainText)
        self._inputs = QComboBox()
        self._inputs.setAccessibleName("Source of the session")
        self._inputs.currentIndexChanged.connect(self._show_input)
        self.bar = QProgressBar()
        self.bar.setRange(0, BAR_STEPS)
        self.bar.setTextVisible(False)
        self.bar.setMaximumWidth(160)
        self.bar.setAccessibleName("Reading the session")
        top = QHBoxLayout()
        top.setContentsMargins(0, 0, 10, 0)
        top.addWidget(self.heading)
        top.addStretch(1)
        top.addWidget(self.bar)
        top.addWidget(self._inputs)
        parts = QSplitter(Qt.Orientation.Vertical)
        parts.setHandleWidth(1)
        parts.setChildrenCollapsible(False)
        parts.addWidget(self.panel)
        parts.addWidget(self.timeline)
        parts.setStretchFactor(0, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addWidget(parts, 1)


def _read(log_path: Path, session_id: int, watch: Watch) -> SessionHistory:
    """In the job's thread: opens the log anew, because a log belongs to the thread that opened it."""
    with SessionLog.open(log_path) as log:
        return read_history(log, session_id, watch)
