"""Trains the age network on aligned crops: `python -m training.train --crops FOLDER --val-list FILE --out FOLDER`.

Label distribution learning (B.-B. Gao et al., Deep Label Distribution Learning with Label Ambiguity, TIP 2017) with an L1 term
on the expectation (DLDL-v2, IJCAI 2018) and a gender term; AdamW, one cycle. Runs on a CPU: progress follows steps or the clock,
whichever is ahead, so that a run with --minutes always comes to the end of its cycle.
On a machine with other work to do, OMP_WAIT_POLICY=PASSIVE in the environment made steps five times as fast: torch's threads
otherwise wait for each other at full speed, on the very core that the other one needs.
"""

from __future__ import annotations

import argparse
import csv
import math
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pipeline.errors import AppError, OutputError, SourceError
from pipeline.types import AGE_BINS, UInt8Array
from training.augment import augmented, centred
from training.checkpoint import Learner, Position
from training.crops import Crops, load_crops
from training.data import read_names
from training.model import AgeNet, expected_age

LABEL_SIGMA = 2.0
"""Years: neighbouring ages look alike, and labels are guesses themselves."""

EXPECTATION_WEIGHT, GENDER_WEIGHT = 0.2, 0.2
BODY_RATE, HEAD_RATE, WEIGHT_DECAY = 2e-4, 1e-3, 0.01
WARM_UP = 0.25
"""Part of the cycle in which the rate rises."""

EMA_DECAY = 0.99
"""Averages about the last hundred steps."""

HISTORY = ("epoch", "step", "seconds", "rate", "loss", "train_mae", "val_mae", "val_gender")


@dataclass(frozen=True, slots=True)
class Options:
    """One run, as the command line gives it."""

    crops: Path
    val_list: Path
    out: Path
    epochs: int
    minutes: float
    batch: int
    seed: int
    threads: int
    train_stem: bool
    resume: bool
    save_every_s: float = 600.0
    print_every: int = 10


def train(options: Options, stop: threading.Event) -> Path:
    """Trains until the cycle ends or the stop event is set.

    Returns:
        The checkpoint; `--resume` goes on from it where the run was stopped.

    Raises:
        SourceError: crops, list or checkpoint cannot be used.
        OutputError: the folder cannot be written.
    """
    torch.manual_seed(options.seed)  # for the heads' first weights
    crops = load_crops(options.crops)
    train_rows, val_rows = split_rows(crops, options.val_list)
    print(f"{len(train_rows)} crops to train on, {len(val_rows)} to validate on", flush=True)
    learner = make_learner(options)
    checkpoint = options.out / "checkpoint.pt"
    position = learner.load(checkpoint) if options.resume else Position()
    history = History(options.out / "history.csv", append=options.resume)

    steps = math.ceil(len(train_rows) / options.batch)
    began = time.perf_counter() - position.elapsed_s
    saved_s = position.elapsed_s
    progress = 0.0
    while position.epoch < options.epochs and progress < 1 and not stop.is_set():
        order = np.random.default_rng([options.seed, position.epoch]).permutation(train_rows)
        learner.model.train()
        while position.step < steps and not stop.is_set():
            position.elapsed_s = time.perf_counter() - began
            progress = cycle_progress(position, steps, options)
            if progress >= 1:
                break
            for group in learner.optimizer.param_groups:
                group["lr"] = group["peak"] * one_cycle(progress)
            rows = order[position.step * options.batch : (position.step + 1) * options.batch]
            rng = np.random.default_rng([options.seed, position.epoch, position.step])
            torch.manual_seed(int(rng.integers(2**31)))  # dropout's: a resumed run is then the very same run
            loss, mae = train_step(learner, batch_of(crops, rows, rng), crops, rows)
            position.step += 1
            position.elapsed_s = time.perf_counter() - began
            history.step(loss, mae)
            if position.step % options.print_every == 0:
                history.write(position, steps, BODY_RATE * one_cycle(progress))
            if position.elapsed_s - saved_s > options.save_every_s:
                learner.save(checkpoint, position, plain(options))
                saved_s = position.elapsed_s
        if position.step == steps:
            position.epoch, position.step = position.epoch + 1, 0
        if not stop.is_set():
            validated = validate(learner.average, crops, val_rows, options.batch)
            history.write(position, steps, BODY_RATE * one_cycle(progress), validated)
        learner.save(checkpoint, position, plain(options))
    return checkpoint


