"""From a model file to a running engine: found in the cache or built, checked against ONNX Runtime once, loaded."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.age import MAX_BATCH
from engines.align import align
from engines.cuda import Cuda
from engines.models import MODELS_FOLDER, Model, load_model
from engines.mtcnn import MtcnnDetector
from engines.onnx_runtime import OnnxRuntime
from engines.runtime import RuntimeInfo, Tensors
from engines.tensorrt.build import Engine, build
from engines.tensorrt.cache import EngineCache
from engines.tensorrt.flavour import OLDEST_SM, Flavour
from engines.tensorrt.graph import EnginePrecision
from engines.tensorrt.manifest import EngineKey, Profile, SizeRange
from engines.tensorrt.parity import Parity, compare, fixed_crops
from engines.tensorrt.progress import Progress
from engines.tensorrt.ready import Ready
from engines.tensorrt.runtime import TensorRtRuntime, UnusableEngineError
from pipeline.errors import EngineError, ModelFileError
from pipeline.types import UInt8Array

AGE_PROFILE = Profile(batch=SizeRange(least=1, usual=8, most=MAX_BATCH))

CANDIDATE_PROFILE = Profile(batch=SizeRange(least=1, usual=32, most=256))
"""R-Net and O-Net: proposals of one picture. A crowd gives hundreds; more than 256 go in several runs."""

PYRAMID_PROFILE = Profile(
    batch=SizeRange(least=1, usual=1, most=1),
    height=SizeRange(least=12, usual=324, most=1300),
    width=SizeRange(least=12, usual=576, most=2310),
)
"""P-Net: one level of the pyramid. 12 px is its field of view; usual is 1080p with faces from 40 px, most 2160p from 20 px."""

DETECTOR_MODELS = ("mtcnn-pnet", "mtcnn-rnet", "mtcnn-onet")

PORTRAITS = ("collins.webp", "hopper.webp")
"""Beside the models, in assets/demo: the faces that engines are compared on."""


@dataclass(frozen=True, slots=True)
class EngineOrder:
    """Which engine is wanted.

    Attributes:
        targets: compute capabilities, e.g. (86,).
        gpu: name of the GPU, for full TensorRT.
    """

    flavour: Flavour
    model: Model
    precision: EnginePrecision
    targets: tuple[int, ...]
    gpu: str = ""

    @property
    def key(self) -> EngineKey:
        return EngineKey(
            model=self.model.name,
            model_sha256=self.model.entry.sha256,
            flavour=self.flavour.name,
            version=self.flavour.version,
            precision=self.precision,
            targets=self.targets,
            gpu="" if self.flavour.portable else self.gpu,  # portable engines do not depend on the GPU's name
            profile=profile_of(self.model),
        )


def profile_of(model: Model) -> Profile:
    """The sizes that a model is asked for."""
    if model.entry.kind == "age":
        return AGE_PROFILE
    return CANDIDATE_PROFILE if model.entry.input_px else PYRAMID_PROFILE


def order_for(ready: Ready, model: Model, precision: EnginePrecision) -> EngineOrder:
    """The engine for the GPU of this machine."""
    return EngineOrder(ready.flavour, model, precision, (ready.gpu.capability,), ready.gpu.name)


def build_order(
    order: EngineOrder,
    cache: EngineCache,
    progress: Progress | None = None,
    cancelled: threading.Event | None = None,
) -> Engine:
    """Builds an engine, whether or not there is one; full TensorRT's measurements of kernels are kept and used again.

    Raises:
        BuildCancelledError, EngineError, ModelFileError: see `build`.
    """
    return build(
        order.flavour,
        order.model.data,
        order.key,
        progress=progress,
        cancelled=cancelled,
        timing_cache=cache.read_timings(order.key),
        keep_timings=lambda timings: cache.write_timings(order.key, timings),
    )


def open_runtime(
    ready: Ready,
    order: EngineOrder,
    cache: EngineCache,
    cuda: Cuda,
    *,
    progress: Progress | None = None,
    cancelled: threading.Event | None = None,
) -> TensorRtRuntime:
    """A running engine: from the cache, or built. One that TensorRT refuses is built again, once.

    Raises:
        EngineError: it cannot be built or loaded here.
        OutputError: the cache folder cannot be written.
    """
    key = order.key

    def load() -> TensorRtRuntime:
        return TensorRtRuntime(
            order.flavour,
            cache.get(key, lambda: build_order(order, cache, progress, cancelled)),
            ready.gpu,
            cuda,
            compiled=cache.read_side(key, ".runtime"),
            keep_compiled=lambda compiled: cache.write_side(key, ".runtime", compiled),
        )

    try:
        return load()
    except UnusableEngineError:
        cache.reject(key)
        return load()


class OwnedRuntime:
    """A runtime that closes its device with itself: an engine that shares it with no other."""

    def __init__(self, runtime: TensorRtRuntime, cuda: Cuda) -> None:
        self._runtime, self._cuda = runtime, cuda

    @property
    def info(self) -> RuntimeInfo:
        return self._runtime.info

    def run(self, inputs: Tensors) -> dict[str, NDArray[Any]]:
        return self._runtime.run(inputs)

    def close(self) -> None:
        self._runtime.close()
        self._cuda.close()


@contextmanager
def load_detector(ready: Ready, smallest_face_px: int, folder: Path, cache: EngineCache, cuda: Cuda) -> Iterator[MtcnnDetector]:
    """MTCNN's three networks as TensorRT engines: the same detector as on the CPU.

    In FP32: rounding moves the cascade's boxes, and the networks are small. On Turing in FP16, where TensorRT for RTX multiplies
    no FP32 matrices.

    Raises:
        EngineError: an engine cannot be built or loaded here.
        ModelFileError: a file is missing or damaged.
        OutputError: the cache folder cannot be written.
    """
    precision: EnginePrecision = "fp16" if ready.flavour.portable and ready.gpu.capability == OLDEST_SM else "fp32"
    with ExitStack() as opened:
        networks = []
        for name in DETECTOR_MODELS:
            runtime = open_runtime(ready, order_for(ready, load_model(name, folder), precision), cache, cuda)
            networks.append(opened.enter_context(closing(runtime)))
        pnet, rnet, onet = networks
        yield MtcnnDetector(pnet, rnet, onet, smallest_face_px)


def check_parity(runtime: TensorRtRuntime, order: EngineOrder, cache: EngineCache) -> Parity:
    """Compares a running age engine with ONNX Runtime on the CPU and keeps the result beside it.

    Raises:
        EngineError: the difference is over the limits.
    """
    reference = OnnxRuntime(order.model.data, order.model.name)
    parity = compare(reference, runtime, order.precision, fixed_crops(portraits()))
    cache.write_side(order.key, ".parity.json", json.dumps(parity.to_json(), indent=1).encode())
    if not parity.passed:
        raise EngineError(
            f"The TensorRT engine of {order.model.name!r} differs from ONNX Runtime: {parity}.",
            "Choose --engine cpu or age.precision=fp32, and please report this with the GPU's name.",
        )
    return parity


def was_compared(order: EngineOrder, cache: EngineCache) -> bool:
    """Whether the engine in the cache passed the comparison when it was built."""
    found = cache.read_side(order.key, ".parity.json")
    return bool(found) and json.loads(found).get("passed") is True


def portraits() -> tuple[UInt8Array, ...]:
    """Aligned crops of the portraits that come with the program, (160, 160, 3) uint8 RGB.

    Raises:
        ModelFileError: a portrait is missing or shows no face.
    """
    detector = MtcnnDetector.load(smallest_face_px=40)
    crops = []
    for name in PORTRAITS:
        path = MODELS_FOLDER.parent / "demo" / name
        image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR) if path.exists() else None
        faces = detector.scan(np.asarray(image, np.uint8)) if image is not None else []
        if not faces:
            raise ModelFileError(f"The portrait {path} is missing or damaged.", "Restore it: git checkout -- assets/demo.")
        crops.append(np.ascontiguousarray(align(np.asarray(image, np.uint8), faces[0].landmarks)[:, :, ::-1]))
    return tuple(crops)
