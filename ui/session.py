"""Runs the pipeline beside the window: one run at a time, in one thread for all of them."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QObject, Qt, Signal, Slot

from pipeline.protocols import EngineInfo, SourceInfo
from pipeline.recorder import Recorded, Wishes
from pipeline.roster import PeopleChanges
from pipeline.run import RunSummary
from pipeline.types import FrameResult
from ui.figures import Figures
from ui.newest import Progress
from ui.session_run import OpenAnalyzer, Openers, OpenRecording, OpenSource, Run, RunWork, Tell
from ui.transport import Orders, Standing, Transport
from ui.worker import Worker


class State(enum.Enum):
    """What the session is doing. Only one run is alive at a time; `start` during one ends it first."""

    IDLE = enum.auto()
    OPENING = enum.auto()
    RUNNING = enum.auto()
    ENDED = enum.auto()
    """The film is at its end; one can still go through it. What was found so far is in the log."""
    STOPPING = enum.auto()
    FINISHED = enum.auto()
    FAILED = enum.auto()

    @property
    def active(self) -> bool:
        """A run is alive."""
        return self in (State.OPENING, State.RUNNING, State.ENDED, State.STOPPING)


class Session(QObject):
    """Opens sources, follows the run, stops it. All methods are for the window's thread and return at once, but for `close`.

    Args:
        open_source: called in the reader thread.
        open_analyzer: called in the analysis thread.
        open_recording: the log of one run of a source; opened, written and closed in the analysis thread.
        release: called in the analysis thread at its end: closes what `open_analyzer` has kept from one run for the next.
    """

    state_changed = Signal(State)
    recorded = Signal(Recorded)
    """How the recording of a film stands, or how it ended."""
    playback_changed = Signal()
    """Playing, speed or loop are other ones, or one can now go back and forth."""
    opened = Signal()
    """Source and engine are known."""
    result_ready = Signal(FrameResult)
    """The newest result; results that came while the window was busy are passed over."""
    failed = Signal(Exception)
    """The run ended with this error; an `AppError` unless it is a bug."""

    # From the analysis thread to this object's; each carries its run, because a run that was replaced may still speak.
    _posted = Signal(Run)
    _run_opened = Signal(Run)
    _ended = Signal(Run)
    _moved = Signal(Run)
    _reported = Signal(Recorded)

    def __init__(
        self,
        open_source: OpenSource,
        open_analyzer: OpenAnalyzer,
        open_recording: OpenRecording,
        parent: QObject | None = None,
        *,
        release: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(parent)
        self._state = State.IDLE
        self._run: Run | None = None
        # A run has begun, and this object does not know yet that it has ended.
        self._alive = False
        self._worker = Worker("analysis", release)
        self._next_spec: str | None = None
        self._orders = Orders()
        self.wishes = Wishes()
        openers = Openers(open_source, open_analyzer, open_recording)
        tell = Tell(self._posted.emit, self._run_opened.emit, self._moved.emit, self._ended.emit, self._reported.emit)
        self._work = RunWork(openers, self.wishes, tell)
        self._reported.connect(self.recorded, Qt.ConnectionType.QueuedConnection)
        self._moved.connect(self._on_moved, Qt.ConnectionType.QueuedConnection)
        self._posted.connect(self._on_posted, Qt.ConnectionType.QueuedConnection)
        self._run_opened.connect(self._on_opened, Qt.ConnectionType.QueuedConnection)
        self._ended.connect(self._on_ended, Qt.ConnectionType.QueuedConnection)

    @property
    def state(self) -> State:
        return self._state

    @property
    def spec(self) -> str | None:
        """What is or was opened last, as it was given to `start`."""
        if self._next_spec is not None:
            return self._next_spec
        return self._run.spec if self._run else None

    @property
    def source(self) -> SourceInfo | None:
        """The source of the current or last run as it describes itself; None while it is not open."""
        return self._run.source if self._run else None

    @property
    def engine(self) -> EngineInfo | None:
        return self._run.engine if self._run else None

    @property
    def summary(self) -> RunSummary | None:
        """What the last run did; None before it has ended, and where it failed."""
        return self._run.summary if self._run else None

    @property
    def log_session(self) -> int | None:
        """Number of the run's session in the log; None before anything is recorded."""
        return self._run.log_session if self._run else None

    @property
    def progress(self) -> Progress:
        return self._run.ledger.progress if self._run else Progress()

    @property
    def lost_s(self) -> float | None:
        """For how long a camera or stream has been lost, which is waited for; None while pictures come."""
        live = self._run.live if self._run is not None and self._state is State.RUNNING else None
        return None if live is None else live.lost_s

    @property
    def cancelled(self) -> bool:
        """The last run was stopped before its source was open."""
        return self._run is not None and self._run.cancelled

    @property
    def figures(self) -> Figures:
        """Where the time of the current or last run goes."""
        return self._run.figures if self._run else Figures()

    def take_people(self) -> PeopleChanges:
        """What is new about persons since the last call, of the current run."""
        return self._run.ledger.take_changes() if self._run else PeopleChanges()

    def start(self, spec: str) -> None:
        """Opens a source and runs it; a run under way ends first."""
        if self._alive:
            self._next_spec = spec
            self.stop()
            return
        self._next_spec = None
        run = Run(spec)
        orders = replace(self.orders, playing=True, jump=None)
        run.transport = Transport(orders, partial(self._moved.emit, run))
        self._run = run
        self._alive = True
        self._set_state(State.OPENING)
        self._worker.start(partial(self._work.do, run))

    # Playing: orders to the run, which are followed in its own time.

    @property
    def orders(self) -> Orders:
        """How films are to be played; speed and loop hold for the next film, too."""
        return self._run.transport.orders if self._run else self._orders

    @property
    def standing(self) -> Standing:
        """Where the film is."""
        return self._run.transport.standing if self._run else Standing()

    @property
    def can_seek(self) -> bool:
        """A run is alive in which one can go back and forth."""
        return self._state in (State.RUNNING, State.ENDED) and self.standing.can_seek

    @property
    def can_pause(self) -> bool:
        """A run is alive that can be held, or goes on: of a film where it is, of a camera without looking at what goes by."""
        return self._state in (State.RUNNING, State.ENDED)

    def set_playing(self, playing: bool) -> None:
        """Plays or pauses; at the end of a film, playing begins it again."""
        self._order(lambda transport: transport.set_playing(playing))

    def set_speed(self, speed: float) -> None:
        """Times as fast as the film."""
        self._order(lambda transport: transport.set_speed(speed))

    def set_loop(self, loop: bool) -> None:
        """Whether the film begins again at its end."""
        self._order(lambda transport: transport.set_loop(loop))

    def seek(self, time_s: float) -> None:
        """Goes to the picture of a moment."""
        if self.can_seek:
            self._order(lambda transport: transport.go_to_time(time_s))

    def seek_frame(self, index: int) -> None:
        """Goes to exactly this picture."""
        if self.can_seek:
            self._order(lambda transport: transport.go_to(index))

    def step(self, count: int) -> None:
        """Pauses, and goes so many pictures on (or back, if negative)."""
        if self.can_seek:
            self._order(lambda transport: transport.step(count))

    def _order(self, give: Callable[[Transport], None]) -> None:
        transport = self._run.transport if self._run is not None else Transport(self._orders)
        give(transport)
        self._orders = transport.orders
        self.playback_changed.emit()

    def stop(self) -> None:
        """Asks the run to end; `FINISHED` follows when everything is closed."""
        if self._run is None or not self._state.active:
            return
        self._run.cancelled = self._state is State.OPENING
        self._run.stop.set()
        self._set_state(State.STOPPING)

    def close(self, timeout_s: float) -> bool:
        """Ends the run and waits for it: frames that were read are written, then everything is closed.

        Nothing is signalled any more afterwards. The wait cannot deadlock: the run never waits for the window's thread. A film
        that is still being finished when the time is over gets its name all the same: all but the last second can be played.

        Returns:
            False where the run has not ended in time (a driver hangs).
        """
        self._next_spec = None
        run = self._run if self._alive else None
        self._alive = False
        if run is not None:
            run.stop.set()
        ended = self._worker.close(timeout_s)
        if run is not None:
            if not ended and run.recorder is not None:
                run.recorder.leave()
            self._state = State.FINISHED
        return ended

    def _set_state(self, state: State) -> None:
        if state is not self._state:
            self._state = state
            self.state_changed.emit(state)

    # In the window's thread.

    @Slot(Run)
    def _on_moved(self, current: Run) -> None:
        if current is not self._run or not self._alive:
            return
        if self._state is State.RUNNING and current.resting:
            self._set_state(State.ENDED)
        elif self._state is State.ENDED and not current.resting:
            self._set_state(State.RUNNING)
        self.playback_changed.emit()

    @Slot(Run)
    def _on_posted(self, current: Run) -> None:
        result = current.newest.take()
        if result is not None and current is self._run and self._alive:
            self.result_ready.emit(result)

    @Slot(Run)
    def _on_opened(self, current: Run) -> None:
        if current is not self._run or not self._alive:
            return
        self.opened.emit()
        if self._state is State.OPENING:
            self._set_state(State.RUNNING)

    @Slot(Run)
    def _on_ended(self, current: Run) -> None:
        if current is not self._run or not self._alive:
            return
        self._alive = False
        failed = current.error is not None and not current.cancelled
        self._set_state(State.FAILED if failed else State.FINISHED)
        if current.error is not None and failed:
            self.failed.emit(current.error)
        if self._next_spec is not None:
            self.start(self._next_spec)