def make_learner(options: Options) -> Learner:
    """The network, from FaceNet's weights, with what trains it."""
    model = AgeNet(pretrained=not options.resume).to(memory_format=torch.channels_last)
    if not options.train_stem:
        model.freeze_stem()
    head = model.head_parameters()
    in_head = {id(parameter) for parameter in head}
    body = [parameter for parameter in model.parameters() if parameter.requires_grad and id(parameter) not in in_head]
    optimizer = torch.optim.AdamW(
        [{"params": body, "peak": BODY_RATE}, {"params": head, "peak": HEAD_RATE}], weight_decay=WEIGHT_DECAY, foreach=True
    )
    update = get_ema_multi_avg_fn(EMA_DECAY)  # type: ignore[no-untyped-call]
    return Learner(model, AveragedModel(model, multi_avg_fn=update), optimizer)


def plain(options: Options) -> dict[str, str]:
    """The run's options as they stand in its checkpoint."""
    return {key: str(value) for key, value in asdict(options).items()}


def cycle_progress(position: Position, steps: int, options: Options) -> float:
    """How much of the cycle is over, 0 … 1: by steps, or by the clock if that is ahead (no clock with --minutes 0)."""
    by_steps = (position.epoch * steps + position.step) / (options.epochs * steps)
    by_clock = position.elapsed_s / (60 * options.minutes) if options.minutes else 0.0
    return max(by_steps, by_clock)


def one_cycle(progress: float) -> float:
    """Factor of the peak rate: a quarter up, the rest down, both along a cosine.

    L. N. Smith, N. Topin, Super-convergence, 2018; start at 1/25 and end near 0 as in torch's OneCycleLR.
    """
    start, end = 1 / 25, 1e-4
    if progress < WARM_UP:
        return 1 + (start - 1) * (1 + math.cos(math.pi * progress / WARM_UP)) / 2
    return end + (1 - end) * (1 + math.cos(math.pi * min(1.0, (progress - WARM_UP) / (1 - WARM_UP)))) / 2


def train_step(learner: Learner, pixels: UInt8Array, crops: Crops, rows: NDArray[np.int64]) -> tuple[float, float]:
    """One step; the loss and the mean absolute error in years."""
    age, male = torch.from_numpy(crops.age[rows]), torch.from_numpy(crops.male[rows])
    age_logits, male_logits = learner.model(as_input(pixels))
    years = expected_age(age_logits)
    error = (years - age).abs().mean()
    loss = (
        F.cross_entropy(age_logits, label_distribution(age))
        + EXPECTATION_WEIGHT * error
        + GENDER_WEIGHT * F.binary_cross_entropy_with_logits(male_logits, male)
    )
    loss.backward()  # type: ignore[no-untyped-call]
    learner.optimizer.step()
    learner.optimizer.zero_grad(set_to_none=True)
    learner.average.update_parameters(learner.model)
    return loss.item(), error.item()


def label_distribution(age: Tensor) -> Tensor:
    """(n,) years → (n, 101) probabilities: a Gaussian of σ = 2 years around each label, 100 standing for all above."""
    years = torch.arange(AGE_BINS, dtype=torch.float32)
    return (-((years - age.clamp(max=AGE_BINS - 1)[:, None]) ** 2) / (2 * LABEL_SIGMA**2)).softmax(dim=1)


