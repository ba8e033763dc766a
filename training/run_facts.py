"""How a checkpoint's weights came about, for the model card and models.toml."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from training.checkpoint import read_checkpoint
from training.loss import EXPECTATION_WEIGHT
from training.spec import Spec

_PATHS = ("crops", "val_list", "out", "init", "corrections")
_SHOWN = (
    *("backbone", "head", "epochs", "minutes", "batch", "rate", "balance", "weights", "identity", "mixup", "drop_path"),
    *("expectation", "smoothing", "degraded", "ema", "seed"),
)


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """How the weights came about.

    Attributes:
        pictures, passes, minutes, batch: of the last cycle.
        trained: what it changed: "heads", "last", "body" or "all".
        spec: the network.
        sets: names of the data sets.
        earlier_minutes: of the cycles that it builds on.
        begun_at: name of the exported file that it began at; empty: of none.
        balance: how much more often rare ages were seen than the commonest, at most.
        expectation, identity, mixup, drop_path: as in the options of training.train.
        averaged: checkpoints whose weights were averaged.
        command: the last cycle's, with the names of folders and lists only.
    """

    pictures: int
    passes: float
    minutes: float
    batch: int
    trained: str = "body"
    spec: Spec = field(default_factory=Spec)
    sets: tuple[str, ...] = ("UTKFace",)
    earlier_minutes: float = 0.0
    begun_at: str = ""
    balance: float = 1.0
    expectation: float = EXPECTATION_WEIGHT
    identity: float = 0.0
    mixup: float = 0.0
    drop_path: float = 0.0
    averaged: int = 1
    command: str = ""

    @property
    def data(self) -> str:
        return f"{listed(self.sets)}, without the pictures of the validation lists and their copies"

    @property
    def licence(self) -> str:
        trunk = "trunk from facenet (MIT), trained on CASIA-WebFace (research use)"
        if self.spec.backbone != "facenet":
            trunk = f"{self.spec.backbone} from timm (Apache 2.0), ImageNet (research use) where it began there"
        return f"research use only: the terms of {listed(self.sets)}; {trunk}"


def run_facts(checkpoint: Path, training_pictures: int, sets: Sequence[str]) -> TrainingRun:
    """What a checkpoint tells about its run.

    Raises:
        SettingsError: it is of a network that this program does not know.
        SourceError: it cannot be read.
    """
    state = read_checkpoint(checkpoint)
    position, options = state["position"], state["options"]
    init = options.get("init", "None")
    steps = -(-training_pictures // int(options["batch"]))
    return TrainingRun(
        pictures=training_pictures,
        passes=position["epoch"] + position["step"] / steps,
        minutes=position["elapsed_s"] / 60,
        batch=int(options["batch"]),
        # Runs before --train had --train-stem.
        trained=options.get("train", "all" if options.get("train_stem") == "True" else "body"),
        spec=Spec.of(options),
        sets=tuple(sets),
        earlier_minutes=float(options.get("earlier_minutes", 0)),
        begun_at=PurePath(init).name if init.endswith(".onnx") else "",
        balance=float(options.get("balance", 1)),
        expectation=float(options.get("expectation", EXPECTATION_WEIGHT)),
        identity=float(options.get("identity", 0)),
        mixup=float(options.get("mixup", 0)),
        drop_path=float(options.get("drop_path", 0)),
        averaged=int(options.get("averaged", 1)),
        command=command(options),
    )


def command(options: Mapping[str, str]) -> str:
    """The command line of a run, without the folders of its machine."""
    parts = ["python -m training.train"]
    for key in _PATHS:
        if (value := options.get(key, "None")) != "None":
            # Several paths are joined by blanks; names with blanks in them do not matter enough here.
            parts.append(f"--{key.replace('_', '-')} {' '.join(PurePath(part).name for part in value.split())}")
    parts += [f"--{key.replace('_', '-')} {options[key]}" for key in _SHOWN if options.get(key, "") not in ("", "None")]
    if "train" in options:
        parts.append(f"--train {options['train']}")
    elif options.get("train_stem") == "True":
        parts.append("--train all")
    precision = options.get("precision", "bf16" if options.get("bf16") == "True" else "fp32")
    parts += [f"--precision {precision}"] if precision != "fp32" else []
    return re.sub(r"\s+", " ", " ".join(parts))


def listed(names: Sequence[str]) -> str:
    """ "A", "A and B", "A, B and C"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
