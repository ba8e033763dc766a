"""Trains the age network on aligned crops: `python -m training.train --crops FOLDER… --val-list FILE… --out FOLDER`.

The losses of `training.loss`; AdamW, one cycle; `--init` begins a cycle at the averaged weights of an earlier run. Runs on a CPU:
progress follows steps or the clock, whichever is ahead, so that a run with --minutes always comes to the end of its cycle.
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
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pipeline.errors import AppError, OutputError, SettingsError
from pipeline.types import UInt8Array
from training.augment import augmented, centred
from training.checkpoint import Learner, Position, load_averaged, read_checkpoint
from training.loss import age_loss, gender_loss, years_outside
from training.mix import Mix, corrected, draw, load_mix, sampling_weights, split_rows
from training.model import AgeNet, expected_age

BODY_RATE, HEAD_RATE, WEIGHT_DECAY = 2e-4, 1e-3, 0.01
WARM_UP = 0.25
"""Part of the cycle in which the rate rises."""

EMA_DECAY = 0.99
"""Averages about the last hundred steps."""

HISTORY = ("epoch", "step", "seconds", "rate", "loss", "train_mae", "val_mae", "val_gender", "val_sets")


@dataclass(frozen=True, slots=True)
class Options:
    """One run, as the command line gives it.

    Attributes:
        weights: how often each set is seen, relative to its size; empty: all alike.
        balance: how much more often the rarest ages are seen than the commonest, at most; 1: as the data has them.
        rate: factor of the peak learning rates.
        init: checkpoint whose averaged weights begin the cycle; None: FaceNet's.
        corrections: labels to use instead of the data's own.
        validate_every: epochs; the cycle's end is always validated.
    """

    crops: tuple[Path, ...]
    val_list: tuple[Path, ...]
    out: Path
    epochs: int
    minutes: float
    batch: int
    seed: int
    threads: int
    train_stem: bool
    resume: bool
    weights: tuple[float, ...] = ()
    balance: float = 1.0
    rate: float = 1.0
    init: Path | None = None
    corrections: Path | None = None
    validate_every: int = 1
    save_every_s: float = 300.0
    print_every: int = 10


def train(options: Options, stop: threading.Event) -> Path:
    """Trains until the cycle ends or the stop event is set.

    Returns:
        The checkpoint; `--resume` goes on from it where the run was stopped.

    Raises:
        SettingsError: the number of weights is not that of the sets.
        SourceError: crops, list, corrections or checkpoint cannot be used.
        OutputError: the folder cannot be written.
    """
    torch.manual_seed(options.seed)  # for the heads' first weights
    if options.weights and len(options.weights) != len(options.crops):
        raise SettingsError(
            f"{len(options.weights)} weights were given for {len(options.crops)} sets", "Give --weights one number per folder."
        )
    mix = load_mix(options.crops)
    train_rows, val_rows = split_rows(mix, options.val_list)
    if options.corrections:
        mix = corrected(mix, options.corrections, train_rows)
    weights = sampling_weights(mix, train_rows, options.weights or (1.0,) * len(mix.sets), options.balance)
    print(f"{len(train_rows)} crops to train on, {len(val_rows)} to validate on", flush=True)
    learner = make_learner(options)
    settings = plain(options)
    checkpoint = options.out / "checkpoint.pt"
    position = learner.load(checkpoint) if options.resume else Position()
    history = History(options.out / "history.csv", append=options.resume)

    steps = math.ceil(len(train_rows) / options.batch)
    began = time.perf_counter() - position.elapsed_s
    saved_s = position.elapsed_s
    progress = 0.0
    while position.epoch < options.epochs and progress < 1 and not stop.is_set():
        order = draw(train_rows, weights, np.random.default_rng([options.seed, position.epoch]))
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
            loss, mae = train_step(learner, batch_of(mix, rows, rng), mix, rows)
            position.step += 1
            position.elapsed_s = time.perf_counter() - began
            history.step(loss, mae)
            if position.step % options.print_every == 0:
                history.write(position, steps, options.rate * BODY_RATE * one_cycle(progress))
            if position.elapsed_s - saved_s > options.save_every_s:
                learner.save(checkpoint, position, settings)
                saved_s = position.elapsed_s
        if position.step == steps:
            position.epoch, position.step = position.epoch + 1, 0
        learner.save(checkpoint, position, settings)
        over = progress >= 1 or position.epoch == options.epochs
        if not stop.is_set() and (over or position.epoch % options.validate_every == 0):
            validated = validate(learner.average, mix, val_rows, options.batch)
            history.write(position, steps, options.rate * BODY_RATE * one_cycle(progress), validated)
        learner.save(checkpoint, position, settings)
    return checkpoint


def make_learner(options: Options) -> Learner:
    """The network, from FaceNet's weights or an earlier run's, with what trains it.

    Raises:
        SourceError: the earlier run's checkpoint cannot be read.
    """
    if options.init and not options.resume:
        model = load_averaged(options.init).to(memory_format=torch.channels_last)
    else:
        model = AgeNet(pretrained=not options.resume).to(memory_format=torch.channels_last)
    if not options.train_stem:
        model.freeze_stem()
    head = model.head_parameters()
    in_head = {id(parameter) for parameter in head}
    body = [parameter for parameter in model.parameters() if parameter.requires_grad and id(parameter) not in in_head]
    optimizer = torch.optim.AdamW(
        [{"params": body, "peak": options.rate * BODY_RATE}, {"params": head, "peak": options.rate * HEAD_RATE}],
        weight_decay=WEIGHT_DECAY,
        foreach=True,
    )
    update = get_ema_multi_avg_fn(EMA_DECAY)  # type: ignore[no-untyped-call]
    return Learner(model, AveragedModel(model, multi_avg_fn=update), optimizer)


def plain(options: Options) -> dict[str, str]:
    """The run's options as they stand in its checkpoint, and the minutes of the runs that it builds on.

    Raises:
        SourceError: the checkpoint to begin with cannot be read.
    """
    settings = {
        key: " ".join(map(str, value)) if isinstance(value, tuple) else str(value) for key, value in asdict(options).items()
    }
    if options.init:
        before = read_checkpoint(options.init)
        minutes = before["position"]["elapsed_s"] / 60 + float(before["options"].get("earlier_minutes", 0))
        settings["earlier_minutes"] = f"{minutes:.1f}"
    return settings


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


def train_step(learner: Learner, pixels: UInt8Array, mix: Mix, rows: NDArray[np.int64]) -> tuple[float, float]:
    """One step; the loss and the mean distance in years from the labels."""
    low, high, male = (torch.from_numpy(labels[rows]) for labels in (mix.low, mix.high, mix.male))
    age_logits, male_logits = learner.model(as_input(pixels))
    age_losses, distances = age_loss(age_logits, low, high)
    loss = age_losses.mean() + gender_loss(male_logits, male)
    loss.backward()  # type: ignore[no-untyped-call]
    learner.optimizer.step()
    learner.optimizer.zero_grad(set_to_none=True)
    learner.average.update_parameters(learner.model)
    return loss.item(), distances.mean().item()


@dataclass(frozen=True, slots=True)
class Validated:
    """Accuracy on held-back pictures.

    Attributes:
        mae: mean distance in years from the labels; for exact labels, the mean absolute error.
        gender: part of correct genders among the labelled ones, NaN where none is.
        sets: one text for each set: its mean absolute error in years, or the part of ages inside their ranges.
    """

    mae: float
    gender: float
    sets: tuple[str, ...]


def validate(model: torch.nn.Module, mix: Mix, rows: NDArray[np.int64], batch: int) -> Validated:
    """What the model makes of some rows."""
    model.eval()
    years, male = [], []
    with torch.inference_mode():
        for first in range(0, len(rows), batch):
            some = rows[first : first + batch]
            age_logits, male_logits = model(as_input(np.stack([centred(mix.pixels(row)) for row in some])))
            years.append(expected_age(age_logits))
            male.append(male_logits > 0)
    age = torch.cat(years)
    low, high, truth = (torch.from_numpy(labels[rows]) for labels in (mix.low, mix.high, mix.male))
    distance = years_outside(age, low, high)
    inside = years_outside(age.round(), low, high) == 0
    sets = []
    for i, title in enumerate(mix.titles):
        own = torch.from_numpy(mix.part[rows] == i)
        if not own.any():
            continue
        exact = bool((low == high)[own].all())
        sets.append(f"{title} {distance[own].mean():.2f}" if exact else f"{title} {inside[own].float().mean():.1%}")
    known = ~truth.isnan()
    correct = (torch.cat(male) == (truth > 0.5))[known].float().mean()
    return Validated(float(distance.mean()), float(correct), tuple(sets))


def as_input(pixels: UInt8Array) -> Tensor:
    """(n, 160, 160, 3) uint8 → (n, 3, 160, 160) float32 0 … 255, channels last in memory: a quarter faster on a CPU."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float()


