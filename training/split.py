"""Holds back part of a set of crops: `python -m training.split CROPS --part 0.1 --out FILE`.

By a hash of the names, so that the list is the same on every machine and stays when pictures are added. Copies of one photograph
stay together.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import AppError, OutputError, SettingsError
from training.crops import load_crops
from training.duplicates import groups, same_photo, thumbnails


def held_back(names: Sequence[str], group: NDArray[np.int64], part: float) -> list[str]:
    """The names to hold back, sorted; a group goes where its alphabetically first name falls."""
    first: dict[int, str] = {}
    for name, number in sorted(zip(names, group.tolist(), strict=True)):
        first.setdefault(number, name)
    return sorted(name for name, number in zip(names, group.tolist(), strict=True) if _position(first[number]) < part)


def _position(name: str) -> float:
    """A place in 0 … 1 that depends on nothing but the name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.split", description="Holds back part of a set of crops.")
    parser.add_argument("crops", type=Path, help="folder made by training.crops")
    parser.add_argument("--part", type=float, default=0.1, help="to hold back, 0 … 1")
    parser.add_argument("--out", type=Path, required=True, help="list of names, one a line")
    options = parser.parse_args(arguments)
    try:
        if not 0 < options.part < 1:
            raise SettingsError(f"--part is {options.part}", "Give a part between 0 and 1, such as 0.1.")
        crops = load_crops(options.crops)
        pairs = same_photo(thumbnails(crops.pixels[row] for row in range(len(crops))))
        names = held_back(crops.names.tolist(), groups(len(crops), pairs), options.part)
        try:
            options.out.write_text("\n".join([*names, ""]), encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{options.out} cannot be written: {error}", "Choose another file with --out.") from error
    except AppError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(names)} of {len(crops)} held back in {options.out}; {len(pairs)} pairs of copies kept together")
    return 0


if __name__ == "__main__":
    sys.exit(main())
