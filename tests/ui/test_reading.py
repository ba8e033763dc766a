"""The main window and every dialog: a name for every control, the keyboard reaches it, and no text is cut off at 150 %."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

import ui
from pipeline.errors import SourceError
from pipeline.roster import PersonRow, TrackRow
from pipeline.settings_file import SettingsStore
from tests.ui.conftest import MakeWindow
from tests.ui.reading import cut_off, nameless, unreachable
from ui.about import AboutDialog
from ui.dialogs import ErrorDialog, StreamDialog
from ui.export_dialog import ExportDialog
from ui.help import FirstRunDialog, HelpDialog
from ui.keys_dialog import KeysDialog
from ui.sessions_dialog import SessionsDialog
from ui.settings_dialog import SettingsDialog
from ui.split_dialog import SplitDialog
from ui.theme import Theme

LARGE = 1.5
"""Text half as large again: what a scale of 150 % leaves of the room, and what people with weak eyes choose."""

SMALL_WINDOW_PX = (1280, 720)
"""Of a laptop's screen, in pixels of the screen."""

ERROR = SourceError("A rather long name of a film that somebody gave it.mp4 is no film: it holds text.", "Choose another file.")


def preferences_in(folder: Path) -> QSettings:
    return QSettings(str(folder / "window.ini"), QSettings.Format.IniFormat)


TRACKS = tuple(TrackRow(1, track, ((track, track + 1.5),), 40, 9, None) for track in (1, 2, 5))
PERSON = PersonRow(1, "Somebody with a rather long name", TRACKS, ((1.0, 6.5),), 4.5, 120, 27, None)

DIALOGS: dict[str, Callable[[Path], QDialog]] = {
    "AboutDialog": lambda _: AboutDialog("1.2.3", "cpu int8, age-facenet: no NVIDIA driver was found", "/a/log.sqlite"),
    "ErrorDialog": lambda _: ErrorDialog(ERROR, report="a report"),
    "ExportDialog": lambda folder: ExportDialog(folder / "log.sqlite", 3, "a film", preferences_in(folder)),
    "FirstRunDialog": lambda _: FirstRunDialog(),
    "HelpDialog": lambda _: HelpDialog(),
    "KeysDialog": lambda _: KeysDialog([("File", [("Open film or picture", "Ctrl+O")]), ("View", [("Fill", "Ctrl+2")])]),
    "SessionsDialog": lambda folder: SessionsDialog(folder / "log.sqlite", lambda _id, _name: None, lambda _error: None),
    "SettingsDialog": lambda folder: SettingsDialog(SettingsStore.open(folder / "settings.toml", ["age.engine=cpu"])),
    "SplitDialog": lambda _: SplitDialog(PERSON),
    "StreamDialog": lambda _: StreamDialog(),
}


@pytest.fixture
def large_text(qapp: QApplication, theme: Theme) -> Iterator[None]:  # noqa: ARG001 (its style sheet is part of the look)
    before = qapp.font()
    large = qapp.font()
    large.setPointSizeF(before.pointSizeF() * LARGE)
    qapp.setFont(large)
    yield
    qapp.setFont(before)


def settle() -> None:
    """Carries out what is pending, also what follows from it: a text that has just changed may not have its room yet."""
    QApplication.processEvents()
    QApplication.sendPostedEvents()


def dialog_classes() -> set[str]:
    """Every dialog of our own."""
    modules = [importlib.import_module(f"ui.{module.name}") for module in pkgutil.iter_modules(ui.__path__)]
    return {
        name
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, QDialog) and value.__module__.startswith("ui.")
    }


def test_no_dialog_is_forgotten() -> None:
    assert dialog_classes() == set(DIALOGS)


@pytest.mark.parametrize("name", DIALOGS)
@pytest.mark.usefixtures("large_text")
def test_a_dialog_can_be_read_and_used_without_a_mouse(qtbot: QtBot, tmp_path: Path, name: str) -> None:
    dialog = DIALOGS[name](tmp_path)
    qtbot.addWidget(dialog, before_close_func=lambda widget: widget.close())
    dialog.show()
    qtbot.waitExposed(dialog)
    settle()
    assert nameless(dialog) == []
    assert unreachable(dialog) == []
    assert cut_off(dialog) == []
    assert dialog.windowTitle()


@pytest.mark.usefixtures("large_text")
def test_all_pages_of_the_settings_can_be_read(qtbot: QtBot, tmp_path: Path) -> None:
    dialog = SettingsDialog(SettingsStore.open(tmp_path / "settings.toml"))
    qtbot.addWidget(dialog)
    dialog.show()
    for number in range(dialog.sections.count()):
        dialog.sections.setCurrentRow(number)
        settle()
        assert cut_off(dialog) == []
        assert nameless(dialog) == []


@pytest.mark.usefixtures("large_text")
@pytest.mark.parametrize("playing", [False, True])
def test_the_window_can_be_read_and_used_without_a_mouse(qtbot: QtBot, make_window: MakeWindow, playing: bool) -> None:
    window = make_window()
    window.resize(*SMALL_WINDOW_PX)
    if playing:
        window.actions_.demo.trigger()
        qtbot.waitUntil(lambda: window.panel.table.model().rowCount() == 2, timeout=60_000)
    settle()
    assert nameless(window) == []
    assert unreachable(window) == []
    assert cut_off(window) == []


def test_what_is_wrong_is_found(qtbot: QtBot) -> None:
    """The eyes of these tests."""
    dialog = QDialog()
    qtbot.addWidget(dialog)
    button = QPushButton("A text that needs its room", dialog)
    button.setFixedWidth(20)
    field = QLineEdit(dialog)
    field.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    field.move(0, 40)
    label = QLabel("Several words that wrap to several lines", dialog)
    label.setWordWrap(True)
    label.setGeometry(0, 80, 60, 15)
    far = QLabel("far", dialog)
    far.setGeometry(500, 0, 50, 30)
    dialog.resize(300, 200)
    dialog.show()
    assert len(nameless(dialog)) == 1
    assert "QLineEdit" in nameless(dialog)[0]
    assert len(unreachable(dialog)) == 1
    assert [text.split()[0] for text in cut_off(dialog)] == ["QPushButton", "QLabel", "QLabel"]
