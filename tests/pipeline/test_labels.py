"""Texts and colours of faces."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

from pipeline.labels import ESTIMATING, LabelHysteresis, age_text, color_bgr, color_rgb, gender_text, reason_text
from pipeline.quality import QualityReason
from pipeline.types import AgeBelief, Box, Detection, Face


def belief(years: float, half: float = 6.6, settled: bool = True) -> AgeBelief:
    return AgeBelief(years, years - half, years + half, 5.0, settled)


def test_age_and_interval() -> None:
    assert age_text(AgeBelief(34.2, 27.8, 41.3, 5.0, True)) == "34 (28–41)"


def test_estimating_until_settled() -> None:
    assert age_text(None) == ESTIMATING
    assert age_text(belief(30, settled=False)) == ESTIMATING
    assert LabelHysteresis().age_text(1, belief(30, settled=False)) == ESTIMATING


def test_the_number_lies_within_the_interval_whatever_the_rounding() -> None:
    assert age_text(AgeBelief(0.6, 0.51, 0.61, 5.0, True)) == "1 (1–1)"
    labels = LabelHysteresis()
    for years, half in ((30.0, 0.2), (30.6, 0.2), (31.2, 0.2), (29.0, 0.2)):
        shown = labels.shown(1, belief(years, half))
        assert shown.low <= shown.years <= shown.high


def test_a_mean_that_wobbles_around_a_half_does_not_flicker() -> None:
    rng = np.random.default_rng(0)
    labels = LabelHysteresis()
    texts = {labels.age_text(1, belief(34.5 + rng.uniform(-0.19, 0.19), 6.5 + rng.uniform(-0.5, 0.5))) for _ in range(200)}
    assert len(texts) == 1


def test_a_mean_that_moves_is_followed() -> None:
    labels = LabelHysteresis()
    assert labels.age_text(1, belief(30.0, half=2)).startswith("30 ")
    assert labels.age_text(1, belief(30.69, half=2)).startswith("30 ")
    assert labels.age_text(1, belief(30.71, half=2)).startswith("31 ")
    assert labels.age_text(1, belief(36.0, half=2)) == age_text(belief(36.0, half=2))


def test_the_less_is_known_the_less_a_small_move_means() -> None:
    labels = LabelHysteresis()
    assert labels.age_text(1, belief(30.0, half=12)) == "30 (18–42)"
    assert labels.age_text(1, belief(34.1, half=12)) == "30 (18–42)"
    assert labels.age_text(1, belief(34.4, half=12)) == "34 (22–46)"


def test_persons_do_not_mix_and_are_forgotten() -> None:
    labels = LabelHysteresis()
    labels.age_text(1, belief(30.0))
    labels.age_text(2, belief(50.0))
    assert labels.age_text(1, belief(31.4)).startswith("30 ")
    labels.keep_only({2})
    assert labels.age_text(1, belief(31.4)).startswith("31 ")
    assert labels.age_text(2, belief(51.4)).startswith("50 ")


@pytest.mark.parametrize(("male", "text"), [(None, ""), (0.5, ""), (0.65, ""), (0.8, "male"), (0.1, "female")])
def test_gender_only_where_the_model_is_sure(male: float | None, text: str) -> None:
    assert gender_text(male) == text


def test_gender_is_shown_only_when_asked_for() -> None:
    detection = Detection(Box(0, 0, 10, 10), 1.0, np.zeros((5, 2), np.float32))
    face = Face(1, 1, detection, 1.0, None, belief(30.0, 5.0), male=0.9)
    assert LabelHysteresis().text(face) == "30 (25–35)"
    assert LabelHysteresis().text(face, show_gender=True) == "30 (25–35) male"


def test_every_reason_has_a_text() -> None:
    texts = [reason_text(reason) for reason in QualityReason]
    assert all(texts)
    assert len(set(texts)) == len(texts)
    assert reason_text(None) == ""


def test_colours_are_stable_distinct_and_readable() -> None:
    assert color_rgb(7) == color_rgb(7)
    assert color_bgr(7) == color_rgb(7)[::-1]
    hues = [colorsys.rgb_to_hls(*(part / 255 for part in color_rgb(person)))[0] for person in range(1, 9)]
    gaps = np.diff(np.sort([*hues, min(hues) + 1]))
    assert gaps.min() > 0.05
    for person in range(1, 200):
        red, green, blue = color_rgb(person)
        brightness = 0.299 * red + 0.587 * green + 0.114 * blue
        assert 80 < brightness < 220
