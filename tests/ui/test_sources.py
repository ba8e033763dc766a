"""Opening as a person does it: cameras that come and go, recents, dropping, cancelling, a network camera that is cut."""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, QSettings, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from pipeline.settings import Settings, SourceSettings
from pipeline.settings_file import SettingsStore
from pipeline.sources import Camera, open_source
from tests.limits import assert_within
from tests.pipeline.clips import plain, write_film
from tests.pipeline.loopback import LoopbackServer, talk_mjpeg
from tests.ui.conftest import MakeWindow
from tests.ui.doubles import World
from ui.dialogs import ErrorDialog, StreamDialog
from ui.main_window import MainWindow, Services
from ui.session import State
from ui.source_menu import CameraMenu, RecentMenu
from ui.theme import Theme

WAIT_MS = 60_000
QUICK = SourceSettings(open_timeout_s=5, lost_after_s=0.5, retry_first_s=0.1, retry_most_s=0.3)
BACK_WITHIN_S = 3.0
"""With the waits above it takes a few tenths; with the settings that come with the program at most two seconds more."""


def wait_until(qtbot: QtBot, condition: Callable[[], bool]) -> None:
    qtbot.waitUntil(condition, timeout=WAIT_MS)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "summer & sea.mp4", [plain(n) for n in range(50)])


# Recent.


def test_what_was_opened_is_offered_again_and_remembered(
    qtbot: QtBot, film_window: MainWindow, film: Path, preferences: QSettings
) -> None:
    film_window.open_source("demo")
    wait_until(qtbot, lambda: film_window.session.can_seek)
    film_window.open_source(str(film))
    wait_until(qtbot, lambda: film_window.opening.recent.specs == [str(film)])
    action = film_window.opening.recent.actions()[0]
    assert action.text() == "summer && sea.mp4"
    film_window.session.stop()
    wait_until(qtbot, lambda: film_window.session.state is State.FINISHED)
    action.trigger()
    wait_until(qtbot, lambda: film_window.session.can_seek)
    assert film_window.session.spec == str(film)
    assert RecentMenu(preferences).specs == [str(film)]


def test_the_list_is_short_newest_first_and_can_be_cleared(preferences: QSettings) -> None:
    menu = RecentMenu(preferences)
    for number in range(12):
        menu.add(f"/films/{number}.mp4")
    menu.add("/films/9.mp4")
    assert menu.specs == [f"/films/{n}.mp4" for n in (9, 11, 10, 8, 7, 6, 5, 4)]
    menu.actions()[-1].trigger()
    assert menu.specs == []
    assert not menu.actions()[0].isEnabled()


def test_no_password_is_remembered(preferences: QSettings) -> None:
    menu = RecentMenu(preferences)
    menu.add("rtsp://me:se@cret@camera.local:554/live?channel=1")
    preferences.sync()
    assert menu.specs == ["rtsp://camera.local:554/live?channel=1"]
    assert "cret" not in Path(preferences.fileName()).read_text()


def test_a_recent_stream_asks_for_its_password(window: MainWindow) -> None:
    window.opening.recent.add("rtsp://camera.local/live")
    window.opening.recent.actions()[0].trigger()
    dialog = window.findChild(StreamDialog)
    assert dialog is not None
    assert dialog.address.text() == "rtsp://camera.local/live"
    dialog.close()


# Cameras.


def test_cameras_come_and_go_while_the_window_is_open(qtbot: QtBot) -> None:
    present = [Camera(0, "Built-in camera", "V4L2")]
    menu = CameraMenu(lambda: list(present))
    qtbot.addWidget(menu)
    news: list[tuple[str, str]] = []
    menu.appeared.connect(lambda name: news.append(("appeared", name)))
    menu.vanished.connect(lambda name: news.append(("vanished", name)))

    def names() -> list[str]:
        return [action.text() for action in menu.actions() if action.text() and not action.menu()]

    menu.search()
    wait_until(qtbot, lambda: names() == ["Built-in camera"])
    present.append(Camera(1, "Desk camera", "V4L2"))
    menu.search()
    wait_until(qtbot, lambda: names() == ["Built-in camera", "Desk camera"])
    present.clear()
    menu.search()
    wait_until(qtbot, lambda: names() == ["No camera found"])
    assert news == [("appeared", "Desk camera"), ("vanished", "Built-in camera"), ("vanished", "Desk camera")]
    assert menu.close_search(5)


def test_resolution_and_rate_are_chosen_in_the_menu(window: MainWindow) -> None:
    menu = window.camera_menu
    menu.aboutToShow.emit()
    choices = {action.text(): action for action in menu.formats.actions()}
    assert choices["1280 × 720"].isChecked()
    choices["1920 × 1080"].trigger()
    source = window.settings.source
    assert (source.camera_width_px, source.camera_height_px, source.camera_fps) == (1920, 1080, 30.0)
    {action.text(): action for action in menu.formats.actions()}["60 pictures a second"].trigger()
    source = window.settings.source
    assert (source.camera_width_px, source.camera_height_px, source.camera_fps) == (1920, 1080, 60.0)


# Opening.


def test_opening_can_be_cancelled_by_button_and_by_key(qtbot: QtBot, window: MainWindow) -> None:
    for cancel in ("button", "key"):
        window.open_source("slow-open")
        wait_until(qtbot, lambda: "Opening" in window.view.banner)
        if cancel == "button":
            (button,) = [b for b in window.view.findChildren(QPushButton) if b.isVisible()]
            QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        else:
            QTest.keyClick(window.view, Qt.Key.Key_Escape)
        wait_until(qtbot, lambda: window.session.state is State.FINISHED)
        assert "cancelled" in window.view.banner
        assert window.findChild(ErrorDialog) is None
    window.open_source("demo")
    wait_until(qtbot, lambda: window.view.result is not None)
    assert window.view.banner == ""


