"""Aligned crops of a data set, made once by the program's own detector: `python -m training.crops DATA… --out FOLDER`.

The crops are stored with a margin, so that training can move, turn and scale them with real pixels at their borders.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.align import TEMPLATE, align
from engines.mtcnn import MtcnnDetector
from pipeline.errors import AppError, OutputError, SourceError
from pipeline.protocols import FaceDetector
from pipeline.types import Float32Array, UInt8Array
from training.data import Pictures, Sample, list_utkface

CROP_MARGIN = 0.15
"""Of the crop's side, on each side: room for the jitter of training."""

STORED_PX = 208
"""160 · (1 + 2 · 0.15): a stored crop shows the face at the size at which the network sees it."""

BORDER = 0.5
"""Black border around a chip before detection, of its side: UTKFace's faces fill or exceed their pictures."""

SMALLEST_FACE = 0.3
"""Of the chip's shorter side: its face is never smaller, and the scan's cost falls with the square."""

_COLUMNS = ("name", "age", "male", "found")


@dataclass(frozen=True, slots=True)
class Crops:
    """Aligned crops with labels.

    Attributes:
        pixels: (n, 208, 208, 3) uint8 RGB, margin 0.15 around the template; memory-mapped.
        names: (n,) file names of the pictures.
        age: (n,) float32 years.
        male: (n,) float32, 1 male, 0 female.
        found: (n,) bool, False where no face was found and the chip's usual landmarks were taken.
    """

    pixels: UInt8Array
    names: NDArray[np.str_]
    age: Float32Array
    male: Float32Array
    found: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.names)


def chip_landmarks(detector: FaceDetector, chip: UInt8Array) -> Float32Array | None:
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


def usual_landmarks(chip: UInt8Array) -> Float32Array:
    """Where a UTKFace chip has its landmarks: the template was measured on these very chips."""
    height, width = chip.shape[:2]
    return np.asarray(TEMPLATE * [width, height], np.float32)


def chip_detector(side_px: int = 200) -> MtcnnDetector:
    """The program's detector, set for pictures that one face fills, on one thread."""
    return MtcnnDetector.load(smallest_face_px=round(side_px * SMALLEST_FACE), threads=1)


def make_crops(samples: Sequence[Sample], out: Path, threads: int) -> int:
    """Writes `crops.npy` and `index.csv` into a folder.

    Returns:
        The number of pictures in which no face was found.

    Raises:
        OutputError: the folder cannot be written.
        SourceError: a picture cannot be read.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        shape = (len(samples), STORED_PX, STORED_PX, 3)
        pixels = np.lib.format.open_memmap(out / "crops.npy.part", mode="w+", dtype=np.uint8, shape=shape)
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error}", "Choose another folder with --out.") from error
    found = np.zeros(len(samples), np.bool_)
    began = time.perf_counter()

    def work(first: int) -> None:
        detector = chip_detector()
        with Pictures() as pictures:
            for i in range(first, len(samples), threads):
                chip = pictures.read(samples[i])
                landmarks = chip_landmarks(detector, chip)
                found[i] = landmarks is not None
                crop = align(chip, usual_landmarks(chip) if landmarks is None else landmarks, STORED_PX, CROP_MARGIN)
                pixels[i] = crop[:, :, ::-1]
                if i % 1000 == 0:
                    print(f"{i:6d}/{len(samples)}  {time.perf_counter() - began:.0f} s", flush=True)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))
    pixels.flush()
    with (out / "index.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for sample, ok in zip(samples, found, strict=True):
            writer.writerow([sample.name, sample.age, int(sample.male), int(ok)])
    (out / "crops.npy.part").replace(out / "crops.npy")
    return int((~found).sum())


def load_crops(folder: Path) -> Crops:
    """The crops of a folder that `make_crops` wrote.

    Raises:
        SourceError: the folder is incomplete or its two files do not belong together.
    """
    hint = f"Make the crops: python -m training.crops DATA --out {folder}"
    try:
        pixels: NDArray[Any] = np.load(folder / "crops.npy", mmap_mode="r", allow_pickle=False)
        with (folder / "index.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError) as error:
        raise SourceError(f"no crops can be read in {folder}: {error}", hint) from error
    if pixels.shape != (len(rows), STORED_PX, STORED_PX, 3) or pixels.dtype != np.uint8:
        raise SourceError(f"{folder}: {len(rows)} rows in index.csv, but crops.npy is {pixels.dtype} {pixels.shape}", hint)
    return Crops(
        pixels,
        np.array([row["name"] for row in rows]),
        np.array([row["age"] for row in rows], np.float32),
        np.array([row["male"] for row in rows], np.float32),
        np.array([row["found"] == "1" for row in rows]),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.crops", description="Aligned crops of UTKFace.")
    parser.add_argument("data", nargs="+", type=Path, help="zip files or folders")
    parser.add_argument("--out", type=Path, required=True, help="folder for crops.npy and index.csv")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    try:
        listing = list_utkface(options.data)
        for name, reason in listing.skipped:
            print(f"skipped {name}: {reason}")
        missed = make_crops(listing.samples, options.out, options.threads)
    except AppError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(listing.samples)} crops in {options.out}; no face found in {missed}; {len(listing.skipped)} names skipped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
