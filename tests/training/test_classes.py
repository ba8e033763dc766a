"""Classes that there is nothing of: refused where they are needed, told where they are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import SettingsError
from tests.training.test_mix import write_set
from training.classes import check_classes
from training.mix import load_mix


def notes(folder: Path, rows: list[str], val: int, head: str = "distribution", gender: bool = True) -> list[str]:
    """Of crops with these labels, of which the last ones are validated on."""
    mix = load_mix([write_set(folder, [f"{i}.jpg,{row}" for i, row in enumerate(rows)])])
    every = np.arange(len(rows))
    assert head in ("distribution", "classes")
    return check_classes(mix, every[:-val], every[-val:], "classes" if head == "classes" else "distribution", gender)


@pytest.mark.parametrize(("male", "use", "whom"), [("111101", "train", "women"), ("010100", "validate", "men"), ("01", "", "")])
def test_both_genders_are_needed(tmp_path: Path, male: str, use: str, whom: str) -> None:
    rows = [f"{10 * i},{one},1,{10 * i},{10 * i}" for i, one in enumerate(male * (3 if len(male) == 2 else 1))]
    if use:
        with pytest.raises(SettingsError, match=rf"crops to {use} on is labelled as showing {whom}"):
            notes(tmp_path / "crops", rows, 2)
        assert notes(tmp_path / "again", rows, 2, gender=False)
    else:
        assert notes(tmp_path / "crops", rows, 2)


def test_empty_decades_are_told(tmp_path: Path) -> None:
    rows = ["5,0,1,5,5", "15,1,1,15,15", "45,0,1,20,79", "100,1,1,90,120", "5,0,1,5,5", "35,1,1,35,35"]
    assert notes(tmp_path / "crops", rows, 2) == [
        "no crop to train on of ages 80-89: estimates there will be guesses",
        "no crop to validate on of ages 10-19, 20-29, 40-49, 50-59, 60-69, 70-79, 80-89, 90+: not judged",
    ]
    full = [f"{age},{age % 20 // 10},1,{age},{age}" for age in range(5, 100, 10)]
    assert notes(tmp_path / "full", full + full, len(full)) == []


def test_classes_that_are_never_seen_cannot_be_validated_on(tmp_path: Path) -> None:
    rows = ["5,0,1,5,5", "15,1,1,15,15", "5,0,1,5,5", "95,1,1,95,95"]
    assert len(notes(tmp_path / "crops", rows, 2)) == 2
    with pytest.raises(SettingsError, match=r"of ages 90\+ there is not one crop to train on, but some to validate on"):
        notes(tmp_path / "again", rows, 2, head="classes")
