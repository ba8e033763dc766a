"""Device memory, streams, graphs and the TensorRT runtime, on a driver double: cuda-python is the real one, the GPU is not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from engines.cuda import find_package
from pipeline.errors import EngineError

HERE = Path(__file__).resolve().parent
Scene = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Plays a scene of driver_scenes.py in a process whose libcuda.so.1 is the double."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("the driver double needs Linux and a C compiler")
    pytest.importorskip("cuda.bindings", reason="cuda-python is not installed")
    folder = tmp_path_factory.mktemp("driver")
    library = folder / "libcuda.so.1"
    source = str(HERE / "driver_double.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o", str(library), source, "-ldl"], check=True)

    def play(name: str, **environment: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "tests.engines.driver_scenes", name],
            cwd=HERE.parent.parent,
            env=os.environ | {"LD_LIBRARY_PATH": str(folder)} | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    return play


def test_the_driver_is_asked_rightly(scene: Scene) -> None:
    answer = scene("gpu", DOUBLE_MEMORY=str(12 << 30))
    assert answer["name"] == "Driver double"
    assert (answer["sm"], answer["memory_mb"], answer["cuda"]) == ("sm86", 12288, [13, 0])


def test_everything_is_given_back(scene: Scene) -> None:
    answer = scene("memory")
    assert answer["inside"] == [1, 1, 1, 1, 1, 0]  # contexts, pushes, device and host memory, streams, graphs
    assert answer["after"] == [0, 0, 0, 0, 0, 0]


def test_copies_and_recorded_copies(scene: Scene) -> None:
    answer = scene("copies")
    assert answer["first"] == list(range(8))
    assert answer["recorded"] == list(range(8)), "recording must not run"
    assert answer["replayed"] == [7] * 8


def test_memory_that_is_used_up(scene: Scene) -> None:
    message, hint = scene("too_much")["error"]
    assert "memory is used up" in message
    assert "nvidia-smi" in hint


@pytest.mark.parametrize(("name", "graphs"), [("own_graphs", 3), ("rtx_graphs", 0)])
def test_batches_of_all_sizes(scene: Scene, name: str, graphs: int) -> None:
    """The network copies its input: what comes out must be what went in, in batches of 1 to 20 with a profile to 8."""
    answer = scene(name)
    assert answer["right"] == [True] * 10
    assert answer["info"] == ["tensorrt", "Driver double (sm86)"]
    assert answer["before"][5] == graphs, "one graph for each size that came again"
    assert answer["more"] == answer["before"], "nothing is allocated per call"
    assert answer["after"] == [0] * 6
    assert answer["kept_result"] == 1, "results are the caller's, the next run does not change them"
    assert answer["resident"] == 3


def test_inputs_that_the_network_does_not_take(scene: Scene) -> None:
    height, dtype, none, name = scene("own_graphs")["refused"]
    assert height == "The network 'copier' takes uint8 [1, 4, 4, 3] … [8, 4, 4, 3] as 'crops', got uint8 [1, 5, 4, 3]."
    assert dtype.endswith("got float32 [1, 4, 4, 3].")
    assert none.endswith("got uint8 [0, 4, 4, 3].")
    assert name == "The network 'copier' takes crops, got faces."


def test_what_rtx_compiled_is_kept_for_the_next_start(scene: Scene) -> None:
    assert scene("rtx_graphs")["kept"] == ["before+"]


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("damaged", "UnusableEngineError", "cannot load the engine of 'copier': the header does not match"),
        ("large", "EngineError", "The memory of Driver double is used up."),
        ("other_sm", "EngineError", "was built for sm75, sm89; this machine has Driver double (sm86)."),
        ("other_gpu", "EngineError", "was built for GeForce of another machine; this machine has Driver double (sm86)."),
        ("failing", "EngineError", "failed on 'copier': a kernel failed"),
    ],
)
def test_engines_that_do_not_run_say_why(scene: Scene, name: str, kind: str, message: str) -> None:
    answer = scene(name)
    assert answer["kind"] == kind
    assert message in answer["error"][0]


def test_a_driver_that_does_not_start(scene: Scene) -> None:
    assert "does not start (CUDA error 999)" in scene("gpu", DOUBLE_INIT="999")["error"][0]


def importing(*present: str) -> Callable[[str], ModuleType]:
    def load(name: str) -> ModuleType:
        if name not in present:
            raise ModuleNotFoundError(f"No module named {name!r}")
        return ModuleType(name)

    return load


def test_pycuda_is_preferred_and_cuda_python_will_do() -> None:
    both = importing("pycuda.driver", "cuda.bindings.driver")
    assert find_package(both) == "pycuda"
    assert find_package(importing("cuda.bindings.driver")) == "cuda-python"
    assert find_package(importing("pycuda.driver")) == "pycuda"


def test_neither_package_is_there() -> None:
    with pytest.raises(EngineError, match=r"PyCUDA or cuda-python.*neither can be imported") as caught:
        find_package(importing())
    assert "uv sync --extra rtx" in caught.value.hint


def test_a_pycuda_that_does_not_load_is_no_pycuda() -> None:
    def load(name: str) -> ModuleType:
        if name == "pycuda.driver":
            raise ImportError("libcurand.so.10: cannot open shared object file")
        return ModuleType(name)

    assert find_package(load) == "cuda-python"
