"""Whether TensorRT can run here, and if not, the one sentence that says why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engines.cuda import find_package
from engines.gpu import Gpu, find_gpu
from engines.tensorrt.flavour import Flavour, find_flavour
from pipeline.errors import EngineError


@dataclass(frozen=True, slots=True)
class Ready:
    """Everything that running TensorRT takes.

    Attributes:
        memory_package: "pycuda" or "cuda-python".
    """

    gpu: Gpu
    flavour: Flavour
    memory_package: str

    @property
    def reason(self) -> str:
        """Why this engine: for `auto`, the status bar and `engine info`."""
        package = "PyCUDA" if self.memory_package == "pycuda" else "cuda-python (PyCUDA is not installed)"
        return f"{self.gpu.name} found, {self.flavour.title} with {package} runs the age model"


@dataclass(frozen=True, slots=True)
class Probes:
    """How to look at the machine; tests put other worlds in their place."""

    gpu: Callable[[], Gpu] = find_gpu
    flavour: Callable[[Gpu], Flavour] = lambda gpu: find_flavour(gpu=gpu)
    memory_package: Callable[[], str] = find_package


def check_ready(probes: Probes | None = None) -> Ready:
    """What TensorRT would run with.

    Raises:
        EngineError: it cannot run here. The first reason is given, in the order in which a person would mend them: driver and
            GPU, TensorRT itself, the package for device memory.
    """
    probes = probes or Probes()
    gpu = probes.gpu()
    flavour = probes.flavour(gpu)
    return Ready(gpu, flavour, probes.memory_package())


def why_not(probes: Probes | None = None) -> EngineError | None:
    """The reason why TensorRT cannot run here, None if it can."""
    try:
        check_ready(probes)
    except EngineError as error:
        return error
    return None
