"""Photos with a labels.csv beside them: `file,age` or `file,age_range`, with `gender` and `person` if known; zip file or folder.

All-Age-Faces and FairFace come so here; `file_name` and `real_age`, the columns of APPA-REAL, are understood as well. Where
pictures of one person have the same `person`, splits keep them together. Other columns are ignored.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile

from pipeline.errors import SourceError
from training.data import Listing, Sample, list_named, members, picture_members
from training.names import OLDEST

LABELS_FILE = "labels.csv"

_FILE, _AGE, _RANGE, _GENDER, _PERSON = ("file", "file_name"), ("age", "real_age"), ("age_range",), ("gender",), ("person",)
_MALE = {"m": True, "male": True, "f": False, "female": False}
_CLOSED = re.compile(r"(\d{1,3})\s*[-–]\s*(\d{1,3})")
_OPEN = re.compile(r"(\d{1,3})\s*\+")


def list_samples(archives: Iterable[Path]) -> Listing:
    """The pictures of zip files and folders of either kind: with a labels.csv, or with labels in the names.

    Raises:
        SourceError: an archive is missing or damaged, its labels.csv lacks a column, or there is not one labelled picture.
    """
    listings: list[Listing] = []
    named: list[Path] = []
    for archive in archives:
        if any(PurePosixPath(member).name == LABELS_FILE for member in members(archive)):
            listings.append(list_labelled(archive))
        else:
            named.append(archive)
    if named or not listings:
        listings.append(list_named(named))
    return Listing(
        tuple(sample for listing in listings for sample in listing.samples),
        tuple(skipped for listing in listings for skipped in listing.skipped),
    )


def list_labelled(archive: Path) -> Listing:
    """The photos of one zip file or folder, by the labels.csv in it; paths in it count from its own folder.

    Raises:
        SourceError: the archive or its labels.csv cannot be read, lacks a column, or labels not one picture.
    """
    tables = [member for member in members(archive) if PurePosixPath(member).name == LABELS_FILE]
    if len(tables) != 1:
        raise SourceError(f"{archive} holds {len(tables)} files {LABELS_FILE}, not one", f"Keep one {LABELS_FILE} per data set.")
    table = PurePosixPath(tables[0])
    columns, rows = _table(archive, table)
    there = set(picture_members(archive))
    samples: dict[str, Sample] = {}
    skipped: list[tuple[str, str]] = []
    for row in rows:
        name = (row[columns.file] or "").strip()
        member = str(table.parent / name)
        label = (row[columns.label] or "").strip()
        years = parse_range(label) if columns.is_range else parse_age(label)
        if name in samples:
            skipped.append((name, f"has more than one row in {LABELS_FILE}; the first counts"))
        elif member not in there:
            skipped.append((name or "(no name)", f"no such picture beside {LABELS_FILE}"))
        elif years is None:
            skipped.append((name, f'"{label}" is no {"range of ages" if columns.is_range else "age"} from 0 to {OLDEST}'))
        else:
            male = _MALE.get((row[columns.gender] or "").strip().lower()) if columns.gender else None
            person = (row[columns.person] or "").strip() or None if columns.person else None
            samples[name] = Sample(name, *years, male, archive, member, chip=False, person=person)
    labelled = {sample.member for sample in samples.values()} | {str(table.parent / name) for name, _ in skipped}
    skipped += [(PurePosixPath(member).name, f"no row in {LABELS_FILE}") for member in sorted(there - labelled)]
    if not samples:
        raise SourceError(
            f"{table} in {archive} labels not one picture; of {skipped[0][0]}: {skipped[0][1]}"
            if skipped
            else f"{table} is empty",
            f"Each row of {LABELS_FILE} names a picture that lies beside it.",
        )
    return Listing(tuple(samples[name] for name in sorted(samples)), tuple(skipped))


def parse_age(text: str) -> tuple[int, int] | None:
    """ "34" or "34.0" as a range of one year; None for anything else and for ages outside 0 … 120."""
    try:
        age = float(text)
    except ValueError:
        return None
    return (int(age), int(age)) if 0 <= age < OLDEST + 1 else None


def parse_range(text: str) -> tuple[int, int] | None:
    """ "10-19" as (10, 19) and "70+" as (70, 120); None for anything else."""
    if closed := _CLOSED.fullmatch(text):
        low, high = int(closed[1]), int(closed[2])
        return (low, high) if low <= high <= OLDEST else None
    opened = _OPEN.fullmatch(text)
    return (int(opened[1]), OLDEST) if opened and int(opened[1]) <= OLDEST else None


@dataclass(frozen=True, slots=True)
class _Columns:
    file: str
    label: str
    is_range: bool
    gender: str | None
    person: str | None


def _table(archive: Path, table: PurePosixPath) -> tuple[_Columns, list[dict[str, str | None]]]:
    reader = csv.DictReader(io.StringIO(_text(archive, str(table)), newline=""))
    try:
        columns = _columns(reader.fieldnames or (), f"{table} in {archive}")
        return columns, [dict(row) for row in reader]
    except csv.Error as error:
        raise SourceError(f"{table} in {archive} is no table: {error}", "Save it as comma-separated UTF-8 text.") from error


def _columns(names: Sequence[str], where: str) -> _Columns:
    file = next((name for name in _FILE if name in names), None)
    label = next((name for name in (*_AGE, *_RANGE) if name in names), None)
    if file is None or label is None:
        wanted = " or ".join(_FILE if file is None else _AGE + _RANGE)
        raise SourceError(
            f"{where} has the columns {', '.join(names) or '(none)'}, but none named {wanted}",
            "Its first line must be file,age,gender or file,age_range,gender; gender may be left out.",
        )
    gender = next((name for name in _GENDER if name in names), None)
    return _Columns(file, label, label in _RANGE, gender, next((name for name in _PERSON if name in names), None))


def _text(archive: Path, member: str) -> str:
    try:
        if archive.is_dir():
            data = (archive / member).read_bytes()
        else:
            with ZipFile(archive) as file:
                data = file.read(member)
        return data.decode("utf-8-sig")
    except (OSError, BadZipFile, UnicodeDecodeError) as error:
        raise SourceError(f"{member} in {archive} cannot be read: {error}", "Copy the data anew, as UTF-8 text.") from error
