"""One step's pictures: random views, their labels, and what they are mixed with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.types import UInt8Array
from training.augment import DEGRADED, ERASED, augmented
from training.mix import Mix

MIXUP_ALPHA = 0.4
"""Of the Beta distribution of the shares: mostly one of the two pictures with a little of the other."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Random views and their labels.

    Attributes:
        pixels: (n, 3, 160, 160) float32 RGB 0 … 255, channels last.
        low, high, male: (n,) as in `Mix`.
        teacher: (n, 512) embeddings to repeat, None where they need not be.
        share: (n,) how much of a picture is its own; the rest is the picture `other` of this batch.
        other: (n,) rows of this batch.
    """

    pixels: Tensor
    low: Tensor
    high: Tensor
    male: Tensor
    teacher: Tensor | None
    share: Tensor
    other: Tensor

    @classmethod
    def of(cls, mix: Mix, rows: NDArray[np.int64], pixels: UInt8Array, teacher: NDArray[np.float32] | None = None) -> Batch:
        """Nothing mixed yet."""
        low, high, male = (torch.from_numpy(labels[rows]) for labels in (mix.low, mix.high, mix.male))
        wanted = None if teacher is None else torch.from_numpy(teacher[rows])
        return cls(as_input(pixels), low, high, male, wanted, torch.ones(len(rows)), torch.arange(len(rows)))

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        if device.type == "cpu":
            return self
        teacher = None if self.teacher is None else self.teacher.to(device)
        moved = {name: getattr(self, name).to(device) for name in ("pixels", "low", "high", "male", "share", "other")}
        return replace(self, teacher=teacher, **moved)

    def mixed(self, probability: float, rng: np.random.Generator) -> Batch:
        """Some of the pictures blended with another one (H. Zhang et al., mixup, ICLR 2018); the larger share is their own."""
        if not probability:
            return self
        share = rng.beta(MIXUP_ALPHA, MIXUP_ALPHA, len(self.share)).astype(np.float32)
        share = np.where(rng.random(len(share)) < probability, np.maximum(share, 1 - share), np.float32(1))
        own, other = torch.from_numpy(share), torch.from_numpy(rng.permutation(len(share)))
        weight = own[:, None, None, None]
        return replace(self, pixels=weight * self.pixels + (1 - weight) * self.pixels[other], share=own, other=other)


def as_input(pixels: UInt8Array) -> Tensor:
    """(n, 160, 160, 3) uint8 → (n, 3, 160, 160) float32 0 … 255, channels last in memory: a quarter faster on a CPU."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float()


def batch_of(
    mix: Mix, rows: NDArray[np.int64], rng: np.random.Generator, degraded: float = DEGRADED, erased: float = ERASED
) -> UInt8Array:
    """(n, 160, 160, 3) uint8 random views of the crops."""
    return np.stack([augmented(mix.pixels(row), rng, degraded, erased) for row in rows])
