"""A TensorRT whose only network copies its input: what engines/tensorrt/runtime.py calls, and nothing else.

It works on the driver double's "device" memory and queues its work as a copy on the stream, so that recorded graphs replay it.
"""

from __future__ import annotations

import ctypes
from enum import Enum
from types import ModuleType
from typing import Any

import numpy as np

from engines.tensorrt.flavour import Flavour
from engines.tensorrt.manifest import EngineKey, Manifest, Profile, SizeRange

LEAST, USUAL, MOST = (1, 4, 4, 3), (2, 4, 4, 3), (8, 4, 4, 3)
PROFILE = Profile(batch=SizeRange(least=1, usual=2, most=8))


class TensorIOMode(Enum):
    INPUT = 1
    OUTPUT = 2


class CudaGraphStrategy(Enum):
    DISABLED = 0
    WHOLE_GRAPH_CAPTURE = 1


class ILogger:
    class Severity(Enum):
        INTERNAL_ERROR = 0
        ERROR = 1
        WARNING = 2

    def __init__(self) -> None: ...

    def log(self, severity: Severity, text: str) -> None: ...


class Runtime:
    def __init__(self, log: ILogger) -> None:
        self._log = log

    def deserialize_cuda_engine(self, data: bytes) -> Engine | None:
        if data.startswith(b"good"):
            return Engine(self._log, data)
        self._log.log(ILogger.Severity.WARNING, "a warning is no reason")
        self._log.log(ILogger.Severity.ERROR, "CUDA: out of memory" if data == b"large" else "the header does not match")
        return None


class Engine:
    num_io_tensors = 2

    def __init__(self, log: ILogger, data: bytes) -> None:
        self._log, self._data = log, data

    def get_tensor_name(self, index: int) -> str:
        return ("crops", "copy")[index]

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        return TensorIOMode.INPUT if name == "crops" else TensorIOMode.OUTPUT

    def get_tensor_dtype(self, _name: str) -> str:
        return "UINT8"

    def get_tensor_shape(self, _name: str) -> tuple[int, ...]:
        return (-1, 4, 4, 3)

    def get_tensor_profile_shape(self, name: str, profile: int) -> list[tuple[int, ...]]:
        assert (name, profile) == ("crops", 0)
        return [LEAST, USUAL, MOST]

    def create_runtime_config(self) -> RuntimeConfig:
        return RuntimeConfig()

    def create_execution_context(self, config: RuntimeConfig | None = None) -> Context:
        return Context(self._log, self._data, config)


class RuntimeConfig:
    cuda_graph_strategy = CudaGraphStrategy.DISABLED
    cache: RuntimeCache | None = None

    def create_runtime_cache(self) -> RuntimeCache:
        return RuntimeCache()

    def set_runtime_cache(self, cache: RuntimeCache) -> bool:
        self.cache = cache
        return True


class RuntimeCache:
    content = b""

    def deserialize(self, blob: bytes) -> bool:
        self.content = blob
        return True

    def serialize(self) -> bytes:
        return self.content + b"+"


class Context:
    def __init__(self, log: ILogger, data: bytes, config: RuntimeConfig | None) -> None:
        self._log, self._data, self._config = log, data, config
        self._shape: tuple[int, ...] = ()
        self._addresses: dict[str, int] = {}
        self._driver = ctypes.CDLL("libcuda.so.1")

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        assert name == "crops"
        self._shape = tuple(shape)
        return all(least <= size <= most for least, size, most in zip(LEAST, shape, MOST, strict=True))

    def get_tensor_shape(self, _name: str) -> tuple[int, ...]:
        return self._shape

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        if self._data == b"good until run":
            self._log.log(ILogger.Severity.ERROR, "a kernel failed")
            return False
        copy = self._driver.cuMemcpyHtoDAsync_v2
        places = ctypes.c_uint64(self._addresses["copy"]), ctypes.c_void_p(self._addresses["crops"])
        return bool(copy(*places, ctypes.c_size_t(int(np.prod(self._shape))), ctypes.c_void_p(stream)) == 0)


def flavour(portable: bool) -> Flavour:
    """The double as an installed TensorRT."""
    module: Any = ModuleType("tensorrt_double")
    for name in ("ILogger", "Runtime", "TensorIOMode", "CudaGraphStrategy"):
        setattr(module, name, globals()[name])
    module.nptype = lambda dtype: {"UINT8": np.uint8}[dtype]
    return Flavour("tensorrt_rtx" if portable else "tensorrt", "1.0", module, (75, 86) if portable else ())


def manifest(chosen: Flavour, targets: tuple[int, ...] = (86,), gpu: str = "") -> Manifest:
    key = EngineKey(
        model="copier",
        model_sha256="0" * 64,
        flavour=chosen.name,
        version=chosen.version,
        precision="fp16",
        targets=targets,
        gpu=gpu,
        profile=PROFILE,
    )
    return Manifest(key=key, tensors=(), layers=1, built_s=0.0, engine_bytes=4, engine_sha256="0" * 64)
