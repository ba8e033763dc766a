"""The timeline shows what it is given, can be used with mouse and keys, and costs little."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from pipeline.age_series import Curve
from ui.theme import Appearance, Theme
from ui.timeline import MOST_LANES, Timeline
from ui.timeline_items import Lane, age_counts

WAIT_MS = 60_000


def lane(person: int, spans: Sequence[tuple[float, float]], years: float = 30.0, label: str = "") -> Lane:
    time_s = np.concatenate([np.arange(start, end, 0.2) for start, end in spans])
    flat = np.full(len(time_s), years)
    curve = Curve(time_s, flat, flat - 5, flat + 5)
    return Lane(person, label or str(person), QColor("red"), curve, tuple(spans), years)


@pytest.fixture
def timeline(qtbot: QtBot, theme: Theme) -> Timeline:
    theme.apply(Appearance.LIGHT)
    timeline = Timeline()
    qtbot.addWidget(timeline)
    timeline.resize(900, 260)
    timeline.show()
    qtbot.waitExposed(timeline)
    return timeline


TWO = [lane(1, [(0, 20), (40, 60)]), lane(2, [(10, 30)], 70.0, "Ada")]


def click(timeline: Timeline, person: int, time_s: float) -> None:
    x, y = timeline.lane_point(person, time_s)
    viewport = timeline.graphics.viewport()  # type: ignore[attr-defined]
    QTest.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=QPoint(round(x), round(y)))


def test_it_says_what_it_is_for_until_somebody_is_seen(timeline: Timeline) -> None:
    assert not timeline.graphics.isVisible()
    timeline.show_lanes(TWO, 5.0, 100.0)
    assert timeline.graphics.isVisible()
    assert timeline.shown_persons == [1, 2]
    assert timeline.shown_range == pytest.approx((0, 100))
    assert timeline.accessibleDescription() == "2 people, about 30 to 70 years old"
    timeline.clear()
    assert not timeline.graphics.isVisible()


def test_a_click_on_a_lane_chooses_and_seeks(timeline: Timeline, qtbot: QtBot) -> None:
    timeline.show_lanes(TWO, 5.0, 100.0)
    with qtbot.waitSignal(timeline.person_chosen, timeout=WAIT_MS) as chosen:
        click(timeline, 2, 25.0)
    assert chosen.args == [2]
    timeline.set_seekable(True)
    with qtbot.waitSignal(timeline.seek_requested, timeout=WAIT_MS) as sought:
        click(timeline, 1, 50.0)
    assert sought.args is not None
    assert sought.args[0] == pytest.approx(50.0, abs=0.3)


def test_a_camera_cannot_be_sought(timeline: Timeline, qtbot: QtBot) -> None:
    timeline.show_lanes(TWO, 5.0)
    with qtbot.assertNotEmitted(timeline.seek_requested), qtbot.waitSignal(timeline.person_chosen, timeout=WAIT_MS):
        click(timeline, 1, 8.0)


def test_zoom_move_and_back_with_keys(timeline: Timeline) -> None:
    timeline.show_lanes(TWO, 50.0, 100.0)
    timeline.setFocus()
    QTest.keyClick(timeline, Qt.Key.Key_Plus)
    start, end = timeline.shown_range
    assert end - start == pytest.approx(60, abs=0.5)
    assert start < 50 < end
    QTest.keyClick(timeline, Qt.Key.Key_Right)
    assert timeline.shown_range[0] > start
    # New figures do not take the chosen view away.
    view = timeline.shown_range
    timeline.show_lanes(TWO, 51.0, 100.0)
    assert timeline.shown_range == pytest.approx(view)
    QTest.keyClick(timeline, Qt.Key.Key_0)
    assert timeline.shown_range == pytest.approx((0, 100))
    for _ in range(20):
        QTest.keyClick(timeline, Qt.Key.Key_Minus)
    assert timeline.shown_range == pytest.approx((0, 100))


def test_the_wheel_zooms_about_the_mouse(timeline: Timeline, qtbot: QtBot) -> None:
    timeline.show_lanes(TWO, 50.0, 100.0)
    box = timeline._age_plot.getViewBox()
    box.scaleBy((0.5, 1))
    box.sigRangeChangedManually.emit(box.state["mouseEnabled"])
    qtbot.waitUntil(lambda: timeline.shown_range[1] - timeline.shown_range[0] < 60, timeout=WAIT_MS)
    timeline.show_lanes(TWO, 51.0, 100.0)
    assert timeline.shown_range[1] - timeline.shown_range[0] < 60


def test_it_grows_with_a_session_that_has_no_end(timeline: Timeline) -> None:
    timeline.show_lanes([lane(1, [(0, 5)])], 5.0)
    assert timeline.shown_range == pytest.approx((0, 10))
    timeline.show_lanes([lane(1, [(0, 500)])], 500.0)
    assert timeline.shown_range == pytest.approx((0, 500))


def test_of_a_crowd_those_longest_in_sight_are_drawn(timeline: Timeline) -> None:
    crowd = [lane(person, [(person, person + 1 + person / 10)]) for person in range(1, 101)]
    timeline.show_lanes(crowd, None, 200.0)
    assert timeline.shown_persons == list(range(61, 101))
    assert len(timeline.shown_persons) == MOST_LANES
    timeline.set_selected(3)
    assert 3 in timeline.shown_persons
    timeline._show_range(0, 5)
    assert timeline.shown_persons == [1, 2, 3, 4, 5]


def test_hidden_it_does_nothing_and_shown_again_it_is_up_to_date(timeline: Timeline) -> None:
    timeline.hide()
    timeline.show_lanes(TWO, 5.0, 100.0)
    assert timeline.shown_persons == []
    timeline.show()
    assert timeline.shown_persons == [1, 2]


def colors(timeline: Timeline) -> set[str]:
    image = timeline.graphics.grab().toImage()
    return {image.pixelColor(x, 3).name() for x in range(0, image.width(), 7)}


def test_it_is_dark_in_the_dark(timeline: Timeline, theme: Theme) -> None:
    timeline.show_lanes(TWO, 5.0, 100.0)
    for appearance in (Appearance.LIGHT, Appearance.DARK):
        theme.apply(appearance)
        QApplication.processEvents()
        base = timeline.palette().color(QPalette.ColorRole.Base).name()
        assert base in colors(timeline)
    theme.apply(Appearance.SYSTEM)


def test_everything_has_a_name(timeline: Timeline) -> None:
    assert timeline.accessibleName() == "Timeline"
    assert {button.accessibleName() for button in timeline.findChildren(QPushButton)} == {
        "Zoom in",
        "Zoom out",
        "Show all of the session",
    }


def test_ages_are_counted_in_fives() -> None:
    counts = age_counts([0, 4.9, 5, 34, 36, 100, 130])
    assert counts[[0, 1, 6, 7, 20]].tolist() == [2, 1, 1, 1, 2]
    assert counts.sum() == 7


def test_hours_of_a_crowd_cost_little(timeline: Timeline) -> None:
    rng = np.random.default_rng(3)
    crowd = []
    for person in range(1, 61):
        starts = np.sort(rng.uniform(0, 7200, 40))
        crowd.append(lane(person, [(float(start), float(start) + 30) for start in starts], float(person)))
    timeline.show_lanes(crowd, 0.0, 7200.0)
    timeline.graphics.grab()
    spent_s = []
    for step in range(5):
        began = time.thread_time()
        timeline.show_lanes(crowd, float(step), 7200.0)
        timeline.graphics.grab()
        spent_s.append(time.thread_time() - began)
    # About 0.02 s each on one core of a usual machine.
    assert median(spent_s) < 0.3
