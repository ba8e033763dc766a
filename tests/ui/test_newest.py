"""Nothing piles up between the analysis and the window, and nobody is forgotten."""

from __future__ import annotations

import threading

import pytest

from pipeline.types import FrameResult
from tests.ui.doubles import AnalyzerDouble, FilmDouble, StillsDouble
from ui.newest import Ledger, NewestResult, RateMeter


def results(seconds: float, keep: range | None = None) -> list[FrameResult]:
    analyzer = AnalyzerDouble()
    frames = list(FilmDouble(threading.Event(), seconds).frames())
    return [analyzer.process(frames[index]) for index in (keep or range(len(frames)))]


def test_the_reader_is_told_once_and_gets_the_newest() -> None:
    newest = NewestResult()
    first, second, third = results(0.12)
    assert newest.put(first)
    assert not newest.put(second)
    assert not newest.put(third)
    assert newest.take() is third
    assert newest.take() is None
    assert newest.put(first)


def test_rate_follows_a_change_within_its_window() -> None:
    meter = RateMeter()
    assert meter.rate(0.0) == 0
    for index in range(101):
        meter.count(index / 50)
    assert meter.rate(2.0) == pytest.approx(50, rel=0.02)
    for index in range(31):
        meter.count(2 + index / 10)
    assert meter.rate(5.0) == pytest.approx(10, rel=0.05)
    assert meter.rate(60.0) == 0


def test_persons_keep_their_first_time_and_their_last_belief() -> None:
    ledger = Ledger()
    for result in results(1.0):
        ledger.write(result)
    rows = ledger.take_changes().tracks
    assert [row.person for row in rows] == [1, 2]
    assert rows[0].first_s == 0
    assert rows[0].last_s == pytest.approx(0.96)
    assert rows[0].belief is not None
    assert rows[0].belief.settled
    assert ledger.take_changes().tracks == []


def test_gaps_in_the_numbers_are_dropped_frames() -> None:
    ledger = Ledger()
    for result in results(1.0, range(0, 25, 5)):
        ledger.write(result)
    assert ledger.progress.frames == 5
    assert ledger.progress.dropped == 16
    assert ledger.progress.faces == 2


def test_persons_of_pictures_carry_the_pictures_name() -> None:
    ledger, analyzer = Ledger(), AnalyzerDouble()
    for frame in StillsDouble().frames():
        ledger.write(analyzer.process(frame))
    assert [row.picture for row in ledger.take_changes().tracks] == [f"picture{index}.jpg" for index in (0, 0, 1, 1, 2, 2)]
