"""Aligned crops of a data set, made once by the program's own detector: `python -m training.crops DATA… --out FOLDER`.

The crops are stored with a margin, so that training can move, turn and scale them with real pixels at their borders.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.align import TEMPLATE, align
from engines.mtcnn import MtcnnDetector
from pipeline.errors import AppError, OutputError, SourceError
from pipeline.types import Detection, Float32Array, UInt8Array
from training.data import Pictures, Sample
from training.files import HINT, aside, reserved_array, whole_text
from training.labels import list_samples
from training.names import OLDEST

CROP_MARGIN = 0.15
"""Of the crop's side, on each side: room for the jitter of training."""

STORED_PX = 208
"""160 · (1 + 2 · 0.15): a stored crop shows the face at the size at which the network sees it."""

BORDER = 0.5
"""Black border around a chip before detection, of its side: UTKFace's faces fill or exceed their pictures."""

SMALLEST_FACE = 0.3
"""Of the chip's shorter side: its face is never smaller, and the scan's cost falls with the square."""

OFF_CENTRE = 2.0
"""What a squared distance from the centre costs in a photo, against the face's area: InsightFace's rule for the main face."""

CROPS_FILE, INDEX_FILE = "crops.npy", "index.csv"

COLUMNS = ("name", "age", "male", "found", "low", "high", "person")
NEEDED = COLUMNS[:4]
"""Older folders have no more: they know exact ages only."""


@dataclass(frozen=True, slots=True)
class Crops:
    """Aligned crops with labels.

    Attributes:
        pixels: (n, 208, 208, 3) uint8 RGB, margin 0.15 around the template; memory-mapped.
        names: (n,) file names of the pictures.
        age: (n,) float32 years; the middle where the label is a range.
        male: (n,) float32, 1 male, 0 female, NaN unknown.
        found: (n,) bool, False where no face was found and the chip's usual landmarks were taken.
        low, high: (n,) float32 years, the label's range with both ends included; equal to the age where it is known exactly.
        person: (n,) who it is, the same in all pictures of one person; "" where that is not known.
        folder: where they are kept.
    """

    pixels: UInt8Array
    names: NDArray[np.str_]
    age: Float32Array
    male: Float32Array
    found: NDArray[np.bool_]
    low: Float32Array
    high: Float32Array
    person: NDArray[np.str_]
    folder: Path

    def __len__(self) -> int:
        return len(self.names)


class Scanner(Protocol):
    """The part of a face detector that chips need."""

    def scan(self, image: UInt8Array) -> list[Detection]:
        """Every face of a (H, W, 3) uint8 BGR picture."""
        ...


