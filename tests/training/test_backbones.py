"""Other networks than FaceNet's distribution: they train, stop, go on, are judged and exported by the same commands."""

from __future__ import annotations

import csv
import math
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engines.onnx_runtime import OnnxRuntime
from pipeline.errors import SettingsError, SourceError
from pipeline.types import AGE_BINS
from tests.training.test_train import StopAfter, write_crops
from training.backbones import TimmAgeNet, build_model
from training.begin import make_learner
from training.checkpoint import load_averaged, read_checkpoint
from training.export import compare
from training.loss import Aim, head_loss, label_distribution, range_membership
from training.model import AgeNet, Outputs, Trained, bell_logits, expected_age
from training.onnx_files import export_float, torch_says
from training.options import Options, parse
from training.plots import main as plot
from training.run_facts import command, run_facts
from training.soup import main as mix_weights
from training.spec import HEADS, Head, Spec
from training.train import load_data, main, train

TINY = "test_resnet"
"""timm's own model for tests: half a million weights, made for 160 pixels."""


@pytest.fixture
def options(tmp_path: Path) -> Options:
    (tmp_path / "val.txt").write_text("0.jpg\n1.jpg\n")
    crops = write_crops(tmp_path / "crops", 10)
    return Options(
        (crops,), (tmp_path / "val.txt",), tmp_path / "run", epochs=1, batch=4, print_every=1, backbone=TINY, pretrained=False
    )


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "history.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("head", HEADS)
def test_a_timm_model_trains_resumes_and_exports(options: Options, head: Head) -> None:
    options = replace(options, head=head, train="all")
    whole = read_checkpoint(train(options, threading.Event()))
    halved = replace(options, out=options.out.with_name("halved"))
    train(halved, StopAfter(2))
    again = read_checkpoint(train(replace(halved, resume=True), threading.Event()))
    for name, value in whole["average"].items():
        torch.testing.assert_close(again["average"][name], value, rtol=1e-4, atol=1e-5)
    checkpoint = options.out / "checkpoint.pt"
    net = load_averaged(checkpoint)
    assert (net.spec.backbone, net.spec.head) == (TINY, head)
    if head == "regression":
        assert float(net.spread) == pytest.approx(whole["average"]["module.spread"])
        assert float(net.spread) != 5
    crops = np.random.default_rng(0).integers(0, 255, (3, 160, 160, 3), np.uint8)
    export_float(net, options.out / "full.onnx")
    assert compare((options.out / "full.onnx").read_bytes(), "full", crops, torch_says(net, crops)).max < 0.01
    found = OnnxRuntime((options.out / "full.onnx").read_bytes(), "full", threads=1).run({"crops": crops})
    assert found.keys() == {"age", "male"}
    assert found["age"].shape == (3, AGE_BINS)
    np.testing.assert_allclose(found["age"].sum(axis=1), 1, atol=1e-5)


def test_history_tells_training_and_validation_and_is_drawn(options: Options, capsys: pytest.CaptureFixture[str]) -> None:
    train(replace(options, tensorboard=True, epochs=2), threading.Event())
    rows = rows_of(options.out)
    last = rows[-1]
    for column in ("train_mae", "train_gender", "val_loss", "val_mae", "val_gender"):
        value = next(row[column] for row in reversed(rows) if row[column])
        assert math.isfinite(float(value))
    assert last["val_identity"] == ""
    assert (options.out / "history.png").read_bytes().startswith(b"\x89PNG")
    assert list((options.out / "tensorboard").iterdir())
    assert "VALIDATION MAE" in capsys.readouterr().out
    assert plot([str(options.out), str(options.out), "--out", str(options.out / "both.png")]) == 0
    assert (options.out / "both.png").stat().st_size > 10_000
    assert plot([str(options.out / "none")]) == 1


def test_a_run_without_progress_ends_early_and_keeps_the_best(options: Options) -> None:
    # Nothing is learnt, not even batch norm's statistics: the first validation stays the best.
    options = replace(options, epochs=40, patience=2, rate=0.0, train="heads")
    best = train(options, threading.Event())
    assert best.name == "best.pt"
    position = read_checkpoint(options.out / "checkpoint.pt")["position"]
    assert (position["epoch"], position["since_best"]) == (3, 2)
    assert read_checkpoint(best)["position"]["epoch"] == 1
    assert load_averaged(best).spec.backbone == TINY
    # A resumed run has no more patience than the one before.
    train(replace(options, resume=True), threading.Event())
    assert read_checkpoint(options.out / "checkpoint.pt")["position"]["epoch"] == 3


def test_what_is_frozen_stays(options: Options) -> None:
    cases: tuple[tuple[Trained, bool], ...] = (("heads", False), ("last", True))
    for trained, changed in cases:
        options = replace(options, train=trained, out=options.out.with_name(trained))
        torch.manual_seed(options.seed)
        before = make_learner(options)[0].model.state_dict()
        after = read_checkpoint(train(options, threading.Event()))["model"]
        moved = {name for name in before if not torch.equal(before[name], after[name])}
        assert {"age.weight", "gender.weight"} <= moved
        assert any(name.startswith("trunk.") for name in moved) == changed
        assert not any(name.startswith("trunk.conv1") for name in moved)


def test_parts_of_facenet_to_train() -> None:
    net = AgeNet(Spec(gender=False), pretrained=False)
    counts = []
    for part in ("heads", "last", "body", "all"):
        net.choose_trained(part)
        counts.append(sum(one.numel() for one in net.parameters() if one.requires_grad))
    assert counts == sorted(counts)
    assert len(set(counts)) == 4
    assert not any(one.requires_grad for one in net.gender.parameters())


