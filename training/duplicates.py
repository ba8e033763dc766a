"""Copies of one photograph under several names: `python -m training.duplicates DATA… --out corrections.csv`.

Web collections hold the same picture many times, and often with different ages. Where copies disagree, training uses the mean of
their labels, and every split keeps copies on one side.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline.errors import AppError
from pipeline.types import Float32Array, UInt8Array
from training.crops import CROPS_FILE, Crops
from training.data import Pictures, Sample
from training.files import keep_array, kept_array, whole_text
from training.labels import list_samples

THUMBNAIL_PX = 16
MIDDLE = 0.6
"""Part of the picture's side that is compared: copies differ most at their borders."""

SAME_PHOTO = 0.985
"""Cosine of two thumbnails above which they show one photograph."""

NEARLY_SAME = 0.97
"""The same for crops of two sets, whose alignments differ a little: of 11 such pairs of held-back and other crops (UTKFace,
All-Age-Faces, FairFace) all were copies; below 0.96 most are not."""

BLOCK = 1024
"""Rows compared at a time: 80 MB for twenty thousand pictures."""


def thumbnail(picture: UInt8Array) -> Float32Array:
    """(H, W, 3) uint8 → (256,) float32 of length 1: the middle, grey, 16×16, free of its mean. All 0 for a plain picture."""
    height, width = picture.shape[:2]
    y, x = round(height * (1 - MIDDLE) / 2), round(width * (1 - MIDDLE) / 2)
    grey = cv2.cvtColor(picture[y : height - y, x : width - x], cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    small -= small.mean()
    length = float(np.linalg.norm(small))
    return np.asarray(small / length if length > 0 else small, np.float32)


def thumbnails(pictures: Iterable[UInt8Array]) -> Float32Array:
    """(n, 256) float32."""
    return np.stack([thumbnail(picture) for picture in pictures])


THUMBNAILS_FILE = "thumbnails.npy"
"""Beside the crops, and as new: (n, 256) float32."""


def crop_thumbnails(crops: Crops) -> Float32Array:
    """(n, 256) float32 of a folder of crops; kept beside them where that can be written."""
    path, source = crops.folder / THUMBNAILS_FILE, crops.folder / CROPS_FILE
    kept = kept_array(path, source, (len(crops), THUMBNAIL_PX**2), np.float32)
    if kept is not None:
        return kept
    found = thumbnails(np.asarray(crops.pixels[row], np.uint8) for row in range(len(crops)))
    keep_array(path, found)
    return found


def same_photo(thumbs: Float32Array) -> NDArray[np.int64]:
    """(k, 2) pairs of rows that show the same photograph, the first below the second."""
    pairs = []
    for first in range(0, len(thumbs), BLOCK):
        left, right = np.nonzero(thumbs[first : first + BLOCK] @ thumbs[first:].T > SAME_PHOTO)
        above = left < right
        pairs.append(np.stack([left[above], right[above]], axis=1) + first)
    return np.concatenate(pairs).astype(np.int64) if pairs else np.zeros((0, 2), np.int64)


def copies_of(thumbs: Float32Array, others: Float32Array) -> NDArray[np.bool_]:
    """(n,) which of n thumbnails show a photograph that is among the m others too, with a doubt: NEARLY_SAME."""
    found = np.zeros(len(thumbs), np.bool_)
    for first in range(0, len(thumbs), BLOCK):
        found[first : first + BLOCK] = (thumbs[first : first + BLOCK] @ others.T > NEARLY_SAME).any(axis=1)
    return found


def groups(count: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """(count,) group of each row; rows that a chain of pairs joins share theirs."""
    links = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return np.asarray(connected_components(links, directed=False)[1], np.int64)


def corrections(samples: Sequence[Sample], group: NDArray[np.int64]) -> dict[str, float]:
    """Name → mean label of its copies, for every picture that has a copy with another label. Exact labels only."""
    members: dict[int, list[Sample]] = {}
    for sample, number in zip(samples, group.tolist(), strict=True):
        if sample.low == sample.high:
            members.setdefault(number, []).append(sample)
    return {
        sample.name: float(np.mean([copy.age for copy in copies]))
        for copies in members.values()
        if len({copy.age for copy in copies}) > 1
        for sample in copies
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.duplicates", description="Copies with contradicting labels.")
    parser.add_argument("data", nargs="+", type=Path, help="zip files or folders: UTKFace, or photos with labels.csv")
    parser.add_argument("--out", type=Path, required=True, help="corrections file: name,age")
    options = parser.parse_args(arguments)
    try:
        samples = list_samples(options.data).samples
        with Pictures() as pictures:
            pairs = same_photo(thumbnails(pictures.read(sample) for sample in samples))
        found = corrections(samples, groups(len(samples), pairs))
        _write(options.out, found)
    except AppError as error:
        print(error, file=sys.stderr)
        return 1
    differing = [abs(samples[a].age - samples[b].age) for a, b in pairs if samples[a].age != samples[b].age]
    far = sum(years >= 5 for years in differing)
    print(f"{len(pairs)} pairs of copies, {len(differing)} with different ages, {far} by five years or more")
    print(f"{len(found)} labels in {options.out}")
    return 0


def _write(path: Path, found: dict[str, float]) -> None:
    with whole_text(path) as file:
        writer = csv.writer(file)
        writer.writerow(("name", "age"))
        writer.writerows((name, f"{age:.2f}") for name, age in sorted(found.items()))


if __name__ == "__main__":
    sys.exit(main())
