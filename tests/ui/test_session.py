"""Runs start, stop, follow each other, fail and are closed at any moment, without keeping the window waiting."""

from __future__ import annotations

import gc
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from pipeline.protocols import FrameAnalyzer
from pipeline.settings import Settings
from pipeline.store import PlannedInput, Recording, SessionLog
from pipeline.types import FrameResult
from tests.limits import PATIENCE_S, assert_within
from tests.ui.doubles import BROKEN, AnalyzerDouble, FilmDouble, World
from ui.session import Session, State

WAIT_MS = 60_000


@pytest.fixture
def session(qapp: QApplication, world: World, tmp_path: Path) -> Iterator[Session]:
    @contextmanager
    def open_recording(spec: str) -> Iterator[Recording]:
        with SessionLog.open(tmp_path / "log.sqlite") as log, Recording(log, PlannedInput.of(spec), Settings(), "0") as recording:
            yield recording

    session = Session(world.open_source, world.open_analyzer, open_recording)
    assert session.thread() is qapp.thread()
    yield session
    world.release.set()
    assert session.close(PATIENCE_S)


def test_all_runs_have_one_thread_in_which_what_was_kept_is_released(qtbot: QtBot, tmp_path: Path) -> None:
    world, threads = World(), list[int]()
    release_threads: list[int] = []

    @contextmanager
    def open_recording(spec: str) -> Iterator[Recording]:
        threads.append(threading.get_ident())
        with SessionLog.open(tmp_path / "log.sqlite") as log, Recording(log, PlannedInput.of(spec), Settings(), "0") as recording:
            yield recording

    analyzers: list[weakref.ref[AnalyzerDouble]] = []

    @contextmanager
    def open_analyzer() -> Iterator[FrameAnalyzer]:
        analyzer = AnalyzerDouble()
        analyzers.append(weakref.ref(analyzer))
        yield analyzer

    session = Session(
        world.open_source,
        open_analyzer,
        open_recording,
        release=lambda: release_threads.append(threading.get_ident()),
    )
    for spec, end in (("short", State.FINISHED), ("broken.mp4", State.FAILED), ("folder", State.FINISHED)):
        session.start(spec)
        wait_for(qtbot, session, end)
        gc.collect()
        assert [analyzer() for analyzer in analyzers] == [None] * len(analyzers), "with the faces that it knew"
    assert release_threads == [], "what was kept may still be of use"
    assert session.close(WAIT_MS / 1000)
    assert threads == [threads[0]] * 3
    assert release_threads == [threads[0]]


@pytest.fixture
def states(session: Session) -> list[State]:
    seen: list[State] = []
    session.state_changed.connect(seen.append)
    return seen


def wait_for(qtbot: QtBot, session: Session, state: State) -> None:
    qtbot.waitUntil(lambda: session.state is state, timeout=WAIT_MS)


def moments_of(session: Session) -> dict[State, float]:
    """Fills with the time at which each state came first; one that has passed when somebody looks is not missed."""
    moments: dict[State, float] = {}
    session.state_changed.connect(lambda state: moments.setdefault(state, time.monotonic()))
    return moments


def test_a_film_is_opened_played_and_finished(qtbot: QtBot, session: Session, states: list[State], world: World) -> None:
    session.start("short")
    wait_for(qtbot, session, State.FINISHED)
    assert states == [State.OPENING, State.RUNNING, State.FINISHED]
    assert session.summary is not None
    assert session.summary.frames + session.summary.dropped == 20
    assert world.closed == ["short"]
    assert world.analyzer.threads == {"analysis"}


def test_starting_and_stopping_do_not_wait_for_the_source(
    qtbot: QtBot, session: Session, states: list[State], world: World
) -> None:
    session.start("slow-open")
    assert states == [State.OPENING]
    qtbot.waitUntil(lambda: world.opened == ["slow-open"], timeout=WAIT_MS)
    session.start("short")
    assert states == [State.OPENING, State.STOPPING]
    qtbot.waitUntil(lambda: world.opened == ["slow-open", "short"], timeout=WAIT_MS)


def test_a_film_takes_its_own_time(qtbot: QtBot, session: Session) -> None:
    moments = moments_of(session)
    session.start("short")
    wait_for(qtbot, session, State.FINISHED)
    # Twenty frames at 25 a second: the last one is due after 0.76 s.
    assert moments[State.FINISHED] - moments[State.OPENING] > 0.75
    assert_within(moments[State.FINISHED] - moments[State.RUNNING], 2.0)


def test_an_analysis_that_is_too_slow_drops_frames_and_not_time(qtbot: QtBot, session: Session, world: World) -> None:
    world.analyzer.delay_s = 0.12
    moments = moments_of(session)
    session.start("short")
    wait_for(qtbot, session, State.FINISHED)
    assert_within(moments[State.FINISHED] - moments[State.RUNNING], 1.6)
    assert session.progress.dropped >= 8
    assert session.progress.frames <= 10


def test_no_picture_of_a_folder_is_dropped(qtbot: QtBot, session: Session, world: World) -> None:
    world.analyzer.delay_s = 0.1
    session.start("folder")
    wait_for(qtbot, session, State.FINISHED)
    assert session.progress.frames == 3
    assert len(session.take_people().tracks) == 6


