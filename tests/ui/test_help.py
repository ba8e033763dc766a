"""Help, the notice for new users, and About."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton, QTextBrowser
from pytestqt.qtbot import QtBot

from ui.about import AboutDialog
from ui.components import DIRECT, components
from ui.help import MODEL_PAGE, PRIVACY_PAGE, FirstRunDialog, HelpDialog

ROOT = Path(__file__).resolve().parents[2]


def page(dialog: HelpDialog, index: int) -> QTextBrowser:
    found = dialog.pages.widget(index)
    assert isinstance(found, QTextBrowser)
    return found


def test_the_model_card_is_rendered(qtbot: QtBot) -> None:
    dialog = HelpDialog(MODEL_PAGE)
    qtbot.addWidget(dialog)
    assert dialog.pages.currentIndex() == MODEL_PAGE
    text = page(dialog, MODEL_PAGE).toPlainText()
    assert "Model card" in text
    assert "MAE" in text
    assert "|---" not in text, "tables are drawn"


def test_a_missing_card_is_said(qtbot: QtBot, tmp_path: Path) -> None:
    dialog = HelpDialog(model_card=tmp_path / "none.md")
    qtbot.addWidget(dialog)
    assert "did not come with" in page(dialog, MODEL_PAGE).toPlainText()


def test_the_help_says_what_the_numbers_mean_and_what_is_kept(qtbot: QtBot) -> None:
    dialog = HelpDialog()
    qtbot.addWidget(dialog)
    assert "90 % interval" in page(dialog, 0).toPlainText()
    assert "of age" in page(dialog, 0).toPlainText()
    assert "biometric" in page(dialog, PRIVACY_PAGE).toPlainText()
    assert not any(page(dialog, number).openLinks() for number in range(dialog.pages.count())), "no network, not even by a click"


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Escape])
def test_the_notice_says_both_and_a_key_closes_it(qtbot: QtBot, key: Qt.Key) -> None:
    dialog = FirstRunDialog()
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
    qtbot.addWidget(dialog)
    dialog.open()
    text = " ".join(label.text() for label in dialog.findChildren(QLabel))
    assert "stays on this computer" in text
    assert "Do not decide about anybody" in text
    (button,) = dialog.findChildren(QPushButton)
    QTest.keyClick(dialog if key is Qt.Key.Key_Escape else button, key)
    assert not dialog.isVisible()


def test_about_names_version_engine_privacy_and_licences(qtbot: QtBot) -> None:
    dialog = AboutDialog("1.2.3", "cpu int8: no GPU", "log.sqlite")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
    qtbot.addWidget(dialog)
    text = " ".join(label.text() for label in dialog.findChildren(QLabel))
    text += " ".join(page.toPlainText() for page in dialog.findChildren(QTextBrowser))
    for part in ("1.2.3", "no GPU", "stays on this computer", "log.sqlite", "MIT"):
        assert part in text
    qtbot.waitUntil(lambda: dialog.list.topLevelItemCount() > 10, timeout=60_000)
    rows = [dialog.list.topLevelItem(row) for row in range(dialog.list.topLevelItemCount())]
    assert [row.text(0) for row in rows if row is not None and not row.text(2)] == []
    dialog.close()


def test_everything_that_the_program_asks_for_is_among_the_components() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    asked = project["project"]["dependencies"] + project["dependency-groups"]["cpu"]
    asked += [name for extra in ("gpu", "cuda", "rtx") for name in extras[extra] if not name.startswith("onnx>")]
    names = {re.split(r"[><=\[]", text)[0] for text in asked}
    assert names == set(DIRECT)
    found = {component.name.lower().replace("_", "-"): component for component in components()}
    assert {"numpy", "pyside6-essentials", "shiboken6", "onnxruntime"} <= set(found)
    assert all(component.version and component.licence for component in found.values())
