"""What a model's face embedding is worth: how near it is to the original FaceNet's, and how well it tells faces apart.

Two pictures of one person are imitated: a picture, and a copy of it as a worse camera would have taken it (`training.augment`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch

from engines.age import FaceNetAgeEngine
from engines.align import CROP_PX
from pipeline.types import Float32Array, UInt8Array
from training.augment import augmented, centred
from training.crops import CROP_MARGIN, STORED_PX
from training.facenet import fold_batch_norm, load_facenet
from training.locate import Located, crops_of
from training.model import PIXEL_MEAN, PIXEL_SCALE

LARGEST = 500
"""Pictures to compare with each other: a quarter of a million pairs of different faces."""

FALSE_ACCEPTS = 0.01
"""Share of pairs of different faces that may be taken for one person."""

BATCH = 25


@dataclass(frozen=True, slots=True)
class Likeness:
    """What an embedding is worth.

    Attributes:
        n: pictures, each with one altered copy.
        cosine: median cosine to the original FaceNet's embedding of the same crop.
        cosine_altered: the same of the altered copies: to the original's embedding of the copy.
        accepts, accepts_original: share of copies that are nearer to their picture than all but 1 % of other faces are; of the
            model and of the original FaceNet.
    """

    n: int
    cosine: float
    cosine_altered: float
    accepts: float
    accepts_original: float


def likeness(engine: FaceNetAgeEngine, located: Located, most: int = LARGEST) -> Likeness | None:
    """Measures a model's embedding on some of the located pictures; None where the model has none, or there are under two faces.

    Raises:
        ModelFileError: FaceNet's own weights are not installed.
    """
    some = _evenly(located, most)
    if len(some) < 2 or engine.estimate_crops(np.zeros((1, CROP_PX, CROP_PX, 3), np.uint8))[0].embedding is None:
        return None
    clean = np.stack([centred(crop) for crop in some])
    altered = np.stack([augmented(crop, np.random.default_rng(i)) for i, crop in enumerate(some)])
    ours, ours_altered = _ours(engine, clean), _ours(engine, altered)
    original, original_altered = _original(clean), _original(altered)
    return Likeness(
        len(some),
        float(np.median((ours * original).sum(axis=1))),
        float(np.median((ours_altered * original_altered).sum(axis=1))),
        true_accepts(ours, ours_altered),
        true_accepts(original, original_altered),
    )


def true_accepts(pictures: Float32Array, copies: Float32Array, false_accepts: float = FALSE_ACCEPTS) -> float:
    """Share of copies whose cosine to their picture is above the threshold that lets that share of other faces through.

    Args:
        pictures, copies: (n, 512) embeddings of length 1, in the same order.
    """
    cosine = pictures @ copies.T
    others = cosine[~np.eye(len(cosine), dtype=bool)]
    return float((np.diag(cosine) > np.quantile(others, 1 - false_accepts)).mean())


def _evenly(located: Located, most: int) -> list[UInt8Array]:
    """(208, 208, 3) crops with their margin, of up to that many found faces spread over the list."""
    found = [row for row, there in enumerate(located.found) if there]
    chosen = set(np.array(found)[np.linspace(0, len(found) - 1, min(most, len(found))).astype(int)].tolist()) if found else set()
    keep = located.of([row in chosen for row in range(len(located.samples))])
    return [crop for _, crop in crops_of(keep, size=STORED_PX, margin=CROP_MARGIN)]


def _ours(engine: FaceNetAgeEngine, crops: UInt8Array) -> Float32Array:
    found = [one.embedding for one in engine.estimate_crops(crops)]
    return np.stack([one for one in found if one is not None])


def _original(crops: UInt8Array) -> Float32Array:
    teacher = fold_batch_norm(load_facenet()).eval()
    parts, rows = [], iter(crops)
    with torch.inference_mode():
        while some := list(islice(rows, BATCH)):
            x = torch.from_numpy(np.stack(some)).permute(0, 3, 1, 2).float()
            parts.append(teacher((x - PIXEL_MEAN) / PIXEL_SCALE).numpy())
    return np.concatenate(parts)
