"""Order, errors and the end of a run, with a source, an analyzer and sinks that do nothing but keep a diary."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from pipeline.errors import OutputError, SourceError
from pipeline.hindsight import Conclusion
from pipeline.mailbox import SLOTS
from pipeline.protocols import EngineInfo, Sink, SourceInfo, VideoSource
from pipeline.run import READER_GRACE_S, RunSummary, run
from pipeline.types import Frame, FrameResult, as_readonly
from tests.limits import PATIENCE_S, assert_within

ENGINE = EngineInfo("cpu", "int8", "double", "a test double")
FILM = SourceInfo(name="film", live=False, width=16, height=16)
CAMERA = replace(FILM, name="camera", live=True)
LAST = 99
"""Index of the last frame that is read of a camera."""
IMAGE = as_readonly(np.zeros((16, 16, 3), np.uint8))


def frame(index: int) -> Frame:
    return Frame(IMAGE, time_s=index / 10, index=index, source="film", wall_time_s=0.0)


@dataclass
class Stage:
    """One run's doubles; `diary` says what happened in which order and in which thread."""

    info: SourceInfo = FILM
    frames: Callable[[threading.Event], Iterator[Frame]] = lambda _: iter([frame(index) for index in range(30)])
    process: Callable[[Frame], None] = lambda _: None
    write: Callable[[Frame], None] = lambda _: None
    diary: list[str] = field(default_factory=list)
    written: list[int] = field(default_factory=list)
    threads: dict[str, str] = field(default_factory=dict)

    def note(self, what: str) -> None:
        self.diary.append(what)
        self.threads[what] = threading.current_thread().name

    @contextmanager
    def source(self, ending: threading.Event) -> Iterator[VideoSource]:
        self.note("source opened")
        try:
            yield _Source(self.info, lambda: self.frames(ending))
        finally:
            self.note("source closed")

    @contextmanager
    def analyzer(self) -> Iterator[_Analyzer]:
        self.note("analyzer opened")
        try:
            yield _Analyzer(self.process)
        finally:
            self.note("analyzer closed")

    def sink(self, name: str) -> Callable[[SourceInfo, EngineInfo], Sink]:
        return lambda info, engine: _Sink(name, self, info, engine)

    def run(self, stop: threading.Event | None = None, duration_s: float | None = None) -> RunSummary:
        sinks = [self.sink("log"), self.sink("film")]
        return run(self.source, self.analyzer, sinks, stop or threading.Event(), duration_s=duration_s)


@dataclass
class _Source:
    info: SourceInfo
    frames: Callable[[], Iterator[Frame]]


class _Analyzer:
    engine = ENGINE

    def __init__(self, process: Callable[[Frame], None]) -> None:
        self._process = process

    def conclude(self) -> Conclusion:
        return Conclusion()

    def process(self, frame: Frame) -> FrameResult:
        self._process(frame)
        return FrameResult(frame, faces=(), engine="cpu int8")


class _Sink:
    def __init__(self, name: str, stage: Stage, info: SourceInfo, engine: EngineInfo) -> None:
        assert info == stage.info
        assert engine == ENGINE
        self.name, self.stage = name, stage
        stage.note(f"{name} opened")

    def write(self, result: FrameResult) -> None:
        self.stage.write(result.frame)
        if self.name == "log":
            self.stage.written.append(result.frame.index)

    def close(self) -> None:
        self.stage.note(f"{self.name} closed")


def endless(ending: threading.Event) -> Iterator[Frame]:
    index = 0
    while not ending.is_set():
        yield frame(index)
        index += 1
        time.sleep(0.001)


def silent(ending: threading.Event) -> Iterator[Frame]:
    ending.wait()
    yield from ()


def test_every_frame_of_a_film_arrives_in_order() -> None:
    stage = Stage(process=lambda _: time.sleep(0.001))
    summary = stage.run()
    assert stage.written == list(range(30))
    assert (summary.frames, summary.dropped, summary.stopped) == (30, 0, False)
    assert summary.source == FILM
    assert summary.engine == ENGINE
    assert summary.seconds > 0.029


