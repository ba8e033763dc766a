"""The last word on a person's age, from what the log holds: of all that belongs to the person after joins and edits.

Where the analysis looked back at whole tracks when a film had ended (`pipeline.two_sided`), its result counts: for a person as
the program saw them, or, where the user merged persons or took a track out, put together from tracks. Otherwise it is the last
age among the observations.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.store import SessionLog


class Age(NamedTuple):
    """Years with the 90 % interval, and how many effective frames are behind it (estimates, where there is no better count)."""

    years: float
    low: float
    high: float
    evidence: float


class FinalAges:
    """What stands in the table `person_ages`, read once per input."""

    def __init__(self, log: SessionLog) -> None:
        self._log = log
        self._by_input: dict[int, dict[tuple[int, int], Age]] = {}

    def of(self, input_id: int, person: int, tracks: frozenset[int]) -> Age | None:
        """The age of one person as the program saw it, by those of its tracks; None where it is not known for all of them."""
        ages = self._ages(input_id)
        own = {track for other, track in ages if other == person and track}
        if own == tracks and (person, 0) in ages:
            return ages[person, 0]
        if not tracks <= own:
            return None
        return fused([ages[person, track] for track in sorted(tracks)])

    def _ages(self, input_id: int) -> dict[tuple[int, int], Age]:
        if input_id not in self._by_input:
            found = self._log.db.rows(
                "SELECT person, track, age, low, high, evidence FROM person_ages WHERE input_id = ?", (input_id,)
            )
            self._by_input[input_id] = {(person, track): Age(*age) for person, track, *age in found}
        return self._by_input[input_id]


class AgeTally:
    """Collects what belongs to one shown person while their observations go by."""

    def __init__(self) -> None:
        self._tracks: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
        self._last: dict[tuple[int, int], Age] = {}

    def add(
        self, input_id: int, person: int, track: int, age: tuple[float | None, float | None, float | None], estimated: bool
    ) -> None:
        """One observation.

        Args:
            person: as the program sees it, without the user's edits.
            age: years, low and high up to this frame, None before the first estimate.
            estimated: whether this frame has an estimate of its own.
        """
        key = input_id, person
        self._tracks[key].add(track)
        years, low, high = age
        if years is not None and low is not None and high is not None:
            before = self._last[key].evidence if key in self._last else 0.0
            self._last[key] = Age(years, low, high, before + estimated)

    @property
    def tracks(self) -> int:
        return sum(map(len, self._tracks.values()))

    def last_word(self, finals: FinalAges) -> Age | None:
        """The age of the person; None where no frame gave any."""
        found = []
        for (input_id, person), tracks in self._tracks.items():
            age = finals.of(input_id, person, frozenset(tracks)) or self._last.get((input_id, person))
            if age is not None:
                found.append(age)
        return fused(found)


def fused(ages: Sequence[Age]) -> Age | None:
    """Several statements about one person as one, each by its evidence; None of none.

    The interval is not narrower than they are in the mean: all of them rest on one face, whose error they share.
    """
    if len(ages) <= 1:
        return ages[0] if ages else None
    evidence = sum(age.evidence for age in ages)
    weights = [age.evidence / evidence if evidence > 0 else 1 / len(ages) for age in ages]
    years, low, high = (sum(weight * age[i] for weight, age in zip(weights, ages, strict=True)) for i in range(3))
    return Age(years, low, high, evidence)
