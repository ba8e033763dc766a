"""Words beside an uncertain age."""

from __future__ import annotations

from pipeline.quality import Quality, QualityReason
from pipeline.reasons import HOLD_S, SteadyReason
from pipeline.types import AgeBelief

SMALL = Quality(0.3, QualityReason.SMALL)
SMALLISH = Quality(0.7, QualityReason.SMALL)
TURNED = Quality(0.2, QualityReason.TURNED)
GOOD = Quality(0.95, None)


def belief(settled: bool) -> AgeBelief:
    return AgeBelief(30.0, 20.0, 40.0, 5.0 if settled else 0.5, settled)


def test_a_poor_picture_is_named_at_once() -> None:
    assert SteadyReason().text(SMALL, None, 0.0) == "small face"
    assert SteadyReason().text(TURNED, belief(settled=True), 0.0) == "turned away"
    assert SteadyReason().text(GOOD, None, 0.0) is None


def test_a_fair_picture_needs_no_excuse_once_the_person_is_known() -> None:
    assert SteadyReason().text(SMALLISH, belief(settled=False), 0.0) == "small face"
    assert SteadyReason().text(SMALLISH, belief(settled=True), 0.0) is None


def test_words_do_not_flicker() -> None:
    """Every second frame is turned away: the word that was there stays."""
    reason = SteadyReason()
    shown = {reason.text(TURNED if i % 2 else SMALL, belief(settled=True), i / 25) for i in range(100)}
    assert shown == {"small face"}


def test_what_lasts_is_shown_and_goes() -> None:
    reason = SteadyReason()
    settled = belief(settled=True)
    assert reason.text(GOOD, settled, 0.0) is None
    assert reason.text(TURNED, settled, 1.0) is None
    assert reason.text(TURNED, settled, 1.0 + HOLD_S) == "turned away"
    assert reason.text(GOOD, settled, 3.0) == "turned away"
    assert reason.text(GOOD, settled, 3.0 + HOLD_S) is None
