"""ONNX → TensorRT engine. With TensorRT for RTX this needs no GPU and takes seconds.

Steps and names follow NVIDIA's Polygraphy and samples (github.com/NVIDIA/TensorRT).
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engines.tensorrt.flavour import Flavour, LogBase, make_log
from engines.tensorrt.graph import prepared
from engines.tensorrt.manifest import PROFILE_ENDS, EngineKey, Manifest, Profile, TensorFacts
from engines.tensorrt.progress import PhaseProgress, Progress
from pipeline.errors import EngineError, ModelFileError

CPU_HINT = "Choose --engine cpu to go on without it."


class BuildCancelledError(EngineError):
    """Somebody did not want to wait any longer."""

    def __init__(self) -> None:
        super().__init__("The TensorRT build was cancelled.", "Start again to build it; until then the CPU does the work.")


@dataclass(frozen=True, slots=True)
class Engine:
    """A built engine with its facts."""

    manifest: Manifest
    data: bytes


def build(
    flavour: Flavour,
    model: bytes,
    key: EngineKey,
    *,
    progress: Progress | None = None,
    cancelled: threading.Event | None = None,
    timing_cache: bytes = b"",
    keep_timings: Callable[[bytes], None] | None = None,
) -> Engine:
    """Builds the engine that `key` describes.

    Args:
        model: the ONNX file's bytes.
        progress: told while building, from TensorRT's threads.
        cancelled: set from another thread ends the build at its next step.
        timing_cache: full TensorRT measures kernels on the GPU: the measurements of earlier builds.
        keep_timings: takes them with the new ones added.

    Raises:
        BuildCancelledError: `cancelled` was set.
        ModelFileError: TensorRT cannot read the network.
        EngineError: TensorRT cannot build it here.
    """
    started = time.perf_counter()
    graph = prepared(model, key.precision, key.model)
    trt: Any = flavour.module
    log = make_log(flavour)
    builder = trt.Builder(log)
    if builder is None:  # full TensorRT without a GPU
        raise EngineError(f"{flavour.title} does not start: {log.first_error}.", CPU_HINT)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, log)
    if not parser.parse(graph):
        reason = log.first_error
        if parser.num_errors:
            first = parser.get_error(0)
            reason = f"operator {first.node_operator()}: {first.desc()}"
        raise ModelFileError(
            f"{flavour.title} cannot read the model {key.model!r}: {reason.splitlines()[0]}",
            "Export the model again, with operators that TensorRT knows.",
        )
    config = builder.create_builder_config()
    config.clear_flag(trt.BuilderFlag.TF32)  # FP32 means FP32: TF32 has the ten bits of FP16
    config.add_optimization_profile(_profile(builder, network, key.profile))
    if flavour.portable:
        config.num_compute_capabilities = len(key.targets)
        for index, sm in enumerate(key.targets):
            config.set_compute_capability(getattr(trt.ComputeCapability, f"SM{sm}"), index)
    else:
        config.set_timing_cache(config.create_timing_cache(timing_cache), ignore_mismatch=False)
    monitor = _make_monitor(flavour, progress or (lambda _: None), cancelled or threading.Event())
    config.progress_monitor = monitor
    serialized = builder.build_serialized_network(network, config)
    if monitor.cancelled.is_set():
        raise BuildCancelledError
    if serialized is None:
        raise _build_error(flavour, key, log)
    if keep_timings is not None and not flavour.portable:
        keep_timings(bytes(config.get_timing_cache().serialize()))
    data = bytes(serialized)
    manifest = Manifest(
        key=key,
        tensors=_tensors(network, key.profile),
        layers=network.num_layers,
        built_s=round(time.perf_counter() - started, 2),
        engine_bytes=len(data),
        engine_sha256=hashlib.sha256(data).hexdigest(),
    )
    return Engine(manifest, data)


def _profile(builder: Any, network: Any, profile: Profile) -> Any:
    result = builder.create_optimization_profile()
    for index in range(network.num_inputs):
        tensor = network.get_input(index)
        result.set_shape(tensor.name, *(profile.shape(tuple(tensor.shape), which) for which in PROFILE_ENDS))
    return result


def _tensors(network: Any, profile: Profile) -> tuple[TensorFacts, ...]:
    """Inputs, then outputs, as the network that was compiled has them."""
    facts = []
    for index in range(network.num_inputs):
        tensor = network.get_input(index)
        stated = tuple(tensor.shape)
        ends = {which: profile.shape(stated, which) for which in PROFILE_ENDS}
        facts.append(TensorFacts(name=tensor.name, direction="input", dtype=_dtype(tensor), shape=stated, **ends))
    for index in range(network.num_outputs):
        tensor = network.get_output(index)
        facts.append(TensorFacts(name=tensor.name, direction="output", dtype=_dtype(tensor), shape=tuple(tensor.shape)))
    return tuple(facts)


def _dtype(tensor: Any) -> str:
    """numpy's names: "uint8", "float32"."""
    return {"half": "float16", "float": "float32"}.get(str(tensor.dtype.name).lower(), str(tensor.dtype.name).lower())


def _make_monitor(flavour: Flavour, progress: Progress, cancelled: threading.Event) -> Any:
    """TensorRT's progress as one number: the share of its outermost phases, refined by the phases within."""
    trt: Any = flavour.module

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.cancelled = cancelled
            self._phases = PhaseProgress(progress)

        def phase_start(self, name: str, parent: str | None, steps: int) -> None:
            self._phases.start(name, parent, steps)

        def step_complete(self, name: str, _step: int) -> bool:
            self._phases.step(name)
            return not self.cancelled.is_set()

        def phase_finish(self, name: str) -> None:
            self._phases.finish(name)

    return Monitor()


def _build_error(flavour: Flavour, key: EngineKey, log: LogBase) -> EngineError:
    if log.out_of_memory:
        return EngineError(
            f"The GPU's memory was used up while {flavour.title} built {key.model!r}.",
            f"Close other programs that use the GPU. {CPU_HINT}",
        )
    turing = key.precision == "fp32" and 75 in key.targets and flavour.portable
    hint = (
        "On Turing, TensorRT for RTX multiplies no FP32 matrices: take --precision fp16, or leave sm75 out."
        if turing
        else CPU_HINT
    )
    where = ", ".join(f"sm{sm}" for sm in key.targets)
    return EngineError(f"{flavour.title} cannot build {key.model!r} in {key.precision} for {where}: {log.first_error}", hint)
