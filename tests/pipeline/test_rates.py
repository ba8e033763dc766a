"""The same film at 10, 25 and 60 frames per second gives the same ages: schedule and filter on resampled tracks."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from pipeline.scheduling import Candidate, LookTimes, Scheduler
from pipeline.settings import AgeSettings, FilterSettings
from pipeline.smoothing import BayesianAgeFilter
from pipeline.types import AgeEstimate

AGES = np.arange(101)
RATES = (10, 25, 60)
ODD_RATES = (11.3, 24, 29.97)


def smooth_noise(seed: int, period_s: float) -> Callable[[float], float]:
    """A random path of about unit spread, defined at every time."""
    rng = np.random.default_rng(seed)
    waves = [(rng.uniform(0.5, 1.5) / period_s, rng.uniform(0, 2 * math.pi)) for _ in range(6)]
    return lambda time_s: sum(math.sin(2 * math.pi * rate * time_s + phase) for rate, phase in waves) / math.sqrt(3)


def watched(seed: int, fps: float, seconds: float) -> BayesianAgeFilter:
    """Schedule and filter on a person whose head turns, whose pictures change and whose estimates err along with them."""
    error, turn, light = smooth_noise(seed, 2.0), smooth_noise(seed + 100, 2.5), smooth_noise(seed + 200, 1.5)
    age, looks, scheduler = BayesianAgeFilter(FilterSettings()), LookTimes(), Scheduler(AgeSettings())
    last_s: float | None = None
    for i in range(round(fps * seconds)):
        time_s = i / fps
        pose = (25 * turn(time_s), 0.0)
        quality = min(1.0, max(0.1, 0.75 + 0.2 * light(time_s)))
        candidate = Candidate(
            quality=quality,
            evidence=looks.evidence,
            gain=looks.gain(quality, time_s),
            seen_s=time_s,
            estimated_s=None if last_s is None else time_s - last_s,
            usual=looks.usual(quality, time_s),
            on_grid=looks.is_open(time_s),
        )
        chosen = scheduler.choose([candidate], elapsed_s=1 / fps)
        looks.decided(time_s)
        if chosen:
            weights = np.exp(-((AGES - (40 + 3 * error(time_s))) ** 2) / (2 * 6.0**2))
            distribution = (weights / weights.sum()).astype(np.float32)
            looks.looked(quality, time_s)
            age.observe(AgeEstimate(distribution, float(distribution @ AGES)), quality, time_s, pose, 90.0)
            last_s = time_s
    return age


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("seconds", [5.0, 20.0])
def test_ages_do_not_depend_on_the_frame_rate(seed: int, seconds: float) -> None:
    beliefs = [watched(seed, fps, seconds).belief for fps in RATES + ODD_RATES]
    years = [belief.years for belief in beliefs if belief is not None]
    widths = [belief.high - belief.low for belief in beliefs if belief is not None]
    assert len(years) == len(RATES + ODD_RATES)
    assert np.ptp(years[: len(RATES)]) < 0.3
    assert np.ptp(widths[: len(RATES)]) < 0.3
    assert np.ptp(years) < 1.5  # frames of odd rates miss the grid by up to a frame: the pictures are others


def test_slots_are_the_same_for_every_rate() -> None:
    for fps in RATES + ODD_RATES:
        looks, opened = LookTimes(), []
        for i in range(int(10 * fps)):
            if looks.is_open(i / fps):
                opened.append(i / fps)
                looks.decided(i / fps)
        assert len(opened) == 50
        assert all(-1e-9 <= time_s - slot / 5 < 1 / fps for slot, time_s in enumerate(opened))
