"""What the session says, in the picture, the status bar and the title."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot

from pipeline.clock import clock_text
from pipeline.sources.names import safe_name
from pipeline.types import FrameResult
from ui.control import Control
from ui.figures import LATE
from ui.session import State

if TYPE_CHECKING:
    from ui.main_window import MainWindow


PAUSED = "Paused: nothing is analysed, logged or recorded until Space goes on"


class RunControl(Control):
    """Follows the run: opening, running, how it ended."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._session, self._view, self._status = window.session, window.view, window.status
        self._lost = self._paused = self._first = False
        self._view.cancelled.connect(self._session.stop)
        self._session.state_changed.connect(self._on_state)
        self._session.opened.connect(self._on_opened)
        self._session.result_ready.connect(self._on_result)
        window.run_began.connect(self._begin_run)
        window.refreshed.connect(self._refresh)
        window.actions_.run.triggered.connect(window.toggle_run)
        self._status.show_activity("Ready")

    @Slot(State)
    def _on_state(self, state: State) -> None:
        name = short_name(self._session.spec)
        match state:
            case State.IDLE:
                self._status.show_activity("Ready")
            case State.OPENING:
                self._view.set_banner(f"Opening {name}…", busy=True, cancel="Cancel")
                self._status.show_activity(f"Opening {name}…")
                self.window.stage.show_picture()
            case State.RUNNING:
                if self._view.result is None:
                    self._view.set_banner("Looking at the first picture…", busy=True)
            case State.ENDED:
                self._show_film_end(name)
            case State.STOPPING:
                self._status.show_activity("Stopping…")
            case State.FINISHED:
                self._show_end(name)
            case State.FAILED:
                self._view.set_banner(f"{name} could not be played")
                self._status.show_activity(f"{name} could not be played")

    @Slot()
    def _begin_run(self) -> None:
        self._lost, self._paused, self._first = False, False, True
        self._view.clear()
        self._view.setFocus()
        self._status.show_engine(None)
        self._status.show_log("", "")
        self._status.hide_figures()
        self.window.setWindowTitle(f"{short_name(self._session.spec)} – AgeLens")

    def _show_end(self, name: str) -> None:
        summary = self._session.summary
        self._status.hide_figures()
        if self._session.cancelled:
            self._view.set_banner("Opening was cancelled")
            self._status.show_activity(f"{name} was not opened")
            return
        if summary is None or summary.frames == 0:
            self._view.set_banner("Stopped before the first picture")
            self._status.show_activity(f"{name} stopped")
            return
        ended = "stopped" if summary.stopped else "finished"
        self._view.set_banner("")
        self._status.show_activity(f"{name} {ended} · {self._count()} in {self._frames(summary.frames)} · Space plays it again")

    def _show_film_end(self, name: str) -> None:
        frames = self._session.progress.frames
        self._status.hide_figures()
        again = "" if frames == 1 else " · Space plays it again"
        self._status.show_activity(f"{name} finished · {self._count()} in {self._frames(frames)}{again}")

    def _count(self) -> str:
        count = self.window.people.model.rowCount()
        return "1 person" if count == 1 else f"{count} people"

    def _frames(self, count: int) -> str:
        source = self._session.source
        unit = "frame" if source is None or source.fps is not None or source.live else "picture"
        return f"{count} {unit}" if count == 1 else f"{count} {unit}s"

    @Slot()
    def _on_opened(self) -> None:
        source = self._session.source
        self._status.show_engine(self._session.engine)
        self.window.recording.show_log()
        if source is not None:
            self.window.setWindowTitle(f"{source.name} – AgeLens")

    @Slot(FrameResult)
    def _on_result(self, _: FrameResult) -> None:
        if self._first and self._session.state.active:
            self._first = False
            self._view.set_banner("")

    def _show_lost(self) -> None:
        lost_s = self._session.lost_s
        if lost_s is not None:
            name = short_name(self._session.spec)
            self._view.set_banner(f"{name} is lost, waiting for it to come back… {lost_s:.0f} s", busy=True)
            self._status.show_activity(f"{name} is lost; it is tried again and again")
        elif self._lost:
            self._view.set_banner("")
        self._lost = lost_s is not None

    def _show_paused(self) -> None:
        """Of a camera or stream, which goes on all the same: that needs to be said."""
        session = self._session
        live = session.source is not None and session.source.live and session.state is State.RUNNING
        paused = live and not session.orders.playing
        if paused:
            self._view.set_banner(PAUSED)
            self._status.hide_figures()
            self._status.show_activity(f"{short_name(session.spec)} is paused at {clock_text(session.progress.time_s)}")
        elif self._paused:
            self._view.set_banner("")
        self._paused = paused

    @Slot()
    def _refresh(self) -> None:
        self._show_lost()
        if self._lost:
            return
        self._show_paused()
        if self._paused:
            return
        if self._session.source is not None and self._session.state is State.RUNNING:
            late = self._session.figures.report().get(LATE)
            late_ms = late.p50_ms if late else None
            self._status.show_progress(self._session.source, self._session.progress, self._view.shown_rate, late_ms)
            if self._view.result is not None:
                self._status.show_engine_in_use(self._view.result.engine, self._view.result.engine_note)


def short_name(spec: str | None) -> str:
    """A source's name for titles: no folders, no credentials."""
    if spec is None:
        return ""
    return f"Camera {spec}" if spec.isdecimal() else safe_name(spec)
