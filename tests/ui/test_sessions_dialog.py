"""The browser of recorded sessions, on a real log, while another session is recorded into it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from pipeline.edits import Edit, Merge, Rename, add_edit, edits_of
from pipeline.errors import LogError
from pipeline.history import SessionHistory
from pipeline.observations import persons
from pipeline.progress import Watch
from pipeline.sessions import list_sessions
from pipeline.store import PlannedInput, SessionLog
from tests.pipeline.log_scenes import PROVENANCE, face, info, result
from tests.pipeline.session_scenes import record, record_pictures
from ui import session_view
from ui.main_window import MainWindow
from ui.people_model import Column
from ui.session import State
from ui.sessions_dialog import SessionsDialog
from ui.sessions_model import SessionColumn

WAIT_MS = 60_000


@pytest.fixture
def log_path(tmp_path: Path) -> Path:
    path = tmp_path / "browsed.sqlite"
    with SessionLog.open(path) as log:
        record(log, name="morning.mp4")
        record(log, name="evening.mp4")
        record_pictures(log)
        add_edit(log, 2, Rename(2, "Ada"))
    return path


@pytest.fixture
def errors() -> list[Exception]:
    return []


@pytest.fixture
def exported() -> list[tuple[int, str]]:
    return []


@pytest.fixture
def dialog(qtbot: QtBot, log_path: Path, errors: list[Exception], exported: list[tuple[int, str]]) -> Iterator[SessionsDialog]:
    dialog = SessionsDialog(log_path, lambda session, name: exported.append((session, name)), errors.append)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: not dialog.busy and dialog.view.history is not None, timeout=WAIT_MS)
    yield dialog
    assert dialog.close_jobs(20.0)


def listed(dialog: SessionsDialog) -> list[str]:
    model = dialog.table.model()
    return [model.index(row, SessionColumn.SOURCE).data() for row in range(model.rowCount())]


def open_session(qtbot: QtBot, dialog: SessionsDialog, session: int) -> None:
    assert dialog.select(session)
    qtbot.waitUntil(lambda: shown(dialog) == session and not dialog.busy, timeout=WAIT_MS)


def shown(dialog: SessionsDialog) -> int | None:
    history = dialog.view.history
    return None if history is None else history.session.id


def people(dialog: SessionsDialog, column: Column = Column.PERSON) -> list[str]:
    model = dialog.view.panel.table.model()
    return [model.index(row, column).data() for row in range(model.rowCount())]


def test_the_newest_is_above_and_open(dialog: SessionsDialog) -> None:
    assert listed(dialog) == ["holiday", "evening.mp4", "morning.mp4"]
    assert shown(dialog) == 3
    assert dialog.count.text() == "3 sessions"
    # A folder of pictures has no time.
    assert not dialog.view.timeline.isVisible()
    assert people(dialog, Column.FIRST_SEEN) == ["picture0.jpg", "picture1.jpg", "picture2.jpg"]


def test_search_finds_sources_names_and_numbers(dialog: SessionsDialog) -> None:
    for text, found in (("evening", ["evening.mp4"]), ("ada", ["evening.mp4"]), ("MP4 complete", 2), ("nowhere", [])):
        dialog.search.setText(text)
        assert listed(dialog) == found if isinstance(found, list) else len(listed(dialog)) == found
    assert dialog.count.text() == "0 of 3 sessions"
    dialog.search.clear()
    assert len(listed(dialog)) == 3


def test_a_session_is_shown_as_it_is_in_the_log(qtbot: QtBot, dialog: SessionsDialog, log_path: Path) -> None:
    open_session(qtbot, dialog, 2)
    with SessionLog.open(log_path) as log:
        table = persons(log, [2])
    assert people(dialog) == ["1", "Ada", "3"] == [p.name or str(p.person) for p in table]
    assert people(dialog, Column.AGE) == ["36 (30–42)", "8 (2–14)", "–"]
    assert people(dialog, Column.CALLS) == ["375", "75", "0"]
    assert dialog.view.timeline.isVisible()
    assert dialog.view.timeline.shown_persons == [1, 2, 3]
    assert dialog.view.timeline.shown_range == pytest.approx((0, 20))


def test_persons_of_the_past_can_be_corrected_and_corrections_taken_back(
    qtbot: QtBot, dialog: SessionsDialog, log_path: Path
) -> None:
    open_session(qtbot, dialog, 2)
    with qtbot.waitSignal(dialog.edited, timeout=WAIT_MS) as edited:
        dialog.view.rename(1, "Grace")
    assert edited.args == [2, [Rename(2, "Ada"), Rename(1, "Grace")]]
    qtbot.waitUntil(lambda: people(dialog) == ["Grace", "Ada", "3"] and not dialog.busy, timeout=WAIT_MS)
    dialog.view.panel.table.selectAll()
    dialog.view.actions_.merge.trigger()
    qtbot.waitUntil(lambda: people(dialog) == ["Grace"] and not dialog.busy, timeout=WAIT_MS)
    for left in (["Grace", "Ada", "3"], ["1", "Ada", "3"], ["1", "2", "3"]):
        dialog.view.actions_.undo.trigger()
        qtbot.waitUntil(lambda left=left: people(dialog) == left and not dialog.busy, timeout=WAIT_MS)  # type: ignore[misc]
    assert not dialog.view.actions_.undo.isEnabled()
    with SessionLog.open(log_path) as log:
        assert edits_of(log, 2) == []


def test_an_edit_that_is_written_while_the_session_is_read_shows_too(
    qtbot: QtBot, dialog: SessionsDialog, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_session(qtbot, dialog, 2)
    was_read, go_on = threading.Event(), threading.Event()

    def read_slowly(path: Path, session: int, watch: Watch) -> SessionHistory:
        history = read(path, session, watch)
        was_read.set()
        assert go_on.wait(WAIT_MS / 1000)
        return history

    read = session_view._read
    monkeypatch.setattr(session_view, "_read", read_slowly)
    announced: list[list[Edit]] = []
    dialog.edited.connect(lambda _session, edits: announced.append(edits))
    dialog.view.rename(1, "Grace")
    qtbot.waitUntil(was_read.is_set, timeout=WAIT_MS)
    dialog.view.rename(2, "Bea")
    qtbot.waitUntil(lambda: not dialog.view._edit_log.busy, timeout=WAIT_MS)
    go_on.set()
    qtbot.waitUntil(lambda: people(dialog) == ["Grace", "Bea", "3"] and not dialog.busy, timeout=WAIT_MS)
    assert announced == [[Rename(2, "Ada"), Rename(1, "Grace"), Rename(2, "Bea")]]


def test_a_deleted_session_is_gone_for_good(qtbot: QtBot, dialog: SessionsDialog, log_path: Path) -> None:
    open_session(qtbot, dialog, 2)
    dialog.delete_button.click()
    box = dialog.findChild(QMessageBox)
    assert box is not None
    assert "session 2 (evening.mp4" in box.text()
    # Enter does what is harmless.
    QTest.keyClick(box, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dialog.findChild(QMessageBox) is None, timeout=WAIT_MS)
    assert len(listed(dialog)) == 3
    dialog.delete_button.click()
    box = dialog.findChild(QMessageBox)
    assert box is not None
    delete = next(button for button in box.findChildren(QPushButton) if "Delete" in button.text())
    with qtbot.waitSignal(dialog.deleted, timeout=WAIT_MS) as deleted:
        delete.click()
    assert deleted.args == [[2]]
    qtbot.waitUntil(lambda: listed(dialog) == ["holiday", "morning.mp4"], timeout=WAIT_MS)
    qtbot.waitUntil(lambda: not dialog.busy, timeout=WAIT_MS)
    with SessionLog.open(log_path) as log:
        assert [session.id for session in list_sessions(log)] == [1, 3]
        with pytest.raises(LogError):
            persons(log, [2])
    db = sqlite3.connect(log_path)
    assert db.execute("SELECT count(*) FROM person_edits").fetchone() == (0,)
    db.close()
    assert b"evening.mp4" not in log_path.read_bytes()


def test_what_is_being_recorded_is_shown_and_cannot_be_deleted(qtbot: QtBot, dialog: SessionsDialog, log_path: Path) -> None:
    with SessionLog.open(log_path) as log, log.begin("window", [PlannedInput("camera", None)], PROVENANCE) as session:
        sink = session.begin_input(0, info("camera", live=True))
        sink.write(result(0, [face(1)], source="camera"))
        sink.flush()
        dialog.reload()
        qtbot.waitUntil(lambda: listed(dialog)[0] == "camera", timeout=WAIT_MS)
        open_session(qtbot, dialog, session.id)
        assert people(dialog) == ["1"]
        assert not dialog.delete_button.isEnabled()
        dialog.view.rename(1, "Grace")
        qtbot.waitUntil(lambda: people(dialog) == ["Grace"] and not dialog.busy, timeout=WAIT_MS)
        # The list follows the recording by itself.
        sink.write(result(1, [face(1), face(2)], source="camera"))
        sink.flush()
        qtbot.waitUntil(lambda: people(dialog) == ["Grace", "2"], timeout=WAIT_MS)
        session.end_input(0, "finished")


def test_choosing_another_session_while_one_is_read(qtbot: QtBot, dialog: SessionsDialog) -> None:
    for session in (1, 2, 3, 2, 1):
        dialog.select(session)
    qtbot.waitUntil(lambda: shown(dialog) == 1 and not dialog.busy, timeout=WAIT_MS)
    dialog.table.selectAll()
    assert shown(dialog) is None
    assert not dialog.export_button.isEnabled()
    assert dialog.delete_button.isEnabled()


def test_export_is_asked_for(qtbot: QtBot, dialog: SessionsDialog, exported: list[tuple[int, str]]) -> None:
    open_session(qtbot, dialog, 1)
    dialog.export_button.click()
    assert exported == [(1, "morning.mp4")]


def test_a_log_that_cannot_be_read_is_one_error(
    qtbot: QtBot, dialog: SessionsDialog, log_path: Path, errors: list[Exception]
) -> None:
    for path in log_path.parent.glob("browsed.sqlite*"):
        path.unlink()
    log_path.write_text("no log at all, but long enough to be taken for one" * 10)
    dialog.reload()
    qtbot.waitUntil(lambda: len(errors) > 0, timeout=WAIT_MS)
    assert isinstance(errors[0], LogError)


def test_from_the_window_while_it_plays(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    window.open_source("demo")
    qtbot.waitUntil(lambda: len(window.people.rows) == 2, timeout=WAIT_MS)
    window.sessions.action.trigger()
    dialog = window.findChild(SessionsDialog)
    assert dialog is not None
    qtbot.waitUntil(lambda: people(dialog) == ["1", "2"], timeout=WAIT_MS)
    # An edit there shows in the window, and the other way round.
    dialog.view.rename(2, "Ada")
    qtbot.waitUntil(lambda: [row.label for row in window.people.rows] == ["1", "Ada"], timeout=WAIT_MS)
    assert window.people.actions.undo.isEnabled()
    window.panel.table.selectAll()
    window.people.actions.merge.trigger()
    qtbot.waitUntil(lambda: people(dialog) == ["Ada"], timeout=WAIT_MS)
    with SessionLog.open(tmp_path / "log.sqlite") as log:
        assert edits_of(log, 1) == [Rename(2, "Ada"), Merge(1, 2)]
    assert window.session.state is State.RUNNING
