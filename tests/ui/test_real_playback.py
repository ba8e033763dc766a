"""The demo with the real analysis, as a person watches it: paused, stepped through, gone back in; and the log afterwards."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from main import open_analyzer
from pipeline.settings import Settings
from pipeline.settings_file import SettingsStore
from pipeline.sources import open_source
from pipeline.sources.demo import Studio
from ui.main_window import MainWindow, Services
from ui.session import State
from ui.theme import Theme

WAIT_MS = 60_000
FULL = 150
"""A picture of the demo in which both persons look at the camera."""


@pytest.fixture
def window(qtbot: QtBot, theme: Theme, preferences: QSettings, tmp_path: Path) -> Iterator[MainWindow]:
    store = SettingsStore(tmp_path / "settings.toml", Settings())
    services = Services(open_source, lambda: open_analyzer(store.current), lambda: [], tmp_path / "log.sqlite", "0.0-test")
    window = MainWindow(services, store, preferences, theme)
    qtbot.addWidget(window)
    window.show()
    yield window
    window.close()
    assert window.clean_exit


def test_the_demo_is_gone_through_and_logged_once(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    def wait_until(condition: Callable[[], bool]) -> None:
        qtbot.waitUntil(condition, timeout=WAIT_MS)

    def shown() -> int:
        return -1 if window.view.result is None else window.view.result.frame.index

    window.open_source("demo")
    wait_until(lambda: window.session.can_seek)
    window.session.set_playing(False)
    window.session.seek_frame(FULL)
    wait_until(lambda: shown() == FULL)
    studio, first = Studio(), window.view.result
    assert first is not None
    assert (first.frame.image == studio.picture(FULL)).all()
    assert first.faces
    for number in range(1, 4):
        QTest.keyClick(window.view, Qt.Key.Key_Period)
        wait_until(lambda: shown() == FULL + number)  # noqa: B023 - waited for within the turn
    for _ in range(3):
        QTest.keyClick(window.view, Qt.Key.Key_Comma)
    wait_until(lambda: shown() == FULL)
    again = window.view.result
    assert again is not None
    assert [face.person for face in again.faces] == [face.person for face in first.faces]
    before, after = ([(f.detection.box.x1, f.detection.box.y2) for f in result.faces] for result in (first, again))
    assert np.allclose(before, after)
    window.session.stop()
    wait_until(lambda: window.session.state is State.FINISHED)
    with closing(sqlite3.connect(tmp_path / "log.sqlite")) as log:
        rows = log.execute("SELECT frame, person, count(*) FROM observations GROUP BY frame, person").fetchall()
    assert {count for _, _, count in rows} == {1}
    assert {frame for frame, _, _ in rows} >= {FULL, FULL + 1, FULL + 2, FULL + 3}
