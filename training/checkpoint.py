"""A training run on disk: everything that it needs to go on, and everything that export needs to rebuild the model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch.optim.swa_utils import AveragedModel

from pipeline.errors import OutputError, SettingsError, SourceError
from training.backbones import build_model
from training.files import aside
from training.model import AgeModel, AgeNet
from training.spec import FACENET, Spec

LASTING = ("backbone", "head", "batch", "seed", "weights", "balance")
"""Options that say what a step is: a run that goes on with others would skip pictures, or see some twice."""


@dataclass(slots=True)
class Position:
    """Where a run stands: the next step of which epoch, for how long it has run, and how good it was at its best.

    Attributes:
        best_mae: on the validation pictures.
        since_best: validations since then.
        unreviewed: whether steps were made since the last validation.
    """

    epoch: int = 0
    step: int = 0
    elapsed_s: float = 0.0
    best_mae: float = math.inf
    since_best: int = 0
    unreviewed: bool = False

    def judge(self, mae: float) -> bool:
        """Notes a validation's result; whether it is the best up to now."""
        better = mae < self.best_mae
        self.best_mae, self.since_best = (mae, 0) if better else (self.best_mae, self.since_best + 1)
        return better


@dataclass(frozen=True, slots=True)
class Learner:
    """What training changes: the model, the moving average of its weights, and the optimizer's memory."""

    model: AgeModel
    average: AveragedModel
    optimizer: torch.optim.Optimizer

    def save(self, path: Path, position: Position, options: Mapping[str, str]) -> None:
        """Writes the checkpoint aside and renames it: a run that is killed leaves the old one whole.

        Raises:
            OutputError: the file cannot be written.
        """
        write_checkpoint(
            path,
            {
                "model": self.model.state_dict(),
                "average": self.average.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "position": asdict(position),
                "options": dict(options),
            },
        )

    def save_average(self, path: Path, position: Position, options: Mapping[str, str]) -> None:
        """Only what evaluation, export and --init need.

        Raises:
            OutputError: the file cannot be written.
        """
        write_checkpoint(path, {"average": self.average.state_dict(), "position": asdict(position), "options": dict(options)})

    def set_spread(self, years: float) -> None:
        """Tells a regression head how far off it is, root mean square; others know from their distributions."""
        if self.model.spec.head == "regression":
            self.model.spread.fill_(years)
            averaged = self.average.module
            assert isinstance(averaged, AgeModel)  # a copy of the model
            averaged.spread.fill_(years)

    def load(self, path: Path, options: Mapping[str, str]) -> Position:
        """Brings the run back to where it was saved.

        Args:
            options: of the run that goes on.

        Raises:
            SettingsError: they would make another run of it.
            SourceError: the file is missing, damaged, or of another network.
        """
        state = read_checkpoint(path)
        for key, was in state.get("options", {}).items():
            if key in LASTING and options.get(key, was) != was:
                raise SettingsError(
                    f"the run in {path.parent} was begun with --{key} {was or '(none)'}, not {options[key] or '(none)'}",
                    "Go on with the same, or begin another run in another folder.",
                )
        try:
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            return Position(**state["position"])
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise SourceError(f"the checkpoint {path} is of another network: {error}", "Train anew, without --resume.") from error


def write_checkpoint(path: Path, state: Mapping[str, object]) -> None:
    """Written aside and renamed: whatever happens, the old file or the new one is whole.

    Raises:
        OutputError: the file cannot be written.
    """
    hint = "Free some space or choose another folder with --out."
    try:
        with aside(path) as part:
            torch.save(dict(state), part)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error}", hint) from error
    except RuntimeError as error:  # torch's writer tells of a full disk in words of its own
        raise OutputError(f"{path} cannot be written, probably since the disk is full: torch says {error}", hint) from error


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint's content: tensors and plain values; code in it is refused, not run.

    Raises:
        SourceError: the file is missing or damaged.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises OSError, EOFError, RuntimeError, UnpicklingError and more for broken files
        raise SourceError(f"the checkpoint {path} cannot be read: {error}", "Train anew, without --resume.") from error
    return state


def load_averaged(path: Path) -> AgeModel:
    """The model of a checkpoint, with averaged weights, in eval mode.

    Raises:
        SettingsError: it is of a network that this program does not know.
        SourceError: the file is missing, damaged, or of another network.
    """
    options = read_checkpoint(path).get("options", {})
    model = build_model(Spec.of(options), pretrained=False)
    load_weights(model, path)
    return model.eval()


def load_weights(model: AgeModel, path: Path) -> None:
    """Puts a checkpoint's averaged weights into a network.

    Raises:
        SourceError: the file is missing, damaged, or of another network.
    """
    prefix = "module."  # AveragedModel's name for the model that it wraps
    try:
        average = read_checkpoint(path)["average"]
        model.load_state_dict({key.removeprefix(prefix): value for key, value in average.items() if key != "n_averaged"})
    except (AttributeError, KeyError, RuntimeError) as error:
        raise SourceError(
            f"the checkpoint {path} is of another network: {error}", "Give a checkpoint.pt of the same network."
        ) from error


def load_exported(path: Path, spec: Spec | None = None) -> tuple[AgeNet, bool]:
    """FaceNet's network out of a float32 or float16 file of `training.export`: its constants have torch's own names.

    Args:
        spec: what the network shall be; layers that the file does not have are left at random.

    Returns:
        The network in eval mode, and whether the layer of the face embedding is one of those.

    Raises:
        SettingsError: the spec is of another backbone.
        SourceError: the file is missing, damaged, of another network, or its weights are integers.
    """
    if spec is not None and spec.backbone != FACENET:
        raise SettingsError(
            f"a run with {spec.backbone} cannot begin at an exported file", "Give a checkpoint.pt of that backbone with --init."
        )
    hint = "Give a float16 or float32 file of training.export; int8 weights cannot be trained further."
    try:
        constants = onnx.load(str(path)).graph.initializer
    except Exception as error:  # OSError, or protobuf's own, which has no types to import
        raise SourceError(f"{path} cannot be read: {error}", hint) from error
    weights = {
        constant.name.removeprefix("net.").removesuffix(".half"): torch.from_numpy(
            numpy_helper.to_array(constant).astype(np.float32)
        )
        for constant in constants
        if constant.name.startswith("net.")
    }
    model = AgeNet(spec, pretrained=False)
    try:
        missing, unexpected = model.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        raise SourceError(f"{path} is of another network: {error}", hint) from error
    if unexpected or any(not name.startswith(("identity.", "gender.")) for name in missing):
        raise SourceError(f"{path} is of another network: {len(missing)} layers are not in it", hint)
    return model.eval(), any(name.startswith("identity.") for name in missing)
