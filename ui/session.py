"""Runs the pipeline beside the window: one run at a time, in a thread of its own."""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from PySide6.QtCore import QObject, Qt, Signal, Slot

from pipeline.protocols import EngineInfo, FrameAnalyzer, Sink, SourceInfo, VideoSource
from pipeline.run import RunSummary, run
from pipeline.store import Recording
from pipeline.types import FrameResult
from ui.newest import Ledger, NewestResult, PersonRow, Progress
from ui.pacing import PacedSource

OpenSource = Callable[[str, threading.Event], AbstractContextManager[VideoSource]]
OpenAnalyzer = Callable[[], AbstractContextManager[FrameAnalyzer]]
OpenRecording = Callable[[str], AbstractContextManager[Recording]]


class State(enum.Enum):
    """What the session is doing. Only one run is alive at a time; `start` during one ends it first."""

    IDLE = enum.auto()
    OPENING = enum.auto()
    RUNNING = enum.auto()
    STOPPING = enum.auto()
    FINISHED = enum.auto()
    FAILED = enum.auto()

    @property
    def active(self) -> bool:
        """A run is alive."""
        return self in (State.OPENING, State.RUNNING, State.STOPPING)


@dataclass(eq=False, slots=True)
class _Run:
    """What one run shares between its threads."""

    spec: str
    stop: threading.Event = field(default_factory=threading.Event)
    ready: threading.Event = field(default_factory=threading.Event)
    newest: NewestResult = field(default_factory=NewestResult)
    ledger: Ledger = field(default_factory=Ledger)
    source: SourceInfo | None = None
    engine: EngineInfo | None = None
    log_session: int | None = None
    summary: RunSummary | None = None
    error: Exception | None = None


class Session(QObject):
    """Opens sources, follows the run, stops it. All methods are for the window's thread and return at once, but for `close`.

    Args:
        open_source: called in the reader thread.
        open_analyzer: called in the analysis thread.
        open_recording: the log of one run of a source; opened, written and closed in the analysis thread.
    """

    state_changed = Signal(State)
    opened = Signal()
    """Source and engine are known."""
    result_ready = Signal(FrameResult)
    """The newest result; results that came while the window was busy are passed over."""
    failed = Signal(Exception)
    """The run ended with this error; an `AppError` unless it is a bug."""

    # From the analysis thread to this object's; each carries its run, because a run that was replaced may still speak.
    _posted = Signal(_Run)
    _run_opened = Signal(_Run)
    _ended = Signal(_Run)

    def __init__(
        self,
        open_source: OpenSource,
        open_analyzer: OpenAnalyzer,
        open_recording: OpenRecording,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._open_source = open_source
        self._open_analyzer = open_analyzer
        self._open_recording = open_recording
        self._state = State.IDLE
        self._run: _Run | None = None
        self._thread: threading.Thread | None = None
        self._next_spec: str | None = None
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

    def take_people(self) -> list[PersonRow]:
        """Persons that are new or changed since the last call, of the current run."""
        return self._run.ledger.take_changes() if self._run else []

    def start(self, spec: str) -> None:
        """Opens a source and runs it; a run under way ends first."""
        if self._thread is not None:
            self._next_spec = spec
            self.stop()
            return
        self._next_spec = None
        self._run = _Run(spec)
        # A daemon: where a driver hangs for good, `close` gives up on it and the process still ends.
        self._thread = threading.Thread(target=self._work, args=(self._run,), name="analysis", daemon=True)
        self._set_state(State.OPENING)
        self._thread.start()

    def stop(self) -> None:
        """Asks the run to end; `FINISHED` follows when everything is closed."""
        if self._run is None or not self._state.active:
            return
        self._run.stop.set()
        self._set_state(State.STOPPING)

    def close(self, timeout_s: float) -> bool:
        """Ends the run and waits for it: frames that were read are written, then everything is closed.

        Nothing is signalled any more afterwards. The wait cannot deadlock: the run never waits for the window's thread.

        Returns:
            False where the run has not ended in time (a driver hangs).
        """
        run, thread = self._run, self._thread
        self._next_spec = None
        self._thread = None
        if run is None or thread is None:
            return True
        run.stop.set()
        thread.join(timeout_s)
        self._state = State.FINISHED
        return not thread.is_alive()

    def _set_state(self, state: State) -> None:
        if state is not self._state:
            self._state = state
            self.state_changed.emit(state)

    # In the analysis thread.

    def _work(self, current: _Run) -> None:
        @contextmanager
        def open_paced(ending: threading.Event) -> Iterator[VideoSource]:
            with self._open_source(current.spec, ending) as source:
                current.source = source.info
                yield PacedSource(source, current.ready, ending)

        def open_window(_: SourceInfo, engine: EngineInfo) -> Sink:
            current.engine = engine
            self._run_opened.emit(current)
            current.ready.set()
            return _WindowSink(current, self._posted.emit)

        try:
            with self._open_recording(current.spec) as recording:

                def open_log(info: SourceInfo, engine: EngineInfo) -> Sink:
                    # The log is about the film, not about the way in which the window plays it.
                    sink = recording.open_sink(current.source or info, engine)
                    current.log_session = recording.session.id if recording.session else None
                    return sink

                current.summary = run(open_paced, self._open_analyzer, [open_log, open_window], current.stop)
                recording.complete = not current.summary.stopped
        except Exception as error:
            # Not handled here: the window shows it, in its own thread.
            current.error = error
        self._ended.emit(current)

    # In the window's thread.

    @Slot(_Run)
    def _on_posted(self, current: _Run) -> None:
        result = current.newest.take()
        if result is not None and current is self._run and self._thread is not None:
            self.result_ready.emit(result)

    @Slot(_Run)
    def _on_opened(self, current: _Run) -> None:
        if current is not self._run or self._thread is None:
            return
        self.opened.emit()
        if self._state is State.OPENING:
            self._set_state(State.RUNNING)

    @Slot(_Run)
    def _on_ended(self, current: _Run) -> None:
        if current is not self._run or self._thread is None:
            return
        self._thread.join()
        self._thread = None
        self._set_state(State.FINISHED if current.error is None else State.FAILED)
        if current.error is not None:
            self.failed.emit(current.error)
        if self._next_spec is not None:
            self.start(self._next_spec)


class _WindowSink:
    """Passes results on to the window: the newest to paint, all of them to the ledger."""

    def __init__(self, current: _Run, notify: Callable[[_Run], None]) -> None:
        self._run = current
        self._notify = notify

    def write(self, result: FrameResult) -> None:
        self._run.ledger.write(result)
        if self._run.newest.put(result):
            self._notify(self._run)

    def close(self) -> None:
        """Nothing is held open."""
