"""Whether labelled pictures hold something of each class: of both genders, and of every decade of age."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import SettingsError
from training.figures import LAST_DECADE, decade_name
from training.mix import Mix
from training.spec import Head


def check_classes(mix: Mix, train_rows: NDArray[np.int64], val_rows: NDArray[np.int64], head: Head, gender: bool) -> list[str]:
    """Makes sure that nothing is asked of a run that its pictures cannot teach or judge.

    Args:
        train_rows, val_rows: rows of the mix to train and to validate on.
        gender: whether genders are learnt.

    Returns:
        What is missing and does no more harm than to be worth knowing, in words.

    Raises:
        SettingsError: genders are learnt, and one of them is not there to train or to validate on; or the head learns classes,
            and some are validated on that are not there to train on.
    """
    for rows, use in ((train_rows, "train"), (val_rows, "validate")):
        for label, whom in ((1, "men"), (0, "women")):
            if gender and not (mix.male[rows] == label).any():
                raise SettingsError(
                    f"not one of {len(rows)} crops to {use} on is labelled as showing {whom}",
                    "Leave genders out with --no-gender, or choose other pictures to validate on.",
                )
    seen, judged = decades_of(mix, train_rows), decades_of(mix, val_rows)
    if head == "classes" and judged - seen:
        raise SettingsError(
            f"of ages {in_words(judged - seen)} there is not one crop to train on, but some to validate on",
            "Classes that are never seen cannot be learnt: choose --head distribution, or other pictures to validate on.",
        )
    every = set(range(LAST_DECADE + 1))
    lines = [f"no crop to train on of ages {in_words(every - seen)}: estimates there will be guesses"] if every - seen else []
    return lines + ([f"no crop to validate on of ages {in_words(every - judged)}: not judged"] if every - judged else [])


def decades_of(mix: Mix, rows: NDArray[np.int64]) -> set[int]:
    """The decades of age that the labels of some rows reach into; 9 stands for 90 and above."""
    first, last = (np.minimum(ends[rows] // 10, LAST_DECADE).astype(int) for ends in (mix.low, mix.high))
    return {decade for low, high in set(zip(first.tolist(), last.tolist(), strict=True)) for decade in range(low, high + 1)}


def in_words(decades: set[int]) -> str:
    """ "80-89, 90+"."""
    return ", ".join(decade_name(decade) for decade in sorted(decades))