def validate(model: torch.nn.Module, crops: Crops, rows: NDArray[np.int64], batch: int) -> tuple[float, float]:
    """Mean absolute error in years, and the part of correct genders."""
    model.eval()
    error, correct = 0.0, 0.0
    with torch.inference_mode():
        for first in range(0, len(rows), batch):
            some = rows[first : first + batch]
            age_logits, male_logits = model(as_input(np.stack([centred(crops.pixels[row]) for row in some])))
            error += float((expected_age(age_logits) - torch.from_numpy(crops.age[some])).abs().sum())
            correct += float(((male_logits > 0) == (torch.from_numpy(crops.male[some]) > 0.5)).sum())
    return error / len(rows), correct / len(rows)


def as_input(pixels: UInt8Array) -> Tensor:
    """(n, 160, 160, 3) uint8 → (n, 3, 160, 160) float32 0 … 255, channels last in memory: a quarter faster on a CPU."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float()


def batch_of(crops: Crops, rows: NDArray[np.int64], rng: np.random.Generator) -> UInt8Array:
    """(n, 160, 160, 3) uint8 random views of the crops."""
    return np.stack([augmented(crops.pixels[row], rng) for row in rows])


def split_rows(crops: Crops, val_list: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows to train on and rows to validate on.

    Raises:
        SourceError: the list cannot be read, or names pictures that have no crop.
    """
    names = read_names(val_list)
    held_back = np.isin(crops.names, sorted(names))
    if held_back.sum() != len(names):
        raise SourceError(
            f"{len(names) - int(held_back.sum())} pictures of {val_list} have no crop", "Make the crops of all data files."
        )
    return np.flatnonzero(~held_back), np.flatnonzero(held_back)


class History:
    """Progress to the terminal and to history.csv: the mean since the last line; rows with val_mae end an epoch."""

    def __init__(self, path: Path, append: bool) -> None:
        self._path = path
        self._losses: list[float] = []
        self._errors: list[float] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not (append and path.exists()):
                path.write_text(",".join(HISTORY) + "\n", encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {error}", "Choose another folder with --out.") from error

    def step(self, loss: float, mae: float) -> None:
        self._losses.append(loss)
        self._errors.append(mae)

    def write(self, position: Position, steps: int, rate: float, validated: tuple[float, float] | None = None) -> None:
        """One line; `validated` is the mean absolute error and the part of correct genders at the end of an epoch."""
        learnt = bool(self._losses)
        loss, mae = (float(np.mean(self._losses)), float(np.mean(self._errors))) if learnt else (0.0, 0.0)
        self._losses, self._errors = [], []
        values = [str(position.epoch), str(position.step), f"{position.elapsed_s:.0f}", f"{rate:.2e}"]
        values += [f"{loss:.4f}", f"{mae:.3f}"] if learnt else ["", ""]
        values += ["", ""] if validated is None else [f"{validated[0]:.3f}", f"{validated[1]:.4f}"]
        with self._path.open("a", encoding="utf-8", newline="") as file:
            csv.writer(file).writerow(values)
        text = f"epoch {position.epoch} step {position.step}/{steps}  {position.elapsed_s:.0f} s  rate {rate:.1e}"
        if learnt:
            text += f"  loss {loss:.3f}  MAE {mae:.2f}"
        if validated is not None:
            text += f"  VALIDATION MAE {validated[0]:.3f} gender {validated[1]:.1%}"
        print(text, flush=True)


def parse(arguments: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="python -m training.train", description="Trains the age network.")
    parser.add_argument("--crops", type=Path, required=True, help="folder made by training.crops")
    parser.add_argument("--val-list", type=Path, required=True, help="names to validate on, one a line")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint.pt and history.csv")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=0.0, help="end the cycle after this time at the latest; 0: no limit")
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--train-stem", action="store_true", help="train the first six convolutions too: half as slow again")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    return Options(**vars(parser.parse_args(arguments)))


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    cv2.setNumThreads(1)
    if options.threads:
        torch.set_num_threads(options.threads)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        checkpoint = train(options, stop)
    except AppError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{'stopped; go on with --resume' if stop.is_set() else 'finished'}: {checkpoint}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
