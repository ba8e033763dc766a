"""Runs a built engine: `engines.runtime.TensorRuntime` over both flavours of TensorRT.

Every buffer is made once, at the largest size of the profile: device memory, and page-locked host memory that the GPU copies
to and from by itself. A call copies in, queues copy – network – copy on one stream, waits, and copies out. Once a batch size has
run, its work is replayed as one CUDA graph: the network has some 130 small kernels, and launching them one by one takes longer
than computing them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.cuda import Cuda
from engines.gpu import CPU_HINT, Gpu
from engines.runtime import RuntimeInfo, Tensors
from engines.tensorrt.build import Engine
from engines.tensorrt.flavour import Flavour, make_log
from pipeline.errors import EngineError

MOST_SIZES = 64
"""Input sizes whose work is kept as a CUDA graph; more would be a detector on pictures that change size all the time."""

Shapes = tuple[tuple[int, ...], ...]
"""Of all inputs, in the network's order."""


class UnusableEngineError(EngineError):
    """TensorRT refuses the engine file: to be built again."""


@dataclass(frozen=True, slots=True)
class _Buffer:
    """One input or output: a place on the device and its page-locked twin on the host, both of the largest size."""

    name: str
    is_input: bool
    dtype: np.dtype[Any]
    stated: tuple[int, ...]
    least: tuple[int, ...]
    most: tuple[int, ...]
    address: int
    host: NDArray[Any]

    def view(self, shape: tuple[int, ...]) -> NDArray[Any]:
        """The beginning of the host memory as an array of that shape."""
        return self.host[: int(np.prod(shape))].reshape(shape)


