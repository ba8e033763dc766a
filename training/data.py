"""Labelled pictures: UTKFace from its zip files or folders, read without unpacking."""

from __future__ import annotations

import re
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

OLDEST = 120
"""Labels above this are slips of the keyboard: nobody in the data can be that old."""

_UTKFACE = re.compile(r"(?P<age>\d{1,3})_(?P<gender>[01])_(?P<ethnicity>[0-4])_(?P<date>\d+) ?\.?jpg(\.chip\.jpg)?")
_PICTURES = {".jpg", ".jpeg", ".png"}


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
    """

    name: str
    low: int
    high: int
    male: bool | None
    archive: Path
    member: str
    chip: bool = True

    @property
    def age(self) -> float:
        """The label in years, or the middle of its range."""
        return (self.low + self.high) / 2


@dataclass(frozen=True, slots=True)
class Listing:
    """What was found: the samples by name, and the names that could not be read as labels, each with the reason."""

    samples: tuple[Sample, ...]
    skipped: tuple[tuple[str, str], ...]


def list_utkface(archives: Iterable[Path]) -> Listing:
    """UTKFace's pictures, whose names are their labels: `[age]_[gender]_[ethnicity]_[date].jpg`, gender 0 male, 1 female.

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
            match = _UTKFACE.fullmatch(name)
            if match is None:
                skipped.append((name, "not [age]_[gender]_[ethnicity]_[date].jpg"))
            elif int(match["age"]) > OLDEST:
                skipped.append((name, f"age {match['age']} is above {OLDEST}"))
            else:
                age = int(match["age"])
                samples[name] = Sample(name, age, age, match["gender"] == "0", archive, member)
    if not samples:
        raise SourceError("no labelled picture was found in the data", "Give UTKFace's zip files or folders with --data.")
    return Listing(tuple(samples[name] for name in sorted(samples)), tuple(skipped))


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
        except (OSError, BadZipFile, KeyError) as error:
            raise SourceError(f"{sample.member} in {sample.archive} cannot be read: {error}", "Copy the data anew.") from error
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
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
