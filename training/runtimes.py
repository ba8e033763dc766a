"""A model file on whichever runtime it is for: a checkpoint on torch; ONNX on the CPU, on CUDA or on TensorRT."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from numpy.typing import NDArray

from engines.age import FaceNetAgeEngine
from engines.align import CROP_PX
from engines.models import ModelEntry, read_models_file
from engines.onnx_runtime import OnnxRuntime
from engines.runtime import RuntimeInfo
from engines.tensorrt.ready import check_ready
from pipeline.errors import ModelFileError, SettingsError
from pipeline.protocols import EngineInfo
from pipeline.settings import AgeSettings
from training.calibrate import Fit
from training.checkpoint import load_averaged
from training.onnx_files import Deployed

EngineName = Literal["cpu", "cuda", "tensorrt"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)


class TorchRuntime:
    """A checkpoint's averaged weights behind the interface of the other runtimes.

    Args:
        deployed: the network with named outputs.
        cuda: run it on the GPU.
    """

    def __init__(self, deployed: Deployed, cuda: bool = False) -> None:
        self._device = torch.device("cuda" if cuda else "cpu")
        self._deployed = deployed.eval().to(self._device)

    @property
    def info(self) -> RuntimeInfo:
        return RuntimeInfo(f"PyTorch {torch.__version__}", self._device.type, self._device.type)

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        with torch.inference_mode():
            said = self._deployed(torch.from_numpy(inputs["crops"]).to(self._device))
        return {name: value.cpu().numpy() for name, value in zip(self._deployed.names, said, strict=True)}

    def close(self) -> None:
        """Nothing to give back."""


def open_engine(path: Path, threads: int, engine: EngineName = "cpu", fit: Fit | None = None) -> FaceNetAgeEngine:
    """The age engine over a checkpoint or ONNX file, calibrated where the models.toml beside it describes this very file.

    Args:
        engine: what runs it; on TensorRT only files that models.toml knows.
        fit: calibration of files that models.toml does not know; None: none.

    Raises:
        EngineError: that engine cannot run here.
        ModelFileError: the file cannot be read or is no ONNX network.
        SettingsError: the file is not one for that engine.
        SourceError: a checkpoint cannot be read.
    """
    if path.suffix == ".pt":
        if engine == "tensorrt":
            raise SettingsError(f"TensorRT cannot run the checkpoint {path}.", "Export it first, or choose --engine cpu.")
        if threads:
            torch.set_num_threads(threads)
        runtime = TorchRuntime(Deployed(load_averaged(path)), engine == "cuda")
        info = EngineInfo(engine, "fp32", path.stem, "a checkpoint runs on torch")
        return FaceNetAgeEngine(runtime, _unknown(path, "0" * 64, fit or Fit()), info)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelFileError(
            f"The model file {path} cannot be read: {error.strerror}", "Check the path after --model."
        ) from error
    sha256 = hashlib.sha256(data).hexdigest()
    known = read_models_file(path.parent).models if (path.parent / "models.toml").exists() else {}
    name = next((name for name, entry in known.items() if entry.sha256 == sha256), "")
    if engine == "tensorrt":
        return _tensorrt(path, name)
    entry = known[name] if name else _unknown(path, sha256, fit or Fit())
    info = EngineInfo(engine, entry.precision, path.stem, "accuracy is measured on it")
    return FaceNetAgeEngine(OnnxRuntime(data, path.name, engine, threads), entry, info)


def _tensorrt(path: Path, name: str) -> FaceNetAgeEngine:
    from engines.tensorrt.opening import open_tensorrt_age  # noqa: PLC0415  (its libraries are on GPU machines only)

    if not name:
        raise SettingsError(
            f"{path.parent / 'models.toml'} does not describe {path.name}, which TensorRT needs.",
            "Put it there with training.export, or choose --engine cpu.",
        )
    settings = AgeSettings(engine="tensorrt", model=name)
    opened = open_tensorrt_age(settings, path.parent, check_ready(), "chosen by name")
    assert isinstance(opened, FaceNetAgeEngine)  # nothing serves meanwhile, so that it was built first
    return opened


def _unknown(path: Path, sha256: str, fit: Fit) -> ModelEntry:
    return ModelEntry(
        kind="age",
        file=path.name,
        sha256=sha256,
        precision="fp32",
        licence="",
        origin="",
        input_px=CROP_PX,
        temperature=fit.temperature,
        slope=fit.slope,
        offset=fit.offset,
    )
