"""Films in the window: played, paused, gone through picture by picture, by keys and mouse."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from pipeline.hindsight import Conclusion, PersonAge
from pipeline.observations import persons
from pipeline.store import SessionLog
from pipeline.types import AgeBelief, Join
from tests.pipeline.clips import brightness, plain, write_film
from tests.ui.doubles import AnalyzerDouble, World
from ui.main_window import MainWindow
from ui.session import State

WAIT_MS = 60_000
COUNT = 60
Key = Qt.Key
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Sixty pictures, 25 a second, with a key frame every twenty."""
    path = tmp_path / "film.mp4"
    return write_film(path, [plain(n) for n in range(COUNT)], codec_options={"g": "20", "bf": "2"})


@pytest.fixture
def window(film_window: MainWindow) -> MainWindow:
    return film_window


def shown_index(window: MainWindow) -> int:
    return -1 if window.view.result is None else window.view.result.frame.index


def shows(window: MainWindow, index: int) -> bool:
    return shown_index(window) == index


def wait_until(qtbot: QtBot, condition: Callable[[], bool]) -> None:
    qtbot.waitUntil(condition, timeout=WAIT_MS)


def open_paused(qtbot: QtBot, window: MainWindow, film: Path, index: int = 0) -> None:
    window.open_source(str(film))
    wait_until(qtbot, lambda: window.session.can_seek)
    window.session.set_playing(False)
    go_to(qtbot, window, index)


def go_to(qtbot: QtBot, window: MainWindow, index: int) -> None:
    window.session.seek_frame(index)
    wait_until(qtbot, lambda: shown_index(window) == index)


