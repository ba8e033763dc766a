"""The report on labelled pictures as one HTML file that needs no other."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from pipeline.errors import SourceError
from pipeline.types import UInt8Array
from training.data import Pictures, Sample
from training.explore_plots import ages_plot, bars_plot, quality_plot
from training.files import whole_text
from training.findings import Findings
from training.locate import group_of

THUMB_PX, PER_DECADE, JPEG_QUALITY = 96, 12, 80
LAST_DECADE = 10

_STYLE = """body { font: 15px system-ui, sans-serif; margin: 2em auto; max-width: 76em; color: #222 }
img { vertical-align: top } .plots img { max-width: 37em }
figure { display: inline-block; margin: 0.3em; text-align: center; font-size: 12px; max-width: 15em; overflow-wrap: anywhere }
figure.pair { border: 1px solid #ccc; padding: 0.3em } li { overflow-wrap: anywhere }"""


def write_page(path: Path, found: Findings, lines: Sequence[str], with_pictures: bool, most: int) -> Path:
    """Writes the report.

    Args:
        lines: the summary.
        with_pictures: whether people's pictures are in it.
        most: pictures or pairs of each kind.

    Raises:
        OutputError: it cannot be written.
    """
    parts = ["<h1>Labelled pictures</h1>", "<ul>", *(f"<li>{html.escape(line)}</li>" for line in lines), "</ul>", _plots(found)]
    with Pictures() as pictures:
        thumbs = _Thumbs(found, pictures) if with_pictures else None
        if thumbs is not None:
            parts += _decades(found, thumbs)
        parts += [
            _skipped(found, most),
            _faces(found, thumbs, most),
            _copies(found, thumbs, most),
            _suspects(found, thumbs, most),
        ]
    with whole_text(path) as file:
        file.write(
            f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Labelled pictures</title><style>{_STYLE}</style>\n'
            + "\n".join(parts)
            + "\n</html>\n"
        )
    return path


class _Thumbs:
    """Small pictures of people, as HTML, read anew from the data."""

    def __init__(self, found: Findings, pictures: Pictures) -> None:
        self._samples = found.scan.samples
        self._pictures = pictures

    def __call__(self, row: int, text: str) -> str:
        return f"<figure>{self.image(row)}<br>{html.escape(text)}</figure>"

    def pair(self, first: tuple[int, str], second: tuple[int, str], text: str) -> str:
        """Two of them side by side."""
        both = self(*first) + self(*second)
        return f'<figure class="pair" style="max-width: 32em">{both}<br>{html.escape(text)}</figure>'

    def image(self, row: int) -> str:
        """The picture alone."""
        try:
            picture = self._pictures.read(self._samples[row])
        except SourceError:
            return "(cannot be read)"
        scale = THUMB_PX / picture.shape[0]
        size = (max(1, min(2 * THUMB_PX, round(picture.shape[1] * scale))), THUMB_PX)
        small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        return f'<img alt="" width="{size[0]}" height="{size[1]}" src="{_jpeg(small)}">'


def label_text(sample: Sample) -> str:
    """The label as people write it."""
    return f"{sample.low}" if sample.low == sample.high else f"{sample.low}–{sample.high}"


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
    plots.append(quality_plot(size, "Size", "shorter side in pixels", found.titles, found.part))
    sharpness = np.log10(np.maximum(scan.sharpness, 1e-3))
    plots.append(quality_plot(sharpness, "Sharpness", "log10 variance of the Laplacian at 160 px", found.titles, found.part))
    plots.append(quality_plot(scan.brightness, "Brightness", "mean grey", found.titles, found.part))
    images = [f'<img alt="plot" src="data:image/png;base64,{base64.b64encode(data).decode("ascii")}">' for data in plots]
    return '<div class="plots">' + "\n".join(images) + "</div>"


def _decades(found: Findings, thumbs: _Thumbs) -> list[str]:
    rng = np.random.default_rng(0)
    decade = np.array([min(LAST_DECADE, int(sample.age) // 10) for sample in found.scan.samples])
    parts = ["<h2>Samples by decade</h2>"]
    for number in np.unique(decade[found.scan.readable]):
        rows = np.flatnonzero((decade == number) & found.scan.readable)
        chosen = rng.permutation(rows)[:PER_DECADE]
        end = "+" if number == LAST_DECADE else f"–{number * 10 + 9}"
        parts.append(f"<h3>{number * 10}{end}: {len(rows)} pictures</h3>")
        parts.append("".join(thumbs(row, label_text(found.scan.samples[row])) for row in chosen))
    return parts


def _skipped(found: Findings, most: int) -> str:
    lines = [f"{name}: {reason}" for name, reason in found.skipped]
    lines += [found.scan.reasons[row] for row in np.flatnonzero(~found.scan.readable)]
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines[:most])
    return f"<h2>Without label, or unreadable: {len(lines)}</h2><ul>{items}</ul>"


def _faces(found: Findings, thumbs: _Thumbs | None, most: int) -> str:
    none = np.flatnonzero(found.scan.faces == 0)
    several = np.flatnonzero(found.scan.faces > 1)
    parts = [f"<h2>No face found: {len(none)}; several: {len(several)}</h2>"]
    for title, rows in (("No face", none), ("Several faces", several)):
        shown = rows[:most]
        if thumbs is None or not len(shown):
            continue
        parts.append(f"<h3>{title}: the first {len(shown)}</h3>")
        parts.append("".join(thumbs(row, f"{found.scan.samples[row].name}: {found.scan.faces[row]}") for row in shown))
    return "".join(parts)


def _copies(found: Findings, thumbs: _Thumbs | None, most: int) -> str:
    pairs, samples = found.contradicting, found.scan.samples
    text = f"<h2>Copies of one photograph: {len(found.pairs)} pairs, {len(pairs)} with different ages</h2>"
    if thumbs is None:
        return text
    shown = []
    for a, b in pairs[:most]:
        first, second = (a, label_text(samples[a])), (b, label_text(samples[b]))
        shown.append(thumbs.pair(first, second, f"{samples[a].name}, {samples[b].name}"))
    return text + "".join(shown)


def _suspects(found: Findings, thumbs: _Thumbs | None, most: int) -> str:
    """Each beside a typical picture of the age that its label claims."""
    if found.judged is None:
        return "<h2>Likely wrong labels: not looked for</h2>"
    rows = found.judged.suspects()
    text = (
        f"<h2>Likely wrong labels: {len(rows)}</h2><p>Out-of-fold predictions: the regression on FaceNet's features that judges "
        f"a picture has seen neither it nor a copy of it. Mean error {found.judged.mae:.1f} years. Right: somebody whose label "
        "of that age is in no doubt.</p>"
    )
    if thumbs is None:
        return text
    samples = found.scan.samples
    ages = np.array([sample.age for sample in samples])
    doubt = np.where(np.isfinite(found.judged.predicted), np.abs(found.judged.off), np.inf)
    shown = []
    for row in rows[:most]:
        typical = int(np.lexsort((doubt, np.abs(ages - ages[row]) // 3 + (np.arange(len(ages)) == row) * 1e9))[0])
        first = (row, f"label {label_text(samples[row])}, others say {found.judged.predicted[row]:.0f}")
        shown.append(thumbs.pair(first, (typical, label_text(samples[typical])), samples[row].name))
    return text + "".join(shown)


def _jpeg(picture: UInt8Array) -> str:
    ok, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert ok
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode('ascii')}"
