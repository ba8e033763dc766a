"""Five hundred random actions: no exception, no warning of Qt, no thread left (pytest-qt and the fixtures see to these)."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtGui import QDesktopServices
from pytestqt.qtbot import QtBot

from tests.ui.conftest import MakeWindow
from tests.ui.doubles import World
from tests.ui.monkey import Monkey
from ui.main_window import MainWindow

SEED = 20261128
ACTIONS = 500
SOURCES = ("demo", "demo", "short", "folder", "breaks-later", "broken.mp4", "0", "slow-open")


@pytest.fixture
def folder(preferences: QSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where the monkey reads and writes files; no other program is started."""
    folder = tmp_path / "files"
    folder.mkdir()
    preferences.setValue("folder", str(folder))
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda _: True)
    return folder


@pytest.mark.timeout(600)
def test_random_actions_do_no_harm(qtbot: QtBot, make_window: MakeWindow, world: World, folder: Path) -> None:
    window = make_window()
    monkey = Monkey(window, SOURCES, folder, SEED)
    try:
        for number in range(ACTIONS):
            monkey.step()
            # Now and then time passes: pictures come, runs end.
            qtbot.wait(50 if number % 10 == 0 else 1)
            assert window.isVisible(), monkey.done[-5:]
    except BaseException:
        print("\n".join(monkey.done[-40:]))  # noqa: T201
        raise
    finally:
        monkey.stop()
    assert len(world.opened) > 10
    assert_still_works(qtbot, window)


def assert_still_works(qtbot: QtBot, window: MainWindow) -> None:
    """After all that the demo plays."""
    window.open_source("demo")
    shown = window.view.result
    qtbot.waitUntil(
        lambda: window.session.spec == "demo" and window.view.result is not None and window.view.result is not shown,
        timeout=60_000,
    )
