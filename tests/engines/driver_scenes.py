"""What tests let happen on the driver double, in a process of its own: `python -m tests.engines.driver_scenes SCENE`.

The answer is one JSON object on stdout; an AppError is answered as {"error": [message, hint]}.
"""

from __future__ import annotations

import ctypes
import json
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from engines.cuda import open_cuda
from engines.gpu import find_gpu
from engines.tensorrt.build import Engine
from engines.tensorrt.runtime import TensorRtRuntime
from pipeline.errors import AppError
from tests.engines import trt_double


def held() -> list[int]:
    """Contexts, pushes, device and host allocations, streams, graphs that nobody gave back."""
    found = (ctypes.c_int * 6)()
    ctypes.CDLL("libcuda.so.1").double_held(found)
    return list(found)


def gpu() -> dict[str, Any]:
    found = find_gpu()
    return {"name": found.name, "sm": found.sm, "memory_mb": found.memory_mb, "cuda": found.cuda, "peak": found.peak_fp16_tflops}


def memory() -> dict[str, Any]:
    cuda = open_cuda()
    cuda.allocate(64)
    cuda.pinned((4, 2), np.float32)
    inside = held()
    cuda.close()
    cuda.close()
    return {"inside": inside, "after": held(), "name": cuda.name}


def copies() -> dict[str, Any]:
    """A round trip, then the same recorded: recording must not run, replaying must take what lies in the buffers then."""
    cuda = open_cuda()
    place = cuda.allocate(32)
    sent, received = cuda.pinned((8,), np.float32), cuda.pinned((8,), np.float32)
    sent[:], received[:] = np.arange(8), 0

    def round_trip() -> None:
        cuda.upload(place, sent)
        cuda.download(received, place)

    round_trip()
    cuda.synchronize()
    first = received.tolist()
    launch = cuda.capture(round_trip)
    sent[:] = 7
    recorded = received.tolist()
    launch()
    cuda.synchronize()
    replayed = received.tolist()
    cuda.close()
    return {"first": first, "recorded": recorded, "replayed": replayed}


def runtime(portable: bool) -> dict[str, Any]:
    """Batches of several sizes, again and again, in a thread of its own as in the program."""
    answer: dict[str, Any] = {}
    kept: list[bytes] = []

    def work() -> None:
        flavour = trt_double.flavour(portable)
        cuda = open_cuda()
        engine = Engine(trt_double.manifest(flavour), b"good")
        opened = TensorRtRuntime(flavour, engine, find_gpu(), cuda, compiled=b"before", keep_compiled=kept.append)
        random = np.random.default_rng(0)
        right = []
        for count in (1, 1, 8, 1, 3, 8, 1, 3, 8, 20):
            crops = random.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
            right.append(bool(np.array_equal(opened.run({"crops": crops})["copy"], crops)))
        before = held()
        for count in (1, 3, 8):
            opened.run({"crops": np.zeros((count, 4, 4, 3), np.uint8)})
        answer.update(right=right, before=before, more=held(), info=[opened.info.provider, opened.info.device])
        one = opened.run({"crops": np.full((1, 4, 4, 3), 1, np.uint8)})["copy"]
        opened.run({"crops": np.full((1, 4, 4, 3), 2, np.uint8)})
        answer["kept_result"] = int(one.max())
        answer["resident"] = len(opened.time_resident_ms({"crops": np.zeros((2, 4, 4, 3), np.uint8)}, runs=3))
        answer["refused"] = [refused(opened, value) for value in WRONG]
        opened.close()
        opened.close()
        cuda.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return answer | {"after": held(), "kept": [blob.decode() for blob in kept]}


WRONG: list[dict[str, Any]] = [
    {"crops": np.zeros((1, 5, 4, 3), np.uint8)},
    {"crops": np.zeros((1, 4, 4, 3), np.float32)},
    {"crops": np.zeros((0, 4, 4, 3), np.uint8)},
    {"faces": np.zeros((1, 4, 4, 3), np.uint8)},
]


def refused(opened: TensorRtRuntime, inputs: dict[str, Any]) -> str:
    try:
        opened.run(inputs)
    except AppError as error:
        return error.message
    return "taken"


def load(data: bytes, targets: tuple[int, ...] = (86,), gpu_name: str = "", run: bool = False) -> dict[str, Any]:
    flavour = trt_double.flavour(portable=not gpu_name)
    cuda = open_cuda()
    try:
        opened = TensorRtRuntime(flavour, Engine(trt_double.manifest(flavour, targets, gpu_name), data), find_gpu(), cuda)
        if run:
            opened.run({"crops": np.zeros((1, 4, 4, 3), np.uint8)})
    except AppError as error:
        return {"kind": type(error).__name__, "error": [error.message, error.hint]}
    finally:
        cuda.close()
    return {"after": held()}


def too_much() -> dict[str, Any]:
    cuda = open_cuda()
    try:
        cuda.allocate(1 << 40)
    finally:
        cuda.close()
    return {}


SCENES: dict[str, Callable[[], dict[str, Any]]] = {
    "gpu": gpu,
    "memory": memory,
    "copies": copies,
    "too_much": too_much,
    "own_graphs": lambda: runtime(portable=False),
    "rtx_graphs": lambda: runtime(portable=True),
    "damaged": lambda: load(b"bad"),
    "large": lambda: load(b"large"),
    "other_sm": lambda: load(b"good", targets=(75, 89)),
    "other_gpu": lambda: load(b"good", gpu_name="GeForce of another machine"),
    "failing": lambda: load(b"good until run", run=True),
}


def main() -> None:
    try:
        answer = SCENES[sys.argv[1]]()
    except AppError as error:
        answer = {"error": [error.message, error.hint]}
    print(json.dumps(answer))  # noqa: T201


if __name__ == "__main__":
    main()
