"""The plots of a report, as SVG that can stand inside HTML. Imports matplotlib, which takes a second: import this when needed."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from pipeline.age_series import pieces
from pipeline.clock import clock_text, step_s
from pipeline.history import InputHistory
from pipeline.labels import color_rgb
from pipeline.roster import PersonRow

MOST_CURVES = 12
"""More would only hide each other; those that were longest in sight are drawn."""
MOST_LANES = 40
MOST_POINTS = 400
"""Per curve: what is beyond cannot be told apart on paper, and makes the file large."""
CURVE_GAP_S = 2.0
MOST_MARKS = 10
"""On the axis of time."""
WIDTH_IN = 9.6
AGE_BIN_YEARS = 5

_STYLE = {
    # Letters stay letters: they can be searched and read out, and need no font in the file.
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8a929d",
    "axes.labelcolor": "#3c434c",
    "xtick.color": "#3c434c",
    "ytick.color": "#3c434c",
    "axes.grid": True,
    "grid.color": "#e3e6ea",
    "axes.axisbelow": True,
}


def over_time(film: InputHistory, number: int) -> str:
    """Ages with their intervals, and below them who was in sight when. SVG.

    Args:
        number: of the plot in its document: keeps the names inside apart from those of others.
    """
    lanes = _longest(film.people, MOST_LANES)
    height = 2.6 + 0.6 + 0.2 * max(2, len(lanes))
    with _styled(number):
        figure = Figure(figsize=(WIDTH_IN, height), layout="constrained")
        ages, presence = figure.subplots(2, 1, sharex=True, height_ratios=(2.6, height - 2.6))
        _draw_ages(ages, film, _longest(film.people, MOST_CURVES))
        _draw_presence(presence, lanes)
        length_s = max(film.length_s, 1.0)
        presence.set_xlim(0, length_s)
        presence.xaxis.set_major_locator(MultipleLocator(step_s(length_s / MOST_MARKS)))
        presence.set_xlabel("time")
        presence.xaxis.set_major_formatter(FuncFormatter(lambda value, _: clock_text(value).removesuffix(".0")))
        return _svg(figure, f"Ages over time and presence of {len(film.people)} persons in {film.name}")


def histogram(people: Sequence[PersonRow], number: int) -> str:
    """How many persons are how old. SVG."""
    ages = [row.belief.years for row in people if row.belief is not None]
    with _styled(number):
        figure = Figure(figsize=(WIDTH_IN, 2.4), layout="constrained")
        axes = figure.subplots()
        counts, edges = np.histogram(np.clip(ages, 0, 100), bins=np.arange(0, 101 + AGE_BIN_YEARS, AGE_BIN_YEARS))
        axes.bar(edges[:-1], counts, width=AGE_BIN_YEARS * 0.9, align="edge", color="#3b6fc4")
        axes.set_xlim(0, 100)
        axes.set_xlabel("estimated age in years")
        axes.set_ylabel("persons")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="x", visible=False)
        return _svg(figure, f"Histogram of the ages of {len(ages)} persons")


def _styled(number: int) -> AbstractContextManager[None]:
    settings: Any = {**_STYLE, "svg.hashsalt": f"agelens-{number}"}
    return rc_context(settings)


def _draw_ages(axes: Axes, film: InputHistory, people: Sequence[PersonRow]) -> None:
    for row in people:
        color = _color(row)
        curve = film.curve(row.person)
        step = max(1, len(curve) // MOST_POINTS)
        usual_s = float(np.median(np.diff(curve.time_s))) if len(curve) > 1 else 0.0
        for piece in pieces(curve, max(CURVE_GAP_S, 3 * usual_s)):
            kept = slice(None, None, step)
            axes.fill_between(piece.time_s[kept], piece.low[kept], piece.high[kept], color=color, alpha=0.16, linewidth=0)
            axes.plot(piece.time_s[kept], piece.years[kept], color=color, linewidth=1.5)
    axes.set_ylabel("age in years")
    low, high = axes.get_ylim()
    axes.set_ylim(max(0, low), min(100, high))


def _draw_presence(axes: Axes, people: Sequence[PersonRow]) -> None:
    for place, row in enumerate(people):
        bars = [(start, max(end - start, 0.04)) for start, end in row.spans]
        axes.broken_barh(bars, (place - 0.32, 0.64), facecolors=_color(row))
    axes.set_ylim(max(1.5, len(people) - 0.5), -0.5)
    # A dollar sign would begin a formula.
    axes.set_yticks(range(len(people)), [_short(row.label).replace("$", r"\$") for row in people])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)


def _longest(people: Sequence[PersonRow], most: int) -> list[PersonRow]:
    """Those that were longest in sight, in order of appearance."""
    kept = {row.person for row in sorted(people, key=lambda row: row.dwell_s, reverse=True)[:most]}
    return [row for row in people if row.person in kept]


def _color(row: PersonRow) -> tuple[float, float, float]:
    red, green, blue = color_rgb(row.person)
    # On white paper the bright colours of the picture are darker.
    return red / 255 * 0.8, green / 255 * 0.8, blue / 255 * 0.8


def _short(label: str) -> str:
    return label if len(label) <= 18 else f"{label[:17]}…"


def _svg(figure: Figure, title: str) -> str:
    buffer = io.StringIO()
    with warnings.catch_warnings():
        # About letters that the measuring font lacks; the reader's own fonts have them.
        warnings.simplefilter("ignore")
        # Named, not looked up by its format: a bundled program would lack it.
        FigureCanvasSVG(figure).print_figure(buffer, format="svg", metadata={"Date": None})
    drawing = buffer.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    drawing = re.sub(r"<metadata>.*?</metadata>", "", drawing, flags=re.DOTALL)
    # Inside HTML the names of the formats go without saying, and nothing in the file looks like an address.
    drawing = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", drawing)
    return drawing.replace("<svg", f'<svg role="img" aria-label="{_attribute(title)}"', 1)


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
