"""Whether an engine says the same as ONNX Runtime: the same crops through both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from engines.runtime import TensorRuntime
from engines.tensorrt.graph import EnginePrecision
from pipeline.types import AGE_BINS, Float32Array, UInt8Array

MOST_YEARS: dict[EnginePrecision, float] = {"fp16": 0.3, "fp32": 0.05}
"""Largest difference of one age that is let pass."""

MEAN_YEARS: dict[EnginePrecision, float] = {"fp16": 0.05, "fp32": 0.01}
"""Largest mean difference that is let pass."""

LEAST_COSINE = 0.999
"""Of identity embeddings, where the model gives them: far inside of the distance between two pictures of one person."""

CROPS = 64


@dataclass(frozen=True, slots=True)
class Parity:
    """How far an engine is from ONNX Runtime on the CPU.

    Attributes:
        crops: how many were compared.
        most_years, mean_years: of the absolute differences of the expected age.
        same_gender: share of crops where both say the same of gender, None where the model does not.
        least_cosine: of the identity embeddings, None where the model gives none.
    """

    precision: EnginePrecision
    crops: int
    most_years: float
    mean_years: float
    same_gender: float | None = None
    least_cosine: float | None = None

    @property
    def passed(self) -> bool:
        return (
            self.most_years <= MOST_YEARS[self.precision]
            and self.mean_years <= MEAN_YEARS[self.precision]
            and (self.least_cosine is None or self.least_cosine >= LEAST_COSINE)
        )

    def __str__(self) -> str:
        text = (
            f"{self.crops} crops, {self.precision}: |Δ years| max {self.most_years:.3f} (limit {MOST_YEARS[self.precision]}), "
            f"mean {self.mean_years:.4f} (limit {MEAN_YEARS[self.precision]})"
        )
        if self.same_gender is not None:
            text += f", same gender {self.same_gender:.1%}"
        if self.least_cosine is not None:
            text += f", least cosine of embeddings {self.least_cosine:.5f} (limit {LEAST_COSINE})"
        return text

    def to_json(self) -> dict[str, float | int | str | bool | None]:
        return asdict(self) | {"passed": self.passed}


BATCHES = (1, 1, 8, 8, 3, 8, 1, 3, 31)
"""Sizes come again after others: what is kept per size (CUDA graphs) must not depend on what ran in between."""


def compare(reference: TensorRuntime, candidate: TensorRuntime, precision: EnginePrecision, crops: UInt8Array) -> Parity:
    """Runs the crops through both, in batches of different sizes.

    Args:
        crops: (n, 160, 160, 3) uint8 RGB.
    """
    parts = np.split(crops, [end for end in np.cumsum(BATCHES) if end < len(crops)])
    expected, found = _run_all(reference, parts), _run_all(candidate, parts)
    years = np.arange(AGE_BINS)
    difference = np.abs(expected["age"] @ years - found["age"] @ years)
    return Parity(
        precision=precision,
        crops=len(crops),
        most_years=float(difference.max()),
        mean_years=float(difference.mean()),
        same_gender=float(((expected["male"] > 0.5) == (found["male"] > 0.5)).mean()) if "male" in expected else None,
        least_cosine=_least_cosine(expected["embedding"], found["embedding"]) if "embedding" in expected else None,
    )


def fixed_crops(portraits: Sequence[UInt8Array], count: int = CROPS) -> UInt8Array:
    """The crops that are compared: always the same, in all the ways in which crops differ.

    Args:
        portraits: aligned crops of real faces, (160, 160, 3) uint8 RGB.

    Returns:
        (count, 160, 160, 3) uint8 RGB: the portraits, mirrored, darker and brighter, blurred by shrinking, moved, and with noise.
    """
    random = np.random.default_rng(20180408)
    crops = []
    for number in range(count):
        crop = portraits[number % len(portraits)].astype(np.float32)
        if random.random() < 0.5:
            crop = crop[:, ::-1]
        crop = np.roll(crop, random.integers(-8, 9, 2), axis=(0, 1))
        coarse, side = int(random.integers(1, 4)), len(crop)
        crop = np.repeat(np.repeat(crop[::coarse, ::coarse], coarse, axis=0), coarse, axis=1)[:side, :side]
        noisy = crop * random.uniform(0.5, 1.4) + random.normal(0, random.uniform(0, 12), crop.shape)
        crops.append(np.clip(noisy, 0, 255).astype(np.uint8))
    return np.stack(crops)


def _run_all(runtime: TensorRuntime, parts: Sequence[UInt8Array]) -> dict[str, Float32Array]:
    results = [runtime.run({"crops": part}) for part in parts]
    return {name: np.concatenate([result[name] for result in results]) for name in results[0]}


def _least_cosine(one: Float32Array, other: Float32Array) -> float:
    product = (one * other).sum(axis=1)
    return float((product / (np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1))).min())
