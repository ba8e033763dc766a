"""What is remembered of one person's face: a few embeddings, the best and most different ones.

Embeddings are biometric data. They are held here, in memory, for as long as a source runs, and nowhere else: nothing in this
module or its users writes, prints or pickles them.
"""

from __future__ import annotations

import numpy as np

from pipeline.types import Float32Array

GALLERY_SIZE = 8
"""Embeddings per person: front, both sides, up, down, and a few expressions; 16 kB."""


class Gallery:
    """Embeddings of one face, and what they say together.

    Attributes:
        evidence: sum of the qualities of all that was ever added, also of what was not kept.
    """

    __slots__ = ("_embeddings", "_qualities", "_template", "evidence")

    def __init__(self) -> None:
        self.evidence = 0.0
        self._embeddings: list[Float32Array] = []
        self._qualities: list[float] = []
        self._template: Float32Array | None = None

    def __len__(self) -> int:
        return len(self._embeddings)

    def __reduce__(self) -> str:
        raise TypeError("face embeddings are not stored")

    @property
    def template(self) -> Float32Array | None:
        """The face in the mean, (512,) float32 of length 1, better pictures counting more; None while the gallery is empty."""
        if self._template is None and self._embeddings:
            mean = np.asarray(self._qualities, np.float32) @ np.stack(self._embeddings)
            self._template = np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)
        return self._template

    def add(self, embedding: Float32Array, quality: float) -> None:
        """Adds a picture. In a full gallery, of the two that are most alike the worse one goes.

        Args:
            embedding: (512,) float32 of length 1.
            quality: 0 … 1.
        """
        self.evidence += quality
        self._put(embedding, quality)

    def take_in(self, other: Gallery) -> None:
        """Adds all that another gallery of the same person holds."""
        self.evidence += other.evidence
        for embedding, quality in zip(other._embeddings, other._qualities, strict=True):
            self._put(embedding, quality)

    def nearest(self, embedding: Float32Array) -> float:
        """Cosine with the most similar picture, −1 … 1; −1 while the gallery is empty."""
        return float((np.stack(self._embeddings) @ embedding).max()) if self._embeddings else -1.0

    def similarity(self, other: Gallery) -> float:
        """Cosine between two faces in the mean, −1 … 1; −1 where one is empty."""
        if self.template is None or other.template is None:
            return -1.0
        return float(self.template @ other.template)

    def _put(self, embedding: Float32Array, quality: float) -> None:
        # A copy: what comes is a row of a whole batch, which would be kept with it.
        self._embeddings.append(np.array(embedding, np.float32))
        self._qualities.append(quality)
        self._template = None
        if len(self._embeddings) <= GALLERY_SIZE:
            return
        pictures = np.stack(self._embeddings)
        alike = pictures @ pictures.T
        np.fill_diagonal(alike, -2.0)
        first, second = divmod(int(alike.argmax()), len(pictures))
        worse = first if self._qualities[first] < self._qualities[second] else second
        del self._embeddings[worse], self._qualities[worse]
