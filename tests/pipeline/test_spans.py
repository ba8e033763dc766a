"""Stretches of time grow together exactly where they touch, in whatever order they come."""

from __future__ import annotations

import itertools
import random

import pytest

from pipeline.spans import Spans


def test_a_short_absence_is_none_and_a_long_one_is() -> None:
    spans = Spans(1.0)
    for time_s in (0.0, 0.5, 1.5, 2.6, 3.0):
        spans.add(time_s)
    assert list(spans) == [(0.0, 1.5), (2.6, 3.0)]
    assert spans.total_s == pytest.approx(1.9)


def test_order_does_not_matter() -> None:
    rng = random.Random(4)
    for _ in range(200):
        stretches = [(start, start + rng.uniform(0, 3)) for start in (rng.uniform(0, 40) for _ in range(12))]
        in_order = list(Spans(1.0, sorted(stretches)))
        rng.shuffle(stretches)
        assert list(Spans(1.0, stretches)) == in_order
        for (_, end), (start, _) in itertools.pairwise(in_order):
            assert start - end > 1.0


def test_going_back_in_a_film_adds_nothing_twice() -> None:
    spans = Spans(1.0, [(0, 10), (20, 30)])
    spans.add(5.0)
    spans.add(25.0, 28.0)
    assert list(spans) == [(0, 10), (20, 30)]
    spans.add(12.0, 14.0)
    assert list(spans) == [(0, 10), (12, 14), (20, 30)]
    spans.add(13.5, 19.5)
    assert list(spans) == [(0, 10), (12, 30)]


def test_a_longer_patience_joins_what_was_apart() -> None:
    spans = Spans(1.0, [(0, 1), (3, 4), (9, 10)])
    spans.widen(2.0)
    assert list(spans) == [(0, 4), (9, 10)]
