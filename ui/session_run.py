"""One run of a source beside the window: what its threads share, and what the analysis thread does."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, runtime_checkable

from pipeline.hindsight import Conclusion
from pipeline.log_once import LogOnce
from pipeline.log_sink import LogSink
from pipeline.protocols import EngineInfo, FrameAnalyzer, LooksBack, Sink, SourceInfo, VideoSource
from pipeline.recall import Recalling
from pipeline.recorder import Recorded, Recorder, Wishes
from pipeline.run import RunSummary, run
from pipeline.store import Recording
from pipeline.types import Frame, FrameResult
from ui.figures import Figures
from ui.memory import give_back_memory
from ui.newest import Ledger, NewestResult
from ui.pacing import PacedSource, seekable
from ui.transport import Transport

OpenSource = Callable[[str, threading.Event], AbstractContextManager[VideoSource]]
OpenAnalyzer = Callable[[], AbstractContextManager[FrameAnalyzer]]
OpenRecording = Callable[[str], AbstractContextManager[Recording]]


@runtime_checkable
class Recovering(Protocol):
    """A source that comes back by itself when it was lost (`pipeline.sources.live`)."""

    @property
    def lost_s(self) -> float | None: ...


@dataclass(eq=False, slots=True)
class Run:
    """What one run shares between its threads."""

    spec: str
    transport: Transport = field(default_factory=Transport)
    stop: threading.Event = field(default_factory=threading.Event)
    ready: threading.Event = field(default_factory=threading.Event)
    newest: NewestResult = field(default_factory=NewestResult)
    ledger: Ledger = field(default_factory=Ledger)
    figures: Figures = field(default_factory=Figures)
    source: SourceInfo | None = None
    engine: EngineInfo | None = None
    can_seek: bool = False
    log: LogOnce | None = None
    analyzer: _Remembering | None = None
    recorder: Recorder | None = None
    live: Recovering | None = None
    cancelled: bool = False
    """Stopped before it was open: whatever goes wrong then is no news."""
    log_session: int | None = None
    resting: bool = False
    """The film is at its end, and everything up to there is analysed and logged."""
    summary: RunSummary | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Openers:
    """What a run is made of, see `ui.session.Session`."""

    source: OpenSource
    analyzer: OpenAnalyzer
    recording: OpenRecording


@dataclass(frozen=True, slots=True)
class Tell:
    """Brings news of a run to the window's thread; called in the run's threads.

    Attributes:
        posted: there is a result to show.
        opened: source and engine are known.
        moved: something about playing has changed.
        ended: nothing more comes.
        reported: how a recording stands.
    """

    posted: Callable[[Run], None]
    opened: Callable[[Run], None]
    moved: Callable[[Run], None]
    ended: Callable[[Run], None]
    reported: Callable[[Recorded], None]


class RunWork:
    """Runs the pipeline for one source after the other.

    Args:
        wishes: what the user wants recorded and logged.
    """

    def __init__(self, openers: Openers, wishes: Wishes, tell: Tell) -> None:
        self._open, self._wishes, self._tell = openers, wishes, tell

    def do(self, current: Run) -> None:
        """From opening to the end, whatever happens; called in the analysis thread."""

        @contextmanager
        def open_paced(ending: threading.Event) -> Iterator[VideoSource]:
            with self._open.source(current.spec, ending) as source:
                current.source = source.info
                current.live = source if isinstance(source, Recovering) else None
                current.can_seek = seekable(source) is not None
                yield PacedSource(source, current.ready, ending, current.transport, timed=current.figures.timed_frames)

        @contextmanager
        def open_analyzer() -> Iterator[FrameAnalyzer]:
            with self._open.analyzer() as analyzer:
                current.analyzer = remembering = _Remembering(analyzer, current)
                try:
                    yield remembering
                    remembering.last_word(going_on=False)
                finally:
                    # Faces and networks go with the run, not with the next one.
                    current.analyzer = None

        def open_window(_: SourceInfo, engine: EngineInfo) -> Sink:
            current.engine = engine
            self._tell.opened(current)
            current.ready.set()
            return _WindowSink(current, self._tell.posted, self._tell.moved)

        try:
            with self._open.recording(current.spec) as recording:

                def open_log(info: SourceInfo, engine: EngineInfo) -> Sink:
                    def begin() -> LogSink:
                        # The log is about the film, not about the way in which the window plays it.
                        sink = recording.open_sink(current.source or info, engine)
                        current.log_session = recording.session.id if recording.session else None
                        return sink

                    current.log = LogOnce(begin, lambda: self._wishes.logging)
                    return current.log

                def open_recorder(info: SourceInfo, _: EngineInfo) -> Sink:
                    current.recorder = Recorder(current.source or info, self._wishes, self._tell.reported)
                    return current.recorder

                current.summary = run(
                    open_paced,
                    open_analyzer,
                    [current.figures.timed_log(open_log), open_window, open_recorder],
                    current.stop,
                    on_idle=partial(self._on_idle, current),
                )
                recording.complete = not current.summary.stopped or current.transport.standing.reached_end
        except Exception as error:
            # Not handled here: the window shows it, in its own thread. What the call still held belongs to this thread.
            traceback.clear_frames(error.__traceback__)
            current.error = error
        give_back_memory()
        self._tell.ended(current)

    def _on_idle(self, current: Run) -> None:
        if current.log is not None:
            current.log.flush()
        if current.recorder is not None:
            current.recorder.follow()
        if current.transport.standing.ended and not current.resting:
            current.resting = True
            if current.analyzer is not None:
                current.analyzer.last_word(going_on=True)
            self._tell.moved(current)


class _Remembering:
    """The analyzer, with a memory where one can go back in the source (which is open by the time of the first frame)."""

    def __init__(self, analyzer: FrameAnalyzer, current: Run) -> None:
        self._analyzer = analyzer
        self._run = current
        self._chosen: FrameAnalyzer | None = None

    @property
    def engine(self) -> EngineInfo:
        return self._analyzer.engine

    def process(self, frame: Frame) -> FrameResult:
        if self._chosen is None:
            self._chosen = Recalling(self._analyzer) if self._run.can_seek else self._analyzer
            if isinstance(self._chosen, LooksBack) and self._run.source is not None and not self._run.source.live:
                self._chosen.look_back()
        return self._chosen.process(frame)

    def last_word(self, *, going_on: bool) -> None:
        """Logs what is known of everybody at the end of a film.

        Args:
            going_on: somebody may go back in it.
        """
        conclusion = Conclusion()
        if not going_on:
            conclusion = self.conclude()
        elif isinstance(self._chosen, LooksBack):
            conclusion = self._chosen.conclude_for_now()
        self._run.ledger.join(conclusion.joins)
        if self._run.log is not None and conclusion != Conclusion():
            self._run.log.conclude(conclusion)

    def conclude(self) -> Conclusion:
        return self._analyzer.conclude()


class _WindowSink:
    """Passes results on to the window: the newest to paint, all of them to the ledger."""

    def __init__(self, current: Run, notify: Callable[[Run], None], moved: Callable[[Run], None]) -> None:
        self._run = current
        self._notify = notify
        self._moved = moved

    def write(self, result: FrameResult) -> None:
        self._run.ledger.write(result)
        if self._run.resting:
            self._run.resting = False
            self._moved(self._run)
        self._run.figures.add_analysed(result)
        if self._run.newest.put(result):
            self._notify(self._run)

    def close(self) -> None:
        """Nothing is held open."""
