"""What the driver says: every state of a machine gives one sentence, before any package is needed."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import pytest

from engines.gpu import DRIVER_LIBRARY, Gpu, find_gpu
from pipeline.errors import EngineError


class Driver:
    """The driver's functions, as ctypes would give them."""

    def __init__(self, init: int = 0, count: int = 1) -> None:
        self._init, self._count = init, count

    def cuInit(self, _flags: int) -> int:  # noqa: N802
        return self._init

    def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802
        count._obj.value = self._count
        return 0


def loading(driver: object) -> Callable[[str], Any]:
    return lambda name: driver if name == DRIVER_LIBRARY else None


def no_driver(_name: str) -> Any:
    raise OSError("cannot open shared object file")


@pytest.mark.parametrize(
    ("load", "message", "hint"),
    [
        (no_driver, "No NVIDIA driver was found", "install its driver"),
        (loading(Driver(init=100)), "it finds no GPU", "nvidia-smi"),
        (loading(Driver(count=0)), "it finds no GPU", "CUDA_VISIBLE_DEVICES"),
        (loading(Driver(init=803)), r"does not start \(CUDA error 803\)", "Restart the machine"),
    ],
)
def test_every_reason_has_its_sentence(load: Callable[[str], Any], message: str, hint: str) -> None:
    with pytest.raises(EngineError, match=message) as caught:
        find_gpu(load)
    assert hint in caught.value.hint
    assert "--engine cpu" in caught.value.hint


def test_this_machine_answers_either_way() -> None:
    try:
        ctypes.CDLL(DRIVER_LIBRARY)
    except OSError:
        with pytest.raises(EngineError, match="No NVIDIA driver"):
            find_gpu()
    else:
        assert find_gpu().capability >= 50


def test_the_arithmetic_limit_is_nvidias_own() -> None:
    """RTX 3060: 28 multiprocessors at 1.777 GHz; NVIDIA's white paper on GA10x states 51 TFLOP/s of dense FP16."""
    gpu = Gpu("NVIDIA GeForce RTX 3060", 86, 12288, (13, 0), 28, 1777)
    assert gpu.peak_fp16_tflops == pytest.approx(51, abs=0.5)
    assert Gpu("unknown", 999, 1, (13, 0), 28, 1777).peak_fp16_tflops is None
    assert str(gpu) == "NVIDIA GeForce RTX 3060 (sm86, 12 GB, driver for CUDA 13.0)"
