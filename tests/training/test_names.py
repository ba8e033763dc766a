"""Labels in names: UTKFace's, and day of birth with year of the photo; what cannot be is refused with its reason."""

from __future__ import annotations

import pytest

from training.names import NameLabel, age_at, parse_name


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("34_1_2_20170112213500903.jpg.chip.jpg", NameLabel(34, False, None, True)),
        ("0_0_4_2017.JPG", NameLabel(0, True, None, True)),
        ("3999_1924-11-20_2010.jpg", NameLabel(85, None, "3999_1924-11-20", False)),
        ("nm0000001_rm124825600_1899-5-10_1968.jpg", NameLabel(69, None, "nm0000001_1899-5-10", False)),
        ("17_1990-00-00_2010.png", NameLabel(20, None, "17_1990-00-00", False)),
    ],
)
def test_names_with_labels(name: str, label: NameLabel) -> None:
    assert parse_name(name) == label


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("holiday.jpg", "the name is not"),
        ("39_1_20170116174525125.jpg.chip.jpg", "the name is not"),
        ("130_1_2_2017.jpg", "age 130 is above 120"),
        ("1_2015-03-01_2010.jpg", "an age of -5 is impossible: born 2015-03-01, photographed 2010"),
        ("1_1824-11-20_2010.jpg", "an age of 185 is impossible"),
        ("1_1980-13-01_2010.jpg", "1980-13-01 is no day"),
        ("1_0000-01-01_0030.jpg", "0000-01-01 is no day"),
    ],
)
def test_names_without(name: str, reason: str) -> None:
    said = parse_name(name)
    assert isinstance(said, str)
    assert reason in said


@pytest.mark.parametrize(
    ("birth", "taken", "age"),
    [
        ("1980-06-30", "2010", 30),  # the middle of the year: the birthday has been
        ("1980-07-01", "2010", 30),
        ("1980-07-02", "2010", 29),
        ("1980-07-00", "2010", 30),  # some day in July: as if on its first
        ("1980-09-00", "2010", 29),
        ("1980-00-00", "2010", 30),
        ("1980-09-15", "2010-09-15", 30),
        ("1980-09-15", "2010-09-14", 29),
        ("2010-11-20", "2011", 0),
        ("2010-11-20", "2010", "an age of -1 is impossible: born 2010-11-20, photographed 2010"),
    ],
)
def test_ages_of_days(birth: str, taken: str, age: int | str) -> None:
    assert age_at(birth, taken) == age
