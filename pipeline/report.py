"""The report of a session: one HTML file with tables and plots, for people who do not have this program.

It refers to nothing outside itself, holds no script and no picture of anybody, and says what the numbers mean and what not.
"""

from __future__ import annotations

import json
import statistics
import tomllib
from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape
from pathlib import Path

from pipeline.clock import clock_text, duration_text
from pipeline.history import InputHistory, SessionHistory, read_history
from pipeline.labels import color_rgb
from pipeline.options import options
from pipeline.outputs import replaced_file
from pipeline.progress import Watch, part, unwatched
from pipeline.report_text import MEANING, STYLE
from pipeline.roster import PersonRow
from pipeline.store import SessionLog

MODELS_FILE = Path(__file__).resolve().parents[1] / "assets" / "models" / "models.toml"
MOST_ROWS = 2000
"""Of the table of persons; the CSV has all of them."""
MOST_PLOTS = 12
"""Films with a plot of their own."""

Facts = Sequence[tuple[str, str]]


def export_report(log: SessionLog, session_id: int, path: Path, watch: Watch = unwatched, models: Path = MODELS_FILE) -> Path:
    """Writes the report of a session; it appears complete or not at all.

    Args:
        models: models.toml, for the facts about the model; without it they are left out.

    Raises:
        LogError: there is no session of that number, or the log cannot be read.
        OutputError: the file cannot be written.
        Cancelled: by `watch`.
    """
    history = read_history(log, session_id, part(watch, 0.0, 0.6))
    with replaced_file(path, "utf-8") as file:
        for text in report_html(history, model_facts(history.session.model, models), part(watch, 0.6, 1.0)):
            file.write(text)
    return path


def report_html(history: SessionHistory, model: Facts, watch: Watch = unwatched) -> Iterator[str]:
    """The whole file, piece by piece."""
    # Half a second and 30 MB that nothing else needs.
    from pipeline.report_plots import histogram, over_time  # noqa: PLC0415

    session = history.session
    people = history.people
    title = f"Session {session.id}: {_names(history)}"
    yield f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
    yield f"<style>{STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n"
    yield f"<p>{_summary(history)}</p>\n"
    watch(0.1)
    if any(row.belief is not None for row in people):
        yield f"<h2>Ages</h2>\n<figure>{histogram(people, 0)}</figure>\n"
    films = [one for one in history.inputs if not one.pictures and one.people]
    for number, film in enumerate(films[:MOST_PLOTS], start=1):
        watch(0.1 + 0.8 * number / len(films))
        heading = "Over time" if len(films) == 1 else f"Over time: {film.name}"
        yield f"<h2>{escape(heading)}</h2>\n<figure>{over_time(film, number)}<figcaption>{_caption(film)}</figcaption></figure>\n"
    if len(films) > MOST_PLOTS:
        yield f"<p>{len(films) - MOST_PLOTS} more films have no plot here.</p>\n"
    yield from _persons(history)
    yield f"<h2>What the numbers mean</h2>\n{MEANING}\n"
    yield "<h2>How it was made</h2>\n"
    yield _facts(_session_facts(history))
    if model:
        yield "<h3>The model</h3>\n<p>The model of that name as it is installed where this report was made:</p>\n"
        yield _facts(model)
    yield "</body>\n</html>\n"
    watch(1.0)


def model_facts(name: str, models: Path = MODELS_FILE) -> list[tuple[str, str]]:
    """What models.toml says about a model; nothing where it is not installed any more."""
    try:
        entry = tomllib.loads(models.read_text(encoding="utf-8"))["models"][name]
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        return []
    named = (
        ("precision", "Precision"),
        ("training_data", "Trained on"),
        ("licence", "Licence"),
        ("origin", "Made by"),
        ("sha256", "SHA-256 of the file"),
    )
    facts = [(text, str(entry[key])) for key, text in named if entry.get(key)]
    accuracy = entry.get("accuracy", {})
    if accuracy:
        facts.append(
            ("Measured on pictures that it had not seen", ", ".join(f"{key} {value:g}" for key, value in accuracy.items()))
        )
    return facts


def _names(history: SessionHistory) -> str:
    names = [one.name for one in history.inputs]
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _summary(history: SessionHistory) -> str:
    people = history.people
    known = sorted(row.belief.years for row in people if row.belief is not None)
    count = "Nobody was seen" if not people else "One person was seen" if len(people) == 1 else f"{len(people)} persons were seen"
    text = f"{count} in {sum(one.frames for one in history.inputs)} analysed pictures."
    if len(known) > 1:
        middle = statistics.median(known)
        text += f" The estimated ages reach from {known[0]:.0f} to {known[-1]:.0f} years, half of them are below {middle:.0f}."
    if history.session.state != "finished":
        text += (
            " The session had not ended when this report was made."
            if history.session.state == "running"
            else " It was interrupted."
        )
    return escape(text)


