"""From the real analysis of the demo to list, timeline, browser and files: everywhere the same persons."""

from __future__ import annotations

import csv
import sqlite3
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
from pipeline.types import AgeBelief
from tests.model_double import write_models
from ui.main_window import MainWindow, Services
from ui.people_model import Column
from ui.session import State
from ui.theme import Theme

WAIT_MS = 60_000
ENOUGH_S = 3.5
"""By then both persons of the demo have come into sight."""

BY_PERSON = """
    SELECT person, min(media_time_s), max(media_time_s), count(*), count(raw_age)
    FROM observations GROUP BY person ORDER BY min(media_time_s), person
"""


@pytest.fixture
def played(qtbot: QtBot, theme: Theme, preferences: QSettings, tmp_path: Path) -> Iterator[MainWindow]:
    """A window that has played the beginning of the demo; the age network is a small double."""
    settings = Settings()
    models = write_models(tmp_path / "models")
    services = Services(
        open_source=partial(open_source, settings=settings.source),
        open_analyzer=partial(open_analyzer, settings, models),
        list_cameras=list,
        log_path=tmp_path / "log.sqlite",
        app_version="0.0-test",
    )
    window = MainWindow(services, SettingsStore(tmp_path / "settings.toml", settings), preferences, theme)
    qtbot.addWidget(window)
    window.show()
    window.open_source("demo")
    qtbot.waitUntil(lambda: window.session.progress.time_s > ENOUGH_S and len(window.people.rows) >= 2, timeout=WAIT_MS)
    window.session.stop()
    qtbot.waitUntil(lambda: window.session.state is State.FINISHED, timeout=WAIT_MS)
    yield window
    window.close()
    assert window.clean_exit


def settled(qtbot: QtBot, window: MainWindow) -> None:
    """The log has all edits, and the list its last word on ages."""
    people = window.people
    qtbot.waitUntil(lambda: not people._edit_log.busy and not people._reading.busy, timeout=WAIT_MS)


def test_list_log_and_files_agree(qtbot: QtBot, played: MainWindow, tmp_path: Path) -> None:
    settled(qtbot, played)
    with closing(sqlite3.connect(tmp_path / "log.sqlite")) as db:
        in_log = db.execute(BY_PERSON).fetchall()
    rows = played.people.rows
    assert [(row.person, row.first_s, row.last_s, row.frames, row.calls) for row in rows] == in_log

    first, second = rows[0].person, rows[1].person
    played.people.rename(first, "Eileen")
    played.panel.table.selectAll()
    played.people.merge_chosen()
    settled(qtbot, played)
    (row,) = played.people.rows
    assert (row.label, row.frames) == ("Eileen", sum(frames for *_, frames, _ in in_log))
    assert row.calls == sum(calls for *_, calls in in_log)
    assert played.people.timeline.shown_persons == [row.person]
    assert second not in [row.person for row in played.people.rows]

    out = tmp_path / "out"
    out.mkdir()
    dialog = played.exporting.open(1, "demo")
    dialog.folder.setText(str(out))
    for box in dialog.boxes.values():
        box.setChecked(True)
    with qtbot.waitSignal(dialog.exported, timeout=WAIT_MS):
        dialog.start()
    with (out / "demo-ages.persons.csv").open(newline="") as file:
        (written,) = csv.DictReader(file)
    assert (written["name"], written["frames"]) == ("Eileen", str(row.frames))
    assert float(written["dwell_s"]) == pytest.approx(row.dwell_s, abs=1e-3)
    assert row.belief is not None
    assert float(written["age"]) == pytest.approx(row.belief.years, abs=0.01)
    for suffix in ("srt", "ass", "html"):
        assert "Eileen" in (out / f"demo-ages.{suffix}").read_text(encoding="utf-8")


def test_in_the_end_ages_are_the_logs_last_word(qtbot: QtBot, played: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    settled(qtbot, played)
    person = played.people.rows[0].person
    last_word = {person: AgeBelief(71, 65, 78, 0.0, settled=True)}
    monkeypatch.setattr("ui.people._final_ages", lambda _path, session: (session, last_word))
    played.people.rename(person, "Grace")
    model = played.panel.table.model()
    qtbot.waitUntil(lambda: model.index(0, Column.AGE).data() == "71 (65–78)", timeout=WAIT_MS)
    played.people.undo()
    settled(qtbot, played)
    assert model.index(0, Column.AGE).data() == "71 (65–78)"
