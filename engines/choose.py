"""Which engine runs the age model: `auto` chooses and says why; one asked for by name is obeyed, or fails.

What belongs to TensorRT is imported only where TensorRT can run: everybody else need not wait for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import onnxruntime as ort

from engines.age import FaceNetAgeEngine, warm_engine
from engines.models import MODELS_FOLDER, load_age_model
from engines.mtcnn import MtcnnDetector
from engines.onnx_runtime import PROVIDERS, OnnxRuntime
from engines.tensorrt.progress import Progress
from engines.tensorrt.ready import Probes, Ready, check_ready
from pipeline.errors import EngineError
from pipeline.settings import AgeSettings, Settings

if TYPE_CHECKING:
    from engines.swap import SwappingAgeEngine
    from engines.tensorrt.cache import EngineCache

    LiveAgeEngine = FaceNetAgeEngine | SwappingAgeEngine


def open_age_engine(
    settings: AgeSettings,
    folder: Path = MODELS_FOLDER,
    *,
    serve_while_building: bool = False,
    progress: Progress | None = None,
    probes: Probes | None = None,
    cache: EngineCache | None = None,
) -> LiveAgeEngine:
    """The age engine that the settings ask for, warmed up.

    Args:
        folder: with models.toml and the model files.
        serve_while_building: a TensorRT engine that has to be built first is built in a process of its own while the CPU serves;
            otherwise this waits for it.
        progress: told the share of the build that is done, while this waits.
        probes, cache: tests put other machines and folders in their place.

    Raises:
        EngineError: it cannot run here.
        ModelFileError: its model file is missing or damaged.
        OutputError: the engine cache cannot be written.
        SettingsError: there is no such model, or it is not an age model.
    """

    def tensorrt(ready: Ready, reason: str) -> LiveAgeEngine:
        from engines.tensorrt.opening import open_tensorrt_age

        # A model that the settings name may be one for GPUs only: in the meantime the default serves.
        serve = partial(_open_onnx, settings.model_copy(update={"model": ""}), folder, "cpu", reason)
        return open_tensorrt_age(
            settings,
            folder,
            ready,
            reason,
            progress=progress,
            serve_meanwhile=serve if serve_while_building else None,
            cache=cache,
        )

    if settings.engine == "tensorrt":
        return tensorrt(check_ready(probes), "chosen by name")
    if settings.engine != "auto":
        return _open_onnx(settings, folder, settings.engine, "chosen by name")
    try:
        ready = check_ready(probes)
        return tensorrt(ready, ready.reason)
    except EngineError as error:
        why_not = error.message.rstrip(".")
    if PROVIDERS["cuda"] in ort.get_available_providers():
        try:
            return _open_onnx(settings, folder, "cuda", f"{why_not}; ONNX Runtime offers CUDA")
        except EngineError as error:
            why_not = f"{why_not}; {error.message.rstrip('.')}"
    return _open_onnx(settings, folder, "cpu", f"{why_not}; the CPU runs the age model")


@contextmanager
def open_detector(settings: Settings, engine: str, folder: Path = MODELS_FOLDER) -> Iterator[MtcnnDetector]:
    """The face detector beside an age engine: on TensorRT if that runs the age model, else on the CPU.

    Args:
        engine: name of the age engine, as in its info.

    Raises:
        EngineError: it cannot run here.
        ModelFileError: a file is missing or damaged.
        OutputError: the engine cache cannot be written.
    """
    if engine != "tensorrt":
        yield MtcnnDetector.load(settings.detector.smallest_face_px, settings.detector.threads, folder)
        return
    from engines.cuda import open_cuda
    from engines.tensorrt.cache import EngineCache
    from engines.tensorrt.loader import load_detector

    ready = check_ready()
    cache = EngineCache(limit_bytes=settings.age.engine_cache_mb * 1_000_000)
    with closing(open_cuda()) as cuda, load_detector(ready, settings.detector.smallest_face_px, folder, cache, cuda) as detector:
        yield detector


def _open_onnx(settings: AgeSettings, folder: Path, provider: str, reason: str) -> FaceNetAgeEngine:
    model = load_age_model(settings.model, folder, gpu=provider != "cpu")
    runtime = OnnxRuntime(model.data, model.name, provider, settings.threads)
    return warm_engine(runtime, model, provider, model.entry.precision, reason)
