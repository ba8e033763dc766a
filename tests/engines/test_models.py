"""models.toml and the files beside it: what is loaded is what is described."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from engines.models import MODELS_FOLDER, load_model, read_models_file
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
