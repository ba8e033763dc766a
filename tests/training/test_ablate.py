"""What each ingredient brought: the same pictures for every run, paired differences, and runs that are not made twice."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.errors import SettingsError
from training import ablate
from training.ablate import BASE, CHANGES, ONE_SET, PLAIN, Plan, against, chosen, make_plain, options_of, run
from training.ablation_table import Outcome, difference, interval, markdown
from training.crops import CROP_MARGIN, STORED_PX, load_crops
from training.mix import corrected, load_mix, split_rows
from training.options import Options
from training.split import position_of

HEADER = "name,age,male,found,low,high,person"


def write_set(folder: Path, letter: str, count: int) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(ord(letter))
    np.save(folder / "crops.npy", rng.integers(0, 255, (count, STORED_PX, STORED_PX, 3), np.uint8))
    rows = [f"{letter}{i}.jpg,{i},1,1,{i},{i}," for i in range(count)]
    (folder / "index.csv").write_text("\n".join([HEADER, *rows, ""]))
    return folder


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    crops = (write_set(tmp_path / "one", "a", 12), write_set(tmp_path / "two", "b", 6))
    (tmp_path / "val.txt").write_text("\n".join([*(f"a{i}.jpg" for i in range(5)), "b0.jpg", "b1.jpg"]))
    return Plan(crops, None, (tmp_path / "val.txt",), tmp_path / "out", train=8, val=3, epochs=1, bf16=False)


def said(off: list[float], identity: float = 0.9) -> Outcome:
    truth = [20.0, 40.0, 65.0, 70.0]
    return Outcome({"one": off}, {"one": [2 * one for one in off]}, {"one": truth}, identity, 1.5, 8)


def test_every_run_trains_and_judges_on_its_fixed_part(plan: Plan) -> None:
    mix = load_mix(plan.crops)
    train_rows, val_rows = chosen(mix, {f"a{i}.jpg" for i in range(5)} | {"b0.jpg", "b1.jpg"}, 8, 3)
    assert (len(train_rows), len(val_rows)) == (8, 5)
    for name in (BASE, "no balance", ONE_SET):
        options = options_of(plan, name)
        own = load_mix(options.crops)
        rows, judged = split_rows(own, options.val_list)
        assert options.corrections is not None
        kept = corrected(own, options.corrections, rows)[1]
        if name == ONE_SET:
            assert (len(own.sets), len(kept), len(judged)) == (1, 7, 3)
        else:
            assert (kept.tolist(), judged.tolist()) == (train_rows.tolist(), val_rows.tolist())
    base = options_of(plan, BASE)
    for name, changes in CHANGES.items():
        options = options_of(plan, name)
        assert all(getattr(options, key) == value != getattr(base, key) for key, value in changes.items())


def test_sets_whose_lists_were_made_by_the_hash_keep_their_share(tmp_path: Path) -> None:
    mix = load_mix([write_set(tmp_path / "one", "a", 60), write_set(tmp_path / "two", "b", 60)])
    held = {name for name in mix.names.tolist() if name.startswith("b") and position_of(name) < 0.5}
    train_rows, _ = chosen(mix, held, 40, 5)
    assert 5 <= (mix.part[train_rows] == 1).sum() <= 22


def test_runs_that_are_there_are_not_made_again(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def train(options: Options, stop: threading.Event) -> Path:
        made.append(options.out.name)
        if len(made) == 2:
            stop.set()  # as by a signal, in the middle of the second run
        return options.out

    monkeypatch.setattr(ablate, "train", train)
    monkeypatch.setattr(ablate, "outcome", lambda _: said([1, -2, 3, -4], float("nan")))
    names = [BASE, "no balance"]
    assert list(run(plan, names, threading.Event())) == [BASE]
    assert list(run(plan, names, threading.Event())) == names
    assert made == ["all-ingredients", "no-balance", "no-balance"]
    assert "| no balance | all ingredients |" in (plan.out / "ablation.md").read_text(encoding="utf-8")


def test_differences_are_paired() -> None:
    rng = np.random.default_rng(0)
    errors = rng.uniform(0, 30, 300).tolist()
    one = Outcome({"one": [e + 0.5 for e in errors]}, {"one": errors}, {"one": [30.0] * 300}, 0.9, 1, 1)
    other = Outcome({"one": errors}, {"one": errors}, {"one": [30.0] * 300}, 0.9, 1, 1)
    found = difference(one, other, "one")
    assert found.mean == pytest.approx(0.5)
    assert found.high - found.low < 0.01  # though the errors themselves are spread over 30 years
    assert found.signed.startswith("**+0.50")
    assert difference(one, other, "one", small=True).signed == "+0.00 (+0.00 to +0.00)"
    assert interval(np.array(errors)).low < np.mean(errors) < interval(np.array(errors)).high


def test_the_table_names_what_each_run_is_compared_with() -> None:
    names = [BASE, ONE_SET, PLAIN]
    assert against(names) == {ONE_SET: BASE, PLAIN: ONE_SET}
    outcomes = {BASE: said([1, -2, 3, -4]), ONE_SET: said([2, -2, 3, -4]), PLAIN: said([1, 1, 1, 1])}
    lines = markdown(outcomes, against(names), ["Short runs."]).splitlines()
    assert lines[0] == "Short runs."
    base, one, plain = lines[-3:]
    assert "| 2.50 (" in base
    assert "| -0.5 | 0.900 | 1.5 |" in base  # bias at 65 and 70: the mean of 3 and -4
    assert "+0.25 (" in one
    assert "| one set, no alignment | one set |" in plain
    assert "-1.75 (" in plain
    both = Outcome({"one": [1.0], "two": [3.0]}, {"one": [1.0], "two": [3.0]}, {"one": [20.0], "two": [20.0]}, 0.9, 1, 8)
    only = Outcome({"one": [2.0]}, {"one": [2.0]}, {"one": [20.0]}, 0.9, 1, 8)
    assert "| 2.00 (2.00 to 2.00) |  |" in markdown({BASE: both, ONE_SET: only}, against([BASE, ONE_SET]), []).splitlines()[-1]


def test_crops_without_alignment(tmp_path: Path) -> None:
    data = tmp_path / "chips"
    data.mkdir()
    chip = cv2.resize(np.random.default_rng(0).integers(0, 255, (9, 9, 3), np.uint8), (200, 200))
    for name in ("34_1_2_1.png", "50_0_2_2.png"):
        cv2.imwrite(str(data / name), chip)
    make_plain([data], tmp_path, {"34_1_2_1.png"}, tmp_path / "plain")
    crops = load_crops(tmp_path / "plain")
    assert (crops.names.tolist(), crops.age.tolist()) == (["34_1_2_1.png"], [34])
    edge = round(STORED_PX * CROP_MARGIN / (1 + 2 * CROP_MARGIN))
    middle = np.asarray(crops.pixels[0], np.uint8)[edge:-edge, edge:-edge, ::-1]
    resized = cv2.resize(chip, (middle.shape[1], middle.shape[0]), interpolation=cv2.INTER_LINEAR)
    assert np.abs(middle.astype(int) - resized.astype(int)).mean() < 4
    with pytest.raises(SettingsError, match="are not the chips"):
        make_plain([data], tmp_path, {"other.png"}, tmp_path / "plain")
