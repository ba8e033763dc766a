"""Several sets as one: rows, held-back lists, corrected labels, and who is drawn how often."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.errors import SettingsError, SourceError
from training.crops import STORED_PX
from training.duplicates import THUMBNAILS_FILE
from training.mix import Mix, corrected, draw, load_mix, sampling_weights, split_rows
from training.options import parse
from training.train import train

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


def test_copies_of_validation_pictures_are_left_out_of_training_in_every_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [write_set(tmp_path / "one", ["a.jpg,20,1,1,20,20", "b.jpg,30,0,1,30,30"])]
    folders.append(write_set(tmp_path / "two", ["c.jpg,20,1,1,20,20", "d.jpg,30,0,1,30,30"]))
    first, second, copy, third = (
        cv2.resize(np.random.default_rng(seed).integers(0, 255, (12, 12, 3), np.uint8), (STORED_PX, STORED_PX))
        for seed in (0, 1, 0, 2)
    )
    np.save(folders[0] / "crops.npy", np.stack([first, second]))
    np.save(folders[1] / "crops.npy", np.stack([(copy * 0.8).astype(np.uint8), third]))
    (tmp_path / "val.txt").write_text("a.jpg\n")
    for _ in range(2):  # the second time from the thumbnails beside the crops
        train_rows, val_rows = split_rows(load_mix(folders), [tmp_path / "val.txt"])
        assert (train_rows.tolist(), val_rows.tolist()) == ([1, 3], [0])
        assert "1 crops are copies of validation pictures" in capsys.readouterr().out
        assert (folders[1] / THUMBNAILS_FILE).exists()
    (folders[1] / THUMBNAILS_FILE).write_bytes(b"cut short")
    assert split_rows(load_mix(folders), [tmp_path / "val.txt"])[0].tolist() == [1, 3]


def test_nothing_left_to_train_on_is_an_error(mix: Mix, tmp_path: Path) -> None:
    (tmp_path / "all.txt").write_text("\n".join(mix.names.tolist()))
    with pytest.raises(SourceError, match="no picture to train on"):
        split_rows(mix, [tmp_path / "all.txt"])
    with pytest.raises(SourceError, match="of the set new no picture is left"):
        sampling_weights(mix, np.array([0, 1]), (1.0, 1.0), cap=1)


def test_corrections_reach_the_given_rows_only(mix: Mix, tmp_path: Path) -> None:
    path = tmp_path / "corrections.csv"
    path.write_text("name,age\na.jpg,26.50\nb.jpg,60\nunknown.jpg,3\n")
    new, rows = corrected(mix, path, np.array([0, 2]))
    assert rows.tolist() == [0, 2]
    assert new.age.tolist() == [26.5, 30, 24.5, 95, 8]
    assert (new.low[0], new.high[0]) == (26.5, 26.5)
    assert mix.age[0] == 20
    path.write_text("name,age\n")
    assert corrected(mix, path, np.array([0]))[0].age.tolist() == mix.age.tolist()
    path.write_text("name,age\na.jpg,\n")
    unchanged, rows = corrected(mix, path, np.array([0, 2]))
    assert rows.tolist() == [2]
    assert unchanged.age.tolist() == mix.age.tolist()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name,age\na.jpg,x\n", r'the age of a\.jpg is "x", none from 0 to 120'),
        ("name,age\na.jpg,121\n", r'the age of a\.jpg is "121", none from 0 to 120'),
        ("name,age\na.jpg,-1\n", r'the age of a\.jpg is "-1", none from 0 to 120'),
        ("name,age\na.jpg,nan\n", r'the age of a\.jpg is "nan", none from 0 to 120'),
        ("name,age\na.jpg\n", r'the age of a\.jpg is "", none from 0 to 120'),  # a line that breaks off leaves nobody out
        ("file,age\na.jpg,3\n", r"have no column name"),
        ("name,years\na.jpg,3\n", r"have no column age"),
        ("", r"have no column name or age"),
        ("name,age\nnobody.jpg,3\n", r"name none of the pictures, nobody\.jpg for one"),
    ],
)
def test_corrections_that_are_none_are_refused(mix: Mix, tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "corrections.csv"
    path.write_text(content)
    with pytest.raises(SourceError, match=message):
        corrected(mix, path, np.array([0]))
    with pytest.raises(SourceError, match="cannot be read"):
        corrected(mix, tmp_path / "none.csv", np.array([0]))


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
