"""Films play at their own speed, and nothing else is slowed down."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import pytest

from pipeline.protocols import SourceInfo, VideoSource
from pipeline.types import Frame
from tests.limits import assert_within
from tests.ui.doubles import StillsDouble, picture
from ui.pacing import LATE_S, PICTURE_SHOWN_S, PacedSource
from ui.transport import Orders, Transport

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


class FakeClock:
    """Time that passes only while somebody waits."""

    def __init__(self) -> None:
        self.now_s = 100.0


class QuickTransport(Transport):
    """Its waits pass at once, in the clock's own time. Orders that are to come at a time are given in `later`."""

    def __init__(self, clock: FakeClock, orders: Orders | None = None) -> None:
        super().__init__(orders)
        self._clock = clock
        self.later: list[tuple[float, Callable[[], None]]] = []

    def wait_for_orders(self, seen: Orders, timeout_s: float) -> bool:
        until_s = self._clock.now_s + timeout_s
        if self.later and self.later[0][0] <= until_s:
            at_s, give = self.later.pop(0)
            self._clock.now_s = max(self._clock.now_s, at_s)
            give()
        else:
            self._clock.now_s = until_s
        return self.orders is not seen


def player(source: VideoSource, clock: FakeClock, ready: threading.Event, transport: Transport | None = None) -> PacedSource:
    return PacedSource(source, ready, threading.Event(), transport or QuickTransport(clock), clock=lambda: clock.now_s)


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
    assert shown(player(film, clock, ready), clock) == [0.0, 0.04, 0.4, 1.5]


def test_a_short_delay_is_caught_up(clock: FakeClock, ready: threading.Event) -> None:
    film = TimedFilm(clock, [0.0, 0.1, 0.2, 0.9], slow=1, slow_s=0.5)
    assert shown(player(film, clock, ready), clock) == [0.0, 0.5, 0.5, 0.9]


def test_a_long_delay_restarts_the_clock_instead_of_racing(clock: FakeClock, ready: threading.Event) -> None:
    film = TimedFilm(clock, [0.0, 0.1, 0.2, 0.3], slow=1, slow_s=60.0)
    assert shown(player(film, clock, ready), clock) == [0.0, 60.0, 60.1, 60.2]
    assert LATE_S < 60


def test_cameras_are_not_delayed(clock: FakeClock) -> None:
    camera = TimedFilm(clock, [0.0, 5.0, 9.0], live=True)
    never_ready = threading.Event()
    assert shown(player(camera, clock, never_ready), clock) == [0.0, 0.0, 0.0]


def test_pictures_stay_long_enough_and_none_is_dropped(clock: FakeClock, ready: threading.Event) -> None:
    paced = player(StillsDouble(), clock, ready)
    assert shown(paced, clock) == [0.0, PICTURE_SHOWN_S, 2 * PICTURE_SHOWN_S]
    assert not paced.info.live


def test_a_film_counts_as_live_while_it_is_played(clock: FakeClock, ready: threading.Event) -> None:
    film = TimedFilm(clock, [0.0])
    assert not film.info.live
    assert player(film, clock, ready).info.live


def test_a_film_waits_until_the_analysis_is_ready() -> None:
    ready, stop = threading.Event(), threading.Event()
    film = TimedFilm(FakeClock(), [0.0, 0.04])
    timer = threading.Timer(0.2, ready.set)
    timer.start()
    frames = PacedSource(film, ready, stop).frames()
    next(frames)
    assert ready.is_set()
    timer.join()


def test_stop_ends_the_wait_for_the_analysis_and_for_a_frame() -> None:
    ready, stop = threading.Event(), threading.Event()
    threading.Timer(0.1, stop.set).start()
    assert list(PacedSource(TimedFilm(FakeClock(), [0.0]), ready, stop).frames()) == []
    ready.set()
    stop.clear()
    threading.Timer(0.1, stop.set).start()
    began = time.monotonic()
    assert len(list(PacedSource(TimedFilm(FakeClock(), [0.0, 3600.0]), ready, stop).frames())) == 1
    assert_within(time.monotonic() - began, 2)


@dataclass
class SeekableFilm(TimedFilm):
    """Can be gone through; says what was sought."""

    can_seek: bool = True
    sought: list[int] = field(default_factory=list)

    def index_at(self, time_s: float) -> int:
        return max(index for index, at_s in enumerate(self.times) if at_s <= time_s or index == 0)

    def seek(self, index: int) -> None:
        self.sought.append(min(index, len(self.times) - 1))

    def frames(self) -> Iterator[Frame]:
        begin = self.sought[-1] if self.sought else 0
        for index in range(begin, len(self.times)):
            yield Frame(SAME, self.times[index], index, "film", 0.0)


