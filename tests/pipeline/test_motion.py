"""The motion of one face against the truth."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.motion import SMALLEST_PX, Motion
from pipeline.types import Box


def box(x: float, y: float, width: float = 80.0, height: float = 100.0) -> Box:
    return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)


@pytest.mark.parametrize("fps", [10, 60])
def test_speed_is_learnt_in_seconds(fps: int) -> None:
    motion = Motion(box(0, 50), 0.0)
    for i in range(1, 2 * fps):
        motion.predict(i / fps)
        motion.correct(box(100 * i / fps, 50))
    ahead = motion.box_at((2 * fps - 1) / fps + 0.2).center[0] - motion.box.center[0]
    assert ahead == pytest.approx(20, abs=3)


def test_noise_is_smoothed() -> None:
    rng = np.random.default_rng(0)
    motion, errors = Motion(box(0, 0), 0.0), []
    for i in range(1, 200):
        motion.predict(i / 30)
        errors.append(motion.box.center[0] - 100 * i / 30)
        motion.correct(box(100 * i / 30 + rng.normal(0, 3), 0))
    assert np.std(errors[50:]) < 5


def test_the_filter_knows_how_sure_it_is() -> None:
    """Errors of prediction, in face sizes, lie within two standard deviations as often as they should."""
    rng = np.random.default_rng(1)
    motion, within = Motion(box(0, 0), 0.0), []
    place, speed = 0.0, 0.0
    for i in range(1, 2000):
        speed += 80 * rng.normal(0, 3) * np.sqrt(1 / 30)
        speed *= 0.97
        place += speed / 30
        seen = place + rng.normal(0, 0.04 * 80)
        motion.predict(i / 30)
        within.append(abs(seen - motion.box.center[0]) < 2 * motion.sigma * 80)
        motion.correct(box(seen, 0))
    assert 0.93 < np.mean(within) <= 1


def test_a_hidden_face_slows_down_and_keeps_its_size() -> None:
    motion = Motion(box(0, 0), 0.0)
    for i in range(1, 30):
        motion.predict(i / 30)
        motion.correct(box(200 * i / 30, 0, 80 + 40 * i / 30))
    one, two, ten = (motion.box_at(1 + seconds) for seconds in (1, 2, 10))
    assert one.center[0] < two.center[0] < 200 + 210
    assert ten.width < 1.4 * motion.box.width


def test_a_shrinking_face_does_not_vanish() -> None:
    motion = Motion(box(0, 0), 0.0)
    for i in range(1, 10):
        motion.predict(i / 30)
        motion.correct(box(0, 0, 80 - 8 * i, 100 - 10 * i))
    assert motion.box_at(5.0).width >= SMALLEST_PX


def test_time_that_stands_still_moves_nothing() -> None:
    motion = Motion(box(10, 10), 1.0)
    before = motion.sigma
    motion.predict(1.0)
    motion.predict(0.5)
    assert motion.box == box(10, 10)
    assert motion.sigma == before
