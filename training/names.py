"""Labels in file names: UTKFace's, and a person's day of birth with the year of the photograph as in IMDB-WIKI."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

OLDEST = 120
"""Labels above this are slips of the keyboard: nobody in the data can be that old."""

_PICTURE = r"\.?(?:jpe?g|png|webp|bmp)"
_UTKFACE = re.compile(
    rf"(?P<age>\d{{1,3}})_(?P<gender>[01])_(?P<ethnicity>[0-4])_(?P<date>\d+) ?{_PICTURE}(\.chip\.jpg)?", re.IGNORECASE
)
_DAY = r"\d{4}-\d{1,2}-\d{1,2}"
_BIRTH = re.compile(rf"(?P<person>[^_]+)_(?:.+_)?(?P<birth>{_DAY})_(?P<taken>{_DAY}|\d{{4}}){_PICTURE}", re.IGNORECASE)

_MIDDLE_MONTH, _MIDDLE_DAY = 7, 1
"""When a photograph was taken of which only the year is known: the middle of the year, as IMDB-WIKI takes it."""


@dataclass(frozen=True, slots=True)
class NameLabel:
    """What a name says.

    Attributes:
        age: completed years.
        male: None where the name does not say it.
        person: who it is, the same in all names of one person; None where the name does not say it.
        chip: whether pictures of such names are cut tightly around the face.
    """

    age: int
    male: bool | None
    person: str | None
    chip: bool


def parse_name(name: str) -> NameLabel | str:
    """The label in a file's name, or why there is none.

    `[age]_[gender]_[ethnicity]_[date].jpg` (gender 0 male, 1 female; Z. Zhang et al., UTKFace), or
    `[person]_[day of birth]_[year of the photo].jpg` (R. Rothe et al., IMDB-WIKI): days as 1924-11-20, with 00 for what is not
    known; the photo's date may be a full day too.
    """
    if match := _UTKFACE.fullmatch(name):
        age = int(match["age"])
        return NameLabel(age, match["gender"] == "0", None, True) if age <= OLDEST else f"age {age} is above {OLDEST}"
    if match := _BIRTH.fullmatch(name):
        age_or_reason = age_at(match["birth"], match["taken"])
        if isinstance(age_or_reason, str):
            return age_or_reason
        return NameLabel(age_or_reason, None, f"{match['person']}_{match['birth']}", False)
    return "the name is not [age]_[gender]_[ethnicity]_[date].jpg, nor [person]_[birth as 1924-11-20]_[year of the photo].jpg"


def age_at(birth: str, taken: str) -> int | str:
    """Completed years of somebody born on one day in a photograph of another, or why that cannot be.

    Args:
        birth: year-month-day; month and day are 0 where unknown.
        taken: the same, or a year alone: then the middle of that year.
    """
    days = []
    for text in (birth, taken):
        year, month, day = ([int(part) for part in text.split("-")] + [0, 0])[:3]
        try:
            date(year, month or 1, day or 1)
        except ValueError:
            return f"{text} is no day"
        days.append((year, month, day))
    (born_year, born_month, born_day), (year, month, day) = days
    age = year - born_year
    # Without the month of birth, the difference of the years is the likeliest age in the middle of the year.
    if born_month and (month or _MIDDLE_MONTH, day or _MIDDLE_DAY) < (born_month, born_day or 1):
        age -= 1
    if not 0 <= age <= OLDEST:
        return f"an age of {age} is impossible: born {birth}, photographed {taken}"
    return age
