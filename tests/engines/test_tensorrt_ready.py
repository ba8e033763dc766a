"""Every state of the world gives one clear sentence and says what helps."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest

from engines.cuda import find_package
from engines.gpu import Gpu, find_gpu
from engines.tensorrt.flavour import Flavour, find_flavour, find_flavours
from engines.tensorrt.ready import Probes, check_ready, why_not
from pipeline.errors import EngineError

ADA = Gpu("NVIDIA GeForce RTX 4090", 89, 24564, (13, 0), 128, 2520)
RTX_TARGETS = (75, 80, 86, 89, 120, 121)


def module(name: str, targets: tuple[int, ...] = ()) -> ModuleType:
    """An installed TensorRT, as far as finding it goes."""
    found = ModuleType(name)
    found.__dict__["__version__"] = "11.4.0"
    if targets:
        members = {f"SM{sm}": sm for sm in targets} | {"CURRENT": 1}
        found.__dict__["ComputeCapability"] = type("ComputeCapability", (), {"__members__": members})
    return found


def installed(**modules: ModuleType | Exception) -> Callable[[str], ModuleType]:
    def load(name: str) -> ModuleType:
        found = modules.get(name, ModuleNotFoundError(f"No module named {name!r}"))
        if isinstance(found, Exception):
            raise found
        return found

    return load


FULL, RTX = module("tensorrt"), module("tensorrt_rtx", RTX_TARGETS)
BOTH = installed(tensorrt=FULL, tensorrt_rtx=RTX)


def probes(
    gpu: Gpu | None = ADA, tensorrt: Callable[[str], ModuleType] = BOTH, packages: tuple[str, ...] = ("pycuda.driver",)
) -> Probes:
    """A machine in some state. `gpu` None: no driver."""

    def missing_driver(_name: str) -> object:
        raise OSError

    def memory(name: str) -> ModuleType:
        if name not in packages:
            raise ModuleNotFoundError(f"No module named {name!r}")
        return ModuleType(name)

    return Probes(
        gpu=lambda: gpu if gpu is not None else find_gpu(missing_driver),
        flavour=lambda found: find_flavour(tensorrt, gpu=found),
        memory_package=lambda: find_package(memory),
    )


def test_a_machine_where_it_runs() -> None:
    ready = check_ready(probes())
    assert (ready.gpu, ready.flavour.name, ready.memory_package) == (ADA, "tensorrt", "pycuda")
    assert ready.reason == "NVIDIA GeForce RTX 4090 found, TensorRT 11.4.0 with PyCUDA runs the age model"
    assert why_not(probes()) is None


def test_without_pycuda_it_says_what_is_used_instead() -> None:
    ready = check_ready(probes(packages=("cuda.bindings.driver",)))
    assert "cuda-python (PyCUDA is not installed)" in ready.reason


@pytest.mark.parametrize(
    ("world", "message", "hint"),
    [
        (probes(gpu=None), "No NVIDIA driver was found on this machine", "install its driver"),
        (
            probes(tensorrt=installed()),
            "There is no TensorRT to use: tensorrt is not installed and tensorrt_rtx is not installed.",
            "uv sync --extra rtx",
        ),
        (
            probes(tensorrt=installed(tensorrt=OSError("libnvinfer.so.11: cannot open shared object file"))),
            "tensorrt is installed but does not load: libnvinfer.so.11: cannot open",
            "uv sync --extra rtx",
        ),
        (probes(packages=()), "needs PyCUDA or cuda-python", "--extra gpu brings PyCUDA"),
        (
            probes(gpu=Gpu("NVIDIA GeForce GTX 1060", 61, 6144, (13, 0))),
            "NVIDIA GeForce GTX 1060 is too old for TensorRT 11.4.0: it has compute capability 6.1, needed is 7.5 or newer.",
            "--engine cpu",
        ),
        (
            probes(gpu=Gpu("NVIDIA H200", 90, 143771, (13, 0)), tensorrt=installed(tensorrt_rtx=RTX)),
            "TensorRT for RTX 11.4.0 does not know NVIDIA H200 (sm90); it knows sm75, sm80, sm86, sm89, sm120, sm121.",
            "--extra gpu",
        ),
    ],
)
def test_every_state_has_its_sentence(world: Probes, message: str, hint: str) -> None:
    with pytest.raises(EngineError) as caught:
        check_ready(world)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert "\n" not in caught.value.message


def test_an_old_driver() -> None:
    flavour = Flavour("tensorrt_rtx", "1.7.1", RTX, RTX_TARGETS, cuda_major=13)
    with pytest.raises(EngineError, match=r"driver is too old .* supports CUDA 12\.4, needed is 13\.0") as caught:
        flavour.check(Gpu("NVIDIA GeForce RTX 3060", 86, 12288, (12, 4)))
    assert "Update the NVIDIA driver" in caught.value.hint


def test_the_flavour_that_runs_goes_before_the_preferred_one() -> None:
    hopper = Gpu("NVIDIA H200", 90, 143771, (13, 0))
    assert find_flavour(BOTH, gpu=ADA).name == "tensorrt"
    assert find_flavour(BOTH, gpu=hopper).name == "tensorrt"
    assert find_flavour(installed(tensorrt_rtx=RTX), gpu=ADA).name == "tensorrt_rtx"
    assert find_flavour(BOTH, portable=True).name == "tensorrt_rtx"


def test_building_for_others_takes_the_portable_flavour() -> None:
    with pytest.raises(EngineError, match="TensorRT for RTX is needed to build for other GPUs: tensorrt_rtx is not installed"):
        find_flavour(installed(tensorrt=FULL), portable=True)


def test_the_installed_one_is_found() -> None:
    pytest.importorskip("tensorrt_rtx", reason="TensorRT for RTX is not installed")
    found, missing = find_flavours()
    flavour = next(each for each in found if each.name == "tensorrt_rtx")
    assert {75, 86, 89, 120} <= set(flavour.targets)
    assert flavour.portable
    assert flavour.cuda_major >= 12
    assert len(found) + len(missing) == 2
