"""ONNX Runtime: on any CPU, and on an NVIDIA GPU where onnxruntime-gpu is installed."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from engines.runtime import RuntimeInfo, Tensors
from pipeline.errors import EngineError, ModelFileError

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def default_threads() -> int:
    """Threads for one session: all cores but one, which decoding and the window need, and at most four."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    return max(1, min(4, usable - 1))


class OnnxRuntime:
    """One ONNX network in one session.

    Args:
        model: the file's bytes, already checked against models.toml.
        name: for messages.
        provider: "cpu" or "cuda". What is asked for runs, or it fails: ONNX Runtime itself would fall back in silence.
        threads: CPU threads, 0 for `default_threads()`.

    Raises:
        ModelFileError: the bytes are no ONNX network.
        EngineError: the provider cannot run here.
    """

    def __init__(self, model: bytes, name: str, provider: str = "cpu", threads: int = 0) -> None:
        wanted = PROVIDERS[provider]
        if wanted not in ort.get_available_providers():
            raise EngineError(
                f"The engine {provider!r} is not available: this ONNX Runtime offers {', '.join(_offered())}.",
                "Install onnxruntime-gpu in place of onnxruntime, or choose --engine cpu.",
            )
        self._name = name
        self._threads = threads or default_threads()
        options = ort.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # its warnings go to stderr in the middle of a progress bar; errors arrive as exceptions
        # Idle threads that spin would take the core that decoding and the window live on.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(model, options, providers=[wanted])
        except Exception as error:  # ONNX Runtime raises a dozen unrelated types from C++, with Exception as their only base
            raise ModelFileError(
                f"ONNX Runtime cannot load the model {name!r}: {_first_line(error)}",
                "The file is damaged or too new for this ONNX Runtime: restore it from the repository, or update onnxruntime.",
            ) from error
        if wanted not in self._session.get_providers():
            raise EngineError(
                f"The engine {provider!r} was asked for, but ONNX Runtime fell back to {self._session.get_providers()[0]}.",
                "Check the NVIDIA driver and the CUDA and cuDNN libraries, or choose --engine cpu.",
            )
        self._provider = provider
        self._outputs = [output.name for output in self._session.get_outputs()]

    @property
    def info(self) -> RuntimeInfo:
        device = f"CPU, {self._threads} thread{'s' if self._threads > 1 else ''}" if self._provider == "cpu" else "NVIDIA GPU"
        return RuntimeInfo(f"ONNX Runtime {ort.__version__}", self._provider, device)

    def run(self, inputs: Tensors) -> dict[str, NDArray[Any]]:
        try:
            values = self._session.run(self._outputs, dict(inputs))
        except Exception as error:
            shapes = ", ".join(f"{key} {value.dtype}{list(value.shape)}" for key, value in inputs.items())
            raise EngineError(
                f"The model {self._name!r} failed on {shapes}: {_first_line(error)}", "Please report this with the model's name."
            ) from error
        return {name: np.asarray(value) for name, value in zip(self._outputs, values, strict=True)}

    def close(self) -> None:
        """Nothing to give back: the session frees its memory with its last reference."""


def _offered() -> list[str]:
    return [name.removesuffix("ExecutionProvider") for name in ort.get_available_providers()]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
