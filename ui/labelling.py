"""What is written about faces and persons, the same in the picture and in the list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtGui import QColor

from pipeline.labels import LabelHysteresis, color_rgb
from pipeline.settings import ViewSettings
from pipeline.types import AgeBelief, Face


@dataclass(frozen=True, slots=True)
class Extras:
    """What labels in the picture say besides the age."""

    reason: bool = True
    """Why little is known, where that is so."""
    raw_age: bool = False
    quality: bool = False
    track: bool = False


class Labelling:
    """Texts and colours; holds what keeps the numbers from flickering, so there is one per run.

    Args:
        view: whether labels tell the gender.

    Attributes:
        name_of: the user's name for a person, None where there is none.
    """

    def __init__(self, view: ViewSettings) -> None:
        self._view = view
        self._labels = LabelHysteresis()
        self._extras = Extras()
        self.name_of: Callable[[int], str | None] = self._nameless

    @staticmethod
    def _nameless(_person: int) -> str | None:
        return None

    def show_as(self, view: ViewSettings) -> None:
        """Other choices; they count from the next label on."""
        self._view = view

    def add(self, extras: Extras) -> None:
        """What labels in the picture say besides the age, from the next one on."""
        self._extras = extras

    def restart(self) -> None:
        """Forgets everybody: another run begins."""
        self._labels = LabelHysteresis()

    def face_text(self, face: Face) -> str:
        """The label of a face in the picture."""
        name = self.name_of(face.person)
        text = self._labels.text(face, self._view.show_gender)
        text = f"{name} {text}" if name else text
        return " · ".join([text, *self._more(face)])

    def _more(self, face: Face) -> list[str]:
        wanted, more = self._extras, []
        if wanted.reason and face.reason:
            more.append(face.reason)
        if wanted.raw_age and face.raw is not None:
            more.append(f"raw {face.raw.years:.1f}")
        if wanted.quality:
            more.append(f"q {face.quality:.2f}")
        if wanted.track:
            more.append(f"#{face.track}")
        return more

    def age_text(self, person: int, belief: AgeBelief | None) -> str:
        """A person's age in the list."""
        return self._labels.age_text(person, belief)


def person_color(person: int) -> QColor:
    """A person's colour, everywhere."""
    return QColor(*color_rgb(person))
