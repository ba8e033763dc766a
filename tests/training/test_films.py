"""Films made of one photograph, and the schedule and filter that watch them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.quality import assess
from pipeline.types import AGE_BINS, Float32Array, UInt8Array
from training.crops import STORED_PX
from training.films import Shot, film, style_of
from training.fit_intervals import People, fit, holds
from training.watch import FilmSpec, Outputs, Still, Watcher, watch


def portrait() -> UInt8Array:
    """Something with eyes, a mouth and texture."""
    rng = np.random.default_rng(0)
    picture = cv2.GaussianBlur(rng.normal(150, 50, (STORED_PX, STORED_PX, 3)).astype(np.float32), (0, 0), 1.5)
    for x, y in ((76, 78), (132, 78), (104, 112), (80, 138), (128, 138)):
        cv2.circle(picture, (x, y), 8, (40, 30, 30), -1)
    return np.clip(picture, 0, 255).astype(np.uint8)


def test_the_same_name_and_seed_give_the_same_film_and_others_another() -> None:
    one, again, other = (list(film(portrait(), name, 1, 5, 1)) for name in ("a.jpg", "a.jpg", "b.jpg"))
    assert all(np.array_equal(a.image, b.image) for a, b in zip(one, again, strict=True))
    assert any(a.image.shape != b.image.shape or not np.array_equal(a.image, b.image) for a, b in zip(one, other, strict=True))
    assert style_of("a.jpg", 1, 1.0) != style_of("a.jpg", 2, 1.0)


def test_a_moment_looks_the_same_at_every_rate() -> None:
    slow, fast = list(film(portrait(), "a.jpg", 1, 5, 1)), list(film(portrait(), "a.jpg", 1, 25, 1))
    for i, shot in enumerate(slow):
        assert np.array_equal(shot.image, fast[5 * i].image)
        assert shot.detection.box == fast[5 * i].detection.box


@pytest.mark.parametrize("name", ["a.jpg", "b.jpg", "c.jpg", "d.jpg"])
def test_faces_are_where_the_detection_says(name: str) -> None:
    for shot in film(portrait(), name, 3, 5, 2):
        height, width = shot.image.shape[:2]
        assert np.all(shot.detection.landmarks > 0)
        assert np.all(shot.detection.landmarks < [width, height])
        assert 0 <= assess(shot.image, shot.detection).value <= 1
        assert 15 < shot.detection.box.width < 320


class Model:
    """Says of each film's person what the name says; counts what it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def ask(self, shots: list[Shot]) -> list[Float32Array]:
        self.asked += len(shots)
        return [_peak(30.0) for _ in shots]


def _peak(years: float) -> Float32Array:
    weights = np.exp(-((np.arange(AGE_BINS) - years) ** 2) / 50)
    return np.asarray(weights / weights.sum(), np.float32)


def test_outputs_are_asked_for_once_and_kept(tmp_path: Path) -> None:
    outputs = Outputs.__new__(Outputs)
    outputs._folder = tmp_path / "outputs"
    model = Model()
    outputs.ask = model.ask  # type: ignore[method-assign, assignment]
    stills, spec = [Still(f"{name}.jpg", 30.0, portrait()) for name in "abc"], FilmSpec(1, 5.0, 3.0)
    first = watch(stills, spec, outputs)
    asked = model.asked
    assert asked == sum(map(len, first)) > 6
    second = watch(stills, spec, outputs)
    assert model.asked == asked
    assert [step.belief.years for step in second[0]] == pytest.approx([step.belief.years for step in first[0]], abs=0.01)
    assert first[0][-1].belief.years == pytest.approx(30, abs=0.5)
    assert first[0][-1].face_px > 10


def test_a_watcher_asks_for_few_pictures() -> None:
    watcher, asked = Watcher(), 0
    for shot in film(portrait(), "a.jpg", 1, 25, 6):
        quality = assess(shot.image, shot.detection)
        if watcher.wants(quality, shot.time_s):
            watcher.see(_peak(30), quality, shot)
            asked += 1
    assert 3 <= asked <= 20


def people(n: int, seed: int) -> People:
    """Whose intervals are far too narrow where faces are small and ages high, and too wide for children."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, 85, n)
    face_px = np.exp(rng.uniform(np.log(25), np.log(160), n))
    spread = (1 + 0.12 * truth) * np.where(face_px < 50, 1.6, 1.0)
    years = np.clip(truth + rng.normal(0, spread), 0, 100)
    return People(truth, years, np.maximum(0, years - 9), np.minimum(100, years + 9), face_px)


def test_fitted_intervals_hold_on_other_people_of_every_age_and_size() -> None:
    table, others = fit(people(2500, 0)), people(4000, 1)
    held = holds(others, table)
    assert 0.88 < held.mean() < 0.94
    assert holds(others, None).mean() < 0.88
    for decade in range(8):
        assert held[(others.truth // 10) == decade].mean() > 0.85
    for small in (True, False):
        assert 0.86 < held[(others.face_px < 50) == small].mean() < 0.96
    assert table.stretched(5, 0, 14, 100)[1] < 10 < table.stretched(75, 66, 84, 100)[1] - 75 + 5
