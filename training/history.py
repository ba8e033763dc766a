"""The course of a run as people see it: history.csv, the terminal, and TensorBoard where it is wanted."""

from __future__ import annotations

import csv
import math
import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from pipeline.errors import OutputError
from training.checkpoint import Position
from training.files import whole_text
from training.step import StepFigures, Validated

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

COLUMNS = (
    *("epoch", "step", "seconds", "rate", "loss", "train_mae", "train_gender"),
    *("val_loss", "val_mae", "val_gender", "val_identity", "val_sets"),
)


class History:
    """One row every few steps, the means since the last row; rows with val_mae end an epoch.

    On a terminal a bar shows the cycle's progress; elsewhere each row is a line.

    Args:
        folder: of the run.
        append: go on with what is there.
        tensorboard: write its event files into a folder of that name too.
        quiet: of the processes that share a run, all but one write and say nothing.

    Raises:
        OutputError: the folder cannot be written.
    """

    def __init__(self, folder: Path, append: bool, tensorboard: bool = False, quiet: bool = False) -> None:
        self._path = folder / "history.csv"
        self._quiet = quiet
        self._steps: list[StepFigures] = []
        self._console = Console(quiet=quiet, highlight=False)
        self._writer: SummaryWriter | None = None
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=self._console,
            disable=quiet or not self._console.is_terminal,
        )
        self._task = self._bar.add_task("training", total=1.0)
        if quiet:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not (append and self._path.exists()):
                self._path.write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
            if tensorboard:
                from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415

                self._writer = SummaryWriter(str(folder / "tensorboard"))
        except OSError as error:
            raise self._unwritable(error) from error

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()
        if self._writer is not None:
            self._writer.close()

    @property
    def path(self) -> Path:
        return self._path

    def say(self, text: str) -> None:
        """A line of its own."""
        self._console.print(text, soft_wrap=True, markup=False)

    def rewind(self, position: Position) -> None:
        """Takes back the rows after that position: a run that was killed has told more than its checkpoint knows.

        Raises:
            OutputError: they cannot be taken back.
        """
        if self._quiet:
            return
        with self._path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if _is_before(row, position)]
        with whole_text(self._path) as file:
            writer = csv.DictWriter(file, COLUMNS, restval="", extrasaction="ignore")  # older histories have other columns
            writer.writeheader()
            writer.writerows(rows)

    def step(self, figures: StepFigures, progress: float) -> None:
        """Notes a step, at that part of the cycle."""
        self._steps.append(figures)
        self._bar.update(self._task, completed=progress, description=f"loss {figures.loss:.2f}  MAE {figures.mae:.2f}")

    def write(self, position: Position, steps: int, rate: float, validated: Validated | None = None) -> None:
        """One row; `validated` at the end of an epoch.

        Raises:
            OutputError: it cannot be written.
        """
        recent, self._steps = self._steps, []
        if self._quiet:
            return
        values: dict[str, float | str] = {"epoch": position.epoch, "step": position.step, "seconds": round(position.elapsed_s)}
        values["rate"] = f"{rate:.2e}"
        if recent:
            values["loss"] = f"{np.mean([one.loss for one in recent]):.4f}"
            values["train_mae"] = f"{np.mean([one.mae for one in recent]):.3f}"
            genders = [one.gender for one in recent if not math.isnan(one.gender)]
            values["train_gender"] = f"{np.mean(genders):.4f}" if genders else ""
        if validated is not None:
            values["val_loss"] = f"{validated.loss:.4f}"
            values["val_mae"] = f"{validated.mae:.3f}"
            values["val_gender"] = "" if math.isnan(validated.gender) else f"{validated.gender:.4f}"
            values["val_identity"] = "" if math.isnan(validated.identity) else f"{validated.identity:.4f}"
            values["val_sets"] = "; ".join(validated.sets)
        try:
            whole = self._path.stat().st_size
            try:
                with self._path.open("a", encoding="utf-8", newline="") as file:
                    csv.DictWriter(file, COLUMNS, restval="").writerow(values)
            except OSError:
                os.truncate(self._path, whole)  # a full disk takes the half of a row
                raise
        except OSError as error:
            raise self._unwritable(error) from error
        if self._writer is not None:
            for key in COLUMNS[3:-1]:
                if values.get(key):
                    self._writer.add_scalar(key, float(values[key]), position.epoch * steps + position.step)
        if validated is not None or not self._console.is_terminal:
            self.say(_line(position, steps, rate, recent, validated))

    def _unwritable(self, error: OSError) -> OutputError:
        return OutputError(f"{self._path} cannot be written: {error}", "Free some space or choose another folder with --out.")


def _is_before(row: dict[str, str], position: Position) -> bool:
    """Whether a run at that position has told this row, and told all of it."""
    if None in row.values():
        return False
    at = int(row["epoch"]), int(row["step"])
    here = position.epoch, position.step
    return at < here or (at == here and not (position.unreviewed and row.get("val_mae")))


def _line(position: Position, steps: int, rate: float, recent: list[StepFigures], validated: Validated | None) -> str:
    text = f"epoch {position.epoch} step {position.step}/{steps}  {position.elapsed_s:.0f} s  rate {rate:.1e}"
    if recent:
        text += f"  loss {np.mean([one.loss for one in recent]):.3f}  MAE {np.mean([one.mae for one in recent]):.2f}"
    if validated is not None:
        text += f"  VALIDATION MAE {validated.mae:.3f}"
        text += "" if math.isnan(validated.gender) else f" gender {validated.gender:.1%}"
        text += "" if math.isnan(validated.identity) else f" identity {validated.identity:.3f}"
        text += "  " + ", ".join(validated.sets)
    return text
