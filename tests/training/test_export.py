"""Exported files agree with torch, whatever the batch, and the committed ones are what their model card says."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch

from engines.align import CROP_PX
from engines.models import MODELS_FOLDER, load_model, read_models_file
from engines.onnx_runtime import OnnxRuntime
from pipeline.types import AGE_BINS, UInt8Array
from training.calibrate import Fit, Interval
from training.card import CARD_FILE, Calibration, Elsewhere, Measured, Parity, model_card
from training.evaluate import main
from training.export import compare
from training.figures import Predictions, report
from training.model import AgeNet
from training.onnx_files import export_float, halve, quantize, torch_says
from training.ranges import RangeFigures, RangeReport
from training.run_facts import TrainingRun

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"


@pytest.fixture(scope="module")
def net() -> AgeNet:
    torch.manual_seed(0)
    model = AgeNet().eval()
    with torch.no_grad():
        model.age.weight.mul_(3)  # an untrained head says the same of every picture, which would hide differences
    return model


@pytest.fixture(scope="module")
def crops() -> UInt8Array:
    rng = np.random.default_rng(0)
    pictures = [cv2.resize(rng.integers(0, 255, (9, 9, 3), np.uint8), (CROP_PX, CROP_PX)) for _ in range(6)]
    return np.stack([np.asarray(picture, np.uint8) for picture in pictures])


@pytest.fixture(scope="module")
def full(net: AgeNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "full.onnx"
    export_float(net, path)
    return path


def test_float_file_agrees_with_torch_for_any_batch(net: AgeNet, crops: UInt8Array, full: Path) -> None:
    expected = torch_says(net, crops)
    assert expected.years.std() > 0.1
    assert compare(full.read_bytes(), "full", crops, expected).max < 1e-3
    runtime = OnnxRuntime(full.read_bytes(), "full", threads=1)
    for n in (1, 3):
        found = runtime.run({"crops": crops[:n]})
        assert found["age"].shape == (n, AGE_BINS)
        assert found["male"].shape == (n,)
        assert found["age"].dtype == found["male"].dtype == np.float32
        np.testing.assert_allclose(found["age"].sum(axis=1), 1, atol=1e-5)
        assert ((found["male"] > 0) & (found["male"] < 1)).all()


def test_half_file_is_half_the_size_and_agrees_with_torch(net: AgeNet, crops: UInt8Array, full: Path) -> None:
    half = full.with_name("half.onnx")
    halve(full, half)
    assert half.stat().st_size < 0.51 * full.stat().st_size
    assert half.stat().st_size < 50e6
    assert compare(half.read_bytes(), "half", crops, torch_says(net, crops)).mean < 0.02
    stored = {constant.data_type for constant in onnx.load(str(half)).graph.initializer if np.prod(constant.dims) > 10_000}
    assert stored == {onnx.TensorProto.FLOAT16}


def test_int8_file_is_small_and_near_torch(net: AgeNet, crops: UInt8Array, full: Path) -> None:
    small = full.with_name("small.onnx")
    quantize(full, small, crops)
    assert small.stat().st_size < 0.32 * full.stat().st_size
    graph = onnx.load(str(small)).graph
    kinds = [constant.data_type for constant in graph.initializer if constant.data_type == onnx.TensorProto.INT8]
    assert len(kinds) > 120  # all convolutions but the first
    # The head has learnt nothing, so that noise in the features goes straight into its ages: only the order of size is told.
    assert compare(small.read_bytes(), "small", crops, torch_says(net, crops)).mean < 3


CALIBRATION = Calibration(Fit(0.63), Interval(0.901, 19.9))


def test_card_tells_the_measured_numbers() -> None:
    truth, said = np.array([20, 30], np.float32), np.eye(101, dtype=np.float32)[[23, 33]]
    figures = report(Predictions(truth + 3, truth, said, truth * 0, np.array([False, True]), 0))
    measured = Measured("age-facenet-int8", "int8", 27_400_000, Parity(200, 0.123, 0.9, 0.05), CALIBRATION, figures)
    card = model_card(TrainingRun(16858, 2.25, 76, 48), [measured])
    assert (
        "| age-facenet-int8 | 27.4 MB | 3.00 | 3.00–3.00 | +3.00 | 3.00 | 3.00 | 3.00 | 100.0% | 50.0% | 0.1230 / 0.900 | – |"
        in card
    )
    assert "| age-facenet-int8 | 0.630 | none | 90.1% | 19.9 years |" in card
    assert "16858 pictures" in card
    assert "2.2 passes in 76 minutes" in card
    assert "| 30-39 | 1 | 3.00 | +3.00 |" in card
    assert "The decades' mean is of those that there are pictures of (no picture of 0-9, 10-19, 40-49," in card


@pytest.mark.parametrize("name", ["age-facenet-fp16", "age-facenet-int8"])
def test_committed_file_is_the_one_on_the_card(name: str) -> None:
    model = load_model(name)
    assert model.entry.accuracy["utkface_val_mae"] < 5.4
    assert len(model.data) < 50e6
    card = (MODELS_FOLDER / CARD_FILE).read_text(encoding="utf-8")
    assert f"| {name} | {len(model.data) / 1e6:.1f} MB | {model.entry.accuracy['utkface_val_mae']:.2f} |" in card
    facts = read_models_file()
    assert name in (facts.default_cpu, facts.default_gpu)


@pytest.mark.skipif(not (SHARED / "utkface-1.zip").exists(), reason="UTKFace is not beside the repository")
def test_committed_file_tells_ages_of_real_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = (SHARED / "utkface_val.txt").read_text(encoding="utf-8").split()[::40]
    (tmp_path / "some.txt").write_text("\n".join(names))
    model = MODELS_FOLDER / read_models_file().models["age-facenet-int8"].file
    data = [str(SHARED / f"utkface-{part}.zip") for part in (1, 2)]
    out = tmp_path / "figures.json"
    arguments = ["--model", str(model), "--data", *data, "--val-list", str(tmp_path / "some.txt"), "--json", str(out), "--quick"]
    assert main(arguments) == 0
    assert f"n {len(names)} " in capsys.readouterr().out
    assert '"mae": ' in out.read_text(encoding="utf-8")
    # The whole list is measured at export; 47 pictures scatter by about 0.8 years around it.
    assert float(out.read_text(encoding="utf-8").split('"mae": ')[1].split(",")[0]) < 7


def test_card_names_all_sets_cycles_and_what_else_was_measured() -> None:
    truth, said = np.array([20, 30], np.float32), np.eye(101, dtype=np.float32)[[23, 33]]
    figures = report(Predictions(truth + 3, truth, said, truth * 0, np.array([False, True]), 0))
    measured = Measured("age-facenet-fp16", "fp16", 47_000_000, Parity(200, 0.001, 0.01, 0.0), CALIBRATION, figures)
    run = TrainingRun(30189, 2.8, 49, 48, sets=("UTKFace", "All-Age-Faces", "FairFace"), earlier_minutes=76, balance=3)
    ranged = RangeReport(90, 1, 0.56, 0.9, 0.57, 1.0, 0.93, {"0-2": RangeFigures(90, 0.56)})
    card = model_card(run, [measured], [Elsewhere("a webcam", figures), Elsewhere("FairFace", ranged)])
    assert "Data: UTKFace, All-Age-Faces and FairFace, without" in card
    assert "Begun at the weights of earlier cycles of 76 minutes." in card
    assert "up to 3 times as often" in card
    assert "| a webcam | 2 | MAE 3.00 (3.00–3.00), bias +3.00, gender 50.0% |" in card
    assert "| FairFace | 90 | in the right one of 1 ranges 56.0%, or a neighbour 90.0%; gender 93.0% |" in card
    assert "Research use only: the terms of UTKFace, All-Age-Faces and FairFace" in card
    plain = model_card(TrainingRun(16858, 2.25, 76, 48), [measured])
    assert "Begun at" not in plain
    assert "On other held-back" not in plain
