"""Trains an age network on aligned crops: `python -m training.train --crops FOLDER… --val-list FILE… --out FOLDER`.

The losses of `training.loss`; AdamW, one cycle; `--init` begins a cycle at the averaged weights of an earlier run. Runs on a CPU:
progress follows steps or the clock, whichever is ahead, so that a run with --minutes always comes to the end of its cycle.
Several GPUs share a run where `accelerate launch -m training.train …` starts it; one is used where there is one.
On a machine with other work to do, OMP_WAIT_POLICY=PASSIVE in the environment made steps five times as fast: torch's threads
otherwise wait for each other at full speed, on the very core that the other one needs.
"""

from __future__ import annotations

import math
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pipeline.errors import AppError, SettingsError, SourceError
from pipeline.types import Float64Array
from training.batch import Batch, batch_of
from training.begin import BODY_RATE, as_settings, make_learner, to_repeat
from training.checkpoint import Learner, Position
from training.classes import check_classes
from training.fleet import Fleet, join_fleet
from training.history import History
from training.mix import Mix, corrected, draw, load_mix, sampling_weights, split_rows
from training.options import Options, parse
from training.schedule import cycle_progress, one_cycle
from training.step import train_step, validate

CHECKPOINT, BEST = "checkpoint.pt", "best.pt"


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """What a run learns from and is judged by.

    Attributes:
        mix: the crops.
        train_rows, val_rows: (n,), (m,) which of them to train and to validate on.
        weights: (n,) how often each of the former is seen.
        notes: which classes there is nothing of, in words.
    """

    mix: Mix
    train_rows: NDArray[np.int64]
    val_rows: NDArray[np.int64]
    weights: Float64Array
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What stays the same throughout a run.

    Attributes:
        network: the learner's model, connected to the other processes.
        teacher: embeddings to repeat, (n, 512) for the whole mix; None: none.
        settings: the options as the checkpoint tells them.
        steps: of a pass over the data.
    """

    options: Options
    data: Data
    fleet: Fleet
    history: History
    learner: Learner
    network: nn.Module
    teacher: NDArray[np.float32] | None
    settings: dict[str, str]
    steps: int

    def save(self, position: Position) -> None:
        """Raises: OutputError, the checkpoint cannot be written."""
        if self.fleet.first:
            self.learner.save(self.options.out / CHECKPOINT, position, self.settings)


def train(options: Options, stop: threading.Event) -> Path:
    """Trains until the cycle ends, validation gets no better, or the stop event is set.

    Returns:
        The checkpoint; `--resume` goes on from it where the run was stopped. With --patience the best one.

    Raises:
        ModelFileError: FaceNet's weights are not installed.
        SettingsError: options that do not fit each other or the data.
        SourceError: crops, list, corrections or checkpoint cannot be used, or pretrained weights cannot be downloaded.
        OutputError: the folder cannot be written.
    """
    torch.manual_seed(options.seed)  # for the heads' first weights
    data, fleet = load_data(options), join_fleet()
    with History(options.out, options.resume, options.tensorboard, quiet=not fleet.first) as history:
        history.say(f"{len(data.train_rows)} crops to train on, {len(data.val_rows)} to validate on")
        for note in data.notes:
            history.say(note)
        run = start(options, data, fleet, history)
        position = Position()
        if options.resume:
            position = run.learner.load(options.out / CHECKPOINT, run.settings)
            history.rewind(position)
        began = time.perf_counter() - position.elapsed_s
        progress = 0.0
        while not stopped(stop, fleet):
            over = progress >= 1 or position.epoch >= options.epochs
            due = over or (position.step == 0 and position.epoch % options.validate_every == 0)
            if position.unreviewed and due:
                review(run, position)
                run.save(position)
            if over or given_up(position, options):
                break
            progress = one_pass(run, position, began, stop)
            run.save(position)
        if position == Position():
            run.save(position)  # stopped before the first step: there is something to go on from all the same
        best = options.out / BEST
        if given_up(position, options):
            history.say(f"no better for {position.since_best} validations; the best, {position.best_mae:.3f}, is in {best}")
    fleet.close()
    return best if options.patience and best.exists() else options.out / CHECKPOINT


def start(options: Options, data: Data, fleet: Fleet, history: History) -> Run:
    """The network with what trains it; raises what `train` says."""
    learner, raw_identity = make_learner(options, fleet.device)
    teacher = to_repeat(options, learner, (data.mix, data.train_rows), fleet, guess=raw_identity and not options.resume)
    steps = math.ceil(len(data.train_rows) / options.batch)
    network = fleet.wrapped(learner.model)
    return Run(options, data, fleet, history, learner, network, teacher, as_settings(options), steps)


def one_pass(run: Run, position: Position, began: float, stop: threading.Event) -> float:
    """The steps of a pass over the data that are still to be done.

    Args:
        began: when the run would have begun if it had never been stopped, by `time.perf_counter`.

    Returns:
        How much of the cycle is over, 0 … 1.
    """
    options, data, fleet, learner = run.options, run.data, run.fleet, run.learner
    order = draw(data.train_rows, data.weights, np.random.default_rng([options.seed, position.epoch]))
    run.network.train()
    saved_s = position.elapsed_s
    progress = 0.0
    while position.step < run.steps and not stopped(stop, fleet):
        position.elapsed_s = time.perf_counter() - began
        progress = fleet.agreed(cycle_progress(position, run.steps, options))
        if progress >= 1:
            return progress
        for group in learner.optimizer.param_groups:
            group["lr"] = group["peak"] * one_cycle(progress)
        rows = order[position.step * options.batch : (position.step + 1) * options.batch]
        figures = train_step(learner, run.network, make_batch(run, rows, step_rng(position, options, fleet)), options, fleet)
        position.step += 1
        position.unreviewed = True
        position.elapsed_s = time.perf_counter() - began
        run.history.step(figures, progress)
        if position.step % options.print_every == 0:
            run.history.write(position, run.steps, options.rate * BODY_RATE * one_cycle(progress))
        if position.elapsed_s - saved_s > options.save_every_s:
            run.save(position)
            saved_s = position.elapsed_s
    if position.step >= run.steps:
        position.epoch, position.step = position.epoch + 1, 0
    return progress


def review(run: Run, position: Position) -> None:
    """Validates the averaged weights, and keeps them where they are the best yet and the run may end early."""
    options, data = run.options, run.data
    validated = validate(run.learner.average, (data.mix, data.val_rows), options, run.fleet, run.teacher)
    run.learner.set_spread(validated.rmse)
    better = position.judge(validated.mae)
    position.unreviewed = False
    rate = options.rate * BODY_RATE * one_cycle(cycle_progress(position, run.steps, options))
    run.history.write(position, run.steps, rate, validated)
    if run.fleet.first:
        draw_history(run.history.path)
        if better and options.patience:
            run.learner.save_average(options.out / BEST, position, run.settings)


def load_data(options: Options) -> Data:
    """Crops and labels of a run.

    Raises:
        SettingsError: options that do not fit the data.
        SourceError: crops, list or corrections cannot be used, or there is nothing to train or to validate on.
    """
    if options.weights and len(options.weights) != len(options.crops):
        raise SettingsError(
            f"{len(options.weights)} weights were given for {len(options.crops)} sets", "Give --weights one number per folder."
        )
    mix = load_mix(options.crops)
    train_rows, val_rows = split_rows(mix, options.val_list)
    if options.corrections:
        mix, train_rows = corrected(mix, options.corrections, train_rows)
    for rows, use in ((train_rows, "train"), (val_rows, "validate")):
        if not len(rows):
            raise SourceError(f"there is not one crop to {use} on", "Check the lists after --val-list, and --corrections.")
    notes = check_classes(mix, train_rows, val_rows, options.head, options.gender)
    weights = sampling_weights(mix, train_rows, options.weights or (1.0,) * len(mix.sets), options.balance)
    return Data(mix, train_rows, val_rows, weights, tuple(notes))


def given_up(position: Position, options: Options) -> bool:
    """Whether validation has got no better for as long as the run has patience."""
    return bool(options.patience) and position.since_best >= options.patience


def stopped(stop: threading.Event, fleet: Fleet) -> bool:
    return fleet.any(stop.is_set())


def step_rng(position: Position, options: Options, fleet: Fleet) -> np.random.Generator:
    """Chance of one step, of views, mixing and dropout: a resumed run is then the very same run."""
    place = [options.seed, position.epoch, position.step] + [fleet.index] * (fleet.count > 1)
    rng = np.random.default_rng(place)
    torch.manual_seed(int(rng.integers(2**31)))
    return rng


def make_batch(run: Run, rows: NDArray[np.int64], rng: np.random.Generator) -> Batch:
    """This process's share of a step's pictures; each gets all of them where there are too few to share."""
    options, fleet, mix = run.options, run.fleet, run.data.mix
    own = rows[fleet.index :: fleet.count] if len(rows) >= fleet.count else rows
    views = batch_of(mix, own, rng, options.degraded, options.erased)
    return Batch.of(mix, own, views, run.teacher).mixed(options.mixup, rng).to(fleet.device)


def draw_history(path: Path) -> None:
    from training.plots import plot_history  # noqa: PLC0415  (matplotlib takes its time)

    plot_history(path, path.with_suffix(".png"))


def stop_by_signal() -> threading.Event:
    """Is set once the process is asked to end: by Ctrl+C or SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    cv2.setNumThreads(1)
    if options.threads:
        torch.set_num_threads(options.threads)
    stop = stop_by_signal()
    try:
        checkpoint = train(options, stop)
    except AppError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{'stopped; go on with --resume' if stop.is_set() else 'finished'}: {checkpoint}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
