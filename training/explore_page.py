"""The report on labelled pictures as one HTML file that needs no other."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.data import Pictures
from training.explore_pictures import Thumbs, label_text
from training.explore_plots import ages_plot, bars_plot, quality_plot
from training.files import whole_text
from training.findings import Findings, counted
from training.locate import group_of

PER_DECADE = 10
LAST_DECADE = 10

TYPICAL = 8
"""Of the people whose labels of about an age are in least doubt, so many take turns beside doubtful ones."""

LEAST_ALIKE = 30
"""Pairs of copies that only just count as such: whoever looks at them sees whether the threshold is right."""

_STYLE = """body { font: 15px/1.4 system-ui, "DejaVu Sans", sans-serif; color: #222 }
body { margin: 2em auto; padding: 0 1em; max-width: 76em }
nav a { margin-right: 1.2em } h2 { margin-top: 2em; border-bottom: 1px solid #ccc } h3 { margin: 1em 0 0.3em }
p { max-width: 60em } li { overflow-wrap: anywhere } img { vertical-align: top }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(34em, 1fr)); gap: 1em } .plots img { max-width: 100% }
.faces, .pairs { display: grid; gap: 0.7em; align-items: start }
.faces { grid-template-columns: repeat(auto-fill, minmax(6.7em, 1fr)) }
.pairs { grid-template-columns: repeat(auto-fill, minmax(16.5em, 1fr)) }
.pair { border: 1px solid #ccc; padding: 0.4em; text-align: center; font-size: 13px }
.two { display: flex; justify-content: center; gap: 0.5em }
figure { margin: 0; text-align: center; font-size: 13px } figure img { max-width: 100%; object-fit: contain }
.name { display: block; font-size: 10px; color: #666; overflow-wrap: anywhere; line-height: 1.2 }
table { border-collapse: collapse } td, th { padding: 0.15em 1em 0.15em 0; text-align: left }"""


def write_page(path: Path, found: Findings, lines: Sequence[str], with_pictures: bool, most: int) -> Path:
    """Writes the report.

    Args:
        lines: the summary.
        with_pictures: whether people's pictures are in it.
        most: pictures or pairs of each kind.

    Raises:
        OutputError: it cannot be written.
    """
    with Pictures() as pictures:
        thumbs = Thumbs(found, pictures) if with_pictures else None
        sections = {
            "Plots": _plots(found),
            "By decade": "" if thumbs is None else _decades(found, thumbs),
            "Unusable files": _skipped(found, most),
            "Faces": _faces(found, thumbs, most),
            "Copies": _copies(found, thumbs, most),
            "Doubtful labels": _suspects(found, thumbs, most),
            "Corrections": _corrections(found),
        }
    sections = {title: text for title, text in sections.items() if text}
    places = "".join(f'<a href="#{_place(title)}">{title}</a>' for title in sections)
    summary = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    with whole_text(path) as file:
        file.write(
            f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Labelled pictures</title><style>{_STYLE}</style>\n'
            f"<h1>Labelled pictures</h1>\n<nav>{places}</nav>\n<ul>{summary}</ul>\n"
            + "\n".join(
                f'<section id="{_place(title)}">\n<h2>{title}</h2>\n{text}\n</section>' for title, text in sections.items()
            )
            + "\n</html>\n"
        )
    return path


def _place(title: str) -> str:
    return title.lower().replace(" ", "-")


def _shown(shown: int, count: int, which: str) -> str:
    """ ": 60 of 532, the furthest apart", or just the number where all are shown."""
    return f": {shown} of {count:,}, {which}" if shown < count else f": {count:,}"


def _plots(found: Findings) -> str:
    samples, scan = found.scan.samples, found.scan
    ages = np.array([sample.age for sample in samples], np.float64)
    plots = [ages_plot({"all": ages}, "Ages")]
    if len(found.titles) > 1:
        by_set = {title: ages[found.part == i] for i, title in enumerate(found.titles)}
        plots.append(ages_plot(by_set, "Ages by set", share=True))
    if found.held_back.any():
        by_split = {"training": ages[~found.held_back], "held back": ages[found.held_back]}
        plots.append(ages_plot(by_split, "Ages by split", share=True))
    genders = [{True: "male", False: "female", None: "unknown"}[sample.male] for sample in samples]
    plots.append(bars_plot({name: genders.count(name) for name in ("female", "male", "unknown")}, "Gender, as labelled"))
    groups = [group_of(sample) for sample in samples]
    if any(groups):
        names = sorted(set(groups) - {""})
        plots.append(bars_plot({name: groups.count(name) for name in names}, "Groups, as the data set names them"))
    size = np.where(scan.readable, np.minimum(scan.width, scan.height), np.nan)
    same_size = len(np.unique(size[scan.readable])) == 1
    if not same_size:
        plots.append(quality_plot(size, "Size", "shorter side in pixels", found.titles, found.part))
    sharpness = np.log10(np.maximum(scan.sharpness, 1e-3))
    plots.append(quality_plot(sharpness, "Sharpness", "log10 variance of the Laplacian at 160 px", found.titles, found.part))
    plots.append(quality_plot(scan.brightness, "Brightness", "mean grey", found.titles, found.part))
    images = [f'<img alt="plot" src="data:image/png;base64,{base64.b64encode(data).decode("ascii")}">' for data in plots]
    sizes = f"<p>The shorter side of every picture has {size[scan.readable][0]:.0f} pixels.</p>" if same_size else ""
    return '<div class="plots">' + "\n".join(images) + f"</div>{sizes}"


def _decades(found: Findings, thumbs: Thumbs) -> str:
    rng = np.random.default_rng(0)
    samples, readable = found.scan.samples, found.scan.readable
    decade = np.array([min(LAST_DECADE, int(sample.age) // 10) for sample in samples])
    parts = ["<p>Below each picture its label.</p>"]
    for number in np.unique(decade[readable]):
        rows = np.flatnonzero((decade == number) & readable)
        chosen = rng.permutation(rows)[:PER_DECADE]
        end = "+" if number == LAST_DECADE else f"–{number * 10 + 9}"
        parts.append(f"<h3>{number * 10}{end}{_shown(len(chosen), len(rows), 'drawn at random')}</h3>")
        parts.append(_grid([thumbs.one(row, label_text(samples[row])) for row in chosen]))
    return "".join(parts)


def _grid(figures: Sequence[str], kind: str = "faces") -> str:
    return f'<div class="{kind}">{"".join(figures)}</div>'


def _skipped(found: Findings, most: int) -> str:
    lines = [f"{name}: {reason}" for name, reason in found.skipped]
    lines += [found.scan.reasons[row] for row in np.flatnonzero(~found.scan.readable)]
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines[:most])
    return f"<h3>Without label, or unreadable{_shown(len(lines[:most]), len(lines), 'the first')}</h3><ul>{items}</ul>"


def _faces(found: Findings, thumbs: Thumbs | None, most: int) -> str:
    scan = found.scan
    none, several = np.flatnonzero(scan.faces == 0), np.flatnonzero(scan.faces > 1)
    parts = [
        "<p>Pictures in which the detector finds no face: photos are left out, tight chips are cropped at the usual place, "
        "so that those that show no whole face are worth finding here.</p>"
    ]
    kinds = [("No face found", none, "")] + ([("Several faces", several, "{} faces, ")] if scan.counted else [])
    for title, rows, text in kinds:
        shown = rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)]
        parts.append(f"<h3>{title}{_shown(len(shown), len(rows), 'spread over the names')}</h3>")
        if thumbs is not None:
            parts.append(
                _grid([thumbs.one(r, text.format(scan.faces[r]) + label_text(scan.samples[r]), named=True) for r in shown])
            )
    return "".join(parts) + ("" if scan.counted else "<p>Whether there are several was not looked for.</p>")


def _copies(found: Findings, thumbs: Thumbs | None, most: int) -> str:
    apart, samples = found.contradicting, found.scan.samples
    alike = found.least_alike[:LEAST_ALIKE]
    text = (
        f"<p>{len(found.pairs):,} pairs, {found.exact:,} of them equal to the last pixel; {len(apart):,} have different ages.</p>"
    )
    if thumbs is None:
        return text

    def pair(a: int, b: int, below: str) -> str:
        first, second = (a, label_text(samples[a])), (b, label_text(samples[b]))
        return thumbs.pair(first, second, below, (samples[a].name, samples[b].name))

    text += f"<h3>With different ages{_shown(len(apart[:most]), len(apart), 'the furthest apart')}</h3>"
    text += _grid([pair(a, b, found.corrected_text(a)) for a, b in apart[:most]], "pairs")
    if len(alike):
        text += f"<h3>Least alike, whatever their ages{_shown(len(alike), len(found.pairs), 'the nearest to the threshold')}</h3>"
        text += "<p>If these are copies, all the others are.</p>"
        text += _grid([pair(a, b, f"cosine {found.cosine(a, b):.4f}") for a, b in alike], "pairs")
    return text


def _suspects(found: Findings, thumbs: Thumbs | None, most: int) -> str:
    """Each beside a typical picture of the age that its label claims."""
    if found.judged is None:
        return "<p>Not looked for.</p>"
    judged, samples = found.judged, found.scan.samples
    rows = judged.suspects()
    text = (
        "<p>Out-of-fold predictions: the regression on FaceNet's features that judges a picture has seen neither it nor a copy "
        f"of it. It is off by {judged.mae:.1f} years in the mean, and further for faces turned away, painted, blurred or very "
        "old: a doubtful label is to be looked at, not wrong for sure. Those that the age model agrees with come last. On the "
        "right of each: somebody whose label of about that age is in no doubt. Below: how far the age model is off the label, "
        "and what corrections.csv makes of the picture.</p>"
        f"<h3>Doubtful{_shown(len(rows[:most]), len(rows), 'the furthest off')}</h3>"
    )
    if thumbs is None:
        return text
    ages = np.array([sample.age for sample in samples])
    doubt = np.where(np.isfinite(judged.predicted), np.abs(judged.off), np.inf)
    shown = []
    for number, row in enumerate(rows[:most]):
        near = np.abs(ages - ages[row]) // 3 + (found.group == found.group[row]) * 1e9
        typical = int(np.lexsort((doubt, near))[number % TYPICAL])
        first = (row, f"label {label_text(samples[row])}, others say {max(0, round(judged.predicted[row]))}")
        model = "" if np.isnan(judged.model_off[row]) else f"model: {round(judged.model_off[row]):+d} years; "
        below = model + found.corrected_text(row)
        shown.append(thumbs.pair(first, (typical, f"typical {label_text(samples[typical])}"), below, (samples[row].name,)))
    return text + _grid(shown, "pairs")


def _corrections(found: Findings) -> str:
    """What corrections.csv tells training to do, counted by reason."""
    rows = "".join(
        f"<tr><td>{html.escape(reason)}</td><td>{html.escape(what)}</td><td>{count:,}</td></tr>"
        for (reason, what), count in counted(found.corrections).items()
    )
    return (
        "<p>What corrections.csv beside this page makes of it, with <code>training.train --corrections</code>. Pictures that "
        "validation lists name keep their own labels there.</p>"
        f"<table><tr><th>because of</th><th>training</th><th>pictures</th></tr>{rows}</table>"
    )
