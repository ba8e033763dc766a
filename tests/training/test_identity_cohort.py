"""The cohort is made of groups of people, shows none of them, and is what the program reads."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from engines.models import load_cohort
from pipeline.errors import SettingsError
from pipeline.types import Float32Array
from training.identity_cohort import FACES, LEAST_PEOPLE, NAME, draw, fit_cohort
from training.identity_groups import false_accepts, group_table
from training.identity_threshold import write
from training.mix import Mix

SIZE = 32


def people(count: int, seed: int, towards: int) -> Float32Array:
    drawn = np.random.default_rng(seed).normal(size=(count, SIZE)) / np.sqrt(SIZE)
    drawn[:, towards] += 1.5
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), np.float32)


def test_cohort_lies_where_people_are_and_is_none_of_them() -> None:
    faces = np.concatenate([people(300, 0, 0), people(300, 1, 1)])
    cohort = fit_cohort(faces, np.repeat([0, 1], 300), most_groups=2)
    assert cohort.faces.shape == (FACES, SIZE)
    assert np.linalg.norm(cohort.faces, axis=1) == pytest.approx(1, abs=1e-5)
    side = cohort.faces[:, 0] - cohort.faces[:, 1]
    assert 0.4 < (side > 0).mean() < 0.6, "both groups, equally many of each"
    cosines = cohort.faces @ cohort.place(faces).T
    assert cosines.max() < 0.95, "nobody who was there is in it"


def test_small_sets_weigh_as_much_as_large_ones() -> None:
    faces = np.concatenate([people(500, 0, 0), people(100, 1, 1)])
    centre = fit_cohort(faces, np.repeat([0, 1], [500, 100]), most_groups=2).centre
    assert centre[0] == pytest.approx(centre[1], abs=0.05)


def test_groups_of_few_people_are_left_out() -> None:
    with pytest.raises(SettingsError, match=f"{LEAST_PEOPLE} people"):
        fit_cohort(people(LEAST_PEOPLE - 1, 0, 0), np.zeros(LEAST_PEOPLE - 1, np.int64), most_groups=1)


def test_written_cohort_is_read_by_the_program(tmp_path: Path) -> None:
    (tmp_path / "models.toml").write_text('schema_version = 1\ndefault_cpu = ""\ndefault_gpu = ""\n[models]\n')
    cohort = fit_cohort(people(200, 0, 0), np.zeros(200, np.int64), most_groups=1)
    write(tmp_path, cohort, 0.1)
    read = load_cohort(NAME, tmp_path)
    assert read.centre == pytest.approx(cohort.centre, abs=1e-3)
    assert np.abs(read.faces - cohort.faces).max() < 1e-3


def test_equally_many_of_each_set_are_drawn() -> None:
    mix = cast(Mix, SimpleNamespace(part=np.repeat([0, 1, 2], [100, 30, 5]), sets=(None,) * 3))
    rows = draw(mix, np.arange(135), 60)
    assert np.bincount(mix.part[rows]).tolist() == [20, 20, 5]
    assert len(set(rows.tolist())) == len(rows)


def test_false_accepts_are_counted_within_a_group() -> None:
    alike = np.array([[1, 0.9, 0.9], [0.9, 1, 0.1], [0.9, 0.1, 1]])
    share, pairs = false_accepts(alike, np.array([True, True, True]), 0.5)
    assert share == pytest.approx(2 / 3)
    assert pairs == 3
    assert false_accepts(alike, np.array([False, True, True]), 0.5) == (0, 1)


def test_table_compares_methods_group_by_group() -> None:
    names = np.array([f"{age}_{i % 2}_{i % 5}_{i}.jpg" for i, age in enumerate((5, 20, 30, 40, 50, 60, 70, 80, 90, 10))])
    mix = SimpleNamespace(
        names=names,
        age=np.array([int(name.split("_")[0]) for name in names], np.float32),
        male=np.array([float(name.split("_")[1] == "0") for name in names], np.float32),
        part=np.zeros(10, np.int64),
        titles=("crops",),
    )
    alike = np.random.default_rng(0).random((10, 10))
    table = group_table(cast(Mix, mix), np.arange(10), {"cosine": alike, "cohort": alike / 2}, {"cosine": 0.5, "cohort": 0.25})
    rows = {line[:18].strip(): line[18:].split() for line in table.splitlines()}
    assert rows["all"][-1] == "45"
    assert rows["women"][-1] == "6"
    assert rows["under 18"] == [rows["under 18"][0]] * 2 + ["1"], "halved values and threshold: the same"
