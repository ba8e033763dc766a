"""From labelled raw pictures to aligned crops for measuring, by the program's own detector: located once, cropped often."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath
from typing import Protocol

import numpy as np

from engines.align import CROP_PX, align, similarity
from pipeline.errors import SourceError
from pipeline.types import AgeEstimate, Float32Array, UInt8Array
from training.crops import Scanner, chip_detector, find_landmarks, usual_landmarks
from training.data import Pictures, Sample
from training.webcam import Webcam

BATCH = 16
"""Crops to estimate at once."""

UTKFACE_GROUPS = ("White", "Black", "Asian", "Indian", "other")
"""What the third number in UTKFace's file names stands for."""

_UTKFACE_NUMBERS = 4


class CropEngine(Protocol):
    """The part of the age engine that measuring needs."""

    def estimate_crops(self, crops: UInt8Array) -> list[AgeEstimate]:
        """One estimate for each of (n, 160, 160, 3) uint8 RGB aligned crops."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """Pictures whose faces were looked for.

    Attributes:
        samples: those that could be read.
        landmarks: (5, 2) pixels of the picture for each of them; the usual place for tight chips in which none was found, None
            for other photos without a face.
        found: whether the detector found a face.
        unreadable: name and reason of damaged pictures.
    """

    samples: tuple[Sample, ...]
    landmarks: tuple[Float32Array | None, ...]
    found: tuple[bool, ...]
    unreadable: tuple[tuple[str, str], ...] = ()

    @property
    def missed(self) -> int:
        """Number of pictures in which no face was found, chips among them."""
        return self.found.count(False)

    @property
    def sides_px(self) -> list[float]:
        """Side of each aligned crop in pixels of its picture, NaN where there is none."""
        return [float("nan") if points is None else side_px(points) for points in self.landmarks]

    def of(self, keep: Sequence[bool]) -> Located:
        """Some of the samples."""
        rows = [row for row, kept in enumerate(keep) if kept]
        return Located(
            tuple(self.samples[row] for row in rows),
            tuple(self.landmarks[row] for row in rows),
            tuple(self.found[row] for row in rows),
            self.unreadable,
        )


def side_px(landmarks: Float32Array) -> float:
    """Side of the aligned crop in pixels of the picture: how large the face is."""
    matrix = similarity(landmarks)
    return CROP_PX / float(np.hypot(matrix[0, 0], matrix[1, 0]))


def group_of(sample: Sample) -> str:
    """The group that UTKFace's name puts a person into, for finding out whom a model serves badly; "" for other data."""
    parts = PurePosixPath(sample.name).name.split("_")
    known = sample.chip and len(parts) == _UTKFACE_NUMBERS and parts[2].isdigit() and int(parts[2]) < len(UTKFACE_GROUPS)
    return UTKFACE_GROUPS[int(parts[2])] if known else ""


def locate(samples: Sequence[Sample], threads: int = 2, detector: Scanner | None = None) -> Located:
    """Finds the labelled face of each picture.

    Args:
        detector: in place of the program's own, one for each thread.

    Raises:
        SourceError: not one picture can be read, or not one of them shows a face.
    """
    points: list[Float32Array | None] = [None] * len(samples)
    found = [False] * len(samples)
    reasons: dict[int, str] = {}

    def work(first: int) -> None:
        own = detector or chip_detector()
        with Pictures() as pictures:
            for i in range(first, len(samples), threads):
                try:
                    picture = pictures.read(samples[i])
                except SourceError as error:
                    reasons[i] = error.message
                    continue
                at = find_landmarks(own, samples[i], picture)
                found[i] = at is not None
                points[i] = usual_landmarks(picture) if at is None and samples[i].chip else at

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))
    read = [i for i in range(len(samples)) if i not in reasons]
    unreadable = tuple((samples[i].name, reasons[i]) for i in sorted(reasons))
    if not read:
        raise SourceError(
            f"not one of {len(samples)} pictures can be read; {unreadable[0][1]}" if unreadable else "there is no picture",
            "Check the files after --data.",
        )
    if all(points[i] is None for i in read):
        raise SourceError("no face was found in any of the pictures", "Check that they are photos of faces.")
    return Located(tuple(samples[i] for i in read), tuple(points[i] for i in read), tuple(found[i] for i in read), unreadable)


def crops_of(
    located: Located, webcam: Webcam | None = None, size: int = CROP_PX, margin: float = 0.0
) -> Iterator[tuple[int, UInt8Array]]:
    """Row and aligned crop, (size, size, 3) uint8 RGB, of every picture with a face.

    Args:
        webcam: what the pictures are made into before they are cropped.
        size, margin: as in `engines.align`.
    """
    with Pictures() as pictures:
        for row, (sample, points) in enumerate(zip(located.samples, located.landmarks, strict=True)):
            if points is None:
                continue
            picture, at = pictures.read(sample), points
            if webcam is not None:
                picture, at = webcam.shoot(picture, at)
            yield row, align(picture, at, size, margin)[:, :, ::-1]


def estimate(engine: CropEngine, located: Located, webcam: Webcam | None = None) -> list[AgeEstimate | None]:
    """One estimate for each located picture, None for photos in which no face was found."""
    found: list[AgeEstimate | None] = [None] * len(located.samples)
    crops = crops_of(located, webcam)
    while some := list(islice(crops, BATCH)):
        estimates = engine.estimate_crops(np.stack([crop for _, crop in some]))
        for (row, _), one in zip(some, estimates, strict=True):
            found[row] = one
    return found