def chip_landmarks(detector: Scanner, chip: UInt8Array) -> Float32Array | None:
    """Five landmarks (5, 2) of the face nearest to the centre of a tight picture, in its own pixels; None where none is found."""
    height, width = chip.shape[:2]
    x, y = round(width * BORDER), round(height * BORDER)
    padded = cv2.copyMakeBorder(chip, y, y, x, x, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    faces = detector.scan(np.asarray(padded, np.uint8))
    if not faces:
        return None
    centre = np.array([x + width / 2, y + height / 2])
    nearest = min(faces, key=lambda face: float(np.hypot(*(np.array(face.box.center) - centre))))
    return np.asarray(nearest.landmarks - [x, y], np.float32)


def photo_landmarks(detector: Scanner, photo: UInt8Array) -> Float32Array | None:
    """Five landmarks (5, 2) of the main face of a photo: large and near the centre. With a border where none is found without."""
    faces = detector.scan(photo)
    if not faces:
        return chip_landmarks(detector, photo)
    centre = np.array([photo.shape[1] / 2, photo.shape[0] / 2])

    def prominence(face: Detection) -> float:
        offset = np.array(face.box.center) - centre
        return face.box.width * face.box.height - OFF_CENTRE * float(offset @ offset)

    return max(faces, key=prominence).landmarks


def find_landmarks(detector: Scanner, sample: Sample, picture: UInt8Array) -> Float32Array | None:
    """Five landmarks (5, 2) of the face that the label is about, in the picture's pixels; None where no face is found in a photo.

    A tight chip shows a face even where the detector finds none: it gets the usual landmarks' place from `usual_landmarks`.
    """
    return (chip_landmarks if sample.chip else photo_landmarks)(detector, picture)


def usual_landmarks(chip: UInt8Array) -> Float32Array:
    """Where a UTKFace chip has its landmarks: the template was measured on these very chips."""
    height, width = chip.shape[:2]
    return np.asarray(TEMPLATE * [width, height], np.float32)


def chip_detector(side_px: int = 200) -> MtcnnDetector:
    """The program's detector, set for pictures that one face fills, on one thread."""
    return MtcnnDetector.load(smallest_face_px=round(side_px * SMALLEST_FACE), threads=1)


@dataclass(frozen=True, slots=True)
class Made:
    """What `make_crops` did.

    Attributes:
        count: crops written.
        usual: of these, chips in which no face was found, cropped at the usual place.
        left_out: name and reason of the pictures without a crop: unreadable, or photos in which no face was found.
    """

    count: int
    usual: int
    left_out: tuple[tuple[str, str], ...]


def make_crops(samples: Sequence[Sample], out: Path, threads: int) -> Made:
    """Writes `crops.npy`, `index.csv` and, with what was left out and why, `left_out.csv` into a folder.

    Raises:
        OutputError: the folder cannot be written.
        SourceError: not one picture gave a crop.
    """
    part = out / f"{CROPS_FILE}.part"
    try:
        out.mkdir(parents=True, exist_ok=True)
        shape = (len(samples), STORED_PX, STORED_PX, 3)
        pixels = reserved_array(part, np.uint8, shape)
        found = np.zeros(len(samples), np.bool_)
        reasons: dict[int, str] = {}
        began = time.perf_counter()

        def work(first: int) -> None:
            detector = chip_detector()
            with Pictures() as pictures:
                for i in range(first, len(samples), threads):
                    if i % 1000 == 0:
                        print(f"{i:6d}/{len(samples)}  {time.perf_counter() - began:.0f} s", flush=True)
                    try:
                        picture = pictures.read(samples[i])
                    except SourceError as error:
                        reasons[i] = error.message
                        continue
                    landmarks = find_landmarks(detector, samples[i], picture)
                    found[i] = landmarks is not None
                    if landmarks is None and not samples[i].chip:
                        reasons[i] = "no face was found"
                        continue
                    crop = align(picture, usual_landmarks(picture) if landmarks is None else landmarks, STORED_PX, CROP_MARGIN)
                    pixels[i] = crop[:, :, ::-1]

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, range(threads)))
        kept = [i for i in range(len(samples)) if i not in reasons]
        if not kept:
            raise SourceError(
                f"not one of {len(samples)} pictures gave a crop; of {samples[0].name}: {reasons[0]}",
                "Check that the pictures are whole and show faces.",
            )
        left_out = tuple((samples[i].name, reasons[i]) for i in sorted(reasons))
        pixels.flush()
        if left_out:
            _keep_rows(part, kept)
        with whole_text(out / "left_out.csv") as file:
            csv.writer(file).writerows([("name", "reason"), *left_out])
        publish_crops(out, part, [samples[i] for i in kept], found[kept])
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error}", HINT) from error
    finally:
        part.unlink(missing_ok=True)
    return Made(len(kept), int((~found[kept]).sum()), left_out)


def _keep_rows(path: Path, rows: Sequence[int]) -> None:
    """Rewrites an array file with some of its rows; one row at a time, since the whole may not fit into memory."""
    whole = np.load(path, mmap_mode="r", allow_pickle=False)
    shorter = path.with_suffix(".shorter")
    kept = reserved_array(shorter, whole.dtype, (len(rows), *whole.shape[1:]))
    for i, row in enumerate(rows):
        kept[i] = whole[row]
    kept.flush()
    del whole, kept  # a mapped file cannot be replaced on Windows
    shorter.replace(path)


