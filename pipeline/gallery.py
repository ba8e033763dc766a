"""What is remembered of one person's face: a few embeddings, the best and most different ones.

Embeddings are biometric data. They are held here, in memory, for as long as a source runs, and nowhere else: nothing in this
module or its users writes, prints or pickles them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.cohort import Cohort
from pipeline.types import Float32Array

GALLERY_SIZE = 8
"""Embeddings per person: front, both sides, up, down, and a few expressions; 16 kB."""


class Gallery:
    """Embeddings of one face, and what they say together.

    Args:
        cohort: against whom similarities are measured; None takes the plain cosine. The same for galleries that are compared.

    Attributes:
        cohort: as given.
        evidence: sum of the qualities of all that was ever added, also of what was not kept.
    """

    __slots__ = ("_crowding", "_qualities", "_template", "_views", "cohort", "evidence")

    def __init__(self, cohort: Cohort | None = None) -> None:
        self.evidence = 0.0
        self.cohort = cohort
        self._views: list[Float32Array] = []
        self._qualities: list[float] = []
        self._template: Float32Array | None = None
        self._crowding = 0.0

    def __len__(self) -> int:
        return len(self._views)

    def __reduce__(self) -> str:
        raise TypeError("face embeddings are not stored")

    @property
    def template(self) -> Float32Array | None:
        """The face in the mean, (512,) float32 of length 1, better pictures counting more; None while the gallery is empty.

        Seen from the cohort's centre, if there is a cohort.
        """
        if self._template is None and self._views:
            mean = np.asarray(self._qualities, np.float32) @ np.stack(self._views)
            self._template = np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)
            self._crowding = float(self._crowded(self._template[None])[0])
        return self._template

    def add(self, embedding: Float32Array, quality: float) -> None:
        """Adds a picture. In a full gallery, of the two that are most alike the worse one goes.

        Args:
            embedding: (512,) float32 of length 1.
            quality: 0 … 1.
        """
        self.evidence += quality
        self._put(self._placed(embedding), quality)

    def take_in(self, other: Gallery) -> None:
        """Adds all that another gallery of the same person holds."""
        self.evidence += other.evidence
        for view, quality in zip(other._views, other._qualities, strict=True):
            self._put(view, quality)

    def nearest(self, embedding: Float32Array) -> float:
        """Similarity to the most similar picture; −1 while the gallery is empty."""
        if not self._views:
            return -1.0
        views, here = np.stack(self._views), self._placed(embedding)
        crowding = (self._crowded(views) + self._crowded(here[None])) / 2
        return float((views @ here - crowding).max())

    def similarity(self, other: Gallery) -> float:
        """Of two faces in the mean, see `similarities`; −1 where one is empty."""
        if self.template is None or other.template is None:
            return -1.0
        return float(similarities(self, [other])[0])

    def _placed(self, embedding: Float32Array) -> Float32Array:
        # A copy: what comes is a row of a whole batch, which would be kept with it.
        return np.array(embedding, np.float32) if self.cohort is None else self.cohort.place(embedding)

    def _crowded(self, places: Float32Array) -> Float32Array:
        return np.zeros(len(places), np.float32) if self.cohort is None else self.cohort.crowding(places)

    def _put(self, view: Float32Array, quality: float) -> None:
        self._views.append(view)
        self._qualities.append(quality)
        self._template = None
        if len(self._views) <= GALLERY_SIZE:
            return
        pictures = np.stack(self._views)
        alike = pictures @ pictures.T
        np.fill_diagonal(alike, -2.0)
        first, second = divmod(int(alike.argmax()), len(pictures))
        worse = first if self._qualities[first] < self._qualities[second] else second
        del self._views[worse], self._qualities[worse]


def similarities(one: Gallery, others: Sequence[Gallery]) -> Float32Array:
    """How alike one face is to each of others in the mean, (n,) float32; none of the galleries may be empty.

    The cosine; with a cohort, how much it is above the cosine that each of the two has with the nearest of the cohort.
    """
    here = one.template
    there = [other.template for other in others]
    assert here is not None, "an empty gallery is like nobody"
    crowding = np.array([other._crowding for other in others], np.float32)
    cosines = np.stack([template for template in there if template is not None]) @ here
    return np.asarray(cosines - (crowding + np.float32(one._crowding)) / 2, np.float32)
