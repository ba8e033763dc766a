"""Keeps the face embedding alive while the trunk learns ages: the network must repeat FaceNet's own embedding of every crop.

Knowledge distillation after G. Hinton et al., 2015, on embeddings: the teacher sees the clean crop once, the student its random
views, so that blur and small faces move the embedding less than they move the teacher's.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.types import Float32Array
from training.augment import centred
from training.crops import CROPS_FILE, Crops
from training.facenet import fold_batch_norm, load_facenet
from training.files import keep_array, kept_array
from training.model import PIXEL_MEAN, PIXEL_SCALE, AgeNet

EMBEDDING = 512
BATCH = 48

TEACHER_FILE = "identity.npy"
"""Beside the crops: (n, 512) float16, FaceNet's embedding of each."""

RIDGE = 0.01
"""Of the features' mean square: what keeps the first guess of the layer from fitting noise."""


def teacher_embeddings(folder: Path, crops: Crops, bf16: bool = False) -> Float32Array:
    """FaceNet's embeddings of all crops of a folder, (n, 512) float32 of length 1. Made once and kept beside the crops.

    Args:
        bf16: multiply in bfloat16: twice as fast where the CPU can, cosine 0.9999 to float32.

    Raises:
        ModelFileError: FaceNet's weights are not installed.
    """
    path = folder / TEACHER_FILE
    kept = kept_array(path, folder / CROPS_FILE, (len(crops), EMBEDDING), np.float16)
    if kept is not None:
        return np.asarray(kept, np.float32)
    teacher = fold_batch_norm(load_facenet()).to(memory_format=torch.channels_last)
    parts = []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        for first in range(0, len(crops), BATCH):
            pixels = np.stack([centred(crops.pixels[i]) for i in range(first, min(first + BATCH, len(crops)))])
            x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
            parts.append(teacher((x - PIXEL_MEAN) / PIXEL_SCALE).float().numpy())
    found = np.concatenate(parts)
    keep_array(path, found.astype(np.float16))
    return np.asarray(found, np.float32)


def identity_loss(embedding: Tensor, teacher: Tensor) -> Tensor:
    """One minus the cosine, (n, 512), (n, 512) → (n,)."""
    return 1 - F.cosine_similarity(embedding, teacher)


def fit_identity(net: AgeNet, pixels: Iterable[Tensor], teacher: Tensor) -> float:
    """Sets the layer of the embedding to the best linear guess on a trunk that was trained for ages only (ridge regression).

    Args:
        pixels: batches of (n, 3, 160, 160) float32 RGB 0 … 255.
        teacher: (all, 512), in the same order.

    Returns:
        The mean cosine on these pictures.
    """
    net.eval()
    with torch.inference_mode():
        pooled = torch.cat([net.pooled(some) for some in pixels]).double()
    mean_in, mean_out = pooled.mean(dim=0), teacher.double().mean(dim=0)
    centred_in = pooled - mean_in
    gram = centred_in.T @ centred_in
    gram.diagonal().add_(RIDGE * float(gram.diagonal().mean()))
    weight = torch.linalg.solve(gram, centred_in.T @ (teacher.double() - mean_out)).T
    with torch.no_grad():
        net.identity.weight.copy_(weight)
        net.identity.bias.copy_(mean_out - weight @ mean_in)
        said = nn.functional.linear(pooled.float(), net.identity.weight, net.identity.bias)
    return float(F.cosine_similarity(said, teacher).mean())
