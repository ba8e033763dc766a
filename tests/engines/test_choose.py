"""Which engine runs: `auto` says why, a named one runs or fails, and nothing falls back in silence."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from engines.choose import open_age_engine, open_detector
from engines.gpu import Gpu, find_gpu
from engines.swap import SwappingAgeEngine
from engines.tensorrt.cache import EngineCache
from engines.tensorrt.flavour import find_flavour
from engines.tensorrt.ready import Probes
from pipeline.errors import EngineError, SettingsError
from pipeline.settings import AgeSettings, Settings
from tests.limits import PATIENCE_S, assert_within
from tests.model_double import NAME, write_models

AMPERE = Gpu("NVIDIA GeForce RTX 3060", 86, 12288, (13, 0))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return write_models(tmp_path / "models")


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache(tmp_path / "engines")


def no_gpu() -> Gpu:
    raise EngineError("No NVIDIA driver was found on this machine.", "Install it.")


WITHOUT_GPU = Probes(gpu=no_gpu)


def believes_in_a_gpu() -> Probes:
    """TensorRT for RTX really is installed here; the GPU is only claimed."""
    pytest.importorskip("tensorrt_rtx", reason="TensorRT for RTX is not installed")
    try:
        find_gpu()
    except EngineError:
        return Probes(gpu=lambda: AMPERE, flavour=lambda _: find_flavour(portable=True), memory_package=lambda: "cuda-python")
    pytest.skip("this machine has a GPU")


def test_auto_says_why_the_cpu(models: Path) -> None:
    if "CUDAExecutionProvider" in ort.get_available_providers():
        pytest.skip("this ONNX Runtime offers CUDA")
    engine = open_age_engine(AgeSettings(), models, probes=WITHOUT_GPU)
    assert engine.info.name == "cpu"
    assert engine.info.model == NAME
    assert engine.info.reason == "No NVIDIA driver was found on this machine; the CPU runs the age model"
    assert engine.runtime.info.provider == "cpu"


def test_tensorrt_by_name_fails_loudly(models: Path) -> None:
    with pytest.raises(EngineError, match="No NVIDIA driver was found"):
        open_age_engine(AgeSettings(engine="tensorrt"), models, probes=WITHOUT_GPU)
    with pytest.raises(EngineError, match="No NVIDIA driver was found"):
        open_age_engine(AgeSettings(engine="tensorrt"), models, probes=WITHOUT_GPU, serve_while_building=True)


def test_the_cpu_by_name_asks_nobody(models: Path) -> None:
    def must_not_ask() -> Gpu:
        pytest.fail("the GPU was asked for")

    engine = open_age_engine(AgeSettings(engine="cpu"), models, probes=Probes(gpu=must_not_ask))
    assert engine.info.reason == "chosen by name"


def test_a_detector_is_no_age_model(models: Path) -> None:
    with pytest.raises(SettingsError, match="does not estimate ages"):
        open_age_engine(AgeSettings(engine="cpu", model="mtcnn-rnet"), models)


def test_a_gpu_that_fails_at_the_last_moment(models: Path, cache: EngineCache) -> None:
    """Everything seemed ready, but the device does not open: `auto` goes on with the CPU and says so, a name fails."""
    pytest.importorskip("cuda.bindings", reason="cuda-python is not installed")
    probes = believes_in_a_gpu()
    engine = open_age_engine(AgeSettings(), models, probes=probes, cache=cache)
    assert engine.info.name == "cpu"
    assert engine.info.reason.startswith("The GPU failed while starting")
    with pytest.raises(EngineError, match="The GPU failed while starting"):
        open_age_engine(AgeSettings(engine="tensorrt"), models, probes=probes, cache=cache)


@pytest.mark.parametrize("engine_name", ["auto", "tensorrt"])
def test_the_cpu_serves_while_tensorrt_is_built(models: Path, cache: EngineCache, engine_name: str) -> None:
    """The whole way with a real process that builds: here it finds no GPU, and the reason ends up where people see it."""
    settings = AgeSettings.model_validate({"engine": engine_name})
    engine = open_age_engine(settings, models, probes=believes_in_a_gpu(), cache=cache, serve_while_building=True)
    assert isinstance(engine, SwappingAgeEngine)
    assert engine.info.name == "cpu"
    assert engine.info.note.startswith("building TensorRT")
    picture = np.full((200, 200, 3), 128, np.uint8)
    landmarks = np.array([[80, 80], [120, 80], [100, 100], [85, 125], [115, 125]], np.float32)
    deadline = time.monotonic() + PATIENCE_S
    while engine.info.note.startswith("building") and time.monotonic() < deadline:
        assert engine.estimate(picture, [landmarks])[0].years > 0
        time.sleep(0.02)
    assert "TensorRT does not run: No NVIDIA driver was found" in engine.info.note
    engine.close()


def test_closing_in_the_middle_of_a_build(models: Path, cache: EngineCache) -> None:
    engine = open_age_engine(AgeSettings(), models, probes=believes_in_a_gpu(), cache=cache, serve_while_building=True)
    started = time.monotonic()
    engine.close()
    assert_within(time.monotonic() - started, 2.5)


def test_the_detector_stays_on_the_cpu_beside_a_cpu_engine(models: Path) -> None:
    with open_detector(Settings(), "cpu", models) as detector:
        assert detector.scan(np.zeros((120, 160, 3), np.uint8)) == []
