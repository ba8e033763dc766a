"""models.toml and the files beside it: what is loaded is what is described."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.models import MODELS_FOLDER, load_age_model, load_cohort, load_model, read_models_file
from engines.onnx_runtime import OnnxRuntime
from pipeline.errors import EngineError, ModelFileError, SettingsError

NAME = "mtcnn-rnet"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with models.toml and one model, to be broken."""
    shutil.copy(MODELS_FOLDER / "models.toml", tmp_path)
    shutil.copy(MODELS_FOLDER / f"{NAME}.onnx", tmp_path)
    return tmp_path


def test_every_committed_model_is_there_and_right() -> None:
    facts = read_models_file()
    assert {facts.default_cpu, facts.default_gpu} <= set(facts.models)
    for name, entry in facts.models.items():
        model = load_model(name)
        assert hashlib.sha256(model.data).hexdigest() == entry.sha256
        assert len(model.data) < 50_000_000
        assert entry.licence
        assert entry.origin
        if entry.kind == "age":
            assert entry.bins == 101
            assert entry.training_data
            assert entry.accuracy["utkface_val_mae"] > 0
            cohort = load_age_model(name, gpu=False).cohort
            assert cohort is not None
            assert cohort.centre.shape == (entry.identity,)
            assert np.linalg.norm(cohort.faces, axis=1) == pytest.approx(1, abs=1e-5)


def test_unknown_name(folder: Path) -> None:
    with pytest.raises(SettingsError, match="no model named 'nonsense'") as caught:
        load_model("nonsense", folder)
    assert NAME in caught.value.hint


def test_missing_file(folder: Path) -> None:
    (folder / f"{NAME}.onnx").unlink()
    with pytest.raises(ModelFileError, match="cannot be read: No such file"):
        load_model(NAME, folder)


def test_empty_file(folder: Path) -> None:
    (folder / f"{NAME}.onnx").write_bytes(b"")
    with pytest.raises(ModelFileError, match=r"is empty \(0 bytes\)"):
        load_model(NAME, folder)


def test_wrong_sha256(folder: Path) -> None:
    path = folder / f"{NAME}.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelFileError, match=r"sha256 .*, expected"):
        load_model(NAME, folder)


@pytest.mark.parametrize("text", ["", "schema_version = 2", "not toml at all [", "schema_version = 1\nsurprise = 3"])
def test_broken_models_toml(folder: Path, text: str) -> None:
    (folder / "models.toml").write_text(text)
    with pytest.raises(ModelFileError, match=r"models\.toml"):
        load_model(NAME, folder)


def test_bytes_that_are_no_network() -> None:
    with pytest.raises(ModelFileError, match="cannot load the model 'broken'"):
        OnnxRuntime(b"this is text", "broken")


def test_cuda_is_obeyed_or_fails() -> None:
    """No silent fall-back: where ONNX Runtime has no CUDA, asking for it is an error that says so."""
    onnxruntime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime offers CUDA")
    with pytest.raises(EngineError, match="'cuda' is not available"):
        OnnxRuntime(load_model(NAME).data, NAME, "cuda")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (np.ones((3, 8), np.float16), "a centre and more than"),
        (np.full((40, 8), np.nan, np.float16), "a centre and more than"),
        (np.array([{"a": 1}], object), "cannot be read"),
    ],
)
def test_a_file_that_is_no_cohort_is_refused(tmp_path: Path, rows: np.ndarray[tuple[int, ...], np.dtype[Any]], said: str) -> None:
    path = tmp_path / "cohort.npy"
    np.save(path, rows, allow_pickle=True)
    entry = f"""
schema_version = 1
default_cpu = ""
default_gpu = ""
[models.crowd]
kind = "cohort"
file = "cohort.npy"
sha256 = "{hashlib.sha256(path.read_bytes()).hexdigest()}"
precision = "fp16"
licence = "MIT"
origin = "a test"
"""
    (tmp_path / "models.toml").write_text(entry)
    with pytest.raises(ModelFileError, match=said):
        load_cohort("crowd", tmp_path)
