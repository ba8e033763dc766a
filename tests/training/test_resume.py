"""A run that was stopped or killed goes on as if nothing had happened, with everything that real runs use."""

from __future__ import annotations

import csv
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.errors import SettingsError
from tests.training.test_train import StopAfter, write_crops
from training import train as training
from training.checkpoint import Position, read_checkpoint
from training.history import COLUMNS, History
from training.options import Options
from training.train import train

AGES = (3, 20, 20, 20, 20, 20, 70, 95)


class Killed(BaseException):
    """Comes at a known place, and nobody catches it: what is on the disk is all that is left."""


@pytest.fixture
def options(tmp_path: Path) -> Iterator[Options]:
    (tmp_path / "val.txt").write_text("0.jpg\n1.jpg\n")
    crops = write_crops(tmp_path / "crops", len(AGES), AGES)
    yield Options(
        (crops,),
        (tmp_path / "val.txt",),
        tmp_path / "whole",
        epochs=2,
        batch=2,
        print_every=1,
        precision="bf16",
        ema=0.997,
        mixup=0.5,
        drop_path=0.5,
        identity=5.0,
        balance=3.0,
        save_every_s=0.0,
    )
    for folder in tmp_path.iterdir():  # checkpoints are large, and pytest keeps the folders of three sessions
        shutil.rmtree(folder, ignore_errors=True)


def killed_in(name: str, call: int, options: Options, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Runs until that function of the loop is called for that time; the position of the checkpoint that is left."""
    original, left = getattr(training, name), call

    def last(*arguments: Any) -> Any:
        nonlocal left
        left -= 1
        if not left:
            raise Killed
        return original(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(training, name, last)
        with pytest.raises(Killed):
            train(options, threading.Event())
    return dict(read_checkpoint(options.out / "checkpoint.pt")["position"])


def rows_of(folder: Path) -> list[dict[str, str]]:
    """Without the time, which is each run's own."""
    with (folder / "history.csv").open(encoding="utf-8") as file:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


def assert_same(found: Any, expected: Any) -> None:
    """To the last bit."""
    if isinstance(expected, torch.Tensor):
        torch.testing.assert_close(found, expected, rtol=0, atol=0)
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            assert_same(found[key], expected[key])
    elif isinstance(expected, list):
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    else:
        assert found == expected


def test_an_interrupted_run_is_the_very_same_run(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read_checkpoint(train(options, threading.Event()))
    broken = replace(options, out=options.out.with_name("broken"))
    train(broken, StopAfter(2))
    position = read_checkpoint(broken.out / "checkpoint.pt")["position"]
    assert (position["epoch"], position["step"]) == (0, 1)
    broken = replace(broken, resume=True)
    position = killed_in("train_step", 2, broken, monkeypatch)
    assert (position["epoch"], position["step"]) == (0, 2)
    position = killed_in("validate", 1, broken, monkeypatch)
    assert (position["epoch"], position["step"], position["unreviewed"]) == (1, 0, True)
    # Killed long after the last checkpoint: steps that the history tells of are made again.
    position = killed_in("train_step", 3, replace(broken, save_every_s=1e9), monkeypatch)
    assert (position["epoch"], position["step"], position["unreviewed"]) == (1, 0, False)
    again = read_checkpoint(train(broken, threading.Event()))
    for part in ("model", "average", "optimizer"):
        assert_same(again[part], whole[part])
    assert {key: again["position"][key] for key in ("epoch", "best_mae")} == {
        "epoch": 2,
        "best_mae": whole["position"]["best_mae"],
    }
    assert rows_of(broken.out) == rows_of(options.out)
    assert [row["val_mae"] != "" for row in rows_of(broken.out)] == ([False] * 3 + [True]) * 2


def test_a_run_that_was_stopped_at_once_can_go_on(options: Options) -> None:
    options = replace(options, backbone="test_resnet", pretrained=False, identity=0.0, drop_path=0.0)
    train(options, StopAfter(0))
    assert train(replace(options, resume=True), threading.Event()).exists()
    assert read_checkpoint(options.out / "checkpoint.pt")["position"]["epoch"] == 2
    # With other steps it would be another run: some pictures twice, some never.
    for changed in (replace(options, batch=3), replace(options, seed=1), replace(options, balance=1.0)):
        with pytest.raises(SettingsError, match=r"was begun with --(batch 2|seed 0|balance 3\.0), not"):
            train(replace(changed, resume=True, epochs=3), threading.Event())
    assert train(replace(options, resume=True, epochs=3, threads=1), threading.Event()).exists()
    assert read_checkpoint(options.out / "checkpoint.pt")["position"]["epoch"] == 3


def test_half_a_row_of_the_history_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    rows = ["0,10,5,1e-4,3.0,4.0,0.5,,,,,", "0,20,9,1e-4,2.9,4.0,0.5,,,,,", "0,30,12,1e-4,2"]
    path.write_text("\n".join([",".join(COLUMNS), *rows]))
    with History(tmp_path, append=True) as history:
        history.rewind(Position(0, 10))
    assert path.read_text().splitlines() == [",".join(COLUMNS), rows[0]]
    with History(tmp_path, append=True) as history:
        history.rewind(Position(1, 0))
    assert path.read_text().splitlines() == [",".join(COLUMNS), rows[0]]
