"""Measuring from raw pictures on: faces found, missed and broken pictures counted, every runtime by the same command."""

from __future__ import annotations

import json
from pathlib import Path
from zipfile import ZipFile

import cv2
import numpy as np
import pytest
import torch

from engines.align import CROP_PX
from engines.models import read_models_file
from pipeline.errors import SettingsError, SourceError
from pipeline.types import Box, Detection, UInt8Array
from tests.model_double import NAME, write_models
from training.backbones import build_model
from training.checkpoint import load_averaged
from training.data import Sample
from training.evaluate import main
from training.labels import list_samples
from training.likeness import true_accepts
from training.locate import estimate, group_of, locate, side_px
from training.onnx_files import export_float
from training.ranges import parse_ranges, range_hits
from training.runtimes import open_engine
from training.spec import Spec

DEMO = Path(__file__).resolve().parents[2] / "assets/demo"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip file with two portraits, a picture without a face, and one that is none."""
    archive = tmp_path_factory.mktemp("photos") / "photos.zip"
    noise = np.random.default_rng(2).integers(0, 255, (200, 200, 3)).astype(np.uint8)
    with ZipFile(archive, "w") as file:
        file.writestr("labels.csv", "file,age,gender\n1.png,42,f\n2.png,77,\n3.png,20,m\n4.jpg,30,m\n")
        for name, path in (("1.png", "collins.webp"), ("2.png", "hopper.webp")):
            picture = cv2.imread(str(DEMO / path))
            assert picture is not None
            small = cv2.resize(picture, (256, 256 * picture.shape[0] // picture.shape[1]), interpolation=cv2.INTER_AREA)
            file.writestr(name, cv2.imencode(".png", small)[1].tobytes())
        file.writestr("3.png", cv2.imencode(".png", noise)[1].tobytes())
        file.writestr("4.jpg", b"broken")
    return archive


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("double") / "models")


def test_raw_photos_are_measured_and_what_is_missed_is_counted(
    photos: Path, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--model", str(models / f"{NAME}.onnx"), "--data", str(photos), "--json", str(tmp_path / "out.json")]
    assert main([*arguments, "--plots", str(tmp_path / "plots"), "--ranges", "0-19,20-59,60+"]) == 0
    said = capsys.readouterr()
    assert "left out 4.jpg" in said.err
    figures = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert (figures["n"], figures["missed"], figures["unreadable"]) == (2, 1, 1)
    assert figures["by_gender"].keys() == {"female"}
    assert sum(part["n"] for part in figures["by_size"].values()) == 2
    assert figures["ranges"]["n"] == 2
    assert {"mae", "mae_ci", "bias", "cs5", "macro_mae", "by_decade", "range_accuracy"} <= figures.keys()
    # The double is as old as the crop is bright: noise and compression hardly change that.
    assert figures["webcam_56"]["mae"] == pytest.approx(figures["mae"], abs=1)
    assert figures["webcam_32"]["n"] == 2
    assert "identity" not in figures  # the double has no embedding
    page = (tmp_path / "plots" / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == len(list((tmp_path / "plots").glob("*.png"))) >= 7


def test_a_list_of_names_limits_what_is_measured(photos: Path, models: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("2.png\n")
    arguments = ["--model", str(models / f"{NAME}.onnx"), "--data", str(photos), "--val-list", str(tmp_path / "list.txt")]
    assert main([*arguments, "--quick", "--json", str(tmp_path / "out.json")]) == 0
    figures = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert (figures["n"], figures["missed"], list(figures["by_decade"])) == (1, 0, ["70-79"])
    assert "webcam_56" not in figures
    assert figures["gender_accuracy"] is None  # not labelled


@pytest.mark.parametrize("head", ["distribution", "classes", "regression"])
def test_checkpoint_and_exported_file_say_the_same(head: str, photos: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    options = {"backbone": "resnet10t", "head": head, "gender": "False"}
    net = build_model(Spec.of(options), pretrained=False).eval()
    torch.save(
        {"average": {f"module.{key}": value for key, value in net.state_dict().items()}, "options": options}, tmp_path / "a.pt"
    )
    export_float(load_averaged(tmp_path / "a.pt"), tmp_path / "a.onnx")
    located = locate(list_samples([photos]).samples, threads=1)
    by_torch, by_onnx = (estimate(open_engine(tmp_path / name, 1), located) for name in ("a.pt", "a.onnx"))
    assert [one is None for one in by_torch] == [False, False, True]
    for one, other in zip(by_torch[:2], by_onnx[:2], strict=True):
        assert one is not None
        assert other is not None
        assert one.years == pytest.approx(other.years, abs=0.01)
        np.testing.assert_allclose(one.distribution, other.distribution, atol=1e-3)
        assert one.male is None
        assert one.embedding is None


def test_tensorrt_is_for_files_that_models_toml_knows(tmp_path: Path, models: Path) -> None:
    with pytest.raises(SettingsError, match="TensorRT cannot run the checkpoint"):
        open_engine(tmp_path / "a.pt", 1, "tensorrt")
    (tmp_path / "a.onnx").write_bytes((models / f"{NAME}.onnx").read_bytes())
    with pytest.raises(SettingsError, match=r"does not describe a\.onnx"):
        open_engine(tmp_path / "a.onnx", 1, "tensorrt")
    assert open_engine(models / f"{NAME}.onnx", 1).info.precision == read_models_file(models).models[NAME].precision


class AtCentre:
    """Finds a face of a fixed size in the middle of everything."""

    def scan(self, image: UInt8Array) -> list[Detection]:
        middle = np.array([image.shape[1], image.shape[0]]) / 2
        points = middle + np.array([[-16, -17], [16, -17], [0, 2], [-14, 15], [14, 15]])
        return [Detection(Box(*(middle - 40), *(middle + 40)), 0.9, points.astype(np.float32))]


def test_size_of_a_face_is_that_of_its_crop(photos: Path) -> None:
    located = locate(list_samples([photos]).samples, threads=2, detector=AtCentre())
    assert located.found == (True, True, True)
    # Eyes 32 pixels apart are 0.396 of the crop's side.
    assert located.sides_px == pytest.approx([32 / 0.396] * 3, rel=0.05)
    points = located.landmarks[0]
    assert points is not None
    assert side_px(2 * points) == pytest.approx(2 * side_px(points))


def test_no_face_and_no_readable_picture_are_one_clear_error(photos: Path) -> None:
    samples = list_samples([photos]).samples
    with pytest.raises(SourceError, match="no face was found in any"):
        locate([sample for sample in samples if sample.name == "3.png"])
    with pytest.raises(SourceError, match="not one of 1 pictures can be read"):
        locate([sample for sample in samples if sample.name == "4.jpg"])


def test_group_is_the_third_number_of_utkfaces_names() -> None:
    def sample(name: str, chip: bool = True) -> Sample:
        return Sample(name, 3, 3, None, Path("a.zip"), name, chip)

    assert group_of(sample("3_0_2_20170110213001988.jpg.chip.jpg")) == "Asian"
    assert group_of(sample("3_0_2_20170110213001988.jpg.chip.jpg", chip=False)) == ""
    assert group_of(sample("3.jpg")) == ""


def test_true_accepts_of_known_cosines() -> None:
    turn = np.linspace(0, np.pi, 101)[:100]
    pictures = np.stack([np.cos(turn), np.sin(turn)], axis=1).astype(np.float32)
    assert true_accepts(pictures, pictures) == 1
    # Copies of one half are turned right around: they are farther from their pictures than any other face.
    mixed = np.concatenate([pictures[:50], -pictures[50:]])
    assert true_accepts(pictures, mixed) == 0.5


def test_ages_judged_by_ranges() -> None:
    ranges = parse_ranges("4-6, 0-2,60+")
    assert ranges == ((0, 2), (4, 6), (60, 120))
    truth = np.array([1, 1, 5, 70, 30], np.float32)
    found = range_hits(np.array([2.4, 5.0, 7.4, 40.0, 30.0], np.float32), truth, ranges)
    assert found.n == 4  # 30 is in none of them
    assert found.accuracy == pytest.approx(3 / 4)  # 7 lies in none and is nearest to 4-6, 40 to 60+
    assert found.one_off == 1
    assert found.by_range["0-2"].accuracy == 0.5


@pytest.mark.parametrize("text", ["young", "0-2,x", "5-9,0-5", "9-5"])
def test_ranges_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="ranges"):
        parse_ranges(text)


def test_crops_are_the_programs_own(photos: Path) -> None:
    class Seen:
        shape: tuple[int, ...] = ()

        def estimate_crops(self, crops: UInt8Array) -> list[object]:
            self.shape = crops.shape
            return [object()] * len(crops)

    seen = Seen()
    estimate(seen, locate(list_samples([photos]).samples))  # type: ignore[arg-type]
    assert seen.shape == (2, CROP_PX, CROP_PX, 3)