def _caption(film: InputHistory) -> str:
    from pipeline.report_plots import MOST_CURVES, MOST_LANES  # noqa: PLC0415

    text = "Above: estimated age up to each moment, with the 90 % interval. Below: when each person was in sight."
    if len(film.people) > MOST_CURVES:
        text += f" Of {len(film.people)} persons the {MOST_CURVES} longest in sight have a curve"
        text += f", {MOST_LANES} a lane." if len(film.people) > MOST_LANES else "."
    return escape(text)


def _persons(history: SessionHistory) -> Iterator[str]:
    rows = [(one, row) for one in history.inputs for row in one.people]
    yield f"<h2>Persons · {len(rows)}</h2>\n"
    hidden = sum(len(one.hidden) for one in history.inputs)
    several = len(history.inputs) > 1 or any(one.pictures for one in history.inputs)
    if rows:
        heads = ["Person", *(["Source"] if several else []), "Age", "90 % interval", "First seen", "Last seen"]
        heads += ["In sight", "Times", "Frames", "Looks"]
        yield "<table>\n<thead><tr>" + "".join(f'<th scope="col">{head}</th>' for head in heads) + "</tr></thead>\n<tbody>\n"
        for one, row in rows[:MOST_ROWS]:
            yield _person(one, row, several)
        yield "</tbody>\n</table>\n"
    if len(rows) > MOST_ROWS:
        yield f"<p>And {len(rows) - MOST_ROWS} more, all of which are in an export as CSV.</p>\n"
    notes = []
    if hidden:
        notes.append("One person was hidden by the user." if hidden == 1 else f"{hidden} persons were hidden by the user.")
    if history.edits:
        notes.append("The list was corrected by hand: names, merged or split persons.")
    if notes:
        yield f"<p>{escape(' '.join(notes))}</p>\n"


def _person(one: InputHistory, row: PersonRow, several: bool) -> str:
    red, green, blue = color_rgb(row.person)
    dot = f'<span class="dot" style="background:rgb({red},{green},{blue})"></span>'
    belief = row.belief
    cells = [
        f"<td>{dot}{escape(row.label)}</td>",
        *([f"<td>{escape(row.picture or one.name)}</td>"] if several else []),
        _number("–" if belief is None else f"{belief.years:.1f}"),
        _number("–" if belief is None else f"{belief.low:.0f} – {belief.high:.0f}"),
        _number("" if row.picture else clock_text(row.first_s)),
        _number("" if row.picture else clock_text(row.last_s)),
        _number("" if row.picture else duration_text(row.dwell_s)),
        _number(str(len(row.tracks))),
        _number(str(row.frames)),
        _number(str(row.calls)),
    ]
    return f"<tr>{''.join(cells)}</tr>\n"


def _session_facts(history: SessionHistory) -> Facts:
    session = history.session
    facts = [
        ("Recorded by", "the window" if session.kind == "window" else "the command line"),
        ("Started", _moment(session.started_at)),
        ("Ended" if session.state == "finished" else "Last sign of life", _moment(session.ended_at)),
        ("Engine", session.engine),
        ("Model", session.model),
        ("Program", f"AgeLens {session.app_version}"),
        ("Settings changed from their defaults", _changed_settings(session.settings_json)),
    ]
    for one in history.inputs:
        size = f", {one.width} × {one.height} pixels" if one.width else ""
        rate = f", {one.fps:.4g} frames a second" if one.fps else ""
        length = "" if one.pictures else f", {duration_text(one.length_s)}"
        facts.append(("Source", f"{one.name}{size}{rate}{length}; {one.frames} pictures analysed"))
    return facts


def _changed_settings(text: str) -> str:
    defaults = {option.name: option.default for option in options()}
    try:
        settings = json.loads(text)
        chosen = {f"{section}.{name}": value for section, values in settings.items() for name, value in values.items()}
    except (ValueError, AttributeError):
        return "not known"
    changed = [
        f"{name} = {value}" for name, value in chosen.items() if name in defaults and str(value or "(empty)") != defaults[name]
    ]
    return ", ".join(changed) or "none"


def _facts(facts: Facts) -> str:
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts) + "</dl>\n"


def _number(text: str) -> str:
    return f'<td class="number">{escape(text)}</td>'


def _moment(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
