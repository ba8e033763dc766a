"""Runs one source through the analysis: adds the only other thread, the reader, and gives every error to the caller.

The reader thread opens, reads and closes the source. The calling thread is the analysis thread: it opens, uses and closes the
analyzer and the sinks. Between the two is one `Mailbox`. The source opens while the analyzer does: the first result comes sooner.

Whatever the reason for the end, its order is the same:
1. The reader is told to end, and a full mailbox is emptied: it must neither wait for room nor begin another read.
2. The sinks close in reverse order, each of them even where another one failed: from here on what was recorded is safe.
3. The analyzer closes.
4. The reader is joined. It may be inside a driver's read for two more seconds, so it comes last.
5. The first error of any side is raised.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import TracebackType

from pipeline.errors import SourceError
from pipeline.mailbox import Mailbox
from pipeline.protocols import EngineInfo, FrameAnalyzer, Sink, SourceInfo, VideoSource
from pipeline.types import Frame

OpenSource = Callable[[threading.Event], AbstractContextManager[VideoSource]]
OpenAnalyzer = Callable[[], AbstractContextManager[FrameAnalyzer]]
OpenSink = Callable[[SourceInfo, EngineInfo], Sink]

POLL_S = 0.1
"""Longest wait before `stop` is looked at again."""

READER_GRACE_S = 3.0
"""Sources promise to return from a read within about two seconds of being told to end; one that takes longer counts as hung."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a run did.

    Attributes:
        source: None where the run was stopped before the source was open.
        frames: frames analysed and written to the sinks.
        dropped: frames that were replaced by newer ones before their turn; 0 unless the newest wins.
        faces: sum of the faces over the frames.
        seconds: wall time from the first frame's arrival to the last one's result; 0 without frames.
        stopped: the stop event ended the run, not the source or `duration_s`.
    """

    source: SourceInfo | None
    engine: EngineInfo
    frames: int
    dropped: int
    faces: int
    seconds: float
    stopped: bool


def run(
    open_source: OpenSource,
    open_analyzer: OpenAnalyzer,
    open_sinks: Sequence[OpenSink],
    stop: threading.Event,
    *,
    duration_s: float | None = None,
    most_frames: int | None = None,
    newest_wins: bool | None = None,
    on_idle: Callable[[], None] | None = None,
) -> RunSummary:
    """Analyses a source until it ends, `stop` is set or enough was read. Frames that were read by then are still written.

    Args:
        open_source: called in the reader thread with an event that will end the reading.
        open_analyzer: called in the calling thread, at the same time.
        open_sinks: called in the calling thread, in order, when source and analyzer are open.
        stop: ends the run. Never set here, so one event can serve many runs.
        duration_s: seconds of the source's own time; for live sources also the longest wall time after opening, because a
            camera that has gone silent brings no frame to read the time from.
        most_frames: frames to read, as far as there are so many.
        newest_wins: frames may be dropped to keep up; None: as the source is live or not.
        on_idle: called in the calling thread, several times a second, while no frame comes (a film that is paused).

    Raises:
        AppError: the first error of source, analyzer or sinks, after all of them were closed.
    """
    with _Reader(open_source, _Limits(duration_s, most_frames), newest_wins) as reader, open_analyzer() as analyzer:
        source = reader.wait_until_open(stop)
        if source is None:
            return RunSummary(None, analyzer.engine, frames=0, dropped=0, faces=0, seconds=0.0, stopped=True)
        frames = faces = 0
        started = ended = 0.0
        with _opened(open_sinks, source, analyzer.engine) as sinks:
            try:
                for frame in reader.frames(stop, on_idle):
                    started = started or time.perf_counter()
                    result = analyzer.process(frame)
                    for sink in sinks:
                        sink.write(result)
                    frames += 1
                    faces += len(result.faces)
                    ended = time.perf_counter()
            finally:
                reader.end()
        return RunSummary(source, analyzer.engine, frames, reader.dropped, faces, ended - started, reader.stopped)


@contextmanager
def _opened(open_sinks: Sequence[OpenSink], source: SourceInfo, engine: EngineInfo) -> Iterator[list[Sink]]:
    """The open sinks. Every one of them is closed; the first error, of the body or of a close, is the one that is raised."""
    sinks: list[Sink] = []
    first: BaseException | None = None
    try:
        for open_sink in open_sinks:
            sinks.append(open_sink(source, engine))
        yield sinks
    except BaseException as error:
        first = error
    for sink in reversed(sinks):
        try:
            sink.close()
        except Exception as error:
            if first is None:
                first = error
            else:
                _log.warning("closing %s after an error failed too: %s", type(sink).__name__, error)
    if first is not None:
        raise first


@dataclass(frozen=True, slots=True)
class _Limits:
    """How much is to be read."""

    duration_s: float | None
    most_frames: int | None


class _Reader:
    """The reader thread, seen from the analysis thread. Leaving the context ends it and raises its error."""

    def __init__(self, open_source: OpenSource, limits: _Limits, newest_wins: bool | None) -> None:
        self._open_source = open_source
        self._limits = limits
        self._newest_wins = newest_wins
        self._ending = threading.Event()
        self._open_or_failed = threading.Event()
        self._mailbox: Mailbox[Frame] = Mailbox()
        # Written by the reader thread before `_open_or_failed` is set, read by the other one after it.
        self._info: SourceInfo | None = None
        self._opened_s = 0.0
        # Written by the reader thread before it closes the mailbox.
        self._error: BaseException | None = None
        self.stopped = False
        # A daemon: a driver that never returns from a read must not keep the process alive after the error was shown.
        self._thread = threading.Thread(target=self._work, name="reader", daemon=True)

    @property
    def dropped(self) -> int:
        return self._mailbox.dropped

    def __enter__(self) -> _Reader:
        self._thread.start()
        return self

    def wait_until_open(self, stop: threading.Event) -> SourceInfo | None:
        """What the source says about itself; None where `stop` came first. Raises the source's error."""
        while not self._open_or_failed.wait(POLL_S):
            if stop.is_set():
                return None
        if self._info is None and self._error is not None:
            raise self._error
        return self._info

    def frames(self, stop: threading.Event, on_idle: Callable[[], None] | None) -> Iterator[Frame]:
        """The frames until the source or its time ends; after `stop`, those that were read already."""
        while not self._mailbox.finished and not self._ending.is_set():
            frame = self._mailbox.get(POLL_S)
            if frame is not None:
                yield frame
            elif on_idle is not None:
                on_idle()
            if stop.is_set() and not self._mailbox.finished:
                self.stopped = True
                self._ending.set()
            elif self._overdue():
                self._ending.set()
        while (frame := self._mailbox.get(0.0)) is not None:
            yield frame

    def end(self) -> None:
        """Tells the thread to end; returns at once."""
        self._ending.set()
        self._mailbox.cancel()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end()
        self._thread.join(READER_GRACE_S)
        if self._thread.is_alive() and error is None:
            name = self._info.name if self._info is not None else "The source"
            raise SourceError(
                f"{name} did not let go within {READER_GRACE_S:.0f} s of being stopped.",
                "What was recorded is saved. Unplug the camera, or restart the program, before opening it again.",
            )
        if self._error is not None and self._error is not error:
            raise self._error

    def _overdue(self) -> bool:
        if self._limits.duration_s is None or self._info is None or not self._info.live:
            return False
        return time.monotonic() - self._opened_s > self._limits.duration_s + POLL_S

    def _work(self) -> None:
        try:
            with self._open_source(self._ending) as source:
                info = source.info
                self._info, self._opened_s = info, time.monotonic()
                self._open_or_failed.set()
                self._read(source, newest_wins=info.live if self._newest_wins is None else self._newest_wins)
        except BaseException as error:
            if self._ending.is_set():
                # A read that was broken off on request is no news, but a bug that hides behind it would be.
                _log.info("the source failed while it was being closed: %s", error)
            else:
                self._error = error
        finally:
            self._mailbox.close()
            self._open_or_failed.set()

    def _read(self, source: VideoSource, newest_wins: bool) -> None:
        hand_over = self._mailbox.replace if newest_wins else self._mailbox.put
        first_s: float | None = None
        for number, frame in enumerate(source.frames(), start=1):
            first_s = frame.time_s if first_s is None else first_s
            if self._limits.duration_s is not None and frame.time_s - first_s >= self._limits.duration_s:
                return
            if not hand_over(frame) or self._ending.is_set() or number == self._limits.most_frames:
                return
