"""Several sets of crops as one, and which of them a pass over the data sees how often."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from pipeline.errors import SourceError
from pipeline.types import AGE_BINS, Float32Array, Float64Array, UInt8Array
from training.crops import Crops, load_crops
from training.data import read_names
from training.duplicates import copies_of, crop_thumbnails
from training.names import OLDEST

DENSITY_SIGMA = 2.0
"""Years: the histogram's own spikes at round ages are no reason to see their neighbours more often."""

OPEN_RANGE = 15
"""Years over which an open range such as 70+ is taken to spread."""


@dataclass(frozen=True, slots=True)
class Mix:
    """The crops of one or several folders, row after row.

    Attributes:
        sets: the folders' crops.
        titles: the folders' names.
        part: (n,) which of the sets a row is from.
        names, age, male, low, high: (n,) as in `Crops`.
    """

    sets: tuple[Crops, ...]
    titles: tuple[str, ...]
    part: NDArray[np.int64]
    names: NDArray[np.str_]
    age: Float32Array
    male: Float32Array
    low: Float32Array
    high: Float32Array

    def __len__(self) -> int:
        return len(self.names)

    def pixels(self, row: int) -> UInt8Array:
        """(208, 208, 3) uint8 RGB."""
        part = int(self.part[row])
        first = sum(len(crops) for crops in self.sets[:part])
        return np.asarray(self.sets[part].pixels[row - first], np.uint8)


def load_mix(folders: Sequence[Path]) -> Mix:
    """The crops of all folders.

    Raises:
        SourceError: a folder is incomplete, or a name is in two of them, so that no list could tell them apart.
    """
    sets = tuple(load_crops(folder) for folder in folders)
    names = np.concatenate([crops.names for crops in sets])
    known, counts = np.unique(names, return_counts=True)
    if (counts > 1).any():
        raise SourceError(
            f"{int((counts > 1).sum())} names are twice in the crops, {known[counts > 1][0]} for one",
            "Give each set once; rename the files of sets that share names.",
        )
    return Mix(
        sets,
        tuple(folder.name for folder in folders),
        np.concatenate([np.full(len(crops), i) for i, crops in enumerate(sets)]),
        names,
        np.concatenate([crops.age for crops in sets]),
        np.concatenate([crops.male for crops in sets]),
        np.concatenate([crops.low for crops in sets]),
        np.concatenate([crops.high for crops in sets]),
    )


