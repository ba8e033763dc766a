"""Raw photos → one aligned face each: `python -m training.faces RAW… --out FOLDER`.

RAW are folders or zip files of photos with labels.csv, or with labels in their names (`training.names`). Photos with exactly one
face are kept: turned upright, cut out with room around the face, saved as [id]_[age].jpg beside a labels.csv that training.crops
reads. All others are listed with the reason in discarded.csv.
"""

from __future__ import annotations

import argparse
import csv
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import cv2
import numpy as np

from engines.align import CROP_PX, align
from engines.mtcnn import MtcnnDetector
from pipeline.errors import AppError, OutputError, SourceError
from pipeline.types import UInt8Array
from training.crops import Scanner
from training.data import Listing, Pictures, Sample, skip_report
from training.files import HINT, whole_text
from training.labels import LABELS_FILE, list_samples
from training.locate import side_px
from training.scan import faces_in

MARGIN = 0.5
"""Of the crop's side, on each side: the detector finds the face again in the saved picture."""

SAVED_PX = round(CROP_PX * (1 + 2 * MARGIN))
"""The face is as large as the network sees it."""

LARGEST_PX = 1600
"""Longer side of a photo at which faces are looked for: larger ones are shrunk, the time falls with the square."""

SMALLEST_PX = 40
"""Smallest face that is looked for, in pixels of that."""

JPEG_QUALITY = 95
CHUNK = 16
"""Photos that a thread works on at a time."""

DISCARDED_FILE = "discarded.csv"


class Writer(Protocol):
    """csv.writer's, which has no name of its own to import."""

    def writerow(self, row: Sequence[Any], /) -> Any:
        """One line."""
        ...


@dataclass(frozen=True, slots=True)
class Extracted:
    """What `extract` did.

    Attributes:
        kept: number of faces saved.
        discarded: name and reason of all other photos.
    """

    kept: int
    discarded: tuple[tuple[str, str], ...]


def only_face(detector: Scanner, photo: UInt8Array, smallest_px: float = SMALLEST_PX) -> UInt8Array | str:
    """The photo's one face, upright, (320, 320, 3) uint8 BGR; or why the photo is discarded."""
    scale = min(1.0, LARGEST_PX / max(photo.shape[:2]))
    small = photo
    if scale < 1:
        small = np.asarray(cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    faces = faces_in(detector, small, chip=False)
    if not faces:
        return "no face was found"
    if len(faces) > 1:
        return f"{len(faces)} faces were found"
    landmarks = np.asarray(faces[0].landmarks / scale, np.float32)
    if side_px(landmarks) < smallest_px:
        return f"the face is {side_px(landmarks):.0f} pixels wide, less than {smallest_px:.0f}"
    return align(photo, landmarks, SAVED_PX, MARGIN)


def extract(
    listing: Listing,
    out: Path,
    threads: int = 2,
    new_detector: Callable[[], Scanner] | None = None,
    smallest_px: int = SMALLEST_PX,
) -> Extracted:
    """Writes the faces, labels.csv and discarded.csv into a new folder, which appears whole or not at all.

    Args:
        new_detector: in place of the program's own, one for each thread.

    Raises:
        OutputError: the folder is there already, or cannot be written.
        SourceError: not one photo shows exactly one face.
    """
    if out.exists():
        raise OutputError(f"{out} is there already", "Choose a new folder with --out, or delete that one.")
    part = out.with_name(out.name + ".part")
    new_detector = new_detector or partial(MtcnnDetector.load, SMALLEST_PX, 1)
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        detectors = [new_detector() for _ in range(threads)]
        rows: list[tuple[str, Sample]] = []
        discarded = list(listing.skipped)
        taken: set[str] = set()
        for number, (sample, face) in enumerate(_faces(listing.samples, detectors, smallest_px)):
            if isinstance(face, str):
                discarded.append((sample.name, face))
                continue
            name = _free_name(sample, number, taken)
            ok, data = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
            assert ok
            (part / name).write_bytes(data.tobytes())
            rows.append((name, sample))
        if not rows:
            raise SourceError(
                f"not one of {len(listing.samples)} photos shows exactly one face; of {discarded[-1][0]}: {discarded[-1][1]}",
                "Check that they are photos of single persons.",
            )
        with whole_text(part / LABELS_FILE) as file:
            _write_labels(csv.writer(file), rows)
        with whole_text(part / DISCARDED_FILE) as file:
            csv.writer(file).writerows([("name", "reason"), *discarded])
        part.replace(out)
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error}", HINT) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Extracted(len(rows), tuple(discarded))


def _faces(
    samples: Sequence[Sample], detectors: Sequence[Scanner], smallest_px: int
) -> Iterator[tuple[Sample, UInt8Array | str]]:
    """Each photo's face or the reason against it, in order."""

    def work(some: Sequence[Sample], detector: Scanner) -> list[tuple[Sample, UInt8Array | str]]:
        found: list[tuple[Sample, UInt8Array | str]] = []
        with Pictures() as pictures:
            for sample in some:
                try:
                    found.append((sample, only_face(detector, pictures.read(sample), smallest_px)))
                except SourceError as error:
                    found.append((sample, error.message))
        return found

    chunks = iter([samples[first : first + CHUNK] for first in range(0, len(samples), CHUNK)])
    with ThreadPoolExecutor(len(detectors)) as pool:
        while some := list(islice(chunks, len(detectors))):
            for found in pool.map(work, some, detectors):
                yield from found


def _free_name(sample: Sample, number: int, taken: set[str]) -> str:
    """`[id]_[age].jpg`: the person where the name tells it, or else a number."""
    who = re.sub(r"[^\w-]", "-", sample.person.split("_")[0]) if sample.person else f"{number + 1:06d}"
    age = f"{sample.low}" if sample.low == sample.high else f"{sample.low}-{sample.high}"
    name, again = f"{who}_{age}.jpg", 1
    while name.lower() in taken:
        again += 1
        name = f"{who}-{again}_{age}.jpg"
    taken.add(name.lower())
    return name


def _write_labels(writer: Writer, rows: Sequence[tuple[str, Sample]]) -> None:
    """Ages, or ranges of ages where one of the photos has no more."""
    ranged = any(sample.low != sample.high for _, sample in rows)
    writer.writerow(("file", "age_range" if ranged else "age", "gender", "person", "source"))
    for name, sample in rows:
        gender = {True: "male", False: "female", None: ""}[sample.male]
        age = f"{sample.low}-{sample.high}" if ranged else str(sample.low)
        writer.writerow((name, age, gender, sample.person or "", PurePosixPath(sample.member).as_posix()))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.faces", description="Raw photos to one aligned face each.")
    parser.add_argument("raw", nargs="+", type=Path, help="zip files or folders of photos, with labels.csv or labels in names")
    parser.add_argument("--out", type=Path, required=True, help="new folder for the faces, labels.csv and discarded.csv")
    parser.add_argument("--smallest", type=int, default=SMALLEST_PX, help="discard faces narrower than this, in pixels")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    try:
        made = extract(list_samples(options.raw), options.out, max(1, options.threads), smallest_px=options.smallest)
    except AppError as error:
        print(error, file=sys.stderr)
        return 1
    for line in skip_report(made.discarded):
        print(line)
    print(f"{made.kept} faces in {options.out}, {len(made.discarded)} photos discarded: {DISCARDED_FILE} there lists them all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
