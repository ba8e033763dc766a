"""Tracks → persons: who has been here before, by the face embedding of the age engine's pass.

A track is what the tracker follows. Somebody who leaves and comes back, or whom the tracker loses, begins a new one; here it is
found out that both are one person. The rules:

- A face is compared with those seen before only by pictures that are good enough (`LEAST_QUALITY`, `LEAST_FACE_PX`): poor ones
  resemble each other more than the people on them.
- Open set: whoever is not near enough to anybody is new. How near is enough is a fact of the model (`identity_threshold` in
  models.toml); few pictures must agree more than many.
- How near counts beyond how near faces of their kind are anyway (`pipeline.cohort`). To a model without a cohort children look
  alike: they must agree more (`CHILD_AGES`). Where ages are known and their 90 % intervals do not meet, two people are not one.
- Faces in one frame are different people, and so are all that was or will be joined with either of them.
- Two known people who are about equally near: nobody is joined.

Position and time count for nothing, so nothing leaks across a cut; the same face after a cut is the same person.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from pipeline.cohort import Cohort
from pipeline.gallery import Gallery, similarities
from pipeline.types import AgeBelief

MOST_PERSONS = 200
"""Of whom embeddings are kept; beyond, who was away for longest is forgotten: 3.5 MB."""

LEAST_QUALITY = 0.15
LEAST_FACE_PX = 28.0
"""Large blurred faces still tell who it is (in a made film, cosine 0.8 to their sharp pictures); faces of 22 to 25 pixels are 0.6
to 0.7 near to other small ones."""

FULL_EVIDENCE = 2.0
"""Sum of qualities from which on the threshold itself is enough."""

EARLY_MARGIN = 0.1
"""Beyond the threshold that a first picture must agree."""

CHILD_AGES = (0.0, 3.0, 6.0, 12.0, 18.0)
CHILD_MARGINS = (0.22, 0.18, 0.09, 0.03, 0.0)
"""By the age of the younger one, what is added to the threshold of the plain cosine so that of different children, too, one pair
in a thousand is above: FaceNet on UTKFace, `training.identity_threshold`. With a cohort the threshold of adults does that."""

RIVAL_MARGIN = 0.05
"""By which the best of two different people must be nearer than the other."""


class Known:
    """What is known of one person's face.

    Args:
        cohort: see `Gallery`.

    Attributes:
        seen_s: when the person was last in the picture.
        age: None while unknown.
    """

    __slots__ = ("_apart", "age", "gallery", "seen_s")

    def __init__(self, seen_s: float, cohort: Cohort | None = None) -> None:
        self.gallery = Gallery(cohort)
        self.seen_s = seen_s
        self.age: AgeBelief | None = None
        self._apart: set[Known] = set()

    def is_apart_from(self, other: Known) -> bool:
        """Whether the two cannot be one: seen in one frame, they or whom they were joined with; or of different age."""
        return other in self._apart or self._differs_in_age(other)

    def keep_apart(self, other: Known) -> None:
        self._apart.add(other)
        other._apart.add(self)

    def take_in(self, other: Known) -> None:
        """The other one is the same person, and will not be used any more."""
        self.gallery.take_in(other.gallery)
        self.seen_s = max(self.seen_s, other.seen_s)
        for somebody in list(other._apart):
            self.keep_apart(somebody)
        other.forget()

    def _differs_in_age(self, other: Known) -> bool:
        if self.age is None or other.age is None or not (self.age.settled and other.age.settled):
            return False
        return self.age.high < other.age.low or other.age.high < self.age.low

    def forget(self) -> None:
        for somebody in self._apart:
            somebody._apart.discard(self)
        self._apart.clear()


def is_good_enough(quality: float, face_px: float) -> bool:
    """Whether a picture of a face says who it is.

    Args:
        quality: 0 … 1.
        face_px: width of the face's box.
    """
    return quality >= LEAST_QUALITY and face_px >= LEAST_FACE_PX


def needed(threshold: float, one: Known, other: Known) -> float:
    """The similarity from which on two are one person: the threshold, more for children or while one rests on few pictures."""
    evidence = min(one.gallery.evidence, other.gallery.evidence)
    years = min((known.age.years for known in (one, other) if known.age is not None), default=CHILD_AGES[-1])
    child = 0.0 if one.gallery.cohort is not None else float(np.interp(years, CHILD_AGES, CHILD_MARGINS))
    return threshold + child + EARLY_MARGIN * max(0.0, 1 - evidence / FULL_EVIDENCE)


def best_match(somebody: Known, others: Iterable[Known], threshold: float) -> Known | None:
    """The one of the others who is the same person; None where nobody is, or two different people are about equally near."""
    possible = [other for other in others if len(other.gallery) and not somebody.is_apart_from(other)]
    if not len(somebody.gallery) or not possible:
        return None
    alike = similarities(somebody.gallery, [other.gallery for other in possible])
    order: list[int] = np.argsort(-alike).tolist()
    best = possible[order[0]]
    if alike[order[0]] < needed(threshold, somebody, best):
        return None
    for i in order[1:]:
        if alike[i] < alike[order[0]] - RIVAL_MARGIN:
            break
        if possible[i].is_apart_from(best):
            return None
    return best


def next_pair(everybody: Sequence[Known], threshold: float) -> tuple[Known, Known] | None:
    """The two most similar of all who are one person by the same rules; None where all are different people."""
    listed = [known for known in everybody if len(known.gallery)]
    if len(listed) < 2:
        return None
    galleries = [known.gallery for known in listed]
    alike = np.stack([similarities(gallery, galleries) for gallery in galleries])
    alike[np.tril_indices(len(listed))] = -np.inf
    order: list[int] = np.argsort(-alike, axis=None).tolist()
    for at in order:
        i, j = divmod(at, len(listed))
        if alike[i, j] < threshold:
            return None
        one, other = listed[i], listed[j]
        if (
            best_match(one, _without(listed, one), threshold) is other
            and best_match(other, _without(listed, other), threshold) is one
        ):
            return one, other
    return None


def pairs(everybody: Iterable[Known]) -> Iterator[tuple[Known, Known]]:
    """All pairs of different people."""
    listed = list(everybody)
    return ((one, other) for i, one in enumerate(listed) for other in listed[i + 1 :])


def _without(everybody: Sequence[Known], one: Known) -> list[Known]:
    return [known for known in everybody if known is not one]