def press(window: MainWindow, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.keyClick(window.view, key, modifier)


def light(window: MainWindow) -> float:
    assert window.view.result is not None
    return float(window.view.result.frame.image.mean())


def test_steps_and_seeks_show_exactly_the_picture(qtbot: QtBot, window: MainWindow, film: Path) -> None:
    open_paused(qtbot, window, film, 30)
    assert light(window) == pytest.approx(brightness(30), abs=4)
    for key, index in ((Key.Key_Period, 31), (Key.Key_Comma, 30), (Key.Key_Comma, 29), (Key.Key_Home, 0), (Key.Key_End, 59)):
        press(window, key)
        wait_until(qtbot, partial(shows, window, index))
        assert light(window) == pytest.approx(brightness(index), abs=4)
    press(window, Key.Key_Left, SHIFT)
    wait_until(qtbot, lambda: shown_index(window) == 34)
    press(window, Key.Key_Right)
    wait_until(qtbot, lambda: shown_index(window) == 59)
    press(window, Key.Key_Down)
    wait_until(qtbot, lambda: shown_index(window) == 0)


def test_quick_steps_add_up(qtbot: QtBot, window: MainWindow, film: Path) -> None:
    open_paused(qtbot, window, film, 40)
    for _ in range(7):
        press(window, Key.Key_Comma)
    wait_until(qtbot, lambda: shown_index(window) == 33)


def test_space_pauses_and_plays_on(qtbot: QtBot, window: MainWindow, film: Path) -> None:
    open_paused(qtbot, window, film, 3)
    assert window.playback.play.text() == "&Play"
    press(window, Key.Key_Space)
    wait_until(qtbot, lambda: window.session.state is State.ENDED)
    assert window.view.result is not None
    assert shown_index(window) == COUNT - 1
    assert "finished" in window.status.activity.text()
    press(window, Key.Key_Comma)
    wait_until(qtbot, lambda: window.session.state is State.RUNNING)
    wait_until(qtbot, lambda: "finished" not in window.status.activity.text())
    press(window, Key.Key_End)
    wait_until(qtbot, lambda: shown_index(window) == COUNT - 1)
    assert not window.session.orders.playing
    window.session.set_playing(True)
    wait_until(qtbot, lambda: window.session.state is State.ENDED)
    press(window, Key.Key_Space)
    wait_until(qtbot, lambda: 0 <= shown_index(window) < COUNT - 1)
    assert window.session.log_session == 1


def test_a_click_on_the_line_goes_there(qtbot: QtBot, window: MainWindow, film: Path) -> None:
    open_paused(qtbot, window, film)
    slider = window.playback.bar.slider
    QTest.mouseClick(slider, Qt.MouseButton.LeftButton, pos=QPoint(round(slider.x_of(1.2)), slider.height() // 2))
    wait_until(qtbot, lambda: abs(shown_index(window) - 30) <= 1)


def test_the_line_shows_when_persons_are_in_sight(qtbot: QtBot, window: MainWindow, film: Path) -> None:
    open_paused(qtbot, window, film)
    for index in (10, 11, 12):
        go_to(qtbot, window, index)

    def all_three(spans: Sequence[tuple[float, float]]) -> bool:
        return any(start <= 0.4 and end >= 0.48 - 1e-6 for start, end in spans)

    slider = window.playback.bar.slider
    wait_until(qtbot, lambda: [all_three(lane.spans) for lane in slider.presence] == [True, True])


def test_speed_and_loop_are_set_by_keys_and_hold_for_the_next_film(qtbot: QtBot, window: MainWindow, film: Path) -> None:
    open_paused(qtbot, window, film, 50)
    press(window, Key.Key_BracketRight)
    press(window, Key.Key_BracketRight)
    assert window.session.orders.speed == 1.5
    press(window, Key.Key_Backspace)
    for _ in range(9):
        press(window, Key.Key_BracketRight)
    assert (window.session.orders.speed, window.playback.bar.speed.text()) == (4.0, "4×")
    press(window, Key.Key_L)
    press(window, Key.Key_Space)
    wait_until(qtbot, lambda: 0 <= shown_index(window) < 50)
    assert window.session.state is State.RUNNING
    window.open_source(str(film))
    assert window.session.orders.speed == 4.0
    assert window.playback.loop.isChecked()


def test_what_is_watched_twice_is_logged_once(qtbot: QtBot, window: MainWindow, film: Path, tmp_path: Path) -> None:
    open_paused(qtbot, window, film)
    window.session.set_playing(True)
    wait_until(qtbot, lambda: window.session.state is State.ENDED)
    for index in (20, 21, 22, 5):
        go_to(qtbot, window, index)
    window.session.set_playing(True)
    wait_until(qtbot, lambda: window.session.state is State.ENDED)
    with closing(sqlite3.connect(tmp_path / "log.sqlite")) as log:
        rows = log.execute("SELECT frame, person, count(*) FROM observations GROUP BY frame, person").fetchall()
    assert {count for _, _, count in rows} == {1}
    assert {person for _, person, _ in rows} == {1, 2}
    assert max(frame for frame, _, _ in rows) == COUNT - 1
    assert window.people.model.rowCount() == 2


def test_at_the_end_everything_is_in_the_log_before_anything_is_closed(
    qtbot: QtBot, window: MainWindow, film: Path, tmp_path: Path
) -> None:
    window.open_source(str(film))
    wait_until(qtbot, lambda: window.session.state is State.ENDED)
    with closing(sqlite3.connect(tmp_path / "log.sqlite")) as log:
        ((frames, last),) = log.execute("SELECT frames, last_time_s FROM inputs").fetchall()
    assert frames == window.session.progress.frames
    assert last == pytest.approx((COUNT - 1) / 25)
    window.session.stop()
    wait_until(qtbot, lambda: window.session.state is State.FINISHED)
    with closing(sqlite3.connect(tmp_path / "log.sqlite")) as log:
        assert log.execute("SELECT state FROM inputs").fetchall() == [("finished",)]


def test_seeking_without_pause_always_ends_at_the_last_place(qtbot: QtBot, window: MainWindow, film: Path) -> None:
    open_paused(qtbot, window, film)
    for index in (50, 3, 27, 58, 12, 44, 31):
        window.session.seek_frame(index)
        qtbot.wait(5)
    wait_until(qtbot, lambda: shown_index(window) == 31)
    assert window.session.state is State.RUNNING


def test_pictures_of_a_folder_can_be_leafed_through(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    import cv2  # noqa: PLC0415 - only here

    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(4):
        cv2.imwrite(str(folder / f"p{number}.png"), plain(number, 320, 240))
    open_paused(qtbot, window, folder)
    press(window, Key.Key_Period)
    wait_until(qtbot, lambda: shown_index(window) == 1)
    press(window, Key.Key_End)
    wait_until(qtbot, lambda: shown_index(window) == 3)
    press(window, Key.Key_Home)
    wait_until(qtbot, lambda: shown_index(window) == 0)


class LookingBack(AnalyzerDouble):
    """Has a last word that nobody could know before: person 2 was person 1 all the time."""

    def __init__(self) -> None:
        super().__init__()
        self.looks_back = False

    def look_back(self) -> None:
        self.looks_back = True

    def conclude(self) -> Conclusion:
        if not self.looks_back:
            return Conclusion()
        belief = AgeBelief(51.0, 44.0, 57.0, 9.0, settled=True)
        return Conclusion((Join(2, 1),), tuple(PersonAge(1, track, belief) for track in (0, 1, 2)))

    def conclude_for_now(self) -> Conclusion:
        return self.conclude()


def test_at_its_end_a_film_gets_the_last_word_in_the_list_and_in_exports(
    qtbot: QtBot, window: MainWindow, film: Path, world: World
) -> None:
    world.analyzer = LookingBack()
    window.open_source(str(film))
    wait_until(qtbot, lambda: window.session.state is State.ENDED)

    def shown() -> list[tuple[int, float]]:
        return [(row.person, row.belief.years) for row in window.people.rows if row.belief is not None]

    wait_until(qtbot, lambda: shown() == [(1, 51.0)])
    assert window.session.log_session is not None
    with SessionLog.open(window.services.log_path) as log:
        assert [(row.person, row.age) for row in persons(log, [window.session.log_session])] == [(1, 51.0)]
    press(window, Key.Key_Home)
    wait_until(qtbot, partial(shows, window, 0))
    assert window.view.result is not None
    # The picture agrees with the list, though nothing was known yet at that moment.
    assert {window.view.text_of(face) for face in window.view.result.faces} == {"51 (44–57)"}
    window.session.stop()
    wait_until(qtbot, lambda: window.session.state is State.FINISHED)
    wait_until(qtbot, lambda: shown() == [(1, 51.0)])
    with SessionLog.open(window.services.log_path) as log:
        assert [(row.person, row.age) for row in persons(log, [window.session.log_session])] == [(1, 51.0)]