def test_each_thread_opens_and_closes_its_own_things_and_sinks_close_in_reverse() -> None:
    stage = Stage()
    stage.run()
    here = threading.current_thread().name
    assert stage.threads["source opened"] == stage.threads["source closed"] == "reader"
    assert {stage.threads[f"{what} {when}"] for what in ("log", "film", "analyzer") for when in ("opened", "closed")} == {here}
    analysis = [what for what in stage.diary if not what.startswith("source")]
    assert analysis == ["analyzer opened", "log opened", "film opened", "film closed", "log closed", "analyzer closed"]


def test_the_source_opens_while_the_analyzer_does() -> None:
    opened = threading.Event()

    class Slow(Stage):
        @contextmanager
        def source(self, ending: threading.Event) -> Iterator[VideoSource]:
            opened.set()
            with super().source(ending) as source:
                yield source

        @contextmanager
        def analyzer(self) -> Iterator[_Analyzer]:
            assert opened.wait(PATIENCE_S), "the source waits for the analyzer"
            with super().analyzer() as analyzer:
                yield analyzer

    assert Slow().run().frames == 30


def test_a_live_source_drops_and_counts() -> None:
    seen = 0

    def camera(ending: threading.Event) -> Iterator[Frame]:
        nonlocal seen
        for shown in endless(ending):
            seen = shown.index
            yield shown

    def slow(shown: Frame) -> None:
        while seen < min(shown.index + 5, LAST):
            time.sleep(0.001)

    stage = Stage(info=CAMERA, frames=camera, process=slow)
    summary = run(stage.source, stage.analyzer, [stage.sink("log")], threading.Event(), most_frames=LAST + 1)
    assert summary.dropped > summary.frames > 0
    assert summary.dropped + summary.frames == LAST + 1
    assert stage.written == sorted(set(stage.written))
    assert stage.written[-1] == LAST
    assert not summary.stopped


def test_stop_ends_an_endless_source_and_says_so() -> None:
    stop = threading.Event()
    stage = Stage(frames=endless, write=lambda shown: stop.set() if shown.index == 7 else None)
    summary = stage.run(stop)
    assert summary.stopped
    assert stage.written == list(range(len(stage.written)))
    assert 8 <= len(stage.written) <= 8 + SLOTS + 1
    assert stage.diary[-1] in ("analyzer closed", "source closed")


def test_stop_during_a_silent_read_is_obeyed_at_once() -> None:
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    started = time.perf_counter()
    summary = Stage(info=CAMERA, frames=silent).run(stop)
    assert_within(time.perf_counter() - started, 1.0)
    assert summary.stopped
    assert summary.frames == 0


def test_stop_before_the_source_is_open() -> None:
    class Unreachable(Stage):
        @contextmanager
        def source(self, ending: threading.Event) -> Iterator[VideoSource]:
            ending.wait()
            raise SourceError("The stream was given up.", "Nothing to do.")
            yield

    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    summary = Unreachable().run(stop)
    assert summary.source is None
    assert summary.stopped


def test_duration_counts_the_films_own_time() -> None:
    stage = Stage()
    summary = stage.run(duration_s=1.0)
    assert stage.written == list(range(10))
    assert not summary.stopped


def test_a_number_of_frames_is_kept_to() -> None:
    stage = Stage()
    summary = run(stage.source, stage.analyzer, [stage.sink("log")], threading.Event(), most_frames=7)
    assert stage.written == list(range(7))
    assert not summary.stopped


def test_duration_ends_a_camera_that_has_gone_silent() -> None:
    started = time.perf_counter()
    summary = Stage(info=CAMERA, frames=silent).run(duration_s=0.2)
    assert_within(time.perf_counter() - started, 1.5)
    assert summary.frames == 0


def test_frames_before_a_broken_one_are_written_and_the_error_is_raised() -> None:
    def broken(_: threading.Event) -> Iterator[Frame]:
        yield from (frame(index) for index in range(3))
        raise SourceError("film.mp4 is damaged after 0.3 s.", "Copy it again.")

    stage = Stage(frames=broken, process=lambda _: time.sleep(0.05))
    with pytest.raises(SourceError, match="damaged"):
        stage.run()
    assert stage.written == [0, 1, 2]
    assert {"film closed", "log closed", "analyzer closed", "source closed"} <= set(stage.diary)


