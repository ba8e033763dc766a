"""The list keeps up, can be sorted, and does not lose the selection while it does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median

import pytest
from PySide6.QtCore import QAbstractItemModel, QModelIndex, Qt
from PySide6.QtGui import QColor, QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from pipeline.clock import clock_text
from pipeline.labels import age_text
from pipeline.roster import PersonRow, TrackRow
from pipeline.types import AgeBelief
from ui.people_model import Column, PeopleModel
from ui.people_panel import PeoplePanel

Modifier = Qt.KeyboardModifier


def row(person: int, years: float, first_s: float = 0.0, last_s: float = 0.0, settled: bool = True) -> PersonRow:
    return person_row(person, first_s, last_s, AgeBelief(years, years - 5, years + 5, 4.0, settled))


def person_row(
    person: int, first_s: float, last_s: float, belief: AgeBelief | None, *, picture: str | None = None, name: str = ""
) -> PersonRow:
    track = TrackRow(person, person, ((first_s, last_s),), 10, 3, belief, picture=picture)
    return PersonRow(person, name, (track,), track.spans, last_s - first_s, 10, 3, belief, picture)


@pytest.fixture
def model(qapp: QApplication) -> Iterator[PeopleModel]:
    model = PeopleModel(lambda _person, belief: age_text(belief), lambda _person: QColor("red"))
    assert qapp is not None
    # Qt's own checks of row numbers, parents and signals; a breach is a failure.
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    yield model
    del tester


@pytest.fixture
def panel(model: PeopleModel, qtbot: QtBot) -> PeoplePanel:
    panel = PeoplePanel(model)
    qtbot.addWidget(panel)
    panel.show()
    return panel


def column(model: QAbstractItemModel | None, number: Column) -> list[str]:
    assert model is not None
    return [model.index(line, number, QModelIndex()).data() for line in range(model.rowCount())]


def test_rows_say_who_how_old_and_when(model: PeopleModel) -> None:
    model.update_people([row(1, 34, 0.0, 7.44), row(2, 8, 1.0, 2.0, settled=False)], now_s=7.5)
    assert column(model, Column.PERSON) == ["1", "2"]
    assert column(model, Column.AGE) == ["34 (29–39)", "estimating…"]
    assert column(model, Column.FIRST_SEEN) == ["0:00.0", "0:01.0"]
    assert column(model, Column.LAST_SEEN) == ["0:07.4", "0:02.0"]
    assert column(model, Column.IN_VIEW) == ["●", ""]


def test_somebody_who_leaves_is_marked_without_news_of_them(model: PeopleModel, qtbot: QtBot) -> None:
    model.update_people([row(1, 34, 0.0, 1.0)], now_s=1.0)
    with qtbot.waitSignal(model.dataChanged):
        model.update_people([], now_s=3.0)
    assert column(model, Column.IN_VIEW) == [""]


def test_sorting_by_age_is_by_number_and_follows_changes(model: PeopleModel, panel: PeoplePanel) -> None:
    model.update_people([row(1, 34), row(2, 8), row(3, 101)], now_s=0)
    panel.table.sortByColumn(Column.AGE, Qt.SortOrder.AscendingOrder)
    assert column(panel.table.model(), Column.PERSON) == ["2", "1", "3"]
    model.update_people([row(2, 60)], now_s=0)
    assert column(panel.table.model(), Column.PERSON) == ["1", "2", "3"]


def test_the_selection_stays_with_its_person(model: PeopleModel, panel: PeoplePanel, qtbot: QtBot) -> None:
    model.update_people([row(1, 34), row(2, 8)], now_s=0)
    panel.table.sortByColumn(Column.AGE, Qt.SortOrder.AscendingOrder)
    with qtbot.waitSignal(panel.person_selected) as selected:
        panel.select(1)
    assert selected.args == [1]
    model.update_people([row(1, 3), row(3, 50)], now_s=0)
    (index,) = panel.table.selectionModel().selectedRows()
    assert index.data() == "1"
    with qtbot.waitSignal(panel.person_selected) as selected:
        panel.select(None)
    assert selected.args == [-1]


NOTHING, SHIFT, CONTROL = Modifier.NoModifier, Modifier.ShiftModifier, Modifier.ControlModifier


@pytest.mark.parametrize("held", [NOTHING, SHIFT, CONTROL, SHIFT | CONTROL])
def test_whoever_the_program_chooses_is_chosen_alone_whatever_keys_are_down(
    model: PeopleModel, panel: PeoplePanel, held: Modifier
) -> None:
    model.update_people([row(1, 34), row(2, 8), row(3, 50)], now_s=0)
    QTest.keyPress(panel, Qt.Key.Key_Shift, held)
    assert QGuiApplication.keyboardModifiers() == held
    for person in (2, 3, 1, 1):
        panel.select(person)
        assert panel.selected() == [person]
        panel.edit_name()
        assert panel.table.findChild(QLineEdit) is not None
        assert panel.selected() == [person]
        panel.table.closePersistentEditor(panel.table.currentIndex())
    panel.select(None)
    assert panel.selected() == []


def test_the_user_chooses_several_from_whoever_is_chosen(model: PeopleModel, panel: PeoplePanel) -> None:
    model.update_people([row(person, 30) for person in range(1, 6)], now_s=0)

    def click(person: int, modifier: Modifier) -> None:
        place = panel.table.visualRect(panel.table.model().index(person - 1, Column.AGE)).center()
        QTest.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, modifier, place)

    click(5, NOTHING)
    panel.select(2)
    click(4, SHIFT)
    assert panel.selected() == [2, 3, 4]
    click(3, CONTROL)
    assert panel.selected() == [2, 4]
    QTest.keyClick(panel.table, Qt.Key.Key_Down, SHIFT)
    assert len(panel.selected()) > 1
    click(1, NOTHING)
    assert panel.selected() == [1]


def test_another_run_begins_with_an_empty_list(model: PeopleModel, panel: PeoplePanel) -> None:
    model.update_people([row(1, 34)], now_s=0)
    assert panel.table.isVisible()
    model.clear()
    assert model.rowCount() == 0
    assert not panel.table.isVisible()
    model.update_people([row(1, 70)], now_s=0)
    assert column(model, Column.AGE) == ["70 (65–75)"]


def test_persons_of_pictures_have_a_picture_instead_of_times(model: PeopleModel, panel: PeoplePanel) -> None:
    model.update_people([person_row(1, 0, 0, None, picture="party.jpg")], now_s=0)
    assert panel.table.isColumnHidden(Column.LAST_SEEN)
    assert model.headerData(Column.FIRST_SEEN, Qt.Orientation.Horizontal) == "Picture"
    assert column(model, Column.FIRST_SEEN) == ["party.jpg"]
    model.clear()
    model.update_people([row(1, 34)], now_s=0)
    assert not panel.table.isColumnHidden(Column.LAST_SEEN)
    assert model.headerData(Column.FIRST_SEEN, Qt.Orientation.Horizontal) == "First"


def test_thousands_of_persons_cost_little(qtbot: QtBot) -> None:
    # Without Qt's tester, which looks at every row after every change.
    model = PeopleModel(lambda _person, belief: age_text(belief), lambda _person: QColor("red"))
    panel = PeoplePanel(model)
    qtbot.addWidget(panel)
    panel.show()
    model.update_people([row(person, 30) for person in range(1, 5001)], now_s=0)
    model.update_people([row(5001, 30, 99, 99)], now_s=99)
    spent_s = []
    for step in range(5):
        began = time.thread_time()
        model.update_people([row(5001, 31, 99, 100 + step)], now_s=100 + step)
        spent_s.append(time.thread_time() - began)
    # The median: what else this process or its neighbours do now and then is not the list's.
    assert median(spent_s) < 0.05


@pytest.mark.parametrize(
    ("time_s", "text"), [(0, "0:00.0"), (7.44, "0:07.4"), (59.96, "1:00.0"), (751, "12:31.0"), (3723.5, "1:02:03.5")]
)
def test_times_read_as_on_a_clock(time_s: float, text: str) -> None:
    assert clock_text(time_s) == text
