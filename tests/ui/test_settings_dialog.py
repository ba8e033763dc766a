"""The settings dialog: every setting is there, can be found, checked, reset and saved."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialogButtonBox, QPushButton
from pytestqt.qtbot import QtBot

from pipeline.options import options
from pipeline.settings import Settings
from pipeline.settings_file import SettingsStore, read_settings
from ui.settings_dialog import SettingsDialog


@pytest.fixture
def store(tmp_path: Path) -> SettingsStore:
    return SettingsStore.open(tmp_path / "settings.toml")


@pytest.fixture
def dialog(qtbot: QtBot, store: SettingsStore) -> SettingsDialog:
    return make_dialog(qtbot, store)


def make_dialog(qtbot: QtBot, store: SettingsStore) -> SettingsDialog:
    dialog = SettingsDialog(store)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


def save_button(dialog: SettingsDialog) -> QPushButton:
    return dialog.buttons.button(QDialogButtonBox.StandardButton.Save)


def shown(dialog: SettingsDialog) -> set[str]:
    return {name for name, row in dialog.rows.items() if row.isVisible()}


def choose_section(dialog: SettingsDialog, title: str) -> None:
    (item,) = dialog.sections.findItems(title, Qt.MatchFlag.MatchExactly)
    dialog.sections.setCurrentItem(item)


def test_every_setting_is_on_one_page(dialog: SettingsDialog) -> None:
    seen: list[str] = []
    for number in range(dialog.sections.count()):
        dialog.sections.setCurrentRow(number)
        seen += shown(dialog)
    assert sorted(seen) == sorted(option.name for option in options())
    assert not save_button(dialog).isEnabled(), "nothing was changed"


def test_every_row_says_what_it_is_about(dialog: SettingsDialog) -> None:
    for option in options():
        row = dialog.rows[option.name]
        assert row.title.text() == option.title
        assert row.editor.accessibleName() == option.title
        assert row.value == option.value


def test_the_search_looks_at_all_sections(dialog: SettingsDialog) -> None:
    QTest.keyClicks(dialog.search, "engine cache")
    assert shown(dialog) == {"age.engine_cache_mb"}
    dialog.search.setText("no such words")
    assert shown(dialog) == set()
    choose_section(dialog, "Display")
    assert dialog.search.text() == ""
    assert "view.show_gender" in shown(dialog)


def test_a_change_is_saved_and_announced(qtbot: QtBot, dialog: SettingsDialog, store: SettingsStore) -> None:
    choose_section(dialog, "Finding faces")
    editor = dialog.rows["detector.smallest_face_px"].editor
    editor.setFocus()
    QTest.keyClick(editor, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(editor, "75")
    dialog.rows["age.engine"].set_value("cpu")
    with qtbot.waitSignal(dialog.saved) as saved:
        QTest.mouseClick(save_button(dialog), Qt.MouseButton.LeftButton)
    (settings,) = saved.args
    assert settings is store.current
    assert (settings.detector.smallest_face_px, settings.age.engine) == (75, "cpu")
    assert read_settings(store.path) == settings
    assert not dialog.isVisible()


def test_what_cannot_be_is_said_in_place(dialog: SettingsDialog, store: SettingsStore) -> None:
    choose_section(dialog, "Finding faces")
    row = dialog.rows["detector.smallest_face_px"]
    row.set_value(5)
    assert row.message.isVisible()
    assert "20 to 1000 px" in row.message.text()
    assert "Smallest face" in dialog.problem.text()
    assert not save_button(dialog).isEnabled()
    row.set_value(50)
    assert not row.message.isVisible()
    assert not dialog.problem.isVisible()
    assert save_button(dialog).isEnabled()
    assert not store.path.exists(), "only Save writes"


def test_each_setting_and_all_of_them_go_back_to_the_default(qtbot: QtBot, store: SettingsStore) -> None:
    store.change({"age.threads": 2, "tracker.keep_s": 3.5, "age.model": "other"})
    dialog = make_dialog(qtbot, store)
    row = dialog.rows["age.threads"]
    assert row.reset_button.isEnabled()
    row.reset_button.click()
    assert row.value == 0
    assert not row.reset_button.isEnabled()
    dialog.reset_all.click()
    assert not dialog.reset_all.isEnabled()
    assert dialog.changes() == {"age.threads": 0, "tracker.keep_s": 1.0, "age.model": ""}
    save_button(dialog).click()
    assert store.current == Settings()


def test_escape_changes_nothing(dialog: SettingsDialog, store: SettingsStore) -> None:
    dialog.rows["age.threads"].set_value(9)
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    assert store.current == Settings()
    assert not store.path.exists()


def test_a_file_that_cannot_be_written_is_said_and_nothing_entered_is_lost(qtbot: QtBot, tmp_path: Path) -> None:
    folder = tmp_path / "config"
    folder.write_text("a file where the folder should be", encoding="utf-8")
    store = SettingsStore(folder / "settings.toml", Settings())
    dialog = make_dialog(qtbot, store)
    dialog.rows["age.threads"].set_value(9)
    save_button(dialog).click()
    assert dialog.isVisible()
    assert str(folder) in dialog.problem.text()
    assert dialog.rows["age.threads"].value == 9
    folder.unlink()
    save_button(dialog).click()
    assert not dialog.isVisible()
    assert store.current.age.threads == 9
