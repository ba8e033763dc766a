"""What a model needs from an inference runtime, whichever it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

Tensors = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class RuntimeInfo:
    """What really runs, as the runtime itself reports it.

    Attributes:
        runtime: name and version, e.g. "ONNX Runtime 1.32.0".
        provider: e.g. "cpu", "cuda", "tensorrt".
        device: e.g. "CPU, 2 threads" or the GPU's name.
    """

    runtime: str
    provider: str
    device: str


class TensorRuntime(Protocol):
    """One loaded network. Used and closed by the thread that made it."""

    @property
    def info(self) -> RuntimeInfo: ...

    def run(self, inputs: Tensors) -> dict[str, NDArray[Any]]:
        """Named arrays in, all outputs by name; the first dimension is the batch.

        Raises:
            EngineError: the runtime refused the input or failed.
        """
        ...

    def close(self) -> None: ...