def batch_of(mix: Mix, rows: NDArray[np.int64], rng: np.random.Generator) -> UInt8Array:
    """(n, 160, 160, 3) uint8 random views of the crops."""
    return np.stack([augmented(mix.pixels(row), rng) for row in rows])


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

    def write(self, position: Position, steps: int, rate: float, validated: Validated | None = None) -> None:
        """One line; `validated` at the end of an epoch."""
        learnt = bool(self._losses)
        loss, mae = (float(np.mean(self._losses)), float(np.mean(self._errors))) if learnt else (0.0, 0.0)
        self._losses, self._errors = [], []
        values = [str(position.epoch), str(position.step), f"{position.elapsed_s:.0f}", f"{rate:.2e}"]
        values += [f"{loss:.4f}", f"{mae:.3f}"] if learnt else ["", ""]
        if validated is None:
            values += ["", "", ""]
        else:
            values += [f"{validated.mae:.3f}", f"{validated.gender:.4f}", "; ".join(validated.sets)]
        with self._path.open("a", encoding="utf-8", newline="") as file:
            csv.writer(file).writerow(values)
        text = f"epoch {position.epoch} step {position.step}/{steps}  {position.elapsed_s:.0f} s  rate {rate:.1e}"
        if learnt:
            text += f"  loss {loss:.3f}  MAE {mae:.2f}"
        if validated is not None:
            text += f"  VALIDATION MAE {validated.mae:.3f} gender {validated.gender:.1%}  " + ", ".join(validated.sets)
        print(text, flush=True)


def parse(arguments: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="python -m training.train", description="Trains the age network.")
    parser.add_argument("--crops", type=Path, nargs="+", required=True, help="folders made by training.crops")
    parser.add_argument("--val-list", type=Path, nargs="+", required=True, help="files of names to validate on, one a line")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint.pt and history.csv")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=0.0, help="end the cycle after this time at the latest; 0: no limit")
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--train-stem", action="store_true", help="train the first six convolutions too: half as slow again")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    parser.add_argument("--weights", type=float, nargs="+", default=(), help="how often each set is seen, relative to its size")
    parser.add_argument("--balance", type=float, default=3.0, help="see rare ages up to so many times as often; 1: as they come")
    parser.add_argument("--rate", type=float, default=1.0, help="factor of the peak learning rates")
    parser.add_argument("--init", type=Path, help="begin a new cycle at the averaged weights of this checkpoint")
    parser.add_argument("--corrections", type=Path, help="labels of training.duplicates, used instead of the data's own")
    parser.add_argument("--validate-every", type=int, default=1, help="epochs; the end is always validated")
    given = parser.parse_args(arguments)
    given.crops, given.val_list, given.weights = tuple(given.crops), tuple(given.val_list), tuple(given.weights)
    return Options(**vars(given))


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
