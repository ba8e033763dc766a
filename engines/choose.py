"""Which engine runs the age model: `auto` chooses and says why; one asked for by name is obeyed, or fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import onnxruntime as ort

from engines.age import FaceNetAgeEngine
from engines.cuda import open_cuda
from engines.models import MODELS_FOLDER, Model, load_model, read_models_file
from engines.mtcnn import MtcnnDetector
from engines.onnx_runtime import PROVIDERS, OnnxRuntime
from engines.runtime import TensorRuntime
from engines.swap import SwappingAgeEngine
from engines.tensorrt.background import BuildProcess, worker_command
from engines.tensorrt.cache import EngineCache
from engines.tensorrt.loader import OwnedRuntime, check_parity, load_detector, open_runtime, order_for, was_compared
from engines.tensorrt.progress import Progress
from engines.tensorrt.ready import Probes, Ready, check_ready
from pipeline.errors import EngineError, SettingsError
from pipeline.protocols import EngineInfo
from pipeline.settings import AgeSettings, Settings

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
        SettingsError: there is no such model, or it is not an age model.
    """
    cache = cache or EngineCache(limit_bytes=settings.engine_cache_mb * 1_000_000)
    if settings.engine == "tensorrt":
        return _Tensorrt(settings, folder, check_ready(probes), cache, progress).open(serve_while_building, "chosen by name")
    if settings.engine != "auto":
        return _open_onnx(settings, folder, settings.engine, "chosen by name")
    try:
        ready = check_ready(probes)
        return _Tensorrt(settings, folder, ready, cache, progress).open(serve_while_building, ready.reason)
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
    ready = check_ready()
    cache = EngineCache(limit_bytes=settings.age.engine_cache_mb * 1_000_000)
    with closing(open_cuda()) as cuda, load_detector(ready, settings.detector.smallest_face_px, folder, cache, cuda) as detector:
        yield detector


def load_age_model(settings: AgeSettings, folder: Path, engine: str) -> Model:
    """The model that an engine runs: the one that the settings name, or the default for CPU or GPU.

    Raises:
        ModelFileError: its file is missing or damaged.
        SettingsError: there is no such model, or it is not an age model.
    """
    facts = read_models_file(folder)
    model = load_model(settings.model or (facts.default_cpu if engine == "cpu" else facts.default_gpu), folder)
    if model.entry.kind != "age":
        raise SettingsError(f"The model {model.name!r} does not estimate ages.", "Leave age.model empty to take the default.")
    return model


def _open_onnx(settings: AgeSettings, folder: Path, provider: str, reason: str) -> FaceNetAgeEngine:
    model = load_age_model(settings, folder, provider)
    runtime = OnnxRuntime(model.data, model.name, provider, settings.threads)
    return _engine(runtime, model, provider, model.entry.precision, reason)


class _Tensorrt:
    """Opens the TensorRT engine, now or when it is built."""

    def __init__(self, settings: AgeSettings, folder: Path, ready: Ready, cache: EngineCache, progress: Progress | None) -> None:
        self._settings, self._folder, self._ready, self._cache, self._progress = settings, folder, ready, cache, progress
        self._order = order_for(ready, load_age_model(settings, folder, "tensorrt"), settings.precision)

    def open(self, serve_while_building: bool, reason: str) -> LiveAgeEngine:
        if serve_while_building and not self._cache.holds(self._order.key):
            settings = self._settings.model_copy(update={"model": ""})  # the model of the settings may be one for GPUs only
            serving = _open_onnx(settings, self._folder, "cpu", reason)
            model, limit_mb = self._order.model.name, self._settings.engine_cache_mb
            command = worker_command(model, self._folder, self._order.precision, self._cache.folder, limit_mb)
            return SwappingAgeEngine(serving, BuildProcess(command), lambda: self._open(reason))
        return self._open(reason)

    def _open(self, reason: str) -> FaceNetAgeEngine:
        order = self._order
        with ExitStack() as opened:
            cuda = opened.enter_context(closing(open_cuda()))
            runtime = open_runtime(self._ready, order, self._cache, cuda, progress=self._progress)
            opened.callback(runtime.close)
            if not was_compared(order, self._cache):
                check_parity(runtime, order, self._cache)
            engine = _engine(OwnedRuntime(runtime, cuda), order.model, "tensorrt", order.precision, reason)
            opened.pop_all()  # from here on the engine closes them
            return engine


def _engine(runtime: TensorRuntime, model: Model, name: str, precision: str, reason: str) -> FaceNetAgeEngine:
    engine = FaceNetAgeEngine(runtime, model.entry, EngineInfo(name, precision, model.name, reason, model.entry.sha256))
    engine.warm_up()
    return engine
