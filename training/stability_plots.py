"""Plots of the stability benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pipeline.types import Float64Array
from training.files import write_together


def plot_stability(folder: Path, years: Mapping[str, Sequence[Float64Array]], truth: Float64Array, fps: float) -> None:
    """Draws `error.png`, the mean absolute error over time by rule, and `example.png`, one person's ages by rule.

    Args:
        years: rule → for each film (frames,) ages.
        truth: (films,) years.

    Raises:
        OutputError: the folder cannot be written.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415  only where plots are asked for

    from training.explore_plots import png  # noqa: PLC0415

    frames = len(next(iter(years.values()))[0])
    seconds = np.arange(frames) / fps
    # The film in which single frames scatter most shows best what smoothing does.
    example = int(np.argmax([np.nanstd(each) for each in years["raw"]]))
    contents: dict[Path, bytes] = {}
    for name, label in (("error", "mean absolute error in years"), ("example", "age in years")):
        figure = Figure(figsize=(8, 4.5), layout="constrained")
        axes = figure.subplots()
        for rule, films in years.items():
            error = np.nanmean(np.abs(np.array(films) - truth[:, None]), axis=0)
            width = 2.5 if rule == "filter" else 1.0
            axes.plot(seconds, error if name == "error" else films[example], label=rule, linewidth=width)
        if name == "example":
            axes.axhline(float(truth[example]), color="black", linestyle=":", label="truth")
        axes.set(xlabel="seconds", ylabel=label)
        axes.legend(fontsize="small", ncols=2)
        contents[folder / f"{name}.png"] = png(figure, dpi=120)
    write_together(contents, "Free some space, or choose another folder with --plots.")
