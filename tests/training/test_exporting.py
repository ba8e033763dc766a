"""The whole way from a checkpoint to files that the program runs, on a tiny network and a few pictures."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import cv2
import numpy as np
import onnx
import pytest
import timm
from onnx import numpy_helper

from engines.models import load_age_model, read_models_file
from tests.training.disk import room_for
from tests.training.test_backbones import TINY
from tests.training.test_train import StopAfter, write_crops
from training.checkpoint import read_checkpoint
from training.evaluate import main as evaluate
from training.export import TARGETS, main
from training.options import Options
from training.train import train

DEMO = Path(__file__).resolve().parents[2] / "assets/demo"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with crops, photos of the same names, a validation list and a checkpoint."""
    folder = tmp_path_factory.mktemp("export")
    train(write_inputs(folder, TINY), StopAfter(3))
    return folder


def write_inputs(folder: Path, backbone: str) -> Options:
    """Crops, photos of the same names and a validation list; the options of a run on them."""
    crops = write_crops(folder / "crops", 12)
    (folder / "val.txt").write_text("\n".join(f"{i}.jpg" for i in range(8)))
    portraits = [cv2.imread(str(DEMO / name)) for name in ("collins.webp", "hopper.webp")]
    with ZipFile(folder / "photos.zip", "w") as archive:
        archive.writestr("labels.csv", "file,age,gender\n" + "".join(f"{i}.jpg,{20 + 5 * i},{'mf'[i % 2]}\n" for i in range(12)))
        for i in range(12):
            picture = portraits[i % 2]
            assert picture is not None
            small = cv2.resize(picture, (240, 240 * picture.shape[0] // picture.shape[1]), interpolation=cv2.INTER_AREA)
            archive.writestr(f"{i}.jpg", cv2.imencode(".jpg", np.roll(small, i, axis=1))[1].tobytes())
    return Options(
        (crops,), (folder / "val.txt",), folder / "run", epochs=1, batch=2, print_every=1, backbone=backbone, pretrained=False
    )


def arguments(inputs: Path, out: Path) -> list[str]:
    files = ["--crops", str(inputs / "crops"), "--data", str(inputs / "photos.zip"), "--val-list", str(inputs / "val.txt")]
    return [str(inputs / "run" / "checkpoint.pt"), *files, "--sets", "Some photos", "--out", str(out)]


def test_files_facts_and_card_are_written(inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "models"
    also = ["--also", "More", str(inputs / "photos.zip"), str(inputs / "val.txt"), "--fp32", str(tmp_path / "full.onnx")]
    assert main([*arguments(inputs, out), *also]) == 0
    assert "off torch by" in capsys.readouterr().out
    facts = read_models_file(out)
    assert facts.models.keys() == {target.named(TINY) for target in TARGETS}
    for name, entry in facts.models.items():
        model = load_age_model(name, out, gpu=False)  # its sha256 agrees
        assert entry.identity == 0
        assert entry.accuracy["utkface_val_n"] == 8
        assert len(model.data) < (tmp_path / "full.onnx").stat().st_size
    card = (out / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert f"# Model card: age-{TINY}" in card
    assert "| More | 8 | MAE" in card
    assert "| the same, faces of 32 pixels | 8 |" in card
    assert str(inputs) not in card
    assert not list(out.glob("*.part"))


def test_vgg16_goes_the_whole_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    # A sixteenth of its channels: all of its layers, in a hundredth of the time.
    narrow = [one if isinstance(one, str) else one // 16 for one in timm.models.vgg.cfgs["vgg16"]]
    monkeypatch.setitem(timm.models.vgg.cfgs, "vgg16", narrow)
    options = write_inputs(tmp_path, "vgg16")
    train(options, StopAfter(2))
    checkpoint = train(replace(options, resume=True), threading.Event())
    assert read_checkpoint(checkpoint)["position"]["epoch"] == 1
    data = ["--data", str(tmp_path / "photos.zip"), "--val-list", str(tmp_path / "val.txt")]
    assert evaluate(["--model", str(checkpoint), *data, "--quick", "--threads", "1"]) == 0
    assert "n 8 " in capsys.readouterr().out
    assert main(arguments(tmp_path, tmp_path / "models")) == 0
    assert read_models_file(tmp_path / "models").models.keys() == {"age-vgg16-fp16", "age-vgg16-int8"}
    small = load_age_model("age-vgg16-int8", tmp_path / "models", gpu=False)
    weights = [one for one in onnx.load_from_string(small.data).graph.initializer if one.data_type == onnx.TensorProto.INT8]
    assert len(weights) >= 7  # of thirteen convolutions, up to six stay in float


def test_a_file_that_is_off_is_not_written(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("training.export.halve", lambda source, path: shutil.copy(spoilt(source, tmp_path), path))
    assert main(arguments(inputs, tmp_path / "models")) == 1
    assert "years off torch in the mean" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


def test_a_temporary_folder_without_room_is_one_clear_error(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with room_for(50_000):
        assert main(arguments(inputs, tmp_path / "models")) == 1
    assert "TMPDIR" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


def test_pictures_without_exact_ages_cannot_be_measured_on(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ZipFile(tmp_path / "ranges.zip", "w") as archive:
        archive.writestr("labels.csv", "file,age_range\n" + "".join(f"{i}.jpg,20-29\n" for i in range(8)))
        for i in range(8):
            archive.writestr(f"{i}.jpg", b"")
    data = [str(tmp_path / "ranges.zip") if one.endswith("photos.zip") else one for one in arguments(inputs, tmp_path / "models")]
    assert main(data) == 1
    assert "8 of the pictures to measure on are labelled with ranges of ages, 0.jpg for one" in capsys.readouterr().err


def spoilt(source: Path, folder: Path) -> Path:
    """The same network with its last layer turned round."""
    model = onnx.load(str(source))
    bias = next(constant for constant in model.graph.initializer if constant.name.endswith("age.bias"))
    bias.CopyFrom(numpy_helper.from_array(np.linspace(-5, 5, 101, dtype=np.float32), bias.name))
    onnx.save(model, str(folder / "spoilt.onnx"))
    return folder / "spoilt.onnx"
