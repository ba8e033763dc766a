"""Device memory, one stream and CUDA graphs, through PyCUDA or, where that is not installed, NVIDIA's cuda-python.

The one place that knows either package. A `Cuda` belongs to the thread that opened it: contexts are per thread. Both use the
device's primary context, which TensorRT and ONNX Runtime share, and never `pycuda.autoinit`, whose context would stay current
in whichever thread happened to import it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module, metadata
from types import ModuleType
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from engines.gpu import CPU_HINT, DRIVER_LIBRARY
from pipeline.errors import EngineError

Importer = Callable[[str], ModuleType]

_CAPTURE_THREAD_LOCAL = 1  # CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: other threads' use of the GPU does not disturb


class Cuda(Protocol):
    """A device as the runtimes need it. Opened, used and closed by one thread; addresses are plain integers."""

    @property
    def name(self) -> str:
        """Package and version, for `engine info`."""
        ...

    @property
    def stream(self) -> int:
        """Handle of the one stream that everything here is queued on."""
        ...

    def allocate(self, size_bytes: int) -> int:
        """Device memory, freed by `close`.

        Raises:
            EngineError: the GPU's memory is used up.
        """
        ...

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Page-locked host memory, which the GPU copies from and to without a detour; freed by `close`."""
        ...

    def upload(self, address: int, array: NDArray[Any]) -> None:
        """Queues a copy host → device."""
        ...

    def download(self, array: NDArray[Any], address: int) -> None:
        """Queues a copy device → host; the array is filled after `synchronize`."""
        ...

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        """Records what `work` queues as a CUDA graph, without running it; the result queues the graph."""
        ...

    def synchronize(self) -> None:
        """Waits until everything queued is done."""
        ...

    def close(self) -> None:
        """Gives everything back; safe to call more than once."""
        ...


def find_package(load: Importer = import_module) -> str:
    """Which package will hold device memory: "pycuda" or "cuda-python".

    Raises:
        EngineError: neither can be imported.
    """
    reasons = []
    for package, module in (("pycuda", "pycuda.driver"), ("cuda-python", "cuda.bindings.driver")):
        try:
            load(module)
        except (ImportError, OSError) as error:  # OSError: installed, but its libraries do not load
            reasons.append(f"{package}: {_first_line(error)}")
        else:
            return package
    raise EngineError(
        f"TensorRT needs PyCUDA or cuda-python for device memory, and neither can be imported ({'; '.join(reasons)}).",
        "Install one: uv sync --extra rtx brings cuda-python, --extra gpu brings PyCUDA (needs the CUDA toolkit). " + CPU_HINT,
    )


def open_cuda(load: Importer = import_module) -> Cuda:
    """The first GPU's primary context, made current in this thread.

    Raises:
        EngineError: no package, no driver, no GPU, or the context cannot be made.
    """
    return _PyCuda(load("pycuda.driver")) if find_package(load) == "pycuda" else _CudaPython(load("cuda.bindings.driver"))


class _PyCuda:
    """`Cuda` through PyCUDA (A. Klöckner; documen.tician.de/pycuda)."""

    def __init__(self, driver: ModuleType) -> None:
        self._driver: Any = driver
        self.name = f"PyCUDA {metadata.version('pycuda')}"
        with self._explained("making a context"):
            driver.init()
            self._context = driver.Device(0).retain_primary_context()
            self._context.push()
        self._open = True
        self._library = ctypes.CDLL(DRIVER_LIBRARY)
        self._stream = driver.Stream()
        self._device: list[Any] = []
        self._host: list[Any] = []
        self._graphs: list[ctypes.c_void_p] = []

    @property
    def stream(self) -> int:
        return int(self._stream.handle)

    def allocate(self, size_bytes: int) -> int:
        with self._explained(f"allocating {size_bytes / 1e6:.0f} MB"):
            allocation = self._driver.mem_alloc(size_bytes)
        self._device.append(allocation)
        return int(allocation)

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        with self._explained("allocating page-locked memory"):
            array = self._driver.pagelocked_empty(shape, dtype)
        self._host.append(array.base)
        return np.asarray(array)

    def upload(self, address: int, array: NDArray[Any]) -> None:
        with self._explained("copying"):
            self._driver.memcpy_htod_async(address, array, self._stream)

    def download(self, array: NDArray[Any], address: int) -> None:
        with self._explained("copying"):
            self._driver.memcpy_dtoh_async(array, address, self._stream)

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        # PyCUDA 2026.1 knows no graphs: these six calls go to the driver itself. To be replaced when it does.
        stream, recorded, graph = ctypes.c_void_p(self.stream), ctypes.c_void_p(), ctypes.c_void_p()
        self._call("cuStreamBeginCapture_v2", stream, _CAPTURE_THREAD_LOCAL)
        work()
        self._call("cuStreamEndCapture", stream, ctypes.byref(recorded))
        self._call("cuGraphInstantiateWithFlags", ctypes.byref(graph), recorded, ctypes.c_ulonglong(0))
        self._call("cuGraphDestroy", recorded)
        self._graphs.append(graph)

        def launch() -> None:
            self._call("cuGraphLaunch", graph, stream)

        return launch

    def synchronize(self) -> None:
        with self._explained("running the network"):
            self._stream.synchronize()

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        self._stream.synchronize()
        for graph in self._graphs:
            self._library.cuGraphExecDestroy(graph)
        for allocation in (*self._device, *self._host):
            allocation.free()
        del self._stream
        self._context.pop()
        # Detaching a primary context makes it current once more and leaves it so (PyCUDA takes it for one of its own, which would
        # be gone from the stack with it).
        self._context.detach()
        self._library.cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        try:
            yield
        except self._driver.Error as error:
            raise _failure(doing, str(error)) from error

    def _call(self, function: str, *arguments: object) -> None:
        """One call to the driver itself.

        Raises:
            EngineError: its status is not success.
        """
        status = getattr(self._library, function)(*arguments)
        if status != 0:
            raise _failure("recording or replaying a CUDA graph", f"{function} returned {status}")


