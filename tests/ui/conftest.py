"""A window on stand-ins for sources and analysis."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

# Before Qt starts. Tests for a real X server run the program as a process of its own.
os.environ["QT_QPA_PLATFORM"] = "offscreen"

from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from pipeline.settings import Settings
from pipeline.settings_file import SettingsStore
from pipeline.sources import Camera, open_source
from tests.limits import PATIENCE_S
from tests.ui.doubles import World
from ui.main_window import MainWindow, Services
from ui.theme import Theme


@pytest.fixture(scope="session")
def theme(qapp: QApplication) -> Theme:
    return Theme(qapp)


@pytest.fixture(autouse=True)
def nothing_is_held_down() -> Iterator[None]:
    """Every test begins with no key and no button down: for Qt, those of the last event that a test made stay down."""
    yield
    if QApplication.instance() is None:
        return
    nowhere = QWidget()
    for button in (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton):
        if button in QGuiApplication.mouseButtons():
            QTest.mouseRelease(nowhere, button)
    if QGuiApplication.keyboardModifiers() != Qt.KeyboardModifier.NoModifier:
        QTest.keyRelease(nowhere, Qt.Key.Key_Shift)
    assert QGuiApplication.keyboardModifiers() == Qt.KeyboardModifier.NoModifier
    assert QGuiApplication.mouseButtons() == Qt.MouseButton.NoButton


@pytest.fixture(autouse=True)
def closing_is_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window that is closed gives up on nothing but what hangs. How quickly it closes is for tests that look at the time."""
    monkeypatch.setattr("ui.main_window.CLOSE_TIMEOUT_S", PATIENCE_S)
    monkeypatch.setattr("ui.main_window.CLOSE_HELPERS_TIMEOUT_S", PATIENCE_S)


@pytest.fixture
def preferences(tmp_path: Path) -> QSettings:
    return QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)


@pytest.fixture
def world() -> World:
    return World()


MakeWindow = Callable[[], MainWindow]


@pytest.fixture
def make_window(qtbot: QtBot, theme: Theme, preferences: QSettings, world: World, tmp_path: Path) -> Iterator[MakeWindow]:
    windows: list[MainWindow] = []

    def make() -> MainWindow:
        services = Services(
            open_source=world.open_source,
            open_analyzer=world.open_analyzer,
            list_cameras=lambda: [Camera(0, "Built-in camera", "V4L2"), Camera(2, "Desk camera", "V4L2")],
            log_path=tmp_path / "log.sqlite",
            app_version="0.0-test",
        )
        window = MainWindow(services, SettingsStore(tmp_path / "settings.toml", Settings()), preferences, theme)
        qtbot.addWidget(window)
        window.show()
        windows.append(window)
        return window

    yield make
    world.release.set()
    for window in windows:
        window.close()
        assert window.clean_exit


@pytest.fixture
def window(make_window: MakeWindow) -> MainWindow:
    return make_window()


@pytest.fixture
def film_window(qtbot: QtBot, theme: Theme, preferences: QSettings, world: World, tmp_path: Path) -> Iterator[MainWindow]:
    """A window on real sources; its faces come without inference."""
    services = Services(open_source, world.open_analyzer, lambda: [], tmp_path / "log.sqlite", "0.0-test")
    window = MainWindow(services, SettingsStore(tmp_path / "settings.toml", Settings()), preferences, theme)
    qtbot.addWidget(window)
    window.show()
    yield window
    window.close()
    assert window.clean_exit
