"""A training run on disk: everything that it needs to go on, and everything that export needs to rebuild the model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch.optim.swa_utils import AveragedModel

from pipeline.errors import OutputError, SourceError
from training.model import AgeNet


@dataclass(slots=True)
class Position:
    """Where a run stands: the next step of which epoch, and for how long it has run."""

    epoch: int = 0
    step: int = 0
    elapsed_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Learner:
    """What training changes: the model, the moving average of its weights, and the optimizer's memory."""

    model: AgeNet
    average: AveragedModel
    optimizer: torch.optim.Optimizer

    def save(self, path: Path, position: Position, options: Mapping[str, str]) -> None:
        """Writes the checkpoint aside and renames it: a run that is killed leaves the old one whole.

        Raises:
            OutputError: the file cannot be written.
        """
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "position": asdict(position),
            "options": dict(options),
        }
        part = path.with_suffix(".part")
        try:
            torch.save(state, part)
            os.replace(part, path)
        except (OSError, RuntimeError) as error:
            raise OutputError(
                f"{path} cannot be written: {error}", "Free some space or choose another folder with --out."
            ) from error

    def load(self, path: Path) -> Position:
        """Brings the run back to where it was saved.

        Raises:
            SourceError: the file is missing, damaged, or of another network.
        """
        state = read_checkpoint(path)
        try:
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            return Position(**state["position"])
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise SourceError(f"the checkpoint {path} is of another network: {error}", "Train anew, without --resume.") from error


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


def load_averaged(path: Path) -> AgeNet:
    """The model of a checkpoint, with averaged weights, in eval mode.

    Raises:
        SourceError: the file is missing, damaged, or of another network.
    """
    model = AgeNet(pretrained=False)
    prefix = "module."  # AveragedModel's name for the model that it wraps
    try:
        average = {
            key.removeprefix(prefix): value for key, value in read_checkpoint(path)["average"].items() if key != "n_averaged"
        }
        model.load_state_dict(average)
    except (KeyError, RuntimeError) as error:
        raise SourceError(
            f"the checkpoint {path} is of another network: {error}", "Give a checkpoint.pt of training.train."
        ) from error
    return model.eval()