class _CudaPython:
    """`Cuda` through NVIDIA's cuda-python (nvidia.github.io/cuda-python)."""

    def __init__(self, driver: ModuleType) -> None:
        self._driver: Any = driver
        self.name = f"cuda-bindings {metadata.version('cuda-bindings')}"
        try:
            self._call("starting", driver.cuInit(0))
        except RuntimeError as error:  # cuda-python looks for the driver's library only now
            raise _failure("starting", _first_line(error)) from error
        self._gpu = self._call("finding the GPU", driver.cuDeviceGet(0))
        context = self._call("making a context", driver.cuDevicePrimaryCtxRetain(self._gpu))
        self._open = True
        self._call("making a context", driver.cuCtxPushCurrent(context))
        self._stream = self._call("making a stream", driver.cuStreamCreate(driver.CUstream_flags.CU_STREAM_NON_BLOCKING))
        self._device: list[int] = []
        self._host: list[int] = []
        self._graphs: list[Any] = []

    @property
    def stream(self) -> int:
        return int(self._stream)

    def allocate(self, size_bytes: int) -> int:
        address = int(self._call(f"allocating {size_bytes / 1e6:.0f} MB", self._driver.cuMemAlloc(size_bytes)))
        self._device.append(address)
        return address

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        size_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        address = int(self._call("allocating page-locked memory", self._driver.cuMemHostAlloc(size_bytes, 0)))
        self._host.append(address)
        return _array_at(address, shape, dtype)

    def upload(self, address: int, array: NDArray[Any]) -> None:
        self._call("copying", self._driver.cuMemcpyHtoDAsync(address, array.ctypes.data, array.nbytes, self._stream))

    def download(self, array: NDArray[Any], address: int) -> None:
        self._call("copying", self._driver.cuMemcpyDtoHAsync(array.ctypes.data, address, array.nbytes, self._stream))

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        mode = self._driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        self._call("recording", self._driver.cuStreamBeginCapture(self._stream, mode))
        work()
        recorded = self._call("recording", self._driver.cuStreamEndCapture(self._stream))
        graph = self._call("recording", self._driver.cuGraphInstantiate(recorded, 0))
        self._call("recording", self._driver.cuGraphDestroy(recorded))
        self._graphs.append(graph)

        def launch() -> None:
            self._call("running the network", self._driver.cuGraphLaunch(graph, self._stream))

        return launch

    def synchronize(self) -> None:
        self._call("running the network", self._driver.cuStreamSynchronize(self._stream))

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        self._driver.cuStreamSynchronize(self._stream)
        for graph in self._graphs:
            self._driver.cuGraphExecDestroy(graph)
        for address in self._device:
            self._driver.cuMemFree(address)
        for address in self._host:
            self._driver.cuMemFreeHost(address)
        self._driver.cuStreamDestroy(self._stream)
        self._driver.cuCtxPopCurrent()
        self._driver.cuDevicePrimaryCtxRelease(self._gpu)

    def _call(self, doing: str, answer: tuple[Any, ...]) -> Any:
        """The value of a call, whose first element is its status.

        Raises:
            EngineError: the status is not success.
        """
        status, *values = answer
        if status != self._driver.CUresult.CUDA_SUCCESS:
            raise _failure(doing, status.name)
        return values[0] if values else None


def _array_at(address: int, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Host memory that somebody else owns, as an array."""
    size_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = (ctypes.c_uint8 * size_bytes).from_address(address)
    return np.ctypeslib.as_array(memory).view(dtype).reshape(shape)


def _failure(doing: str, status: str) -> EngineError:
    """What CUDA's status means for the person in front of the program."""
    if "out of memory" in status.lower() or "OUT_OF_MEMORY" in status:
        return EngineError(
            f"The GPU's memory is used up ({doing} failed).",
            f"Close other programs that use the GPU (nvidia-smi lists them). {CPU_HINT}",
        )
    return EngineError(f"The GPU failed while {doing}: {status}.", f"Check the driver with nvidia-smi. {CPU_HINT}")


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
