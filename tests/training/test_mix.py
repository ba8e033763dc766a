"""Several sets as one: rows, held-back lists, corrected labels, and who is drawn how often."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import SettingsError, SourceError
from training.crops import STORED_PX
from training.mix import Mix, corrected, draw, load_mix, sampling_weights, split_rows
from training.train import parse, train

HEADER = "name,age,male,found,low,high"


def write_set(folder: Path, rows: list[str], header: str = HEADER) -> Path:
    folder.mkdir()
    pixels = np.zeros((len(rows), STORED_PX, STORED_PX, 3), np.uint8)
    pixels += np.arange(len(rows), dtype=np.uint8)[:, None, None, None] + 10 * len(rows)
    np.save(folder / "crops.npy", pixels)
    (folder / "index.csv").write_text("\n".join([header, *rows, ""]))
    return folder


@pytest.fixture
def mix(tmp_path: Path) -> Mix:
    old = write_set(tmp_path / "old", ["a.jpg,20,1,1", "b.jpg,30,0,1"], "name,age,male,found")
    new = write_set(tmp_path / "new", ["c.jpg,24.5,,1,20,29", "d.jpg,95.0,1,1,70,120", "e.jpg,8,0,1,8,8"])
    return load_mix([old, new])


def test_rows_of_all_sets_in_order_and_old_indexes_have_exact_ages(mix: Mix) -> None:
    assert mix.titles == ("old", "new")
    assert mix.names.tolist() == ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"]
    assert mix.part.tolist() == [0, 0, 1, 1, 1]
    assert [int(mix.pixels(row)[0, 0, 0]) for row in range(5)] == [20, 21, 30, 31, 32]
    assert mix.low.tolist() == [20, 30, 20, 70, 8]
    assert mix.high.tolist() == [20, 30, 29, 120, 8]
    assert np.isnan(mix.male).tolist() == [False, False, True, False, False]


def test_names_in_two_sets_are_refused(tmp_path: Path) -> None:
    folders = [write_set(tmp_path / name, ["a.jpg,20,1,1,20,20"]) for name in ("one", "two")]
    with pytest.raises(SourceError, match=r"1 names are twice in the crops, a\.jpg for one"):
        load_mix(folders)


def test_lists_of_several_sets_are_held_back_together(mix: Mix, tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_text("b.jpg\n")
    (tmp_path / "2.txt").write_text("c.jpg\ne.jpg\n")
    train_rows, val_rows = split_rows(mix, [tmp_path / "1.txt", tmp_path / "2.txt"])
    assert (train_rows.tolist(), val_rows.tolist()) == ([0, 3], [1, 2, 4])


def test_corrections_reach_the_given_rows_only(mix: Mix, tmp_path: Path) -> None:
    path = tmp_path / "corrections.csv"
    path.write_text("name,age\na.jpg,26.50\nb.jpg,60\nunknown.jpg,3\n")
    new = corrected(mix, path, np.array([0, 2]))
    assert new.age.tolist() == [26.5, 30, 24.5, 95, 8]
    assert (new.low[0], new.high[0]) == (26.5, 26.5)
    assert mix.age[0] == 20
    path.write_text("name;age\n")
    assert corrected(mix, path, np.array([0])).age.tolist() == mix.age.tolist()
    path.write_text("name,age\na.jpg,x\n")
    with pytest.raises(SourceError, match=r"the corrections .* cannot be read"):
        corrected(mix, path, np.array([0]))


def test_rare_ages_are_seen_more_often_up_to_the_cap(tmp_path: Path) -> None:
    ages = [30] * 900 + [50] * 100 + [75] * 9
    rows = [f"{i}.jpg,{age},1,1,{age},{age}" for i, age in enumerate(ages)]
    folder = tmp_path / "many"
    folder.mkdir()
    np.lib.format.open_memmap(folder / "crops.npy", mode="w+", dtype=np.uint8, shape=(len(rows), STORED_PX, STORED_PX, 3))
    (folder / "index.csv").write_text("\n".join([HEADER, *rows, ""]))
    mix = load_mix([folder])
    every = np.arange(len(mix))
    weights = sampling_weights(mix, every, (1.0,), cap=5)
    assert weights[0] == pytest.approx(1)
    assert weights[950] == pytest.approx(3, rel=0.01)  # a ninth of the density: three times as often
    assert weights[-1] == 5
    assert (sampling_weights(mix, every, (1.0,), cap=1) == 1).all()


def test_sets_and_open_ranges_have_weights(mix: Mix) -> None:
    rows = np.arange(5)
    assert sampling_weights(mix, rows, (2.0, 0.5), cap=1).tolist() == [2, 2, 0.5, 0.5, 0.5]
    weights = sampling_weights(mix, rows, (1.0, 1.0), cap=100)
    assert np.isfinite(weights).all()
    assert weights[3] > weights[0]  # spread over fifteen years, beside ages that are close together


def test_equal_weights_draw_every_row_once() -> None:
    rows = np.arange(100, 1100)
    drawn = draw(rows, np.full(1000, 0.7), np.random.default_rng(0))
    assert sorted(drawn.tolist()) == rows.tolist()
    assert drawn.tolist() != rows.tolist()


def test_rows_are_drawn_as_often_as_they_weigh() -> None:
    rows, weights = np.arange(1000), np.repeat([1.0, 3.0], 500)
    drawn = draw(rows, weights, np.random.default_rng(1))
    times = np.bincount(drawn, minlength=1000)
    assert len(drawn) == 1000
    assert times[:500].sum() == pytest.approx(250, abs=1)
    assert set(times[500:].tolist()) == {1, 2}


def test_a_weight_for_every_set(mix: Mix, tmp_path: Path) -> None:
    folders = [str(tmp_path / name) for name in mix.titles]
    options = parse(["--crops", *folders, "--val-list", "none", "--out", str(tmp_path), "--weights", "1", "2", "3"])
    with pytest.raises(SettingsError, match="3 weights were given for 2 sets"):
        train(options, threading.Event())
