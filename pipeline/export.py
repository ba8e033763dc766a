"""Writes sessions of the log as CSV or JSON Lines: what analysts open.

Two files: the observations, one row per person and frame (`ages.csv`), and the persons, one row per person and source
(`ages.persons.csv`). Their columns are `OBSERVATION_COLUMNS` and `PERSON_COLUMNS`, in this order, always all of them; columns may
be added at the end under a new `EXPORT_SCHEMA`, which the last column of every row tells.

CSV: comma, quotes and line ends (CR LF) as in RFC 4180, a point before a fixed number of decimals, an empty cell where
nothing is known. UTF-8, with a byte order mark exactly where a name needs more than ASCII: without one Excel takes UTF-8 for the
system's old code page, and in front of plain ASCII it would only be in the way of scripts. pandas reads both; in other programs
`utf-8-sig` does. Text that a spreadsheet would run as a formula gets an apostrophe in front (OWASP, "CSV Injection"); numbers
never do.

The user's edits (`pipeline.edits`) are applied: persons have the numbers and names that the user gave them, and those whom the
user hid are in neither file. The observations tell what was known in their frame, the persons what is known in the end.

JSON Lines: one object per row under the same names, numbers unrounded, null where nothing is known, UTF-8.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from pipeline.edits import Rename, edits_of
from pipeline.observations import Observation, PersonTally, rows
from pipeline.outputs import replaced_file
from pipeline.progress import Watch, unwatched, watched
from pipeline.session import input_records
from pipeline.store import SessionLog

EXPORT_SCHEMA = 2
"""Version of the columns, in the last one of every row."""

Cell = str | int | float | None

_FORMULA_STARTS = frozenset("=+-@\t\r\n＝＋－＠")
"""OWASP's list; the wide forms count as formulas in East Asian versions of spreadsheets."""

_TABLE_SUFFIXES = frozenset({".csv", ".jsonl", ".ndjson", ".txt"})


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an export.

    Attributes:
        decimals: of a number in CSV; None for whole numbers and text.
        meaning: for the documentation.
    """

    name: str
    decimals: int | None
    meaning: str


@dataclass(frozen=True, slots=True)
class ExportedFiles:
    """What an export wrote."""

    observations: Path
    persons: Path
    observation_rows: int
    person_rows: int


OBSERVATION_COLUMNS = (
    Column("source", None, "name of the film, camera, stream or picture"),
    # Microseconds: time bases of containers (1/90000 s, 1/600 s) have no end in decimals, and none needs more.
    Column("media_time_s", 6, "presentation time of the frame in its source, in seconds"),
    Column("wall_time", None, "when the frame was read: ISO 8601, UTC, milliseconds"),
    Column("frame", None, "number of the frame in its source, from 0; frames that were dropped leave gaps"),
    Column("person", None, "number of the person, unique within the session; the user's merges and splits are applied"),
    Column("track", None, "number of the track, unique within the session: leaving and coming back begins a new one"),
    Column("x1", 1, "left side of the face's box, in pixels of the full frame"),
    Column("y1", 1, "upper side"),
    Column("x2", 1, "right side"),
    Column("y2", 1, "lower side"),
    Column("score", 4, "the detector's probability of a face, 0 … 1"),
    Column("quality", 4, "how much this picture of the face can say about age, 0 … 1"),
    Column("raw_age", 2, "age in years by this frame alone; empty where the age model was not asked"),
    Column("age", 2, "age of the person in years, by all frames up to this one; empty before the first estimate"),
    Column("low", 2, "lower end of the 90 % interval"),
    Column("high", 2, "upper end of the 90 % interval"),
    Column("engine", None, "what ran the age model"),
    Column("session", None, "number of the session in the log"),
    Column("name", None, "the name that the user gave; empty without one"),
    Column("schema", None, f"version of these columns: {EXPORT_SCHEMA}"),
)

PERSON_COLUMNS = (
    Column("source", None, "name of the film, camera, stream or picture"),
    Column("person", None, "number of the person, as in the observations"),
    Column("first_seen_s", 6, "presentation time of the person's first frame, in seconds"),
    Column("last_seen_s", 6, "presentation time of the person's last frame, in seconds"),
    Column("dwell_s", 3, "seconds in sight: steps between the person's frames, without those longer than 1 s (hidden or away)"),
    Column("frames", None, "number of frames in which the person's face was found"),
    Column("age", 2, "age in years by all frames and tracks (films: looking back from the end); empty without an estimate"),
    Column("low", 2, "lower end of the 90 % interval"),
    Column("high", 2, "upper end of the 90 % interval"),
    Column("session", None, "number of the session in the log"),
    Column("name", None, "the name that the user gave; empty without one"),
    Column("tracks", None, "number of the person's tracks: how often the person came into sight"),
    Column("schema", None, f"version of these columns: {EXPORT_SCHEMA}"),
)


def persons_path(path: Path) -> Path:
    """Where the persons go: ages.csv → ages.persons.csv; a name without a table's suffix gets .persons added."""
    if path.suffix.lower() in _TABLE_SUFFIXES:
        return path.with_name(f"{path.stem}.persons{path.suffix}")
    return path.with_name(f"{path.name}.persons")


