"""Plots of a run's history.csv: loss, error in years and gender accuracy, in training and in validation.

`python -m training.plots RUN…` draws the histories of one or more runs into one picture, to compare them.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.errors import AppError, SourceError
from training.explore_plots import png
from training.files import write_together

PANELS = (
    ("loss", "loss", "val_loss"),
    ("mean absolute error, years", "train_mae", "val_mae"),
    ("gender accuracy", "train_gender", "val_gender"),
)

SMOOTHED = 10
"""Rows of training that are averaged: single steps scatter."""

COLOURS = ("#1f4e79", "#c55a11", "#548235", "#7030a0", "#806000", "#404040")


def plot_history(history: Path, picture: Path) -> None:
    """Draws one run.

    Raises:
        SourceError: the history cannot be read.
        OutputError: the picture cannot be written.
    """
    plot_histories([history], picture)


def plot_histories(histories: Sequence[Path], picture: Path) -> None:
    """Draws several runs into the same three panels; training thin, validation with dots.

    Raises:
        SourceError: a history cannot be read.
        OutputError: the picture cannot be written.
    """
    figure = Figure(figsize=(15, 4.5), layout="constrained")
    panels: list[Axes] = list(figure.subplots(1, len(PANELS)))
    for history, colour in zip(histories, COLOURS * (1 + len(histories) // len(COLOURS)), strict=False):
        rows = _rows(history)
        title = f"{history.parent.name} " if len(histories) > 1 else ""
        for axes, (label, training, validation) in zip(panels, PANELS, strict=True):
            x, y = _line(rows, training)
            axes.plot(x, _smooth(y), color=colour, alpha=0.5, linewidth=1, label=f"{title}training")
            x, y = _line(rows, validation)
            axes.plot(x, y, "o-", color=colour, markersize=3, label=f"{title}validation")
            axes.set_xlabel("minutes")
            axes.set_ylabel(label)
            axes.grid(alpha=0.3)
    panels[1].legend(fontsize=8)
    write_together({picture: png(figure)}, "Free some space, or choose another file with --out.")


def _rows(history: Path) -> list[dict[str, str]]:
    try:
        with history.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{history} cannot be read: {error}", "Give the folder of a run of training.train.") from error
    if rows and "seconds" not in rows[0]:
        raise SourceError(f"{history} is no history of a run", "Give the folder of a run of training.train.")
    return rows


def _line(rows: Sequence[dict[str, str]], column: str) -> tuple[list[float], list[float]]:
    """Minutes and values, of the rows that have one."""
    kept = [row for row in rows if row.get(column)]
    return [float(row["seconds"]) / 60 for row in kept], [float(row[column]) for row in kept]


def _smooth(values: Sequence[float]) -> list[float]:
    sums = np.cumsum([0.0, *values])
    return [float((sums[i + 1] - sums[max(0, i + 1 - SMOOTHED)]) / min(i + 1, SMOOTHED)) for i in range(len(values))]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.plots", description="Draws the histories of runs.")
    parser.add_argument("runs", type=Path, nargs="+", help="folders of training.train")
    parser.add_argument("--out", type=Path, help="picture to write; history.png in the first folder")
    options = parser.parse_args(arguments)
    picture = options.out or options.runs[0] / "history.png"
    try:
        plot_histories([run / "history.csv" for run in options.runs], picture)
    except AppError as error:
        print(error, file=sys.stderr)
        return 1
    print(picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
