"""What is written about faces and persons, the same in the picture and in the list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtGui import QColor

from pipeline.labels import Extras, LabelHysteresis, color_rgb
from pipeline.settings import ViewSettings
from pipeline.types import AgeBelief, Face


class Labelling:
    """Texts and colours; holds what keeps the numbers from flickering, so there is one per run.

    Args:
        view: whether labels tell the gender.

    Attributes:
        extras: what labels in the picture say besides the age.
        name_of: the user's name for a person, None where there is none.
    """

    def __init__(self, view: ViewSettings) -> None:
        self._labels = LabelHysteresis()
        self.extras = Extras(gender=view.show_gender)
        self.name_of: Callable[[int], str | None] = self._nameless

    @staticmethod
    def _nameless(_person: int) -> str | None:
        return None

    def show_as(self, view: ViewSettings) -> None:
        """Other choices; they count from the next label on."""
        self.extras = replace(self.extras, gender=view.show_gender)

    def add(self, extras: Extras) -> None:
        """What labels in the picture say besides the age, from the next one on."""
        self.extras = extras

    @property
    def shown(self) -> LabelHysteresis:
        """The numbers that labels show at the moment, for labels elsewhere that are to begin with the same."""
        return self._labels.copy()

    def restart(self) -> None:
        """Forgets everybody: another run begins."""
        self._labels = LabelHysteresis()

    def face_text(self, face: Face) -> str:
        """The label of a face in the picture."""
        return self._labels.full_text(face, self.name_of(face.person), self.extras)

    def age_text(self, person: int, belief: AgeBelief | None) -> str:
        """A person's age in the list."""
        return self._labels.age_text(person, belief)


def person_color(person: int) -> QColor:
    """A person's colour, everywhere."""
    return QColor(*color_rgb(person))