class TensorRtRuntime:
    """One engine on one GPU. Made, used and closed by one thread.

    Args:
        cuda: the device of the thread; several engines of one thread may share it. It is not closed here.
        compiled: what TensorRT for RTX compiled in earlier runs.
        keep_compiled: takes at the end what it has compiled by then.

    Raises:
        UnusableEngineError: the engine is damaged, or of another version of TensorRT: build it again.
        EngineError: the engine is for another GPU, or the GPU's memory is used up.
    """

    def __init__(
        self,
        flavour: Flavour,
        engine: Engine,
        gpu: Gpu,
        cuda: Cuda,
        *,
        compiled: bytes = b"",
        keep_compiled: Callable[[bytes], None] | None = None,
    ) -> None:
        check_gpu(engine, gpu)
        self._flavour, self._gpu, self._cuda = flavour, gpu, cuda
        self._name = engine.manifest.key.model
        self._log = make_log(flavour)
        self._trt: Any = flavour.module
        self._runtime = self._trt.Runtime(self._log)
        self._engine = self._runtime.deserialize_cuda_engine(engine.data)
        if self._engine is None:
            raise self._loading_error()
        self._keep_compiled = keep_compiled
        self._compiled: Any = None
        self._context = self._make_context(compiled)
        if self._context is None:
            raise self._loading_error()
        self._buffers = [self._make_buffer(index) for index in range(self._engine.num_io_tensors)]
        self._inputs = [buffer for buffer in self._buffers if buffer.is_input]
        self._outputs = [buffer for buffer in self._buffers if not buffer.is_input]
        self._works: dict[Shapes, _Work] = {}
        self._shapes: Shapes = ()

    @property
    def info(self) -> RuntimeInfo:
        return RuntimeInfo(f"{self._flavour.title}, {self._cuda.name}", "tensorrt", f"{self._gpu.name} ({self._gpu.sm})")

    def run(self, inputs: Tensors) -> dict[str, NDArray[Any]]:
        """All outputs by name, as new arrays. Batches beyond the profile go in several runs.

        Raises:
            EngineError: names, types or sizes are not the network's, or the GPU failed.
        """
        self._check(inputs)
        most = min(buffer.most[0] for buffer in self._inputs)
        count = next(iter(inputs.values())).shape[0]
        if count <= most:
            return self._run(inputs)
        parts = [self._run({name: value[i : i + most] for name, value in inputs.items()}) for i in range(0, count, most)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def time_resident_ms(self, inputs: Tensors, runs: int) -> list[float]:
        """Milliseconds of each run of the network alone: data stay on the GPU."""
        self._check(inputs)
        self._run(inputs)
        self._set_shapes(tuple(tuple(inputs[buffer.name].shape) for buffer in self._inputs))
        launch = self._execute if self._flavour.portable else self._cuda.capture(self._execute)
        times = []
        for _ in range(runs):
            started = time.perf_counter()
            launch()
            self._cuda.synchronize()
            times.append((time.perf_counter() - started) * 1e3)
        return times

    def close(self) -> None:
        """Frees the engine. The buffers go with `cuda`."""
        if self._context is None:
            return
        self._works.clear()
        self._context = None  # in this order: a context must not outlive its engine, nor an engine its runtime
        if self._compiled is not None and self._keep_compiled is not None:
            self._keep_compiled(bytes(self._compiled.serialize()))
        self._compiled = None
        self._engine = None
        self._runtime = None
        self._buffers = self._inputs = self._outputs = []

    def _run(self, inputs: Tensors) -> dict[str, NDArray[Any]]:
        shapes = tuple(tuple(inputs[buffer.name].shape) for buffer in self._inputs)
        for buffer, shape in zip(self._inputs, shapes, strict=True):
            np.copyto(buffer.view(shape), inputs[buffer.name])
        work = self._works.get(shapes)
        if work is None:
            # Step by step the first time: TensorRT allocates and compiles, which a graph must not record.
            work = self._new_work(shapes)
            work.steps()
        elif self._flavour.portable:
            # TensorRT for RTX records graphs by itself, together with its compiler.
            self._set_shapes(shapes)
            work.steps()
        else:
            if work.graph is None:
                self._set_shapes(shapes)
                work.graph = self._cuda.capture(work.steps)
            work.graph()
        self._cuda.synchronize()
        return {buffer.name: buffer.view(shape).copy() for buffer, shape in zip(self._outputs, work.outputs, strict=True)}

    def _new_work(self, shapes: Shapes) -> _Work:
        self._set_shapes(shapes)
        outputs = [tuple(self._context.get_tensor_shape(buffer.name)) for buffer in self._outputs]

        def steps() -> None:
            for buffer, shape in zip(self._inputs, shapes, strict=True):
                self._cuda.upload(buffer.address, buffer.view(shape))
            self._execute()
            for buffer, shape in zip(self._outputs, outputs, strict=True):
                self._cuda.download(buffer.view(shape), buffer.address)

        work = _Work(outputs, steps)
        if len(self._works) < MOST_SIZES:
            self._works[shapes] = work
        return work

    def _set_shapes(self, shapes: Shapes) -> None:
        if shapes == self._shapes:
            return
        for buffer, shape in zip(self._inputs, shapes, strict=True):
            if not self._context.set_input_shape(buffer.name, shape):
                raise EngineError(f"TensorRT refuses {shape} for {buffer.name!r} of {self._name!r}.", CPU_HINT)
        self._shapes = shapes

    def _execute(self) -> None:
        if not self._context.execute_async_v3(self._cuda.stream):
            raise self._running_error()

    def _make_context(self, compiled: bytes) -> Any:
        if not self._flavour.portable:
            return self._engine.create_execution_context()
        config = self._engine.create_runtime_config()
        self._compiled = config.create_runtime_cache()
        if compiled:
            self._compiled.deserialize(compiled)  # False after an update of the driver: then it compiles again
        config.set_runtime_cache(self._compiled)
        config.cuda_graph_strategy = self._trt.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        return self._engine.create_execution_context(config)

    def _make_buffer(self, index: int) -> _Buffer:
        name = self._engine.get_tensor_name(index)
        is_input = self._engine.get_tensor_mode(name) == self._trt.TensorIOMode.INPUT
        dtype = np.dtype(self._trt.nptype(self._engine.get_tensor_dtype(name)))
        stated = tuple(self._engine.get_tensor_shape(name))
        least = most = stated
        if is_input:
            least, _, most = (tuple(shape) for shape in self._engine.get_tensor_profile_shape(name, 0))
            self._context.set_input_shape(name, most)
        else:
            most = tuple(self._context.get_tensor_shape(name))
        elements = int(np.prod(most))
        address = self._cuda.allocate(elements * dtype.itemsize)
        self._context.set_tensor_address(name, address)
        return _Buffer(name, is_input, dtype, stated, least, most, address, self._cuda.pinned((elements,), dtype))

    def _check(self, inputs: Tensors) -> None:
        wanted = {buffer.name for buffer in self._inputs}
        if set(inputs) != wanted:
            raise EngineError(
                f"The network {self._name!r} takes {', '.join(sorted(wanted))}, got {', '.join(sorted(inputs)) or 'nothing'}.",
                "Please report this with the model's name.",
            )
        for buffer in self._inputs:
            value = inputs[buffer.name]
            # The batch may be larger than the profile: it is split.
            fits = value.ndim == len(buffer.most) and value.shape[0] >= 1
            sizes = zip(value.shape[1:], buffer.least[1:], buffer.most[1:], strict=True) if fits else ()
            if not fits or value.dtype != buffer.dtype or not all(least <= size <= most for size, least, most in sizes):
                raise EngineError(
                    f"The network {self._name!r} takes {buffer.dtype} {list(buffer.least)} … {list(buffer.most)} as "
                    f"{buffer.name!r}, got {value.dtype} {list(value.shape)}.",
                    "Build the engine with a wider profile, or choose --engine cpu.",
                )

    def _loading_error(self) -> EngineError:
        if self._log.out_of_memory:
            return self._memory_error()
        return UnusableEngineError(
            f"{self._flavour.title} cannot load the engine of {self._name!r}: {self._log.first_error}",
            "Build it again: main.py engine build.",
        )

    def _running_error(self) -> EngineError:
        if self._log.out_of_memory:
            return self._memory_error()
        return EngineError(f"{self._flavour.title} failed on {self._name!r}: {self._log.first_error}", CPU_HINT)

    def _memory_error(self) -> EngineError:
        return EngineError(
            f"The memory of {self._gpu.name} is used up.",
            f"Close other programs that use the GPU (nvidia-smi lists them). {CPU_HINT}",
        )


@dataclass(slots=True)
class _Work:
    """What is queued for inputs of one size: step by step, or all steps as one recorded graph."""

    outputs: list[tuple[int, ...]]
    steps: Callable[[], None]
    graph: Callable[[], None] | None = None


def check_gpu(engine: Engine, gpu: Gpu) -> None:
    """Whether an engine was built for this GPU.

    Raises:
        EngineError: it is the engine of another GPU.
    """
    key = engine.manifest.key
    if gpu.capability in key.targets and key.gpu in ("", gpu.name):
        return
    built_for = key.gpu or ", ".join(f"sm{sm}" for sm in key.targets)
    raise EngineError(
        f"The engine of {key.model!r} was built for {built_for}; this machine has {gpu.name} ({gpu.sm}).",
        f"Build it for this GPU: main.py engine build, or on another machine engine build --for {gpu.sm}.",
    )