def publish_crops(out: Path, part: Path, samples: Sequence[Sample], found: NDArray[np.bool_]) -> None:
    """Puts finished pixels and their index in place, both or neither.

    Args:
        part: the array's file, all written.
        samples, found: row by row, as in `Crops`.

    Raises:
        OSError: the folder cannot be written.
    """
    with aside(out / INDEX_FILE) as index:
        with index.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for sample, ok in zip(samples, found, strict=True):
                male = "" if sample.male is None else int(sample.male)
                writer.writerow([sample.name, sample.age, male, int(ok), sample.low, sample.high, sample.person or ""])
        part.replace(out / CROPS_FILE)  # now that nothing can fail any more


def load_crops(folder: Path) -> Crops:
    """The crops of a folder that `make_crops` wrote.

    Raises:
        SourceError: the folder is incomplete or its two files do not belong together.
    """
    hint = f"Make the crops: python -m training.crops DATA --out {folder}"
    try:
        pixels: NDArray[Any] = np.load(folder / CROPS_FILE, mmap_mode="r", allow_pickle=False)
        with (folder / INDEX_FILE).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows, columns = list(reader), reader.fieldnames or ()
    except (OSError, ValueError, EOFError, csv.Error) as error:
        raise SourceError(f"no crops can be read in {folder}: {error}", hint) from error
    missing = [column for column in NEEDED if column not in columns]
    if missing:
        raise SourceError(f"{folder / INDEX_FILE} has no column {' or '.join(missing)}", hint)
    if pixels.shape != (len(rows), STORED_PX, STORED_PX, 3) or pixels.dtype != np.uint8:
        raise SourceError(f"{folder}: {len(rows)} rows in index.csv, but crops.npy is {pixels.dtype} {pixels.shape}", hint)
    low, high = (_numbers(folder, rows, end if end in columns else "age") for end in ("low", "high"))
    if (low > high).any():
        row = int(np.argmax(low > high))
        raise SourceError(f"{folder / INDEX_FILE}: {rows[row]['name']} has ages from {low[row]:g} to {high[row]:g}", hint)
    return Crops(
        pixels,
        np.array([row["name"] for row in rows]),
        _numbers(folder, rows, "age"),
        _numbers(folder, rows, "male", 1, may_lack=True),
        np.array([row["found"] == "1" for row in rows]),
        low,
        high,
        np.array([row.get("person") or "" for row in rows], np.str_),
        folder,
    )


def _numbers(
    folder: Path, rows: Sequence[Mapping[str, str | None]], column: str, most: float = OLDEST, may_lack: bool = False
) -> Float32Array:
    """(n,) a column of numbers from 0 to `most`, NaN where it may be empty and is."""
    found = np.full(len(rows), np.nan, np.float32)
    for i, row in enumerate(rows):
        text = row[column] or ""
        if may_lack and not text:
            continue
        try:
            found[i] = float(text)
        except ValueError:
            found[i] = np.nan
        if not 0 <= found[i] <= most:
            raise SourceError(
                f'{folder / INDEX_FILE}: the {column} of {row["name"]} is "{text}", no number from 0 to {most}',
                f"Make the crops anew: python -m training.crops DATA --out {folder}",
            )
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.crops", description="Aligned crops of labelled pictures.")
    parser.add_argument("data", nargs="+", type=Path, help="zip files or folders: UTKFace, or photos with labels.csv")
    parser.add_argument("--out", type=Path, required=True, help="folder for crops.npy and index.csv")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    try:
        listing = list_samples(options.data)
        for name, reason in listing.skipped:
            print(f"skipped {name}: {reason}")
        made = make_crops(listing.samples, options.out, options.threads)
    except AppError as error:
        print(error, file=sys.stderr)
        return 1
    for name, reason in made.left_out:
        print(f"left out {name}: {reason}")
    print(
        f"{made.count} crops in {options.out}, {made.usual} of them cut at the usual place since no face was found; "
        f"{len(made.left_out)} pictures left out; {len(listing.skipped)} labels skipped"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
