"""The age engine on TensorRT: at once, or in the middle of the run, when it is built."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from engines.age import FaceNetAgeEngine, warm_engine
from engines.cuda import open_cuda
from engines.models import load_age_model
from engines.swap import SwappingAgeEngine
from engines.tensorrt.background import BuildProcess, worker_command
from engines.tensorrt.cache import EngineCache
from engines.tensorrt.loader import OwnedRuntime, check_parity, open_runtime, order_for, was_compared
from engines.tensorrt.progress import Progress
from engines.tensorrt.ready import Ready
from pipeline.settings import AgeSettings


def open_tensorrt_age(
    settings: AgeSettings,
    folder: Path,
    ready: Ready,
    reason: str,
    *,
    progress: Progress | None = None,
    serve_meanwhile: Callable[[], FaceNetAgeEngine] | None = None,
    cache: EngineCache | None = None,
) -> FaceNetAgeEngine | SwappingAgeEngine:
    """The age engine on TensorRT, from the cache or built.

    Args:
        folder: with models.toml and the model files.
        reason: why it was chosen.
        progress: told how far a build is that this waits for.
        serve_meanwhile: opens the engine that works while this one is built in a process of its own; None waits for the build.
        cache: None for the user's.

    Raises:
        EngineError: it cannot be built or loaded here, or differs from ONNX Runtime by more than the limits.
        ModelFileError: the model file is missing or damaged.
        OutputError: the engine cache cannot be written.
        SettingsError: there is no such model, or it is not an age model.
    """
    cache = cache or EngineCache(limit_bytes=settings.engine_cache_mb * 1_000_000)
    order = order_for(ready, load_age_model(settings.model, folder, gpu=True), settings.precision)

    def open_now() -> FaceNetAgeEngine:
        with ExitStack() as opened:
            cuda = opened.enter_context(closing(open_cuda()))
            runtime = open_runtime(ready, order, cache, cuda, progress=progress)
            opened.callback(runtime.close)
            if not was_compared(order, cache):
                check_parity(runtime, order, cache)
            engine = warm_engine(OwnedRuntime(runtime, cuda), order.model, "tensorrt", order.precision, reason)
            opened.pop_all()  # from here on the engine closes them
            return engine

    if serve_meanwhile is None or cache.holds(order.key):
        return open_now()
    serving = serve_meanwhile()
    command = worker_command(order.model.name, folder, order.precision, cache.folder, settings.engine_cache_mb)
    return SwappingAgeEngine(serving, BuildProcess(command), open_now)