def export_csv(log: SessionLog, session_ids: Sequence[int], path: Path, watch: Watch = unwatched) -> ExportedFiles:
    """Writes the observations to `path` and the persons to `persons_path(path)`; both appear complete or not at all.

    Raises:
        LogError: there is no session of that number, or the log cannot be read.
        OutputError: a file cannot be written.
        Cancelled: by `watch`.
    """
    with log.db.snapshot():
        encoding = "utf-8" if _names_are_ascii(log, session_ids) else "utf-8-sig"
        return _export(log, session_ids, path, encoding, _csv_writer, watch=watch)


def export_jsonl(log: SessionLog, session_ids: Sequence[int], path: Path, watch: Watch = unwatched) -> ExportedFiles:
    """As `export_csv`, as JSON Lines.

    Raises:
        LogError: there is no session of that number, or the log cannot be read.
        OutputError: a file cannot be written.
    """
    with log.db.snapshot():
        return _export(log, session_ids, path, "utf-8", _jsonl_writer, watch=watch)


def harmless(text: str) -> str:
    """The text with an apostrophe in front where a spreadsheet would take it for a formula."""
    # Spreadsheets look past leading blanks.
    return f"'{text}" if text.strip(" ")[:1] in _FORMULA_STARTS and text.strip(" ") else text


WriteRow = Callable[[Sequence[Cell]], object]
MakeWriter = Callable[[TextIO, Sequence[Column]], WriteRow]


def _export(
    log: SessionLog, session_ids: Sequence[int], path: Path, encoding: str, make_writer: MakeWriter, *, watch: Watch
) -> ExportedFiles:
    tally = PersonTally()
    total = sum(record.observations for number in session_ids for record in input_records(log.db, number))
    written = 0
    with ExitStack() as files:
        persons_file = files.enter_context(replaced_file(persons_path(path), encoding))
        observations_file = files.enter_context(replaced_file(path, encoding))
        write = make_writer(observations_file, OBSERVATION_COLUMNS)
        for row in watched(rows(log, session_ids), total, watch):
            write(_observation_cells(row.observation))
            tally.add(row)
            written += 1
        write = make_writer(persons_file, PERSON_COLUMNS)
        found = tally.persons(log)
        for person in found:
            write((*person, EXPORT_SCHEMA))
    return ExportedFiles(path, persons_path(path), written, len(found))


def _observation_cells(seen: Observation) -> tuple[Cell, ...]:
    wall_time = datetime.fromtimestamp(seen.wall_time_s, UTC).isoformat(timespec="milliseconds")
    return (*seen[:2], wall_time.replace("+00:00", "Z"), *seen[3:], EXPORT_SCHEMA)


def _csv_writer(file: TextIO, columns: Sequence[Column]) -> WriteRow:
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow([column.name for column in columns])
    formats = [_exact if column.decimals is None else _rounded(column.decimals) for column in columns]

    def write(cells: Sequence[Cell]) -> None:
        writer.writerow([form(cell) for form, cell in zip(formats, cells, strict=True)])

    return write


def _exact(cell: Cell) -> Cell:
    return harmless(cell) if isinstance(cell, str) else cell


def _rounded(decimals: int) -> Callable[[Cell], Cell]:
    pattern = f"%.{decimals}f"
    return lambda cell: None if cell is None else pattern % cell


def _jsonl_writer(file: TextIO, columns: Sequence[Column]) -> WriteRow:
    names = [column.name for column in columns]

    def write(cells: Sequence[Cell]) -> None:
        file.write(json.dumps(dict(zip(names, cells, strict=True)), ensure_ascii=False) + "\n")

    return write


def _names_are_ascii(log: SessionLog, session_ids: Iterable[int]) -> bool:
    return all(
        name.isascii()
        for session_id in session_ids
        for names in (
            [edit.name for edit in edits_of(log, session_id) if isinstance(edit, Rename)],
            (
                name
                for (name,) in log.db.stream(
                    "SELECT name FROM sources WHERE input_id IN (SELECT id FROM best_inputs WHERE session_id = ?)", (session_id,)
                )
            ),
        )
        for name in names
    )
