"""An engine that serves while another is built: the change, its failures, and the process that builds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engines.age import FaceNetAgeEngine, warm_engine
from engines.gpu import find_gpu
from engines.models import MODELS_FOLDER, load_model, read_models_file
from engines.onnx_runtime import OnnxRuntime
from engines.swap import BuildState, SwappingAgeEngine
from engines.tensorrt.background import BuildProcess, worker_command
from engines.tensorrt.cache import EngineCache
from pipeline.errors import EngineError
from pipeline.types import Float32Array, UInt8Array
from tests.limits import PATIENCE_S, assert_within
from tests.model_double import NAME, write_models

PICTURE: UInt8Array = np.full((200, 200, 3), 128, np.uint8)
LANDMARKS: Float32Array = np.array([[80, 80], [120, 80], [100, 100], [85, 125], [115, 125]], np.float32)


class FakeBuild:
    """A build whose progress the test decides."""

    def __init__(self) -> None:
        self.state = BuildState()
        self.cancelled = 0

    def cancel(self) -> None:
        self.cancelled += 1


@pytest.fixture
def opened(tmp_path: Path) -> Callable[[str, str], FaceNetAgeEngine]:
    model = load_model(NAME, write_models(tmp_path / "models"))

    def open_engine(name: str, reason: str) -> FaceNetAgeEngine:
        return warm_engine(OnnxRuntime(model.data, model.name), model, name, "fp32", reason)

    return open_engine


Opened = Callable[[str, str], FaceNetAgeEngine]


def years(engine: SwappingAgeEngine) -> float:
    return engine.estimate(PICTURE, [LANDMARKS])[0].years


def test_it_serves_at_once_and_changes_between_two_frames(opened: Opened) -> None:
    build = FakeBuild()
    engine = SwappingAgeEngine(opened("cpu", "a GPU was found"), build, lambda: opened("tensorrt", "built"))
    first = years(engine)
    build.state = BuildState(0.43)
    assert engine.info.name == "cpu"
    assert (engine.info.reason, engine.info.note) == ("a GPU was found", "building TensorRT 43%")
    build.state = BuildState(1.0, built=True)
    assert engine.info.name == "cpu", "nothing changes but between frames"
    assert years(engine) == pytest.approx(first)
    assert (engine.info.name, engine.info.reason, engine.info.note) == ("tensorrt", "built", "")
    assert build.cancelled == 1, "its thread was joined"
    engine.close()
    assert build.cancelled == 1


def test_a_failed_build_is_said_and_the_cpu_serves_on(opened: Opened) -> None:
    build = FakeBuild()
    engine = SwappingAgeEngine(opened("cpu", "a GPU was found"), build, lambda: pytest.fail("there is nothing to open"))
    build.state = BuildState(0.2, error=EngineError("The memory of RTX 3060 is used up.", "Close other programs."))
    assert years(engine) > 0
    assert engine.info.name == "cpu"
    assert engine.info.note == "TensorRT does not run: The memory of RTX 3060 is used up."
    assert engine.failed


def test_an_engine_that_does_not_open_is_said(opened: Opened) -> None:
    def fails() -> FaceNetAgeEngine:
        raise EngineError("The GPU failed while making a context.", "Check the driver.")

    build = FakeBuild()
    engine = SwappingAgeEngine(opened("cpu", "a GPU was found"), build, fails)
    build.state = BuildState(1.0, built=True)
    assert years(engine) == pytest.approx(years(engine))
    assert "TensorRT does not run: The GPU failed" in engine.info.note
    assert engine.failed


def test_closing_gives_up_the_build(opened: Opened) -> None:
    build = FakeBuild()
    SwappingAgeEngine(opened("cpu", "a GPU was found"), build, lambda: opened("tensorrt", "built")).close()
    assert build.cancelled == 1


def script(lines: str) -> BuildProcess:
    return BuildProcess([sys.executable, "-c", lines])


def wait_for(build: BuildProcess, what: Callable[[BuildState], bool]) -> BuildState:
    deadline = time.monotonic() + PATIENCE_S
    while not what(build.state):
        assert time.monotonic() < deadline, build.state
        time.sleep(0.01)
    return build.state


def over(state: BuildState) -> bool:
    return state.built or state.error is not None


def test_a_process_tells_how_far_it_is() -> None:
    build = script("import time; print('{\"share\": 0.25}', flush=True); time.sleep(60)")
    assert wait_for(build, lambda state: state.share > 0) == BuildState(0.25)
    started = time.monotonic()
    build.cancel()
    assert_within(time.monotonic() - started, 2.5)
    assert build.state.error is not None
    assert build.state.error.message == "The TensorRT build was cancelled."


def test_a_process_that_finishes() -> None:
    build = script("print('noise of a library'); print('[1]'); print('{\"built\": true}')")
    assert wait_for(build, over) == BuildState(1.0, built=True)
    build.cancel()
    assert build.state.built


def test_a_process_that_fails_says_why() -> None:
    build = script('print(\'{"message": "No space.", "hint": "Make some."}\')')
    error = wait_for(build, over).error
    build.cancel()
    assert error is not None
    assert (error.message, error.hint) == ("No space.", "Make some.")


def test_a_process_that_dies_is_noticed() -> None:
    build = script("import os; os._exit(9)")
    error = wait_for(build, over).error
    build.cancel()
    assert error is not None
    assert "ended with code 9" in error.message


def test_the_real_worker_without_a_gpu(tmp_path: Path) -> None:
    try:
        find_gpu()
    except EngineError as no_gpu:
        reason = no_gpu.message
    else:
        pytest.skip("this machine has a GPU")
    name = read_models_file().default_gpu
    build = BuildProcess(worker_command(name, MODELS_FOLDER, "fp16", EngineCache(tmp_path).folder, 100))
    error = wait_for(build, over).error
    build.cancel()
    assert error is not None
    assert error.message == reason


def test_the_worker_finds_folders_that_are_relative_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    command = worker_command("age", Path("models"), "fp16", Path("cache"), 100)
    assert str(tmp_path / "models") in command
    assert str(tmp_path / "cache") in command
