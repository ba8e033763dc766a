"""The last word on everybody when a film has ended: ages by whole tracks and by all tracks of a person.

What the observations say stays as it was said in their frame; this goes into the persons table (see `pipeline.person_ages`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pipeline.smoothing import Look
from pipeline.types import AgeBelief, Join

MOST_LOOKS = 600
"""Per person and track; beyond, every second one is let go: half a MB."""

FinalBelief = Callable[[Sequence[Look]], AgeBelief | None]
"""What looks in order of time say together: `pipeline.smoothing.final_belief` with settings and intervals."""


@dataclass(frozen=True, slots=True)
class PersonAge:
    """The final age of a person.

    Attributes:
        track: by that track alone; 0: by all of the person's tracks.
    """

    person: int
    track: int
    belief: AgeBelief


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What is known of a film once it has ended.

    Attributes:
        joins: persons that only now were recognised as earlier ones.
        ages: of everybody whose face was estimated.
    """

    joins: tuple[Join, ...] = ()
    ages: tuple[PersonAge, ...] = ()


class Sights:
    """The looks at one person, by track. Without embeddings: those are in the gallery only."""

    __slots__ = ("_looks",)

    def __init__(self) -> None:
        self._looks: dict[int, list[Look]] = {}

    def add(self, track: int, look: Look) -> None:
        looks = self._looks.setdefault(track, [])
        looks.append(replace(look, estimate=replace(look.estimate, embedding=None)))
        if len(looks) > MOST_LOOKS:
            del looks[1::2]

    def take_in(self, other: Sights) -> None:
        """The other one's looks are at the same person."""
        for track, looks in other._looks.items():
            mine = self._looks.setdefault(track, [])
            mine.extend(looks)
            mine.sort(key=lambda look: look.time_s)

    def ages(self, person: int, final_belief: FinalBelief) -> list[PersonAge]:
        """The person's age by all tracks and by each."""
        everything = sorted((look for looks in self._looks.values() for look in looks), key=lambda look: look.time_s)
        beliefs = {0: final_belief(everything), **{track: final_belief(looks) for track, looks in self._looks.items()}}
        return [PersonAge(person, track, belief) for track, belief in beliefs.items() if belief is not None]
