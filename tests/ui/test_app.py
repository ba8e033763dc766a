"""The program as a process: it ends well when it is closed, interrupted or surprised. And the window on the real analysis."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from pytestqt.qtbot import QtBot

from main import open_analyzer
from pipeline.settings import Settings
from pipeline.settings_file import SettingsStore
from pipeline.sources import open_source
from tests.limits import assert_within, is_busy
from ui.app import signals_close, unexpected_errors_shown, user_preferences
from ui.dialogs import ErrorDialog
from ui.main_window import MainWindow, Services
from ui.session import State
from ui.theme import Theme

ROOT = Path(__file__).resolve().parents[2]
WAIT_MS = 60_000
CLOSES_WITHIN_S = 3.0
STARTS_WITHIN_S = 120.0
"""Generous: other processes may have the machine."""


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """Of a process that must not touch the user's own files."""
    return os.environ | {
        "QT_QPA_PLATFORM": "offscreen",
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "APPDATA": str(tmp_path / "config"),
        "LOCALAPPDATA": str(tmp_path / "data"),
    }


def frames_in(log: Path) -> int:
    if not log.exists():
        return 0
    try:
        with closing(sqlite3.connect(log)) as db:
            return int(db.execute("SELECT coalesce(sum(frames), 0) FROM inputs").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def play_demo_and_signal(surroundings: dict[str, str], log: Path, number: signal.Signals) -> None:
    """Starts the program on the demo, signals it in the middle, and checks how it ends."""
    command = [sys.executable, str(ROOT / "main.py"), "window", "demo", "--log", str(log)]
    process = subprocess.Popen(command, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + STARTS_WITHIN_S
        while frames_in(log) == 0 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        assert frames_in(log) > 0
        began = time.monotonic()
        process.send_signal(number)
        _, errors = process.communicate(timeout=STARTS_WITHIN_S)
        ended_s = time.monotonic() - began
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, errors
    assert_within(ended_s, CLOSES_WITHIN_S)
    assert "Traceback" not in errors
    with closing(sqlite3.connect(log)) as db:
        ((state,),) = db.execute("SELECT state FROM sessions").fetchall()
        # The window waits for two seconds: a busy machine may not have ended the run by then.
        assert state == "finished" or (state == "running" and ended_s > 2.0 and is_busy())
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_middle_of_the_demo_ends_the_process_well(
    surroundings: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    play_demo_and_signal(surroundings, tmp_path / "log.sqlite", number)


@pytest.mark.x11
@pytest.mark.skipif(not os.environ.get("DISPLAY"), reason="no X server")
def test_the_same_on_a_real_screen(surroundings: dict[str, str], tmp_path: Path) -> None:
    play_demo_and_signal(surroundings | {"QT_QPA_PLATFORM": "xcb"}, tmp_path / "log.sqlite", signal.SIGINT)


def test_a_process_that_is_told_to_quit_while_the_models_load(surroundings: dict[str, str], tmp_path: Path) -> None:
    script = (
        "import sys, main; from PySide6.QtCore import QTimer; from PySide6.QtWidgets import QApplication;"
        "from ui import main_window as m; original = m.MainWindow.open_source;\n"
        "def open_then_close(self, spec):\n"
        "    original(self, spec); QTimer.singleShot(30, self.close)\n"
        "m.MainWindow.open_source = open_then_close\n"
        f"sys.exit(main.main(['window', 'demo', '--log', {str(tmp_path / 'log.sqlite')!r}]))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env=surroundings,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=STARTS_WITHIN_S,
        check=False,
    )
    # Loading cannot be interrupted: where it takes longer than the window waits, the process leaves without it, and says so.
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.fixture
def real_window(qtbot: QtBot, theme: Theme, preferences: QSettings, tmp_path: Path) -> Iterator[MainWindow]:
    settings = Settings()
    services = Services(
        open_source=partial(open_source, settings=settings.source),
        open_analyzer=partial(open_analyzer, settings),
        list_cameras=list,
        log_path=tmp_path / "log.sqlite",
        app_version="0.0-test",
    )
    window = MainWindow(services, SettingsStore(tmp_path / "settings.toml", settings), preferences, theme)
    qtbot.addWidget(window)
    window.show()
    yield window
    window.close()
    assert window.clean_exit


def test_the_demo_shows_two_people_with_ages(qtbot: QtBot, real_window: MainWindow) -> None:
    real_window.actions_.demo.trigger()
    model = real_window.panel.table.model()

    def ages() -> list[str]:
        return [model.index(row, 1).data() for row in range(model.rowCount())]

    qtbot.waitUntil(lambda: sum("(" in age for age in ages()) >= 1, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: real_window.view.result is not None and bool(real_window.view.result.faces), timeout=WAIT_MS)
    assert real_window.view.result is not None
    assert real_window.view.result.frame.width == 1280


def test_a_text_file_called_mp4_is_two_lines(qtbot: QtBot, real_window: MainWindow, tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("this is no film\n" * 100)
    real_window.open_source(str(path))
    qtbot.waitUntil(lambda: real_window.findChild(ErrorDialog) is not None, timeout=WAIT_MS)
    dialog = real_window.findChild(ErrorDialog)
    assert dialog is not None
    assert "notes.mp4" in dialog.message_label.text()
    assert dialog.hint_label.text()
    assert "Traceback" not in dialog.message_label.text() + dialog.hint_label.text()
    assert real_window.session.state is State.FAILED
    dialog.close()


def test_preferences_are_kept_where_the_platform_keeps_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert Path(user_preferences().fileName()).name == "window.ini"


def test_a_bug_in_a_thread_is_shown_in_the_windows_thread(qtbot: QtBot) -> None:
    shown: list[tuple[str, bool]] = []

    def show(error: Exception) -> None:
        shown.append((str(error), threading.current_thread() is threading.main_thread()))

    before = sys.excepthook, threading.excepthook
    with unexpected_errors_shown(show):
        thread = threading.Thread(target=lambda: int("bug"))
        thread.start()
        thread.join()
        sys.excepthook(ValueError, ValueError("in a slot"), None)
        qtbot.waitUntil(lambda: len(shown) == 2, timeout=WAIT_MS)
    assert [on_main for _, on_main in shown] == [True, True]
    assert "'bug'" in shown[0][0]
    assert shown[1][0] == "in a slot"
    assert (sys.excepthook, threading.excepthook) == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals between processes")
def test_a_signal_closes_at_once_although_nothing_happens_in_the_window(qtbot: QtBot) -> None:
    closed: list[bool] = []
    before = signal.getsignal(signal.SIGINT)
    with signals_close(lambda: closed.append(True)):
        timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        qtbot.waitUntil(lambda: closed == [True], timeout=WAIT_MS)
        timer.join()
    assert signal.getsignal(signal.SIGINT) is before
