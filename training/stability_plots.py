"""Plots of the stability benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pipeline.errors import OutputError
from pipeline.types import Float64Array


def plot_stability(folder: Path, years: Mapping[str, Sequence[Float64Array]], truth: Float64Array, fps: float) -> None:
    """Draws `error.png`, the mean absolute error over time by rule, and `example.png`, one person's ages by rule.

    Args:
        years: rule → for each film (frames,) ages.
        truth: (films,) years.

    Raises:
        OutputError: the folder cannot be written.
    """
    import matplotlib as mpl  # noqa: PLC0415  only where plots are asked for

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    try:
        folder.mkdir(parents=True, exist_ok=True)
        frames = len(next(iter(years.values()))[0])
        seconds = np.arange(frames) / fps
        # The film in which single frames scatter most shows best what smoothing does.
        example = int(np.argmax([np.nanstd(each) for each in years["raw"]]))
        for name, label in (("error", "mean absolute error in years"), ("example", "age in years")):
            figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
            for rule, films in years.items():
                error = np.nanmean(np.abs(np.array(films) - truth[:, None]), axis=0)
                width = 2.5 if rule == "filter" else 1.0
                axes.plot(seconds, error if name == "error" else films[example], label=rule, linewidth=width)
            if name == "example":
                axes.axhline(float(truth[example]), color="black", linestyle=":", label="truth")
            axes.set(xlabel="seconds", ylabel=label)
            axes.legend(fontsize="small", ncols=2)
            figure.savefig(folder / f"{name}.png", dpi=120)
            plt.close(figure)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error}", "Choose another folder with --plots.") from error
