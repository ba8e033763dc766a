"""What the NVIDIA driver says about this machine: no package is needed to ask it.

Answers "why not the GPU?" before anything of CUDA or TensorRT is installed. The driver's library is called directly (CUDA Driver
API, docs.nvidia.com/cuda/cuda-driver-api); asking creates no context and takes no GPU memory.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.errors import EngineError

DRIVER_LIBRARY = "nvcuda.dll" if os.name == "nt" else "libcuda.so.1"
CPU_HINT = "Choose --engine cpu, which runs everywhere."

NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE
# CUdevice_attribute
_CLOCK_KHZ, _MULTIPROCESSORS, _CAPABILITY_MAJOR, _CAPABILITY_MINOR = 13, 16, 75, 76

TENSOR_CORE_FLOP = {75: 1024, 80: 2048, 86: 1024, 87: 1024, 89: 1024, 90: 4096, 100: 8192, 120: 1024, 121: 1024}
"""Dense FP16 operations per clock and multiprocessor by compute capability, from NVIDIA's architecture white papers."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """The first NVIDIA GPU.

    Attributes:
        capability: compute capability times ten: 86 for 8.6.
        memory_mb: all of its memory.
        cuda: newest CUDA version that the driver supports, e.g. (13, 0).
        multiprocessors, clock_mhz: for the arithmetic limit; 0 where the driver does not tell.
    """

    name: str
    capability: int
    memory_mb: int
    cuda: tuple[int, int]
    multiprocessors: int = 0
    clock_mhz: int = 0

    @property
    def sm(self) -> str:
        """As TensorRT and compilers write it: "sm86"."""
        return f"sm{self.capability}"

    @property
    def peak_fp16_tflops(self) -> float | None:
        """Arithmetic limit of dense FP16 on tensor cores, None where unknown."""
        per_clock = TENSOR_CORE_FLOP.get(self.capability)
        if per_clock is None or not (self.multiprocessors and self.clock_mhz):
            return None
        return per_clock * self.multiprocessors * self.clock_mhz / 1e6

    def __str__(self) -> str:
        major, minor = self.cuda
        return f"{self.name} ({self.sm}, {self.memory_mb / 1024:.0f} GB, driver for CUDA {major}.{minor})"


def find_gpu(load: Callable[[str], Any] = ctypes.CDLL) -> Gpu:
    """The GPU that CUDA would use.

    Args:
        load: opens the driver's library; tests pass their own.

    Raises:
        EngineError: there is no driver, no GPU, or the driver does not answer.
    """
    try:
        driver = load(DRIVER_LIBRARY)
    except OSError:
        raise EngineError(
            f"No NVIDIA driver was found on this machine ({DRIVER_LIBRARY} cannot be loaded).",
            f"With an NVIDIA GPU: install its driver from nvidia.com/drivers. {CPU_HINT}",
        ) from None
    status = driver.cuInit(0)
    if status == NO_DEVICE or (status == 0 and _number(driver.cuDeviceGetCount) == 0):
        raise EngineError(
            "The NVIDIA driver is installed, but it finds no GPU.",
            f"Check that the GPU is visible (nvidia-smi; in a container: --gpus all; CUDA_VISIBLE_DEVICES). {CPU_HINT}",
        )
    if status != 0:
        raise EngineError(
            f"The NVIDIA driver does not start (CUDA error {status}).",
            f"Restart the machine or install the driver again: library and kernel module may differ in version. {CPU_HINT}",
        )
    device = ctypes.c_int()
    driver.cuDeviceGet(ctypes.byref(device), 0)
    name = ctypes.create_string_buffer(256)
    driver.cuDeviceGetName(name, len(name), device)
    memory = ctypes.c_size_t()
    driver.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
    version = _number(driver.cuDriverGetVersion)  # 1000 · major + 10 · minor

    def attribute(number: int) -> int:
        return _number(driver.cuDeviceGetAttribute, number, device)

    return Gpu(
        name=name.value.decode(errors="replace"),
        capability=10 * attribute(_CAPABILITY_MAJOR) + attribute(_CAPABILITY_MINOR),
        memory_mb=memory.value >> 20,
        cuda=(version // 1000, version % 1000 // 10),
        multiprocessors=attribute(_MULTIPROCESSORS),
        clock_mhz=attribute(_CLOCK_KHZ) // 1000,
    )


def _number(function: Callable[..., int], *rest: object) -> int:
    """Calls a function of the driver that writes an int to its first argument."""
    value = ctypes.c_int()
    function(ctypes.byref(value), *rest)
    return value.value
