"""Which engine runs the age model: `auto` chooses and says why; one asked for by name is obeyed, or fails."""

from __future__ import annotations

from pathlib import Path

import onnxruntime as ort

from engines.age import FaceNetAgeEngine
from engines.models import MODELS_FOLDER, load_model, read_models_file
from engines.onnx_runtime import PROVIDERS, OnnxRuntime
from pipeline.errors import SettingsError
from pipeline.protocols import EngineInfo
from pipeline.settings import AgeSettings


def open_age_engine(settings: AgeSettings, folder: Path = MODELS_FOLDER) -> FaceNetAgeEngine:
    """The age engine that the settings ask for, warmed up.

    Raises:
        EngineError: it cannot run here.
        ModelFileError: its model file is missing or damaged.
        SettingsError: there is no such model, or it is not an age model.
    """
    facts = read_models_file(folder)
    name, reason = _choice(settings)
    model = load_model(settings.model or (facts.default_cpu if name == "cpu" else facts.default_gpu), folder)
    if model.entry.kind != "age":
        raise SettingsError(f"The model {model.name!r} does not estimate ages.", "Leave age.model empty to take the default.")
    runtime = OnnxRuntime(model.data, model.name, name, settings.threads)
    engine = FaceNetAgeEngine(runtime, model.entry, EngineInfo(name, model.entry.precision, model.name, reason))
    engine.warm_up()
    return engine


def _choice(settings: AgeSettings) -> tuple[str, str]:
    """Provider and the sentence that explains it."""
    if settings.engine != "auto":
        return settings.engine, "chosen by name"
    if PROVIDERS["cuda"] in ort.get_available_providers():
        return "cuda", "ONNX Runtime offers CUDA on this machine"
    return "cpu", "this ONNX Runtime has no GPU support, so the CPU runs the age model"
