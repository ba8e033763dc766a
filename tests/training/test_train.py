"""The training loop on a handful of crops: it learns, stops and goes on as if never stopped, and says what is wrong."""

from __future__ import annotations

import csv
import math
import shutil
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.optim.swa_utils import AveragedModel

from pipeline.errors import OutputError, SourceError
from training.augment import centred
from training.batch import Batch, as_input, batch_of
from training.checkpoint import Learner, Position, load_averaged, load_exported, read_checkpoint
from training.crops import STORED_PX
from training.fleet import Fleet
from training.identity import teacher_embeddings
from training.loss import label_distribution
from training.mix import load_mix, split_rows
from training.model import AgeNet, expected_age
from training.onnx_files import export_float, halve
from training.options import Options
from training.schedule import cycle_progress, one_cycle
from training.step import train_step
from training.train import main, train


def write_crops(folder: Path, count: int, ages: Sequence[int] = ()) -> Path:
    """Pictures whose brightness is their age: something that can be learnt in a few steps."""
    rng = np.random.default_rng(0)
    ages = ages or [10, 80] * (count // 2)
    pixels = np.stack([np.full((STORED_PX, STORED_PX, 3), 60 + age, np.uint8) for age in ages])
    folder.mkdir()
    np.save(folder / "crops.npy", pixels + rng.integers(0, 20, pixels.shape, np.uint8))
    rows = [f"{i}.jpg,{age},{i % 2},1" for i, age in enumerate(ages)]
    (folder / "index.csv").write_text("\n".join(["name,age,male,found", *rows, ""]))
    return folder


@pytest.fixture
def options(tmp_path: Path) -> Iterator[Options]:
    (tmp_path / "val.txt").write_text("0.jpg\n1.jpg\n")
    crops = write_crops(tmp_path / "crops", 6)
    yield Options((crops,), (tmp_path / "val.txt",), tmp_path / "run", epochs=1, batch=2, print_every=1)
    for folder in tmp_path.iterdir():  # checkpoints are large, and pytest keeps the folders of three sessions
        shutil.rmtree(folder, ignore_errors=True)


def test_label_distribution_has_the_labels_mean_and_width() -> None:
    target = label_distribution(torch.tensor([30.0, 0.0, 116.0]))
    years = torch.arange(101.0)
    torch.testing.assert_close(target.sum(dim=1), torch.ones(3))
    assert float(target[0] @ years) == pytest.approx(30, abs=1e-3)
    assert float(target[0] @ (years - 30) ** 2) == pytest.approx(4, abs=0.01)
    assert int(target[1].argmax()) == 0
    assert int(target[2].argmax()) == 100


def test_expected_age_is_the_mean_of_the_distribution() -> None:
    logits = torch.full((1, 101), -30.0)
    logits[0, 20] = logits[0, 40] = 5.0
    assert float(expected_age(logits)) == pytest.approx(30)


def test_one_cycle_rises_falls_and_ends_near_zero() -> None:
    factors = [one_cycle(i / 200) for i in range(201)]
    peak = factors.index(max(factors))
    assert factors[0] == pytest.approx(1 / 25)
    assert max(factors) == pytest.approx(1)
    assert peak == 50
    assert factors[-1] < 1e-3
    assert all(a < b for a, b in pairwise(factors[:51]))
    assert all(a > b for a, b in pairwise(factors[50:]))


def test_progress_follows_steps_or_the_clock(options: Options) -> None:
    options = replace(options, epochs=2)
    assert cycle_progress(Position(1, 5, 3000), 10, options) == pytest.approx(0.75)
    timed = replace(options, minutes=60)
    assert cycle_progress(Position(1, 5, 3000), 10, timed) == pytest.approx(50 / 60)
    assert cycle_progress(Position(1, 9, 60), 10, timed) == pytest.approx(0.95)


def test_steps_learn(options: Options) -> None:
    torch.manual_seed(0)
    model = AgeNet().to(memory_format=torch.channels_last)
    model.choose_trained("body")
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 3e-4)
    learner = Learner(model, AveragedModel(model), optimizer)
    mix = load_mix(options.crops)
    rows = np.arange(2)
    frozen = model.trunk.conv2d_4a.conv.weight.clone()
    batch = Batch.of(mix, rows, batch_of(mix, rows, np.random.default_rng(0)))
    alone = Fleet(torch.device("cpu"))
    losses = [train_step(learner, model, batch, options, alone).loss for _ in range(6)]
    assert losses[-1] < 0.75 * losses[0]
    torch.testing.assert_close(model.trunk.conv2d_4a.conv.weight, frozen, rtol=0, atol=0)


def test_mixing_keeps_the_larger_share_and_leaves_the_others_whole(options: Options) -> None:
    mix = load_mix(options.crops)
    rows = np.arange(6)
    batch = Batch.of(mix, rows, batch_of(mix, rows, np.random.default_rng(0)))
    assert batch.mixed(0, np.random.default_rng(0)) is batch
    mixed = batch.mixed(0.5, np.random.default_rng(3))
    whole = mixed.share == 1
    assert 0 < int(whole.sum()) < 6
    assert float(mixed.share.min()) >= 0.5
    torch.testing.assert_close(mixed.pixels[whole], batch.pixels[whole])
    i = int((~whole).nonzero()[0])
    blend = mixed.share[i] * batch.pixels[i] + (1 - mixed.share[i]) * batch.pixels[mixed.other[i]]
    torch.testing.assert_close(mixed.pixels[i], blend)