def drop(window: MainWindow, *urls: QUrl) -> bool:
    mime = QMimeData()
    mime.setUrls(list(urls))
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(50, 50), copy, mime, left, none)
    enter.ignore()
    window.dragEnterEvent(enter)
    if enter.isAccepted():
        window.dropEvent(QDropEvent(QPointF(50, 50), copy, mime, left, none))
    return enter.isAccepted()


def test_files_and_addresses_can_be_dropped(qtbot: QtBot, film_window: MainWindow, film: Path) -> None:
    assert not drop(film_window, QUrl("mailto:somebody@example.org"))
    assert drop(film_window, QUrl.fromLocalFile(str(film)), QUrl.fromLocalFile("/other.mp4"))
    wait_until(qtbot, lambda: film_window.session.can_seek)
    assert film_window.session.spec == str(film)
    with LoopbackServer(talk_mjpeg) as camera:
        assert drop(film_window, QUrl(camera.address))
        wait_until(qtbot, lambda: film_window.session.spec == camera.address and film_window.session.state is State.RUNNING)
        film_window.session.stop()
        wait_until(qtbot, lambda: film_window.session.state is State.FINISHED)


# A network camera that is cut.


def analysed_more(window: MainWindow, frames: int) -> bool:
    return window.session.progress.frames > frames


@pytest.fixture
def network_window(qtbot: QtBot, theme: Theme, preferences: QSettings, world: World, tmp_path: Path) -> Iterator[MainWindow]:
    services = Services(
        lambda spec, stop: open_source(spec, stop, QUICK), world.open_analyzer, lambda: [], tmp_path / "log.sqlite", "0.0-test"
    )
    window = MainWindow(services, SettingsStore(tmp_path / "settings.toml", Settings()), preferences, theme)
    qtbot.addWidget(window)
    window.show()
    yield window
    window.close()
    assert window.clean_exit


def test_a_network_camera_is_cut_and_restored_ten_times(qtbot: QtBot, network_window: MainWindow, tmp_path: Path) -> None:
    window = network_window
    with LoopbackServer(talk_mjpeg) as camera:
        window.open_source(camera.address)
        wait_until(qtbot, lambda: window.session.progress.frames > 3)
        for _ in range(10):
            camera.cut()
            wait_until(qtbot, lambda: "lost, waiting" in window.view.banner)
            frames = window.session.progress.frames
            camera.restore()
            restored = time.monotonic()
            wait_until(qtbot, partial(analysed_more, window, frames))
            assert_within(time.monotonic() - restored, BACK_WITHIN_S)
            wait_until(qtbot, lambda: window.view.banner == "")
            assert window.session.state is State.RUNNING
        window.session.stop()
        wait_until(qtbot, lambda: window.session.state is State.FINISHED)
    frames = window.session.progress.frames
    with closing(sqlite3.connect(tmp_path / "log.sqlite")) as log:
        rows = log.execute("SELECT media_time_s, count(*) FROM observations GROUP BY media_time_s ORDER BY 1").fetchall()
        assert log.execute("SELECT state, frames FROM inputs").fetchall() == [("finished", frames)]
    # Every analysed picture is there with both faces, and the time away is a gap.
    assert [count for _, count in rows] == [2] * frames
    gaps = sorted(later - earlier for (earlier, _), (later, _) in itertools.pairwise(rows))[-10:]
    assert gaps[0] > 0.05


def test_closing_while_a_camera_is_lost(qtbot: QtBot, network_window: MainWindow) -> None:
    with LoopbackServer(talk_mjpeg) as camera:
        network_window.open_source(camera.address)
        wait_until(qtbot, lambda: network_window.session.progress.frames > 1)
        camera.cut()
        wait_until(qtbot, lambda: network_window.session.lost_s is not None)
        network_window.close()
        assert network_window.clean_exit


def test_cameras_are_listed_once_the_window_is_there(qtbot: QtBot, make_window: MakeWindow) -> None:
    menu = make_window().camera_menu
    menu.search()
    wait_until(qtbot, lambda: "Desk camera" in [action.text() for action in menu.actions()])


# Cameras cannot wait.


def test_a_paused_camera_is_neither_analysed_nor_logged(qtbot: QtBot, window: MainWindow, world: World) -> None:
    window.open_source("0")
    wait_until(qtbot, lambda: window.view.result is not None and window.session.progress.frames > 2)
    assert window.playback.play.text() == "&Pause"
    QTest.keyClick(window.view, Qt.Key.Key_Space)
    (camera,) = world.cameras
    wait_until(qtbot, lambda: window.view.banner.startswith("Paused"))
    assert "is paused at" in window.status.activity.text()
    assert window.playback.play.text() == "&Play"
    # A picture that was read before may still be on its way; those that go by now may not.
    paused_at = camera.reached
    wait_until(qtbot, lambda: camera.reached > paused_at + 5)
    assert window.view.result is not None
    assert window.view.result.frame.index <= paused_at
    assert window.session.state is State.RUNNING
    gone_by = camera.reached
    QTest.keyClick(window.view, Qt.Key.Key_Space)
    wait_until(qtbot, lambda: window.view.result is not None and window.view.result.frame.index > gone_by)
    wait_until(qtbot, lambda: window.view.banner == "")
    window.session.stop()
    wait_until(qtbot, lambda: window.session.state is State.FINISHED)
    with closing(sqlite3.connect(window.services.log_path)) as log:
        frames = {frame for (frame,) in log.execute("SELECT DISTINCT frame FROM observations")}
    assert not frames & set(range(paused_at + 1, gone_by)), "the log has a gap there"
    assert max(frames) > gone_by
