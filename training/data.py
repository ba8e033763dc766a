"""Labelled pictures in zip files or folders, read without unpacking: those whose names are their labels."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self
from zipfile import BadZipFile, ZipFile

import cv2
import numpy as np

from pipeline.errors import SourceError
from pipeline.types import UInt8Array
from training.names import parse_name

_PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled picture.

    Attributes:
        name: the file's name, unique within a data set.
        low, high: the age's range in years, both included; equal where the label is an age.
        male: the label, not a guess; None where there is none.
        archive: the zip file or folder that holds it.
        member: its path within.
        chip: whether it is cut so tightly around the face that a detector needs a border to find it.
        person: who it is, the same in all pictures of one person; None where that is not known.
    """

    name: str
    low: int
    high: int
    male: bool | None
    archive: Path
    member: str
    chip: bool = True
    person: str | None = None

    @property
    def age(self) -> float:
        """The label in years, or the middle of its range."""
        return (self.low + self.high) / 2


@dataclass(frozen=True, slots=True)
class Listing:
    """What was found: the samples by name, and the names that could not be read as labels, each with the reason."""

    samples: tuple[Sample, ...]
    skipped: tuple[tuple[str, str], ...]


def list_named(archives: Iterable[Path]) -> Listing:
    """Pictures whose names are their labels: UTKFace's, or day of birth and year of the photo (`training.names`).

    Args:
        archives: zip files and folders; a picture that several of them hold is taken once.

    Raises:
        SourceError: an archive is missing or damaged, or there is not one picture in all of them.
    """
    samples: dict[str, Sample] = {}
    skipped: list[tuple[str, str]] = []
    for archive in archives:
        for member in picture_members(archive):
            name = PurePosixPath(member).name
            label = parse_name(name)
            if isinstance(label, str):
                skipped.append((name, label))
            elif name in samples:
                skipped.append((name, "there is more than one file of this name; the first counts"))
            else:
                samples[name] = Sample(name, label.age, label.age, label.male, archive, member, label.chip, label.person)
    if not samples:
        raise SourceError(
            f"no labelled picture was found in the data; of {skipped[0][0]}: {skipped[0][1]}"
            if skipped
            else "no labelled picture was found in the data",
            "Give zip files or folders with a labels.csv, or with names such as UTKFace's, with --data.",
        )
    return Listing(tuple(samples[name] for name in sorted(samples)), tuple(skipped))


def skip_report(skipped: Sequence[tuple[str, str]], most: int = 3) -> list[str]:
    """One line for each reason: how many were skipped for it, and which for example. Numbers and quotes in reasons may differ."""
    kinds: dict[str, list[tuple[str, str]]] = {}
    for name, reason in skipped:
        kinds.setdefault(re.sub(r'"[^"]*"|\d+', "#", reason), []).append((name, reason))
    lines = []
    for some in sorted(kinds.values(), key=len, reverse=True):
        names = ", ".join(name for name, _ in some[:most]) + (", …" if len(some) > most else "")
        lines.append(f"{len(some)} skipped: {some[0][1]} ({names})")
    return lines


def read_names(path: Path) -> set[str]:
    """A list of file names, one a line: what to validate on.

    Raises:
        SourceError: the list cannot be read.
    """
    try:
        return set(path.read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"the list {path} cannot be read: {error}", "Give a text file with one name a line.") from error


def select(samples: Sequence[Sample], names: set[str]) -> list[Sample]:
    """The samples of those names.

    Raises:
        SourceError: a name is not among the samples.
    """
    missing = names - {sample.name for sample in samples}
    if missing:
        raise SourceError(
            f"{len(missing)} of the {len(names)} pictures of the list are not in the data, {min(missing)} for one",
            "Give all of the data set's files with --data.",
        )
    return [sample for sample in samples if sample.name in names]


class Pictures:
    """Reads samples' pictures; keeps zip files open in between. For one thread."""

    def __init__(self) -> None:
        self._open: dict[Path, ZipFile] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for archive in self._open.values():
            archive.close()

    def read(self, sample: Sample) -> UInt8Array:
        """(H, W, 3) uint8 BGR.

        Raises:
            SourceError: the picture cannot be read.
        """
        try:
            data = self._bytes(sample)
        except (OSError, BadZipFile, KeyError, zlib.error, EOFError, RuntimeError) as error:  # RuntimeError: encrypted
            raise SourceError(f"{sample.member} in {sample.archive} cannot be read: {error}", "Copy the data anew.") from error
        try:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
        except cv2.error:  # more pixels than OpenCV agrees to
            image = None
        if image is None:
            raise SourceError(f"{sample.member} in {sample.archive} is no picture", "Copy the data anew.")
        return np.asarray(image, np.uint8)

    def _bytes(self, sample: Sample) -> bytes:
        if sample.archive.is_dir():
            return (sample.archive / sample.member).read_bytes()
        if sample.archive not in self._open:
            self._open[sample.archive] = ZipFile(sample.archive)
        return self._open[sample.archive].read(sample.member)


def picture_members(archive: Path) -> list[str]:
    """Paths of the pictures within a zip file or folder.

    Raises:
        SourceError: it is neither.
    """
    return [member for member in members(archive) if PurePosixPath(member).suffix.lower() in _PICTURES]


def members(archive: Path) -> list[str]:
    """Paths of all files within a zip file or folder, with forward slashes.

    Raises:
        SourceError: it is neither.
    """
    if archive.is_dir():
        return [path.relative_to(archive).as_posix() for path in archive.rglob("*") if path.is_file()]
    try:
        with ZipFile(archive) as file:
            return [info.filename for info in file.infolist() if not info.is_dir()]
    except (OSError, BadZipFile) as error:
        raise SourceError(
            f"{archive} is neither a folder nor a zip file that can be read: {error}", "Check the path after --data."
        ) from error
