"""`main.py engine …`: building without a GPU, listing, checking, and one sentence for what is wrong."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import main
from engines.gpu import find_gpu
from engines.tensorrt.cache import EngineCache, read_engine
from pipeline.errors import EngineError


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EngineCache:
    """The user's cache folder is somewhere else for the time of a test."""
    cache = EngineCache(tmp_path / "engines")
    monkeypatch.setattr("engines.tensorrt.cache.user_cache_path", lambda *_, **__: tmp_path)
    return cache


@pytest.fixture
def rtx() -> None:
    pytest.importorskip("tensorrt_rtx", reason="TensorRT for RTX is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")


def without_gpu() -> str:
    try:
        find_gpu()
    except EngineError as error:
        return error.message
    pytest.skip("this machine has a GPU")


@pytest.mark.usefixtures("rtx")
def test_build_for_other_gpus_then_list(own_cache: EngineCache, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["engine", "list"]) == 0
    assert "There is no TensorRT engine in" in capsys.readouterr().out
    assert main.main(["engine", "build", "--model", "mtcnn-onet", "--for", "sm86,sm89"]) == 0
    built = capsys.readouterr().out
    assert "Runs on GPUs of sm86, sm89" in built
    assert "input pictures: float32 n×48×48×3, 1×48×48×3 … 256×48×48×3" in built
    assert [entry.manifest.key.targets for entry in own_cache.entries() if entry.manifest] == [(86, 89)]
    assert main.main(["engine", "list"]) == 0
    listed = capsys.readouterr().out
    assert re.search(r"mtcnn-onet +fp16 +sm86, sm89 +tensorrt_rtx", listed)
    assert str(own_cache.folder) in listed


@pytest.mark.usefixtures("rtx")
def test_build_into_a_file(tmp_path: Path, own_cache: EngineCache) -> None:
    path = tmp_path / "deep" / "onet.engine"
    assert (
        main.main(["engine", "build", "--model", "mtcnn-onet", "--for", "sm120", "--precision", "fp32", "--out", str(path)]) == 0
    )
    assert read_engine(path).manifest.key.precision == "fp32"
    assert own_cache.entries() == []


@pytest.mark.usefixtures("rtx")
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--for", "sm61"), 2, "cannot build for 'sm61'"),
        (("--for", "sm86", "--model", "nonsense"), 2, "no model named 'nonsense'"),
        (("--for", "sm75", "--precision", "fp32", "--model", "mtcnn-rnet"), 1, "cannot build 'mtcnn-rnet' in fp32 for sm75"),
        (("--for", "sm86", "--model", "mtcnn-onet", "--out", os.devnull + "/x.engine"), 1, "cannot be kept in"),
    ],
)
def test_what_cannot_be_built(arguments: tuple[str, ...], code: int, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["engine", "build", *arguments]) == code
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_build_for_this_machine_without_a_gpu(capsys: pytest.CaptureFixture[str]) -> None:
    reason = without_gpu()
    assert main.main(["engine", "build"]) == 1
    error = capsys.readouterr().err
    assert reason in error
    assert "engine build --for sm86,sm89,sm120" in error


def test_info_tells_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    reason = without_gpu()
    assert main.main(["engine", "info"]) == 0
    out = capsys.readouterr().out
    assert f"TensorRT cannot run here: {reason}" in out
    assert "nvidia.com/drivers" in out
    assert re.search(r"Engine: cpu \w+, model age", out)


def test_check_without_a_gpu_measures_the_rounding_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed")
    reason = without_gpu()
    assert main.main(["engine", "check"]) == 1
    shown = capsys.readouterr()
    assert re.search(r"The graph that TensorRT gets, run by ONNX Runtime: 64 crops, fp16: \|Δ years\| max 0\.\d+", shown.out)
    assert reason in shown.err
