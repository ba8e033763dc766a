"""What a training run is told: its command line, and the same as a value."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal, get_args

from training.augment import DEGRADED, ERASED
from training.loss import EXPECTATION_WEIGHT, LABEL_SIGMA, Aim
from training.model import TRAINED, Trained
from training.spec import FACENET, HEADS, Head, Spec

EMA_DECAY = 0.99
"""Averages about the last hundred steps."""

Precision = Literal["fp32", "bf16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


@dataclass(frozen=True, slots=True)
class Options:
    """One run, as the command line gives it; `parse` says what each of them does."""

    crops: tuple[Path, ...]
    val_list: tuple[Path, ...]
    out: Path
    epochs: int = 3
    minutes: float = 0.0
    batch: int = 48
    seed: int = 0
    threads: int = 0
    resume: bool = False
    backbone: str = FACENET
    head: Head = "distribution"
    gender: bool = True
    pretrained: bool = True
    dropout: float = 0.3
    train: Trained = "body"
    init: Path | None = None
    rate: float = 1.0
    ema: float = EMA_DECAY
    patience: int = 0
    precision: Precision = "fp32"
    weights: tuple[float, ...] = ()
    balance: float = 1.0
    corrections: Path | None = None
    degraded: float = DEGRADED
    erased: float = ERASED
    mixup: float = 0.0
    drop_path: float = 0.0
    smoothing: float = LABEL_SIGMA
    expectation: float = EXPECTATION_WEIGHT
    identity: float = 0.0
    tensorboard: bool = False
    validate_every: int = 1
    save_every_s: float = 300.0
    print_every: int = 10

    @property
    def spec(self) -> Spec:
        """The network to train.

        Raises:
            SettingsError: there is no such network.
        """
        return Spec(self.backbone, self.head, self.gender, self.identity > 0, self.dropout)

    @property
    def aim(self) -> Aim:
        """What ages are learnt as."""
        return Aim(self.head, self.expectation, self.smoothing)

    def as_text(self) -> dict[str, str]:
        """As they stand in a checkpoint."""
        return {key: " ".join(map(str, value)) if isinstance(value, tuple) else str(value) for key, value in asdict(self).items()}


def parse(arguments: Sequence[str] | None) -> Options:
    """The options of a command line; argparse ends the program where they make no sense."""
    parser = argparse.ArgumentParser(
        prog="python -m training.train", description="Trains an age network on crops of training.crops."
    )
    parser.add_argument("--crops", type=Path, nargs="+", required=True, help="folders made by training.crops")
    parser.add_argument("--val-list", type=Path, nargs="+", required=True, help="files of names to validate on, one a line")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint.pt, history.csv and plots")

    network = parser.add_argument_group("network")
    network.add_argument("--backbone", default=FACENET, help="facenet, resnet50, vgg16, or any model of timm")
    network.add_argument(
        "--head", choices=HEADS, default="distribution", help="what ages are learnt as: label distributions, years, or classes"
    )
    network.add_argument("--gender", action=argparse.BooleanOptionalAction, default=True, help="learn genders too")
    network.add_argument("--identity", type=float, default=0.0, help="weight of keeping FaceNet's embedding; 5 keeps it near")
    network.add_argument("--pretrained", action=argparse.BooleanOptionalAction, default=True, help="begin at pretrained weights")
    network.add_argument("--init", type=Path, help="begin at the averaged weights of this checkpoint, or at an exported .onnx")
    network.add_argument(
        "--train", choices=TRAINED, default="body", help="heads on frozen features; last blocks; all but the stem; all layers"
    )
    network.add_argument("--dropout", type=float, default=0.3)
    network.add_argument("--drop-path", type=float, default=0.0, help="probability that FaceNet's last block is left out")

    course = parser.add_argument_group("course")
    course.add_argument("--epochs", type=int, default=3)
    course.add_argument("--minutes", type=float, default=0.0, help="end the cycle after this time at the latest; 0: no limit")
    course.add_argument("--patience", type=int, default=0, help="end after so many validations without a better one; 0: never")
    course.add_argument("--batch", type=int, default=48, help="pictures a step, of all processes together")
    course.add_argument("--rate", type=float, default=1.0, help="factor of the peak learning rates")
    course.add_argument("--ema", type=float, default=EMA_DECAY, help="decay of the averaged weights, per step; 0: none")
    course.add_argument("--seed", type=int, default=0)
    course.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    course.add_argument("--validate-every", type=int, default=1, help="epochs; the end is always validated")
    course.add_argument("--tensorboard", action="store_true", help="write its files into --out too")

    data = parser.add_argument_group("data")
    data.add_argument("--corrections", type=Path, help="labels of training.duplicates, used instead of the data's own")
    data.add_argument("--weights", type=float, nargs="+", default=(), help="how often each set is seen, relative to its size")
    data.add_argument("--balance", type=float, default=3.0, help="see rare ages up to so many times as often; 1: as they come")
    data.add_argument("--degraded", type=float, default=DEGRADED, help="share of views through bad cameras; 0: none")
    data.add_argument("--erased", type=float, default=ERASED, help="share of views with a covered part; 0: none")
    data.add_argument("--mixup", type=float, default=0.0, help="probability that a picture is mixed with another")
    data.add_argument("--smoothing", type=float, default=LABEL_SIGMA, help="years that labels are spread over; 0: exact")
    data.add_argument("--expectation", type=float, default=EXPECTATION_WEIGHT, help="weight of a year of error beside them")

    machine = parser.add_argument_group("machine")
    machine.add_argument("--threads", type=int, default=0, help="0: all cores")
    machine.add_argument("--precision", choices=PRECISIONS, default="fp32", help="bf16: multiply in bfloat16")
    machine.add_argument(
        "--bf16",
        dest="precision",
        action="store_const",
        const="bf16",
        help="the same as --precision bf16: faster on GPUs, and on CPUs with avx512_bf16",
    )
    given = vars(parser.parse_args(arguments))
    for key in ("crops", "val_list", "weights"):
        given[key] = tuple(given[key])
    return Options(**{field.name: given[field.name] for field in fields(Options) if field.name in given})
