"""Three lists with the same ages: copies and persons on one side, the same every time."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from training.crops import STORED_PX
from training.split import main, stratified

HEADER = "name,age,male,found,low,high,person"


def test_every_age_has_its_share_and_groups_stay_together() -> None:
    rng = np.random.default_rng(0)
    names = [f"{i}.jpg" for i in range(4000)]
    group = np.arange(4000)
    group[2000:2400] = group[:400]
    by_group = rng.uniform(0, 100, 4000)
    ages = [float(by_group[number]) for number in group]
    train, val, test = stratified(names, ages, group, (0.8, 0.1, 0.1))
    assert sorted([*train, *val, *test]) == sorted(names)
    where = {name: number for number, part in enumerate((train, val, test)) for name in part}
    assert all(where[f"{i}.jpg"] == where[f"{2000 + i}.jpg"] for i in range(400))
    for low in range(0, 100, 10):
        of_age = [where[name] for name, age in zip(names, ages, strict=True) if low <= age < low + 10]
        assert np.bincount(of_age, minlength=3) / len(of_age) == pytest.approx([0.8, 0.1, 0.1], abs=0.015)
    shuffled = rng.permutation(4000)
    again = stratified([names[i] for i in shuffled], [ages[i] for i in shuffled], group[shuffled], (0.8, 0.1, 0.1))
    assert again == [train, val, test]


def write_set(folder: Path, first: int, rows: list[str]) -> Path:
    folder.mkdir()
    pixels = [
        cv2.resize(np.random.default_rng(first + i).integers(0, 255, (12, 12, 3), np.uint8), (STORED_PX, STORED_PX))
        for i in range(len(rows))
    ]
    np.save(folder / "crops.npy", np.stack(pixels))
    (folder / "index.csv").write_text("\n".join([HEADER, *rows, ""]))
    return folder


def test_three_lists_of_several_sets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = write_set(tmp_path / "one", 0, [f"a{i}.jpg,{i},1,1,{i},{i},p{i // 4}" for i in range(40)])
    two = write_set(tmp_path / "two", 30, [f"b{i}.jpg,{i + 30},,1,{i + 30},{i + 30}," for i in range(30)])
    out = tmp_path / "lists"
    assert main([str(one), str(two), "--val", "0.2", "--test", "0.2", "--out", str(out)]) == 0
    assert "train 42, val 14, test 14" in capsys.readouterr().out
    assert (out / "split.png").read_bytes().startswith(b"\x89PNG")
    where = {name: part for part in ("train", "val", "test") for name in (out / f"{part}.txt").read_text().split()}
    assert len(where) == 70
    assert all(len({where[f"a{4 * person + i}.jpg"] for i in range(4)}) == 1 for person in range(10))
    assert all(where[f"a{30 + i}.jpg"] == where[f"b{i}.jpg"] for i in range(10))  # the same pictures in both sets
    before = {path.name: path.read_bytes() for path in out.glob("*.txt")}
    assert main([str(one), str(two), "--val", "0.2", "--test", "0.2", "--out", str(out)]) == 0
    assert {path.name: path.read_bytes() for path in out.glob("*.txt")} == before


def test_parts_that_cannot_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = write_set(tmp_path / "few", 0, ["a.jpg,20,1,1,20,20,", "b.jpg,30,1,1,30,30,"])
    for arguments, said in (
        (["--val", "0.6", "--test", "0.4"], "are no parts"),
        (["--val", "0.1", "--test", "0.1"], "of 2 pictures none is left for"),
        ([str(few)], "one list is of one set"),
    ):
        assert main([str(few), *arguments, "--out", str(tmp_path / "lists")]) == 1
        assert said in capsys.readouterr().err
    assert not (tmp_path / "lists").exists()
