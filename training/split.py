"""Divides sets of crops.

`python -m training.split CROPS --part 0.1 --out FILE` holds back a part of one set, by a hash of the names, so that the list is
the same on every machine and stays when pictures are added.

`python -m training.split CROPS… --val 0.1 --test 0.1 --out FOLDER` makes three lists, train.txt, val.txt and test.txt, with the
same ages in each (stratified), and split.png with their histograms beside each other.

Copies of one photograph stay together, and so do, in three lists, all pictures of one person where the data tell persons.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import AppError, SettingsError, SourceError
from training.crops import Crops, load_crops
from training.duplicates import crop_thumbnails, groups, same_photo
from training.explore_plots import beside_plot
from training.files import whole_text, write_together
from training.mix import load_mix

PARTS = ("train", "val", "test")

STRATUM_YEARS = 5
"""Ages within which a part has its share."""


def held_back(names: Sequence[str], group: NDArray[np.int64], part: float) -> list[str]:
    """The names to hold back, sorted; a group goes where its alphabetically first name falls."""
    first: dict[int, str] = {}
    for name, number in sorted(zip(names, group.tolist(), strict=True)):
        first.setdefault(number, name)
    return sorted(name for name, number in zip(names, group.tolist(), strict=True) if position_of(first[number]) < part)


def position_of(name: str) -> float:
    """A place in 0 … 1 that depends on nothing but the name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64


def stratified(names: Sequence[str], ages: Sequence[float], group: NDArray[np.int64], parts: Sequence[float]) -> list[list[str]]:
    """Divides the names so that each part has the same ages; a group goes to one part.

    Groups are put in order of their mean age, in steps of STRATUM_YEARS, and within a step of a hash of their first names; every
    group goes to the part that lags most behind its share so far. Nothing is drawn at random.

    Args:
        parts: shares of the parts; their sum is 1.

    Returns:
        The names of each part, sorted.
    """
    members: dict[int, list[int]] = {}
    for row, number in enumerate(group.tolist()):
        members.setdefault(number, []).append(row)
    keyed = []
    for rows in members.values():
        first = min(names[row] for row in rows)
        keyed.append((int(np.mean([ages[row] for row in rows]) // STRATUM_YEARS), position_of(first), first, rows))
    shares = np.asarray(parts, np.float64)
    counts = np.zeros(len(shares))
    found: list[list[str]] = [[] for _ in shares]
    for _, _, _, rows in sorted(keyed):
        lag = shares * (counts.sum() + len(rows)) - counts
        part = int(np.argmax(lag))
        counts[part] += len(rows)
        found[part] += [names[row] for row in rows]
    return [sorted(part) for part in found]


def together(sets: Sequence[Crops]) -> NDArray[np.int64]:
    """(n,) group of each crop of all sets: copies of one photograph, in whichever set, share theirs, and so do persons."""
    pairs = [same_photo(np.concatenate([crop_thumbnails(crops) for crops in sets]))]
    rows: dict[tuple[int, str], int] = {}
    row = 0
    for number, crops in enumerate(sets):
        for person in crops.person.tolist():
            if person:
                first = rows.setdefault((number, person), row)
                pairs.append(np.array([[first, row]], np.int64))
            row += 1
    return groups(row, np.concatenate(pairs))


def divide(folders: Sequence[Path], val: float, test: float, out: Path) -> dict[str, int]:
    """Writes train.txt, val.txt, test.txt and split.png into a folder.

    Returns:
        How many pictures each list has.

    Raises:
        OutputError: the folder cannot be written.
        SettingsError: the parts leave nothing to train on.
        SourceError: crops cannot be read, or are too few for three parts.
    """
    if not (val > 0 and test >= 0 and val + test < 1):
        raise SettingsError(f"--val {val} and --test {test} are no parts", "Give parts such as 0.1 whose sum is below 1.")
    mix = load_mix(folders)
    lists = stratified(mix.names.tolist(), mix.age.tolist(), together(mix.sets), (1 - val - test, val, test))
    names = dict(zip(PARTS, lists, strict=True))
    if not test:
        del names["test"]
    for part, some in names.items():
        if not some:
            raise SourceError(f"of {len(mix)} pictures none is left for {part}", "Give more pictures, or larger parts.")
    ages = dict(zip(mix.names.tolist(), mix.age.tolist(), strict=True))
    drawing = beside_plot({part: np.array([ages[name] for name in some]) for part, some in names.items()})
    contents = {out / f"{part}.txt": "\n".join([*some, ""]).encode() for part, some in names.items()}
    write_together({**contents, out / "split.png": drawing})
    return {part: len(some) for part, some in names.items()}


def hold_back(folder: Path, part: float, out: Path) -> str:
    """Writes one list, by the hash of the names; what was done, in words."""
    if not 0 < part < 1:
        raise SettingsError(f"--part is {part}", "Give a part between 0 and 1, such as 0.1.")
    crops = load_crops(folder)
    pairs = same_photo(crop_thumbnails(crops))
    names = held_back(crops.names.tolist(), groups(len(crops), pairs), part)
    with whole_text(out, "Choose another file with --out.") as file:
        file.write("\n".join([*names, ""]))
    return f"{len(names)} of {len(crops)} held back in {out}; {len(pairs)} pairs of copies kept together"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.split", description="Divides sets of crops.")
    parser.add_argument("crops", type=Path, nargs="+", help="folders made by training.crops")
    parser.add_argument("--part", type=float, default=0.1, help="of one set, to hold back in one list, 0 … 1")
    parser.add_argument("--val", type=float, help="part to validate on: makes three lists with the same ages")
    parser.add_argument("--test", type=float, default=0.1, help="with --val: part to test on")
    parser.add_argument("--out", type=Path, required=True, help="list of names, one a line; with --val, a folder")
    options = parser.parse_args(arguments)
    try:
        if options.val is not None:
            counts = divide(options.crops, options.val, options.test, options.out)
            print(f"{', '.join(f'{part} {count}' for part, count in counts.items())}: lists and split.png in {options.out}")
        elif len(options.crops) > 1:
            raise SettingsError("one list is of one set", "Give one folder, or --val for lists of all sets together.")
        else:
            print(hold_back(options.crops[0], options.part, options.out))
    except AppError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
