"""Plots of an evaluation: PNG files, and one page that holds them all with the figures."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from training.calibrate import intervals
from training.evaluate import Evaluation, text_of
from training.explore_plots import png
from training.figures import Part, Predictions, Report
from training.files import write_together

INK, BAND, LINE = "#1f4e79", "#9dc3e6", "#c55a11"
LEVELS = np.arange(0.1, 1.0, 0.1)


def write_plots(folder: Path, found: Evaluation, title: str) -> Path:
    """Draws what there is to draw into a folder.

    Returns:
        The page, `report.html`: it needs no other file.

    Raises:
        OutputError: the folder cannot be written.
    """
    figures: dict[str, Figure] = {}
    if found.said is not None and found.exact is not None:
        figures = {
            "estimates": _estimates(found.said),
            "errors": _errors(found.said),
            "decades": _parts("true age", found.exact.by_decade),
            "within": _within(found.said),
            "intervals": _coverage(found.said),
        }
        groups = found.exact.by_gender | found.exact.by_group
        if groups:
            figures["groups"] = _parts("label of the data set", groups)
        if found.exact.by_size:
            figures["sizes"] = _parts("side of the crop in the picture", found.exact.by_size)
        cameras = {key: figure for key, figure in found.cameras.items() if isinstance(figure, Report)}
        if cameras:
            figures["cameras"] = _cameras({"as it is": found.exact, **cameras})
    if found.ranged is not None:
        figures["ranges"] = _shares({name: one.accuracy for name, one in found.ranged.by_range.items()})
    drawn = {name: png(figure, dpi=100) for name, figure in figures.items()}
    images = [
        f'<img alt="{name}" src="data:image/png;base64,{base64.b64encode(data).decode("ascii")}">' for name, data in drawn.items()
    ]
    page = folder / "report.html"
    contents = {page: _page(title, text_of(found), "\n".join(images)).encode()}
    contents |= {folder / f"{name}.png": data for name, data in drawn.items()}
    write_together(contents, "Free some space, or choose another folder with --plots.")
    return page


def _page(title: str, text: str, pictures: str) -> str:
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>
<style>body {{ font: 15px system-ui; margin: 2em; max-width: 90em }} img {{ max-width: 42em; margin: 0.5em }}</style>
<h1>{html.escape(title)}</h1>
<pre>{html.escape(text)}</pre>
{pictures}
</html>
"""


def _new(x: str, y: str) -> Figure:
    figure = Figure(figsize=(6, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.3)
    return figure


def _estimates(said: Predictions) -> Figure:
    figure = _new("true age", "estimate")
    axes = figure.axes[0]
    axes.plot([0, 100], [0, 100], color=LINE, linewidth=1)
    axes.scatter(said.truth, said.age, s=6, alpha=0.35, color=INK, edgecolors="none")
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)
    axes.set_title(f"n {len(said.truth)}")
    return figure


def _errors(said: Predictions) -> Figure:
    figure = _new("estimate − truth, years", "pictures")
    figure.axes[0].hist(said.age - said.truth, bins=np.arange(-30, 31, 1).tolist(), color=BAND, edgecolor=INK, linewidth=0.5)
    figure.axes[0].axvline(0, color=LINE, linewidth=1)
    return figure


def _within(said: Predictions) -> Figure:
    figure = _new("years", "share of pictures within")
    size = np.sort(np.abs(said.age - said.truth))
    figure.axes[0].plot(size, np.arange(1, len(size) + 1) / len(size), color=INK)
    figure.axes[0].set_xlim(0, 20)
    figure.axes[0].set_ylim(0, 1)
    return figure


def _coverage(said: Predictions) -> Figure:
    figure = _new("interval promises", "holds the true age")
    held = [intervals(said.distribution, said.truth, float(level)).coverage for level in LEVELS]
    figure.axes[0].plot([0, 1], [0, 1], color=LINE, linewidth=1)
    figure.axes[0].plot(LEVELS, held, "o-", color=INK)
    return figure


def _parts(label: str, parts: Mapping[str, Part]) -> Figure:
    figure = _new(label, "years")
    axes = figure.axes[0]
    places = np.arange(len(parts))
    axes.bar(places, [part.mae for part in parts.values()], color=BAND, edgecolor=INK, label="mean absolute error")
    axes.plot(places, [part.bias for part in parts.values()], "o", color=LINE, label="bias")
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xticks(places, [f"{name}\nn {part.n}" for name, part in parts.items()], fontsize=8)
    axes.legend(fontsize=8)
    return figure


def _cameras(reports: Mapping[str, Report]) -> Figure:
    figure = _new("", "mean absolute error, years")
    axes = figure.axes[0]
    low = [one.mae - one.mae_ci[0] for one in reports.values()]
    high = [one.mae_ci[1] - one.mae for one in reports.values()]
    places = np.arange(len(reports))
    axes.bar(places, [one.mae for one in reports.values()], yerr=[low, high], capsize=4, color=BAND, edgecolor=INK)
    axes.set_xticks(places, list(reports))
    return figure


def _shares(shares: Mapping[str, float]) -> Figure:
    figure = _new("range of the label", "estimates in it")
    places = np.arange(len(shares))
    figure.axes[0].bar(places, list(shares.values()), color=BAND, edgecolor=INK)
    figure.axes[0].set_xticks(places, list(shares))
    figure.axes[0].set_ylim(0, 1)
    return figure