def split_rows(mix: Mix, val_lists: Sequence[Path]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows to train on and rows to validate on. Copies of validation pictures, in whichever set, are in neither.

    Raises:
        SourceError: a list cannot be read, names pictures that have no crop, or leaves none to train on.
    """
    held_back = np.zeros(len(mix), np.bool_)
    for path in val_lists:
        names = read_names(path)
        listed = np.isin(mix.names, sorted(names))
        if listed.sum() != len(names):
            raise SourceError(
                f"{len(names) - int(listed.sum())} pictures of {path} have no crop", "Make the crops of all data files."
            )
        held_back |= listed
    train_rows, val_rows = np.flatnonzero(~held_back), np.flatnonzero(held_back)
    if len(train_rows) and len(val_rows):
        thumbs = np.concatenate([crop_thumbnails(crops) for crops in mix.sets])
        leaks = copies_of(thumbs[train_rows], thumbs[val_rows])
        if leaks.any():
            print(f"{int(leaks.sum())} crops are copies of validation pictures and left out of training")
        train_rows = train_rows[~leaks]
    if not len(train_rows):
        raise SourceError("the lists leave no picture to train on", "Give lists that hold back a part of the crops.")
    return train_rows, val_rows


def corrected(mix: Mix, path: Path, rows: NDArray[np.int64]) -> tuple[Mix, NDArray[np.int64]]:
    """The mix with the labels of a corrections file in the given rows, and the rows that remain.

    Raises:
        SourceError: the file cannot be read, or names not one of the pictures.
    """
    ages = read_corrections(path)
    if ages and not np.isin(mix.names, sorted(ages)).any():
        raise SourceError(
            f"the corrections {path} name none of the pictures, {min(ages)} for one", "Give the corrections of these very sets."
        )
    age, low, high = mix.age.copy(), mix.low.copy(), mix.high.copy()
    kept = []
    for row in rows:
        years = ages.get(str(mix.names[row]))
        if years is not None and not math.isnan(years):
            age[row] = low[row] = high[row] = years
        if years is None or not math.isnan(years):
            kept.append(row)
    return replace(mix, age=age, low=low, high=high), np.array(kept, np.int64)


def read_corrections(path: Path) -> dict[str, float]:
    """Name → age in years, NaN for a picture to leave out.

    Args:
        path: with the columns `name,age`, as `training.duplicates` and `training.explore` write it; empty ages leave out.

    Raises:
        SourceError: it cannot be read, lacks a column, or holds what is no age.
    """
    hint = "Give a file with the columns name,age, such as the corrections.csv of training.explore."
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows, columns = list(reader), reader.fieldnames or ()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"the corrections {path} cannot be read: {error}", hint) from error
    missing = [column for column in ("name", "age") if column not in columns]
    if missing:
        raise SourceError(f"the corrections {path} have no column {' or '.join(missing)}", hint)
    ages: dict[str, float] = {}
    for row in rows:
        name, text = row["name"], row["age"]
        try:
            ages[name] = float(text) if text else math.nan
        except ValueError:
            ages[name] = math.inf
        if text is None or not (text == "" or 0 <= ages[name] <= OLDEST):
            raise SourceError(f'the corrections {path}: the age of {name} is "{text or ""}", none from 0 to {OLDEST}', hint)
    return ages


def sampling_weights(mix: Mix, rows: NDArray[np.int64], by_set: Sequence[float], cap: float) -> Float64Array:
    """How often each of the rows is to be seen, relative to each other.

    Rare ages are seen more often, as one over the square root of their density (a compromise between the data's ages and
    all ages alike), `cap` times as often as the commonest age at most; 1 leaves the data's ages.

    Args:
        by_set: a factor for each set.

    Raises:
        SourceError: a set has no row left to train on.
    """
    present = np.bincount(mix.part[rows], minlength=len(mix.sets))
    if not present.all():
        empty = mix.titles[int(present.argmin())]
        raise SourceError(
            f"of the set {empty} no picture is left to train on", "Leave the set out, or hold back and correct away fewer."
        )
    weights = np.asarray(by_set, np.float64)[mix.part[rows]]
    low = mix.low[rows].round().astype(int).clip(0, AGE_BINS - 1)
    high = np.minimum(mix.high[rows], np.where(mix.high[rows] >= AGE_BINS, low + OPEN_RANGE, AGE_BINS))
    high = np.maximum(high.round().astype(int).clip(0, AGE_BINS - 1), low)
    # Each label spreads its weight evenly over its range: +share where it begins, −share after its end, summed up.
    steps = np.zeros(AGE_BINS + 1)
    np.add.at(steps, low, weights / (high - low + 1))
    np.add.at(steps, high + 1, -weights / (high - low + 1))
    density = gaussian_filter1d(np.cumsum(steps)[:AGE_BINS], DENSITY_SIGMA, mode="nearest")
    upto = np.concatenate([[0.0], np.cumsum(density)])
    at_label = (upto[high + 1] - upto[low]) / (high - low + 1)
    return np.asarray(weights * np.minimum(cap, np.sqrt(density.max() / at_label)), np.float64)


def draw(rows: NDArray[np.int64], weights: Float64Array, rng: np.random.Generator) -> NDArray[np.int64]:
    """One pass: as many rows as there are, in random order, each as often as its weight says.

    Systematic sampling: the number of times differs from the expected one by less than one, so that with equal weights every
    row is drawn exactly once.
    """
    expected = weights * (len(rows) / weights.sum())
    ends = np.floor(np.cumsum(expected) + rng.random() * (1 - 1e-6) + 1e-7)
    times = np.diff(ends, prepend=0.0).astype(int)
    return rng.permutation(np.repeat(rows, times))
