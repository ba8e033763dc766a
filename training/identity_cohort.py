"""The cohort against which faces are compared (`pipeline.cohort`), made of the training pictures' embeddings.

Nobody is in it. The pictures' embeddings are divided into groups of alike people (k-means); in each group people are made up by
random weights on how its members, LEAST_PEOPLE or more, differ from their mean: draws from the normal distribution with the
group's mean and covariance. Every group gives equally many, so that the few of a data set are no less a crowd than the many.
"""

from __future__ import annotations

import hashlib
import io

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from engines.age import FaceNetAgeEngine
from engines.models import ModelEntry
from pipeline.cohort import Cohort
from pipeline.errors import SettingsError
from pipeline.types import Float32Array, Float64Array
from training.augment import augmented
from training.mix import Mix

NAME = "identity-cohort"
"""Of its entry in models.toml."""

FILE = f"{NAME}.npy"

GROUPS = 48
LEAST_PEOPLE = 50
FACES = 1024
ROUNDS = 20

BATCH = 32


def draw(mix: Mix, rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Some of the rows at random, equally many of each set as far as it has them."""
    rng = np.random.default_rng(0)
    sets = [rng.permutation(rows[mix.part[rows] == number]) for number in range(len(mix.sets))]
    return np.concatenate([some[: count // len(sets)] for some in sets])


def embeddings(engine: FaceNetAgeEngine, mix: Mix, rows: NDArray[np.int64], views: int, seed: int) -> Float32Array:
    """Embeddings of disturbed views of pictures, (n, views, d) float32 of length 1.

    Raises:
        SettingsError: the model gives no embeddings.
    """
    rng = np.random.default_rng(seed)
    found: list[Float32Array] = []
    wanted = np.repeat(rows, views).tolist()
    for first in range(0, len(wanted), BATCH):
        crops = np.stack([augmented(mix.pixels(row), rng) for row in wanted[first : first + BATCH]])
        for estimate in engine.estimate_crops(crops):
            if estimate.embedding is None:
                raise SettingsError("This model gives no face embeddings.", "Train one with --identity.")
            found.append(estimate.embedding)
    return np.stack(found).reshape(len(rows), views, -1)


def fit_cohort(faces: Float32Array, part: NDArray[np.int64], most_groups: int = GROUPS, seed: int = 0) -> Cohort:
    """A cohort of people who do not exist.

    Args:
        faces: (n, d) embeddings, one per person.
        part: (n,) the data set of each: all count equally for the centre.
        most_groups: to divide them into; fewer where there are few people.

    Raises:
        SettingsError: no group has LEAST_PEOPLE members.
    """
    centre = np.mean([faces[part == number].mean(axis=0) for number in np.unique(part)], axis=0)
    centred = Cohort(np.asarray(centre, np.float32), faces[:1]).place(faces)
    groups = max(1, min(most_groups, len(faces) // (2 * LEAST_PEOPLE)))
    means, group = kmeans2(centred.astype(np.float64), groups, iter=ROUNDS, minit="++", seed=seed)
    large = [number for number in range(groups) if (group == number).sum() >= LEAST_PEOPLE]
    if not large:
        raise SettingsError(f"No group of faces has {LEAST_PEOPLE} people.", "Take more pictures.")
    rng = np.random.default_rng(seed)
    shares = np.diff(np.linspace(0, FACES, len(large) + 1).astype(int))
    made = [
        _made_up(centred[group == number], means[number], int(count), rng) for number, count in zip(large, shares, strict=True)
    ]
    drawn = np.concatenate(made)
    return Cohort(np.asarray(centre, np.float32), np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), np.float32))


def packed(cohort: Cohort) -> tuple[bytes, ModelEntry]:
    """The file FILE, as `engines.models.load_cohort` reads it, and its entry in models.toml."""
    file = io.BytesIO()
    np.save(file, np.vstack([cohort.centre, cohort.faces]).astype(np.float16), allow_pickle=False)
    data = file.getvalue()
    entry = ModelEntry(
        kind="cohort",
        file=FILE,
        sha256=hashlib.sha256(data).hexdigest(),
        precision="fp16",
        licence="as the age models: research use only",
        origin="python -m training.identity_threshold: people who do not exist, each drawn from a group of 50 or more",
    )
    return data, entry


def _made_up(members: Float32Array, mean: Float64Array, count: int, rng: np.random.Generator) -> Float64Array:
    """Draws from the normal distribution of a group: its mean, and its members' deviations in random shares."""
    weights = rng.standard_normal((count, len(members))) / np.sqrt(len(members) - 1)
    return np.asarray(mean + weights @ (members - mean), np.float64)
