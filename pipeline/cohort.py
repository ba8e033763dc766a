"""How alike two faces are beyond how alike faces of their kind are: score normalisation against a cohort.

A face network tells the faces apart that it has seen many of; others crowd together in its space, and one threshold of the cosine
takes many of them for one person. So from the cosine of two faces is taken how near the nearest of a fixed cohort of other people
are to each of them, in the mean of both: the adaptive, symmetric normalisation of speaker recognition (R. Auckenthaler et al.,
2000; P. Matějka et al., Interspeech 2017) without its division by the spread, so that the scale stays the cosine's. The common
mean of all faces is taken away first (J. Mu, P. Viswanath, ICLR 2018). It goes by the neighbourhood in that space alone: nobody
says, or guesses, what kind of face it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.types import Float32Array

NEAREST = 20
"""Faces of the cohort that say how crowded a place is."""


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """Made-up people between whom nobody is to be found, see `training.identity_cohort`.

    Attributes:
        centre: (d,) float32, the mean of all embeddings.
        faces: (n, d) float32, less the centre and of length 1; at least NEAREST.
    """

    centre: Float32Array
    faces: Float32Array

    def place(self, embedding: Float32Array) -> Float32Array:
        """An embedding seen from the centre: (…, d) float32 of length 1."""
        moved = embedding - self.centre
        return np.asarray(moved / np.maximum(np.linalg.norm(moved, axis=-1, keepdims=True), 1e-9), np.float32)

    def crowding(self, places: Float32Array) -> Float32Array:
        """Mean cosine to the nearest of the cohort, (m, d) → (m,) float32."""
        cosines = places @ self.faces.T
        return np.asarray(np.partition(cosines, -NEAREST, axis=1)[:, -NEAREST:].mean(axis=1), np.float32)


def similarity(one: Float32Array, other: Float32Array, cohort: Cohort | None) -> float:
    """Of two pictures' embeddings, (d,) of length 1: the cosine, or with a cohort what it is beyond that of their neighbours."""
    if cohort is None:
        return float(one @ other)
    places = cohort.place(np.stack([one, other]))
    return float(places[0] @ places[1] - cohort.crowding(places).mean())