def test_dropped_blocks_change_training_passes_only() -> None:
    torch.manual_seed(0)
    net = AgeNet().eval()
    net.set_drop_path(1.0)
    pixels = torch.rand(2, 3, 160, 160) * 255
    with torch.no_grad():
        first, again = net(pixels), net(pixels)
        net.trunk.repeat_3.train()
        torch.testing.assert_close(first.age, again.age)
        assert float((net(pixels).age - first.age).abs().max()) > 1e-3


def test_the_embedding_begins_as_facenets_own_and_is_kept(options: Options) -> None:
    options = replace(options, identity=5.0, batch=3)
    checkpoint = train(options, threading.Event())
    net = load_averaged(checkpoint)
    crops = load_mix(options.crops).sets[0]
    teacher = torch.from_numpy(teacher_embeddings(options.crops[0], crops))
    assert (options.crops[0] / "identity.npy").exists()
    pixels = as_input(np.stack([centred(picture) for picture in crops.pixels]))
    with torch.no_grad():
        fresh = AgeNet().eval()(pixels).identity
        assert float((fresh * teacher).sum(dim=1).min()) > 0.999
        assert float((net(pixels).identity * teacher).sum(dim=1).min()) > 0.8
    with (options.out / "history.csv").open(encoding="utf-8") as file:
        assert 0.8 < float(list(csv.DictReader(file))[-1]["val_identity"]) <= 1


def test_a_run_may_begin_at_an_exported_file(options: Options, tmp_path: Path) -> None:
    torch.manual_seed(1)
    net = AgeNet().eval()
    export_float(net, tmp_path / "full.onnx")
    halve(tmp_path / "full.onnx", tmp_path / "half.onnx")
    pixels = torch.rand(2, 3, 160, 160) * 255
    with torch.no_grad():
        torch.testing.assert_close(load_exported(tmp_path / "full.onnx")[0](pixels).age, net(pixels).age, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(load_exported(tmp_path / "half.onnx")[0](pixels).age, net(pixels).age, rtol=0, atol=0.05)
    options = replace(options, init=tmp_path / "half.onnx", identity=5.0, epochs=1)
    assert train(options, threading.Event()).exists()
    (tmp_path / "half.onnx").write_bytes(b"no network")
    with pytest.raises(SourceError, match=r"cannot be read|another network"):
        load_exported(tmp_path / "half.onnx")


def test_a_stopped_run_goes_on_as_if_never_stopped(options: Options) -> None:
    whole = read_checkpoint(train(options, threading.Event()))
    halved = replace(options, out=options.out.with_name("halved"))
    checkpoint = train(halved, StopAfter(2))
    assert read_checkpoint(checkpoint)["position"]["step"] == 1
    again = read_checkpoint(train(replace(halved, resume=True), threading.Event()))
    assert again["position"]["epoch"] == whole["position"]["epoch"] == 1
    for name, value in whole["average"].items():
        torch.testing.assert_close(again["average"][name], value, rtol=1e-4, atol=1e-6)
    with (options.out / "history.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["epoch"], row["step"]) for row in rows] == [("0", "1"), ("0", "2"), ("1", "0")]
    assert [row["val_mae"] != "" for row in rows] == [False, False, True]
    assert math.isfinite(float(rows[-1]["val_mae"]))
    assert not load_averaged(options.out / "checkpoint.pt").training


class StopAfter(threading.Event):
    """Is set once it was asked a number of times: a signal at a known place of the loop."""

    def __init__(self, questions: int) -> None:
        super().__init__()
        self._left = questions

    def is_set(self) -> bool:
        self._left -= 1
        return self._left < 0


def test_the_clock_ends_a_run(options: Options) -> None:
    position = read_checkpoint(train(replace(options, epochs=1000, minutes=0.01), threading.Event()))["position"]
    assert position["epoch"] < 1000
    assert position["elapsed_s"] > 0.6


def test_validation_list_must_fit_the_crops(options: Options) -> None:
    options.val_list[0].write_text("0.jpg\nnobody.jpg\n")
    with pytest.raises(SourceError, match=r"1 pictures of .*val\.txt have no crop"):
        split_rows(load_mix(options.crops), options.val_list)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04"])
def test_broken_checkpoint_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"checkpoint\.pt cannot be read"):
        read_checkpoint(path)


def test_code_in_a_checkpoint_is_refused(tmp_path: Path) -> None:
    torch.save({"average": print}, tmp_path / "checkpoint.pt")
    with pytest.raises(SourceError, match="cannot be read"):
        load_averaged(tmp_path / "checkpoint.pt")


def test_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    torch.save({"average": {"module.weight": torch.zeros(3)}}, tmp_path / "checkpoint.pt")
    with pytest.raises(SourceError, match="of another network"):
        load_averaged(tmp_path / "checkpoint.pt")


def test_command_line_shows_errors_as_two_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(tmp_path / "none")
    assert main(["--crops", folder, "--val-list", folder, "--out", folder]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "no crops can be read" in lines[0]


def test_unwritable_output_is_one_clear_error(options: Options) -> None:
    blocker = options.out.with_name("file")
    blocker.write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        train(replace(options, out=blocker / "run"), threading.Event())
