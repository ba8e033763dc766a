"""Correcting who is who, in the window, as a person does it: list, picture, timeline and log agree at every moment."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu
from pytestqt.qtbot import QtBot

from pipeline.edits import Exempt, Hide, Merge, Rename, edits_of
from pipeline.observations import persons
from pipeline.store import SessionLog
from tests.ui.doubles import AGES
from ui.main_window import MainWindow
from ui.people_model import Column
from ui.session import State
from ui.split_dialog import SplitDialog

WAIT_MS = 60_000


@pytest.fixture
def playing(qtbot: QtBot, window: MainWindow) -> MainWindow:
    """The demo runs, and both persons have an age."""
    window.open_source("demo")
    qtbot.waitUntil(lambda: ages(window) == ["34 (28–41)", "9 (3–16)"], timeout=WAIT_MS)
    return window


def column(window: MainWindow, number: Column) -> list[str]:
    model = window.panel.table.model()
    return [model.index(row, number).data() for row in range(model.rowCount())]


def ages(window: MainWindow) -> list[str]:
    return column(window, Column.AGE)


def names(window: MainWindow) -> list[str]:
    return column(window, Column.PERSON)


def choose(window: MainWindow, *people: int) -> None:
    window.panel.table.clearSelection()
    selection = window.panel.table.selectionModel()
    for person in people:
        window.panel.table.selectionModel().select(
            window.panel.table.model().index(row_of(window, person), 0),
            selection.SelectionFlag.Select | selection.SelectionFlag.Rows,
        )


def row_of(window: MainWindow, person: int) -> int:
    label = next(row.label for row in window.people.rows if row.person == person)
    return names(window).index(label)


def in_log(qtbot: QtBot, window: MainWindow, condition: Callable[[SessionLog, int], bool]) -> None:
    session = window.session.log_session
    assert session is not None

    def holds() -> bool:
        with SessionLog.open(window.services.log_path) as log:
            return condition(log, session)

    qtbot.waitUntil(holds, timeout=WAIT_MS)


def shown_persons(window: MainWindow) -> list[int]:
    result = window.view.result
    return [] if result is None else sorted(face.person for face in result.faces)


def test_every_column_says_what_it_should(playing: MainWindow, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: all(text not in ("", "0.0 s") for text in column(playing, Column.DWELL)), timeout=WAIT_MS)
    assert names(playing) == ["1", "2"]
    assert column(playing, Column.IN_VIEW) == ["●", "●"]
    assert column(playing, Column.FIRST_SEEN) == ["0:00.0", "0:00.0"]
    assert all(int(text) > 0 for text in column(playing, Column.CALLS))


def test_a_name_is_typed_into_the_row_and_is_everywhere(playing: MainWindow, qtbot: QtBot) -> None:
    playing.people.select(2)
    playing.people.actions.rename.trigger()
    editor = playing.panel.table.findChild(QLineEdit)
    assert editor is not None
    # News of the person must not take away what is being typed.
    QTest.keyClicks(editor, "Ada Love")
    seen = column(playing, Column.CALLS)[1]
    qtbot.waitUntil(lambda: column(playing, Column.CALLS)[1] != seen, timeout=WAIT_MS)
    assert editor.text() == "Ada Love"
    QTest.keyClicks(editor, "lace")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: names(playing) == ["1", "Ada Lovelace"], timeout=WAIT_MS)
    in_log(qtbot, playing, lambda log, session: edits_of(log, session) == [Rename(2, "Ada Lovelace")])
    result = playing.view.result
    assert result is not None
    texts = [playing.labelling.face_text(face) for face in result.faces]
    assert any(text.startswith("Ada Lovelace 9") for text in texts)
    qtbot.waitUntil(lambda: "Ada Lovelace" in [lane.label for lane in playing.people.timeline._shown], timeout=WAIT_MS)


def test_two_become_one_and_two_again(playing: MainWindow, qtbot: QtBot) -> None:
    choose(playing, 1, 2)
    assert playing.people.actions.merge.isEnabled()
    playing.people.actions.merge.trigger()
    assert names(playing) == ["1"]
    qtbot.waitUntil(lambda: shown_persons(playing) == [1, 1], timeout=WAIT_MS)
    in_log(qtbot, playing, lambda log, session: edits_of(log, session) == [Merge(2, 1)])
    assert playing.people.timeline.shown_persons == [1]
    playing.people.actions.undo.trigger()
    assert names(playing) == ["1", "2"]
    qtbot.waitUntil(lambda: shown_persons(playing) == [1, 2], timeout=WAIT_MS)
    in_log(qtbot, playing, lambda log, session: not edits_of(log, session))
    assert not playing.people.actions.undo.isEnabled()


def test_somebody_hidden_is_nowhere_and_can_come_back(playing: MainWindow, qtbot: QtBot) -> None:
    playing.people.select(2)
    playing.panel.table.setFocus()
    QTest.keyClick(playing.panel.table, Qt.Key.Key_Delete)
    assert names(playing) == ["1"]
    qtbot.waitUntil(lambda: shown_persons(playing) == [1], timeout=WAIT_MS)
    in_log(qtbot, playing, lambda log, session: edits_of(log, session) == [Hide(2)])
    menu = next(menu for menu in playing.people.actions.menu.findChildren(QMenu) if "dden" in menu.title())
    menu.aboutToShow.emit()
    (again,) = menu.actions()
    assert again.text() == "Show person 2 again"
    again.trigger()
    assert sorted(names(playing)) == ["1", "2"]


def test_a_track_is_split_off(playing: MainWindow) -> None:
    choose(playing, 1, 2)
    playing.people.actions.merge.trigger()
    playing.people.select(1)
    assert playing.people.actions.split.isEnabled()
    playing.people.actions.split.trigger()
    dialog = playing.findChild(SplitDialog)
    assert dialog is not None
    assert dialog.list.count() == 2
    ok = dialog._buttons.buttons()[0]
    assert not ok.isEnabled()
    dialog.list.item(1).setCheckState(Qt.CheckState.Checked)
    assert ok.isEnabled()
    ok.click()
    assert names(playing) == ["1", "track 2"]
    assert playing.people.actions.undo.text() == "&Undo: split 1"
    playing.people.actions.undo.trigger()
    assert names(playing) == ["1"]


def test_the_list_in_the_end_is_the_logs(playing: MainWindow, qtbot: QtBot) -> None:
    playing.people.rename(1, "Grace")
    playing.session.stop()
    qtbot.waitUntil(lambda: playing.session.state is State.FINISHED, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: not playing.people._edit_log.busy, timeout=WAIT_MS)
    session = playing.session.log_session
    assert session is not None
    with SessionLog.open(playing.services.log_path) as log:
        table = persons(log, [session])
    shown = playing.people.rows
    assert [(row.person, row.name or None, row.frames) for row in shown] == [(p.person, p.name, p.frames) for p in table]
    assert [row.dwell_s for row in shown] == pytest.approx([p.dwell_s for p in table])
    assert [row.first_s for row in shown] == [p.first_seen_s for p in table]


def test_whoever_is_exempt_says_so(playing: MainWindow, qtbot: QtBot) -> None:
    playing.people.select(1)
    with qtbot.waitSignal(playing.people.exempt_changed, timeout=WAIT_MS):
        playing.people.actions.exempt.trigger()
    assert playing.people.exempt == {1}
    assert names(playing)[0] == "1 · not blurred"
    playing.people.actions.exempt.trigger()
    assert playing.people.exempt == frozenset()
    playing.people.undo()
    assert playing.people.exempt == {1}
    assert playing.session.wishes.blur.who.exempt == {1}
    assert names(playing)[0] == "1 · not blurred"
    session = playing.session.log_session
    assert session is not None
    playing.close()
    with SessionLog.open(playing.services.log_path) as log:
        assert edits_of(log, session) == [Exempt(1)]


def test_edits_just_before_closing_are_kept(playing: MainWindow) -> None:
    session = playing.session.log_session
    assert session is not None
    for number in range(5):
        playing.people.rename(1, f"name {number}")
    playing.close()
    assert playing.clean_exit
    with SessionLog.open(playing.services.log_path) as log:
        assert edits_of(log, session)[-1] == Rename(1, "name 4")


def test_another_run_begins_without_edits(playing: MainWindow, qtbot: QtBot) -> None:
    playing.people.rename(1, "Grace")
    playing.open_source("short")
    qtbot.waitUntil(lambda: playing.session.state is State.FINISHED and playing.session.spec == "short", timeout=WAIT_MS)
    assert names(playing) == ["1", "2"]
    assert not playing.people.actions.undo.isEnabled()


def test_people_of_the_timeline_and_a_lane_that_is_clicked(playing: MainWindow, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: playing.people.timeline.shown_persons == list(AGES), timeout=WAIT_MS)
    assert playing.people.timeline.marker_s is not None
    playing.people.timeline.person_chosen.emit(2)
    assert playing.view.selected == 2
    assert [row.person for row in playing.people.chosen()] == [2]


def test_the_menu_offers_what_makes_sense(playing: MainWindow) -> None:
    actions = playing.people.actions
    playing.panel.table.clearSelection()
    offered = [actions.rename, actions.merge, actions.split, actions.hide, actions.exempt]
    assert not any(action.isEnabled() for action in offered)
    choose(playing, 1)
    assert [action.isEnabled() for action in offered] == [True, False, False, True, True]
    choose(playing, 1, 2)
    assert [action.isEnabled() for action in offered] == [False, True, False, True, True]
    assert set(offered) <= set(playing.menus.people.actions())
    assert QApplication.focusWidget() is None or playing.isVisible()