def played(
    clock: FakeClock,
    ready: threading.Event,
    orders: Orders | None = None,
    later: list[tuple[float, Callable[[Transport], None]]] | None = None,
    until_s: float = 10.0,
) -> list[tuple[int, float, int]]:
    """What is shown of a film of six pictures, ten a second: index, when, stretch. Orders come at the given times."""
    film = SeekableFilm(clock, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
    transport = QuickTransport(clock, orders)
    stop = threading.Event()
    transport.later = [(100.0 + at_s, partial(give, transport)) for at_s, give in later or []]
    transport.later.append((100.0 + until_s, stop.set))
    paced = PacedSource(film, ready, stop, transport, clock=lambda: clock.now_s)
    return [(frame.index, round(clock.now_s - 100.0, 3), frame.stretch) for frame in paced.frames()]


def test_half_and_double_speed(clock: FakeClock, ready: threading.Event) -> None:
    assert [at_s for _, at_s, _ in played(clock, ready, Orders(speed=0.5))] == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    clock.now_s = 100.0
    assert [at_s for _, at_s, _ in played(clock, ready, Orders(speed=2.0))] == pytest.approx([0, 0.05, 0.1, 0.15, 0.2, 0.25])


def test_a_pause_holds_the_film_where_it_is(clock: FakeClock, ready: threading.Event) -> None:
    shown = played(clock, ready, later=[(0.15, lambda t: t.set_playing(False)), (3.0, lambda t: t.set_playing(True))])
    assert [index for index, _, _ in shown] == [0, 1, 2, 3, 4, 5]
    assert shown[1][1] < 0.15
    assert shown[2][1] >= 3.0
    assert {stretch for _, _, stretch in shown} == {0}


def test_a_camera_goes_on_after_a_pause_in_a_new_stretch(clock: FakeClock) -> None:
    transport = QuickTransport(clock)

    @dataclass
    class Camera(TimedFilm):
        def frames(self) -> Iterator[Frame]:
            for frame in super().frames():
                transport.set_playing(frame.index not in (2, 3))
                yield frame

    camera = Camera(clock, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], live=True)
    shown = [(frame.index, frame.stretch) for frame in player(camera, clock, threading.Event(), transport).frames()]
    assert shown == [(0, 0), (1, 0), (4, 1), (5, 1)]


def test_a_jump_goes_to_exactly_this_picture_and_begins_a_new_stretch(clock: FakeClock, ready: threading.Event) -> None:
    shown = played(clock, ready, later=[(0.25, lambda t: t.go_to(1))])
    assert [(index, stretch) for index, _, stretch in shown] == [
        *((0, 0), (1, 0), (2, 0)),
        *((1, 1), (2, 1), (3, 1), (4, 1), (5, 1)),
    ]


def test_steps_pause_and_add_up(clock: FakeClock, ready: threading.Event) -> None:
    def two_back(transport: Transport) -> None:
        transport.step(-1)
        transport.step(-1)

    shown = played(clock, ready, later=[(0.35, two_back), (1.0, lambda t: t.step(1)), (2.0, lambda t: t.step(-1))])
    assert [index for index, _, _ in shown] == [0, 1, 2, 3, 1, 2, 1]


def test_a_jump_while_paused_shows_one_picture(clock: FakeClock, ready: threading.Event) -> None:
    shown = played(clock, ready, later=[(0.05, lambda t: t.set_playing(False)), (1.0, lambda t: t.go_to_time(0.45))])
    assert [index for index, _, _ in shown] == [0, 4]


def test_a_loop_begins_again_at_the_end(clock: FakeClock, ready: threading.Event) -> None:
    shown = played(clock, ready, Orders(loop=True), until_s=1.25)
    assert [index for index, _, _ in shown][:13] == [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0]


def test_at_its_end_a_film_waits_and_playing_begins_it_again(clock: FakeClock, ready: threading.Event) -> None:
    shown = played(clock, ready, later=[(3.0, lambda t: t.set_playing(True))])
    assert [index for index, _, _ in shown] == [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]


def test_from_the_end_one_can_step_back(clock: FakeClock, ready: threading.Event) -> None:
    shown = played(clock, ready, later=[(3.0, lambda t: t.step(-1)), (4.0, lambda t: t.go_to_time(0.0))])
    assert [index for index, _, _ in shown] == [0, 1, 2, 3, 4, 5, 4, 0]
