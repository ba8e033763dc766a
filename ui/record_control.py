"""Recording: a film of what is watched, and whether the log is written; both always visible while they are on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QFileDialog, QLabel

from pipeline.annotate import FILM_SUFFIXES
from pipeline.clock import clock_text
from pipeline.recorder import Recorded, RecordingOrder
from ui.control import Control
from ui.opening_control import file_dialog
from ui.picture_control import file_stem
from ui.session import State

if TYPE_CHECKING:
    from ui.main_window import MainWindow

MESSAGE_MS = 10_000


class RecordControl(Control):
    """Begins and ends recordings. The analysis thread writes them; its reports tell how they stand."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        make, menu = window.actions_.make, window.menus.file
        self.record: QAction = make("&Record…", "record", QKeySequence(Qt.Key.Key_R))
        self.record.setCheckable(True)
        self.labels = make("Record with boxes and &labels")
        self.labels.setCheckable(True)
        self.labels.setChecked(window.preferences.value("record_labels", True, bool) is not False)
        self.log = make("&Write the log")
        self.log.setCheckable(True)
        self.log.setChecked(True)
        menu.addActions([self.record, self.labels, self.log])
        menu.addSeparator()
        self._lamp = QLabel()
        self._lamp.setObjectName("recording")
        self._lamp.setAccessibleName("Recording")
        self._lamp.setStyleSheet("color: #d93a2f; font-weight: 600")
        self._lamp.hide()
        window.status.addPermanentWidget(self._lamp)
        self.record.triggered.connect(self._toggle)
        self.labels.toggled.connect(lambda on: window.preferences.setValue("record_labels", on))
        self.log.toggled.connect(self._on_log)
        window.session.recorded.connect(self._on_recorded)
        window.refreshed.connect(self.show_log)
        window.updated.connect(self._update)

    @property
    def active(self) -> bool:
        """Something is being recorded, or will be from the next picture on."""
        return self.window.session.wishes.recording is not None

    @property
    def lamp(self) -> str:
        """What the status bar says about the recording; empty without one."""
        return self._lamp.text() if self._lamp.isVisible() else ""

    def start(self, target: Path) -> None:
        """Records from the next picture on."""
        wishes = self.window.session.wishes
        wishes.recording = RecordingOrder(target, self.labels.isChecked(), self.window.labelling.shown)
        self._lamp.setText("● REC")
        source = self.window.session.source
        sound = "" if source is None or (source.has_audio and source.path is not None) else ", without sound"
        self._lamp.setToolTip(f"Recording to {target}{sound}")
        self._lamp.show()
        self._update()

    def stop(self) -> None:
        """Ends the recording; the film is finished within a moment."""
        self.window.session.wishes.recording = None
        self._update()

    @Slot()
    def _toggle(self) -> None:
        if self.active:
            self.stop()
            return
        self._update()
        dialog = file_dialog(self.window, "Record to", QFileDialog.FileMode.AnyFile)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        suffixes = " ".join(f"*{suffix}" for suffix in sorted(FILM_SUFFIXES))
        dialog.setNameFilters([f"Films ({suffixes})"])
        dialog.setDefaultSuffix("mp4")
        dialog.selectFile(f"{file_stem(self.window.session.spec)}-recorded.mp4")
        dialog.fileSelected.connect(lambda name: self.start(Path(name)))
        session = self.window.session
        if session.can_seek and session.orders.playing:
            # What was to be recorded must not be over by the time it has a name.
            session.set_playing(False)
            dialog.finished.connect(lambda _: session.set_playing(True))
        dialog.open()

    @Slot(Recorded)
    def _on_recorded(self, state: Recorded) -> None:
        if not state.ended:
            self._lamp.setText(f"● REC {clock_text(state.seconds)}")
            return
        order = self.window.session.wishes.recording
        if order is not None and order.target == state.target:
            self.window.session.wishes.recording = None
        if not self.active:
            self._lamp.hide()
        self._update()
        if state.error is not None:
            self.window.show_error(state.error)
        else:
            self.window.status.showMessage(f"Recorded {clock_text(state.seconds)} to {state.target}", MESSAGE_MS)

    @Slot(bool)
    def _on_log(self, on: bool) -> None:
        self.window.session.wishes.logging = on
        self.show_log()

    @Slot()
    def show_log(self) -> None:
        """Says whether and where the log is written."""
        session = self.window.session
        if session.source is None:
            return
        if not self.log.isChecked():
            self.window.status.show_log("Log: off", "Nothing is written to the log. File > Write the log turns it on.")
        elif session.log_session is not None:
            self.window.status.show_log(f"Log: session {session.log_session}", f"Recorded in {self.window.services.log_path}")

    @Slot()
    def _update(self) -> None:
        state = self.window.session.state
        self.record.setChecked(self.active)
        self.record.setEnabled(self.active or state in (State.RUNNING, State.ENDED))
        self.window.actions_.show_as(self.record, "Stop &recording" if self.active else "&Record…", "record")