def test_a_busy_window_gets_the_newest_result_and_no_queue(qtbot: QtBot, session: Session) -> None:
    seen: list[FrameResult] = []
    session.result_ready.connect(seen.append)
    session.start("demo")
    qtbot.waitUntil(lambda: len(seen) > 1, timeout=WAIT_MS)
    before = len(seen)
    newest, analysed = seen[-1].frame.index, session.progress.frames
    # The window hangs until the analysis is well ahead.
    while session.progress.frames < analysed + 12:
        time.sleep(0.01)
    qtbot.waitUntil(lambda: len(seen) > before, timeout=WAIT_MS)
    assert seen[before].frame.index >= newest + 10


def test_every_result_is_signalled_in_the_windows_thread(qtbot: QtBot, session: Session) -> None:
    threads: set[threading.Thread] = set()
    session.result_ready.connect(lambda _result: threads.add(threading.current_thread()))
    session.start("short")
    wait_for(qtbot, session, State.FINISHED)
    assert threads == {threading.main_thread()}


def test_the_first_frame_is_not_lost_while_the_engine_opens(qtbot: QtBot, session: Session, world: World) -> None:
    seen: list[FrameResult] = []
    session.result_ready.connect(seen.append)
    world.slow_engine = True
    session.start("short")
    qtbot.waitUntil(lambda: session.source is not None, timeout=WAIT_MS)
    qtbot.wait(400)
    assert session.state is State.OPENING
    film = world.source
    assert isinstance(film, FilmDouble)
    assert film.reached == -1
    world.release.set()
    wait_for(qtbot, session, State.FINISHED)
    assert seen
    assert session.progress.frames + session.progress.dropped == 20


def test_stop_and_start_again(qtbot: QtBot, session: Session, states: list[State]) -> None:
    session.start("demo")
    wait_for(qtbot, session, State.RUNNING)
    session.stop()
    wait_for(qtbot, session, State.FINISHED)
    assert session.summary is not None
    assert session.summary.stopped
    session.start("short")
    qtbot.waitUntil(lambda: len(states) > 5, timeout=WAIT_MS)
    assert states[:6] == [State.OPENING, State.RUNNING, State.STOPPING, State.FINISHED, State.OPENING, State.RUNNING]


def test_another_source_replaces_the_one_that_runs(qtbot: QtBot, session: Session, world: World) -> None:
    session.start("demo")
    wait_for(qtbot, session, State.RUNNING)
    session.start("folder")
    session.start("short")
    assert session.spec == "short"
    qtbot.waitUntil(lambda: session.source is not None and session.source.duration_s == 0.8, timeout=WAIT_MS)
    assert world.opened == ["demo", "short"]
    assert world.closed[0] == "demo"


def test_a_source_that_opens_slowly_can_be_given_up(qtbot: QtBot, session: Session, world: World) -> None:
    session.start("slow-open")
    qtbot.wait(100)
    assert session.state is State.OPENING
    session.stop()
    wait_for(qtbot, session, State.FINISHED)
    assert world.closed == ["slow-open"]


@pytest.mark.parametrize(("spec", "message"), [("broken.mp4", BROKEN.message), ("breaks-later", "double.mp4 breaks off.")])
def test_errors_of_a_source_arrive_once(qtbot: QtBot, session: Session, states: list[State], spec: str, message: str) -> None:
    errors: list[Exception] = []
    session.failed.connect(errors.append)
    session.start(spec)
    wait_for(qtbot, session, State.FAILED)
    qtbot.wait(50)
    assert [getattr(error, "message", None) for error in errors] == [message]
    assert states.count(State.FAILED) == 1


def test_an_engine_that_cannot_start_and_a_bug_are_errors_too(qtbot: QtBot, session: Session, world: World) -> None:
    errors: list[Exception] = []
    session.failed.connect(errors.append)
    session.start("bug")
    wait_for(qtbot, session, State.FAILED)
    world.broken_engine = True
    session.start("demo")
    qtbot.waitUntil(lambda: len(errors) == 2, timeout=WAIT_MS)
    assert [type(error).__name__ for error in errors] == ["ZeroDivisionError", "EngineError"]


@pytest.mark.parametrize("spec", ["demo", "0", "slow-open", "folder", "broken.mp4"])
@pytest.mark.parametrize("after_ms", [0, 30, 300])
def test_closing_ends_everything_at_any_moment(qtbot: QtBot, session: Session, world: World, spec: str, after_ms: int) -> None:
    late: list[object] = []
    session.start(spec)
    qtbot.wait(after_ms)
    began = time.monotonic()
    assert session.close(PATIENCE_S)
    assert_within(time.monotonic() - began, 1.5)
    assert world.closed == world.opened
    session.result_ready.connect(late.append)
    session.failed.connect(late.append)
    qtbot.wait(50)
    assert late == []


def test_the_log_is_complete_after_closing_in_the_middle(qtbot: QtBot, session: Session, tmp_path: Path) -> None:
    session.start("demo")
    qtbot.waitUntil(lambda: session.progress.frames > 5, timeout=WAIT_MS)
    assert session.close(PATIENCE_S)
    frames = session.progress.frames
    with closing(sqlite3.connect(tmp_path / "log.sqlite")) as log:
        ((state, kind, written, live),) = log.execute(
            "SELECT sessions.state, kind, frames, live FROM sessions JOIN inputs ON session_id = sessions.id"
        )
    assert (state, kind, written, bool(live)) == ("finished", "window", frames, False)
