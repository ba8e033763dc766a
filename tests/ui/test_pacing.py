"""Films play at their own speed, and nothing else is slowed down."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from pipeline.protocols import SourceInfo
from pipeline.types import Frame
from tests.ui.doubles import StillsDouble, picture
from ui.pacing import LATE_S, PICTURE_SHOWN_S, PacedSource

SAME = picture(0)


@dataclass
class TimedFilm:
    """Frames at the given times; decoding the frame of index `slow` takes `slow_s` of the fake clock's time."""

    clock: FakeClock
    times: list[float]
    live: bool = False
    slow: int = -1
    slow_s: float = 0.0
    info: SourceInfo = field(init=False)

    def __post_init__(self) -> None:
        self.info = SourceInfo("film", self.live, fps=25.0)

    def frames(self) -> Iterator[Frame]:
        for index, time_s in enumerate(self.times):
            if index == self.slow:
                self.clock.now_s += self.slow_s
            yield Frame(SAME, time_s, index, "film", 0.0)


class FakeClock(threading.Event):
    """A stop event whose waits pass at once, in the clock's own time."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 100.0

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.now_s += timeout
        return self.is_set()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ready() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


def shown(paced: PacedSource, clock: FakeClock) -> list[float]:
    return [round(clock.now_s - 100.0, 6) for _ in paced.frames()]


def test_frames_come_at_their_own_uneven_times(clock: FakeClock, ready: threading.Event) -> None:
    film = TimedFilm(clock, [0.5, 0.54, 0.9, 2.0])
    assert shown(PacedSource(film, ready, clock, lambda: clock.now_s), clock) == [0.0, 0.04, 0.4, 1.5]


def test_a_short_delay_is_caught_up(clock: FakeClock, ready: threading.Event) -> None:
    film = TimedFilm(clock, [0.0, 0.1, 0.2, 0.9], slow=1, slow_s=0.5)
    assert shown(PacedSource(film, ready, clock, lambda: clock.now_s), clock) == [0.0, 0.5, 0.5, 0.9]


def test_a_long_delay_restarts_the_clock_instead_of_racing(clock: FakeClock, ready: threading.Event) -> None:
    film = TimedFilm(clock, [0.0, 0.1, 0.2, 0.3], slow=1, slow_s=60.0)
    assert shown(PacedSource(film, ready, clock, lambda: clock.now_s), clock) == [0.0, 60.0, 60.1, 60.2]
    assert LATE_S < 60


def test_cameras_are_not_delayed(clock: FakeClock) -> None:
    camera = TimedFilm(clock, [0.0, 5.0, 9.0], live=True)
    never_ready = threading.Event()
    assert shown(PacedSource(camera, never_ready, clock, lambda: clock.now_s), clock) == [0.0, 0.0, 0.0]


def test_pictures_stay_long_enough_and_none_is_dropped(clock: FakeClock, ready: threading.Event) -> None:
    paced = PacedSource(StillsDouble(), ready, clock, lambda: clock.now_s)
    assert shown(paced, clock) == [0.0, PICTURE_SHOWN_S, 2 * PICTURE_SHOWN_S]
    assert not paced.info.live


def test_a_film_counts_as_live_while_it_is_played(clock: FakeClock, ready: threading.Event) -> None:
    film = TimedFilm(clock, [0.0])
    assert not film.info.live
    assert PacedSource(film, ready, clock).info.live


def test_a_film_waits_until_the_analysis_is_ready() -> None:
    ready, stop = threading.Event(), threading.Event()
    threading.Timer(0.2, ready.set).start()
    film = TimedFilm(FakeClock(), [0.0, 0.04])
    began = time.monotonic()
    frames = PacedSource(film, ready, stop).frames()
    next(frames)
    assert time.monotonic() - began >= 0.2


def test_stop_ends_the_wait_for_the_analysis_and_for_a_frame() -> None:
    ready, stop = threading.Event(), threading.Event()
    threading.Timer(0.1, stop.set).start()
    assert list(PacedSource(TimedFilm(FakeClock(), [0.0]), ready, stop).frames()) == []
    ready.set()
    stop.clear()
    threading.Timer(0.1, stop.set).start()
    began = time.monotonic()
    assert len(list(PacedSource(TimedFilm(FakeClock(), [0.0, 3600.0]), ready, stop).frames())) == 1
    assert time.monotonic() - began < 2
