"""Exporting from the window: what is chosen is written, progress can be seen, and breaking off leaves nothing half-written."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox
from pytestqt.qtbot import QtBot

from pipeline.exporting import Written
from pipeline.progress import Watch
from pipeline.store import SessionLog
from tests.pipeline.session_scenes import record, record_pictures
from ui.background import BackgroundJob
from ui.export_dialog import ExportDialog, file_name, written_text

WAIT_MS = 60_000


@pytest.fixture
def log_path(tmp_path: Path) -> Path:
    path = tmp_path / "log.sqlite"
    with SessionLog.open(path) as log:
        record(log)
        record_pictures(log)
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def dialog(qtbot: QtBot, log_path: Path, preferences: QSettings, out: Path) -> Iterator[ExportDialog]:
    preferences.setValue("folder", str(out))
    dialog = ExportDialog(log_path, 1, "visits.mp4", preferences)
    qtbot.addWidget(dialog)
    dialog.show()
    yield dialog
    assert dialog.close_job(20.0)


def choose(dialog: ExportDialog, *kinds: str) -> None:
    for name, box in dialog.boxes.items():
        box.setChecked(name in kinds)


def test_everything_that_is_chosen_is_written(qtbot: QtBot, dialog: ExportDialog, out: Path) -> None:
    choose(dialog, *dialog.boxes)
    with qtbot.waitSignal(dialog.exported, timeout=WAIT_MS) as exported:
        dialog.export.click()
    names = ["csv", "persons.csv", "jsonl", "persons.jsonl", "srt", "ass", "html"]
    assert sorted(path.name for path in out.iterdir()) == sorted(f"visits-ages.{name}" for name in names)
    assert exported.args is not None
    assert written_text(exported.args[0]) == (
        f"Exported visits-ages.csv, visits-ages.jsonl, visits-ages.srt, visits-ages.ass, visits-ages.html to {out}"
    )
    assert dialog.message.text().startswith("Written:")
    assert dialog.export.isEnabled()
    assert not dialog.bar.isVisible()


def test_the_choice_is_remembered_and_replacing_is_told(qtbot: QtBot, dialog: ExportDialog, preferences: QSettings) -> None:
    choose(dialog, "srt")
    with qtbot.waitSignal(dialog.exported, timeout=WAIT_MS):
        dialog.export.click()
    again = ExportDialog(dialog._log_path, 1, "visits.mp4", preferences)
    qtbot.addWidget(again)
    again.show()
    assert [name for name, box in again.boxes.items() if box.isChecked()] == ["srt"]
    assert again.message.text() == "Will be replaced: visits-ages.srt"
    choose(again)
    assert not again.export.isEnabled()
    choose(again, "csv")
    again.name.setText("  ")
    assert not again.export.isEnabled()


def test_what_cannot_be_is_one_error(qtbot: QtBot, log_path: Path, preferences: QSettings, out: Path) -> None:
    preferences.setValue("folder", str(out))
    dialog = ExportDialog(log_path, 2, "holiday", preferences)
    qtbot.addWidget(dialog)
    choose(dialog, "srt")
    with qtbot.waitSignal(dialog.failed, timeout=WAIT_MS) as failed:
        dialog.start()
    assert failed.args is not None
    assert "pictures only" in str(failed.args[0])
    assert list(out.iterdir()) == []
    assert dialog.export.isEnabled()


class Held:
    """Work that goes on until it is broken off, and writes aside like every export."""

    def __init__(self, folder: Path) -> None:
        self.began = threading.Event()
        self._folder = folder

    def __call__(self, watch: Watch) -> list[Written]:
        part = self._folder / ".part"
        part.write_text("half")
        try:
            share = 0.0
            while True:
                share = min(0.9, share + 0.001)
                watch(share)
                self.began.set()
        finally:
            part.unlink()


@pytest.fixture
def held(dialog: ExportDialog, out: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot) -> Held:
    """The dialog in the middle of long work."""
    held = Held(out)
    monkeypatch.setattr("ui.export_dialog._export", lambda _path, _session, _targets, watch: held(watch))
    choose(dialog, "csv")
    dialog.start()
    qtbot.waitUntil(lambda: held.began.is_set() and dialog.bar.value() > 0, timeout=WAIT_MS)
    return held


def test_progress_is_seen_and_escape_breaks_off(qtbot: QtBot, dialog: ExportDialog, held: Held, out: Path) -> None:
    assert held.began.is_set()
    assert dialog.bar.isVisible()
    assert not any(box.isEnabled() for box in dialog.findChildren(QCheckBox))
    assert dialog.cancel.text() == "Break off"
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: dialog.message.text().startswith("Broken off"), timeout=WAIT_MS)
    assert dialog.isVisible()
    assert list(out.iterdir()) == []
    assert all(box.isEnabled() for box in dialog.findChildren(QCheckBox))


def test_closing_in_the_middle_breaks_off(qtbot: QtBot, dialog: ExportDialog, held: Held, out: Path) -> None:
    assert held.began.is_set()
    dialog.close()
    assert not dialog.isVisible()
    qtbot.waitUntil(lambda: not dialog.job.busy, timeout=WAIT_MS)
    assert list(out.iterdir()) == []


def test_the_program_ends_in_the_middle(dialog: ExportDialog, held: Held, out: Path) -> None:
    assert held.began.is_set()
    assert dialog.close_job(20.0)
    assert list(out.iterdir()) == []


def test_a_job_reports_does_and_can_be_started_again(qtbot: QtBot) -> None:
    shares: list[float] = []
    done: list[int] = []
    job: BackgroundJob[int] = BackgroundJob("job", done.append, lambda _: None, shares.append, lambda: done.append(-1))

    def work(watch: Watch) -> int:
        for step in range(100):
            watch(step / 100)
        return 7

    assert job.start(work)
    qtbot.waitUntil(lambda: done == [7], timeout=WAIT_MS)
    assert shares == sorted(shares)
    assert job.start(lambda _: 8)
    qtbot.waitUntil(lambda: done == [7, 8], timeout=WAIT_MS)
    assert job.close(20.0)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("crossing.mp4", "crossing-ages"),
        ("demo", "demo-ages"),
        ("rtsp://cam/1", "rtsp-cam-1-ages"),
        ("0", "0-ages"),
        ("…", "session-ages"),
    ],
)
def test_names_for_files(name: str, stem: str) -> None:
    assert file_name(name) == stem