def test_a_source_that_cannot_be_opened_opens_no_sink() -> None:
    class Missing(Stage):
        @contextmanager
        def source(self, _: threading.Event) -> Iterator[VideoSource]:
            raise SourceError("nowhere.mp4 does not exist.", "Check the path.")
            yield

    stage = Missing()
    with pytest.raises(SourceError, match="nowhere"):
        stage.run()
    assert stage.diary == ["analyzer opened", "analyzer closed"]


def test_an_analyzer_that_fails_releases_a_reader_that_waits_for_room() -> None:
    def fail(shown: Frame) -> None:
        if shown.index == 2:
            time.sleep(0.05)
            raise ZeroDivisionError("a bug")

    stage = Stage(process=fail)
    with pytest.raises(ZeroDivisionError):
        stage.run()
    assert stage.written == [0, 1]
    assert "source closed" in stage.diary


def test_an_analyzer_that_does_not_open_ends_the_reader() -> None:
    class NoModel(Stage):
        @contextmanager
        def analyzer(self) -> Iterator[_Analyzer]:
            raise OutputError("model", "hint")
            yield

    stage = NoModel(frames=endless)
    with pytest.raises(OutputError):
        stage.run()
    assert stage.diary == ["source opened", "source closed"]


def test_a_sink_that_fails_does_not_keep_the_others_from_closing() -> None:
    def full(shown: Frame) -> None:
        if shown.index == 4:
            raise OutputError("The disk is full.", "Make room.")

    stage = Stage(write=full)
    with pytest.raises(OutputError, match="full"):
        stage.run()
    assert stage.diary.index("film closed") < stage.diary.index("log closed") < stage.diary.index("analyzer closed")


def test_the_first_error_is_raised_when_closing_fails_too(caplog: pytest.LogCaptureFixture) -> None:
    class Stubborn(_Sink):
        def close(self) -> None:
            super().close()
            raise OutputError("cannot close", "hint")

    def fail(_: Frame) -> None:
        raise SourceError("first", "hint")

    stage = Stage(process=fail)
    sinks = [stage.sink("log"), lambda info, engine: Stubborn("film", stage, info, engine)]
    with pytest.raises(SourceError, match="first"):
        run(stage.source, stage.analyzer, sinks, threading.Event())
    assert "log closed" in stage.diary
    assert "cannot close" in caplog.text


def test_a_sink_that_does_not_open_closes_those_that_did() -> None:
    stage = Stage(frames=endless)

    def unwritable(_: SourceInfo, __: EngineInfo) -> Sink:
        raise OutputError("out.mp4 cannot be written.", "Choose another folder.")

    with pytest.raises(OutputError):
        run(stage.source, stage.analyzer, [stage.sink("log"), unwritable], threading.Event())
    assert stage.diary.index("log closed") < stage.diary.index("analyzer closed")


def test_the_readers_error_wins_over_the_failure_that_follows_from_it() -> None:
    def broken(_: threading.Event) -> Iterator[Frame]:
        yield frame(0)
        raise SourceError("the cause", "hint")

    def fail(_: Frame) -> None:
        for thread in threading.enumerate():
            if thread.name == "reader":
                thread.join(PATIENCE_S)
        raise ZeroDivisionError("later")

    with pytest.raises(SourceError, match="the cause"):
        Stage(frames=broken, process=fail).run()


def test_a_reader_that_hangs_is_reported_after_everything_was_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.run.READER_GRACE_S", 0.2)
    assert READER_GRACE_S >= 2, "sources may take two seconds"
    release = threading.Event()

    def hung(_: threading.Event) -> Iterator[Frame]:
        yield frame(0)
        release.wait()

    stop = threading.Event()
    stage = Stage(info=CAMERA, frames=hung, write=lambda _: stop.set())
    try:
        with pytest.raises(SourceError, match="did not let go"):
            stage.run(stop)
        assert stage.written == [0]
        assert "log closed" in stage.diary
    finally:
        release.set()