def test_vgg_is_pooled_and_a_transformer_gets_its_own_size() -> None:
    vgg = build_model(Spec("vgg16", identity=False), pretrained=False)
    assert isinstance(vgg, TimmAgeNet)
    assert sum(one.numel() for one in vgg.parameters()) < 20e6
    with torch.no_grad():
        said = build_model(Spec("vit_tiny_patch16_224", identity=False), pretrained=False).eval()(torch.zeros(1, 3, 160, 160))
    assert said.age.shape == (1, AGE_BINS)
    assert said.identity.isnan().all()


def test_unknown_backbones_and_heads_are_refused() -> None:
    with pytest.raises(SettingsError) as caught:
        build_model(Spec("resent50", identity=False), pretrained=False)
    assert "resnet50" in (caught.value.hint or "")
    with pytest.raises(SettingsError, match="no face embedding"):
        Spec("resnet50", identity=True)
    with pytest.raises(SettingsError, match="no age head"):
        Spec.of({"head": "ordinal"})


def test_weights_that_cannot_be_downloaded_are_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr("timm.create_model", offline)
    with pytest.raises(SourceError, match="weights of resnet50 cannot be downloaded") as caught:
        build_model(Spec("resnet50", identity=False), pretrained=True)
    assert "--no-pretrained" in (caught.value.hint or "")


@pytest.mark.parametrize("years", [0.0, 1.0, 20.0, 55.5, 99.0, 100.0])
def test_a_regressions_distribution_has_its_value_as_mean(years: float) -> None:
    logits = bell_logits(torch.tensor([years]), torch.tensor(6.0))
    assert float(expected_age(logits)) == pytest.approx(years, abs=0.15)


def test_losses_of_the_heads() -> None:
    logits = torch.full((2, AGE_BINS), -20.0)
    logits[0, 30] = logits[1, 50] = 20.0
    said = Outputs(logits, torch.zeros(2), torch.zeros(2, 1), torch.tensor([33.0, 50.0]))
    low, high = torch.tensor([30.0, 60.0]), torch.tensor([30.0, 69.0])
    losses, distances = head_loss(said, low, high, Aim("regression"))
    assert losses.tolist() == distances.tolist() == [3, 10]
    losses, distances = head_loss(said, low, high, Aim("classes"))
    assert float(losses[0]) == pytest.approx(0, abs=1e-4)
    assert float(losses[1]) > 10
    assert distances.tolist() == pytest.approx([0, 10], abs=1e-3)
    assert label_distribution(low, sigma=0).argmax(dim=1).tolist() == [30, 60]
    assert range_membership(low, high, sigma=0).sum(dim=1).tolist() == [1, 10]


def test_mean_of_checkpoints(options: Options, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = train(options, threading.Event())
    second = train(replace(options, out=tmp_path / "two", seed=1), threading.Event())
    assert mix_weights([str(first), str(second), "--out", str(tmp_path / "soup.pt")]) == 0
    states = [read_checkpoint(path)["average"] for path in (first, second, tmp_path / "soup.pt")]
    one, two, both = (state["module.age.weight"] for state in states)
    torch.testing.assert_close(both, (one + two) / 2)
    assert run_facts(tmp_path / "soup.pt", 8, ["tests"]).averaged == 2
    other = train(replace(options, out=tmp_path / "three", head="regression"), threading.Event())
    assert mix_weights([str(first), str(other), "--out", str(tmp_path / "no.pt")]) == 1
    assert "of another network" in capsys.readouterr().err
    assert not (tmp_path / "no.pt").exists()


def test_genders_that_are_not_labelled_cannot_be_learnt(options: Options) -> None:
    index = options.crops[0] / "index.csv"
    lines = index.read_text().splitlines()
    index.write_text("\n".join([lines[0], *(",".join([*line.split(",")[:2], "1", "1"]) for line in lines[1:]), ""]))
    with pytest.raises(SettingsError, match="showing women"):
        load_data(options)
    assert len(load_data(replace(options, gender=False)).train_rows) == 8
    (options.val_list[0]).write_text("\n".join(line.split(",")[0] for line in lines[1:]))
    with pytest.raises(SourceError, match="leave no picture to train on"):
        load_data(replace(options, gender=False))


def test_facts_of_a_run_hold_no_folders() -> None:
    options = parse(["--crops", "/home/me/crops", "--val-list", "/home/me/val.txt", "--out", "/tmp/x/run-1", "--identity", "5"])
    facts = command(options.as_text())
    assert facts.startswith("python -m training.train --crops crops --val-list val.txt --out run-1")
    assert "--identity 5.0" in facts
    assert "/home" not in facts


def test_two_processes_share_a_run(options: Options) -> None:
    arguments = ["--crops", *map(str, options.crops), "--val-list", *map(str, options.val_list), "--out", str(options.out)]
    arguments += ["--backbone", TINY, "--no-pretrained", "--epochs", "1", "--batch", "4", "--threads", "1", "--train", "all"]
    launch = ["accelerate.commands.launch", "--cpu", "--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no"]
    root = Path(__file__).resolve().parents[2]
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    done = subprocess.run(
        [sys.executable, "-m", *launch, "--dynamo_backend", "no", "--main_process_port", "0", "-m", "training.train", *arguments],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("crops to train on") == 1  # one of them talks
    assert read_checkpoint(options.out / "checkpoint.pt")["position"]["epoch"] == 1
    assert math.isfinite(float(rows_of(options.out)[-1]["val_mae"]))


def test_command_line_trains(options: Options, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--crops", *map(str, options.crops), "--val-list", *map(str, options.val_list), "--out", str(options.out)]
    assert main([*arguments, "--backbone", TINY, "--no-pretrained", "--epochs", "1", "--no-gender", "--head", "classes"]) == 0
    assert "finished" in capsys.readouterr().out
    assert not load_averaged(options.out / "checkpoint.pt").spec.gender
