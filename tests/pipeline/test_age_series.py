"""Curves keep their shape and their bound over hours, and can be put together."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.age_series import AgeSeries, pieces


def test_points_come_back_in_order_whatever_order_they_came_in() -> None:
    series: AgeSeries[int] = AgeSeries()
    for time_s in (4.0, 1.0, 3.0, 2.0):
        series.add(1, time_s, 30 + time_s, 20, 40)
    assert series.curve(1).time_s.tolist() == [1, 2, 3, 4]
    assert series.curve(1).years.tolist() == [31, 32, 33, 34]
    assert len(series.curve(7)) == 0


def test_the_newest_of_one_moment_counts() -> None:
    series: AgeSeries[int] = AgeSeries(step_s=1.0)
    series.add(1, 5.1, 30, 20, 40)
    series.add(1, 5.9, 33, 25, 41)
    assert series.curve(1).years.tolist() == [33]
    assert series.curve(1).time_s.tolist() == [5.9]


def test_hours_of_many_persons_stay_within_the_bound_and_keep_their_shape() -> None:
    series: AgeSeries[int] = AgeSeries(most_points=2000)
    for step in range(18_000):  # an hour at 5 Hz
        time_s = step / 5
        for person in range(4):
            series.add(person, time_s, 20 + 10 * person + time_s / 3600, 10, 90)
    assert len(series) <= 2000
    for person in range(4):
        curve = series.curve(person)
        assert len(curve) >= 200
        assert curve.time_s[0] < series.step_s
        assert curve.time_s[-1] == pytest.approx(3599.8)
        assert np.all(np.diff(curve.time_s) > 0)
        assert np.allclose(curve.years, 20 + 10 * person + curve.time_s / 3600)


def test_two_keys_can_be_one_person() -> None:
    series: AgeSeries[int] = AgeSeries()
    for time_s in (0.0, 1.0, 5.0):
        series.add(1, time_s, 30, 20, 40)
    for time_s in (2.0, 3.0, 6.0):
        series.add(2, time_s, 50, 45, 55)
    assert series.curve_of([1, 2]).time_s.tolist() == [0, 1, 2, 3, 5, 6]
    assert series.curve_of([1, 2]).years.tolist() == [30, 30, 50, 50, 30, 50]


def test_a_curve_breaks_where_the_person_was_away() -> None:
    series: AgeSeries[int] = AgeSeries()
    for time_s in (0.0, 0.5, 1.0, 9.0, 9.5):
        series.add(1, time_s, 30, 20, 40)
    assert [piece.time_s.tolist() for piece in pieces(series.curve(1), 1.0)] == [[0, 0.5, 1], [9, 9.5]]
    assert list(pieces(series.curve(2), 1.0)) == []
