"""Plots of the report on labelled pictures, and of splits: PNG in memory."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.types import Float64Array

BIN_YEARS = 5
LAST_AGE = 105
COLORS = ("#1f4e79", "#c55a11", "#548235", "#7f6000", "#7030a0", "#3b3838")
WIDTH_IN, HEIGHT_IN = 6.0, 3.2


def ages_plot(ages: Mapping[str, Float64Array], title: str, share: bool = False) -> bytes:
    """Histograms of ages over each other, as counts or as shares of each.

    Args:
        ages: (n,) years by name.
    """
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained")
    axes = figure.subplots()
    edges = np.arange(0, LAST_AGE + BIN_YEARS, BIN_YEARS)
    for i, (name, years) in enumerate(ages.items()):
        counts = np.histogram(np.clip(years, 0, LAST_AGE - 1), edges)[0].astype(float)
        if share and len(years):
            counts = 100 * counts / len(years)
        axes.stairs(counts, edges, color=COLORS[i % len(COLORS)], fill=not i and len(ages) == 1, label=f"{name} ({len(years)})")
    axes.set(title=title, xlabel="age in years", ylabel="% of pictures" if share else "pictures", xlim=(0, LAST_AGE))
    axes.legend()
    axes.grid(alpha=0.3)
    return png(figure)


def beside_plot(ages: Mapping[str, Float64Array]) -> bytes:
    """Histograms of ages beside each other, on one scale of shares."""
    figure = Figure(figsize=(3.6 * len(ages), HEIGHT_IN), layout="constrained")
    edges = np.arange(0, LAST_AGE + BIN_YEARS, BIN_YEARS)
    panels = np.atleast_1d(np.asarray(figure.subplots(1, len(ages), sharey=True), object))
    for i, (axes, (name, years)) in enumerate(zip(panels, ages.items(), strict=True)):
        counts = np.histogram(np.clip(years, 0, LAST_AGE - 1), edges)[0] * (100 / max(1, len(years)))
        axes.stairs(counts, edges, fill=True, color=COLORS[i % len(COLORS)])
        axes.set(title=f"{name}: {len(years)}", xlabel="age in years", xlim=(0, LAST_AGE))
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("% of pictures")
    return png(figure)


def bars_plot(counts: Mapping[str, int], title: str) -> bytes:
    """How many there are of each kind."""
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained")
    axes = figure.subplots()
    bars = axes.bar(list(counts), list(counts.values()), color=COLORS[0])
    axes.bar_label(bars)
    axes.margins(y=0.1)  # room for the numbers
    axes.set(title=title, ylabel="pictures")
    return png(figure)


def quality_plot(values: NDArray[np.floating], title: str, unit: str, titles: Sequence[str], part: NDArray[np.int64]) -> bytes:
    """How a measure of quality is spread, set by set; the outermost half per cent is cut off."""
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained")
    axes = figure.subplots()
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, [0.5, 99.5]) if len(finite) else (0.0, 1.0)
    edges = np.linspace(low, max(high, low + 1), 41)
    for i, name in enumerate(titles):
        own = values[(part == i) & np.isfinite(values)]
        counts = np.histogram(own, edges)[0] * (100 / max(1, len(own)))
        axes.stairs(counts, edges, color=COLORS[i % len(COLORS)], label=name)
    axes.set(title=title, xlabel=unit, ylabel="% of pictures")
    axes.legend()
    axes.grid(alpha=0.3)
    return png(figure)


def png(figure: Figure, dpi: int = 90) -> bytes:
    """The figure as a file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()
