"""The FaceNet age model over any runtime: aligned crops → age distributions and gender."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engines.align import align
from engines.models import Model, ModelEntry
from engines.runtime import TensorRuntime
from pipeline.protocols import EngineInfo
from pipeline.types import AGE_BINS, AgeEstimate, Float32Array, Float64Array, UInt8Array

MAX_BATCH = 32
"""Larger crowds go in several runs: TensorRT profiles end here, and memory stays bounded."""


class FaceNetAgeEngine:
    """Estimates ages of faces.

    The graph takes `crops`, (n, 160, 160, 3) uint8 RGB, and gives `age`, (n, 101) float32 probabilities of the ages 0 … 100,
    and where it was trained for them `male`, (n,) float32 probability, and `identity`, (n, 512) float32 face embeddings of length
    1. Calibration follows here, from models.toml.

    Args:
        runtime: the loaded network.
        entry: its facts: input size, temperature, linear recalibration.
        info: what runs and why, for people.
    """

    def __init__(self, runtime: TensorRuntime, entry: ModelEntry, info: EngineInfo) -> None:
        self._runtime = runtime
        self._entry = entry
        self._info = info
        self._to_calibrated = calibration_matrix(entry.slope, entry.offset)

    @property
    def info(self) -> EngineInfo:
        return self._info

    @property
    def runtime(self) -> TensorRuntime:
        return self._runtime

    def estimate(self, image: UInt8Array, landmarks: Sequence[Float32Array]) -> list[AgeEstimate]:
        """One estimate per face, in order.

        Args:
            image: (H, W, 3) uint8 BGR.
            landmarks: (5, 2) float32 for each face.
        """
        if not landmarks:
            return []
        return self.estimate_crops(np.stack([align(image, points, self._entry.input_px)[:, :, ::-1] for points in landmarks]))

    def estimate_crops(self, crops: UInt8Array) -> list[AgeEstimate]:
        """As `estimate`, for crops that are aligned already: (n, 160, 160, 3) uint8 RGB."""
        estimates: list[AgeEstimate] = []
        for first in range(0, len(crops), MAX_BATCH):
            found = self._runtime.run({"crops": np.ascontiguousarray(crops[first : first + MAX_BATCH])})
            distributions = self._calibrated(found["age"])
            years = distributions @ np.arange(AGE_BINS, dtype=np.float32)
            nothing = [None] * len(years)
            embeddings, males = found.get("identity", nothing), found.get("male", nothing)
            estimates += [
                AgeEstimate(distribution, float(age), None if male is None else float(male), embedding)
                for distribution, age, male, embedding in zip(distributions, years, males, embeddings, strict=True)
            ]
        return estimates

    def warm_up(self) -> None:
        """One run on an empty crop: the first run allocates and tunes, and should not fall into the first frame with a face."""
        side = self._entry.input_px
        self.estimate_crops(np.zeros((1, side, side, 3), np.uint8))

    def close(self) -> None:
        self._runtime.close()

    def _calibrated(self, probabilities: Float32Array) -> Float32Array:
        sharpened = np.asarray(probabilities, np.float64) ** (1 / self._entry.temperature)
        return np.asarray((sharpened / sharpened.sum(axis=1, keepdims=True)) @ self._to_calibrated, np.float32)


def warm_engine(runtime: TensorRuntime, model: Model, name: str, precision: str, reason: str) -> FaceNetAgeEngine:
    """The age engine over a loaded network, after its first run.

    Args:
        name, precision, reason: see `EngineInfo`.
    """
    entry = model.entry
    info = EngineInfo(
        name,
        precision,
        model.name,
        reason,
        entry.sha256,
        identity_threshold=entry.identity_threshold,
        identity_cohort=model.cohort,
    )
    engine = FaceNetAgeEngine(runtime, entry, info)
    engine.warm_up()
    return engine


def calibration_matrix(slope: float, offset: float) -> Float64Array:
    """Linear recalibration of the expectation as a move of probability mass: (101, 101), rows sum to 1.

    The mass of age a goes to slope · a + offset, shared between the two bins next to it, so that the distribution, its
    expectation and its interval stay one and the same statement. Beyond 0 and 100 it stays in the last bin.
    """
    goal = np.clip(slope * np.arange(AGE_BINS) + offset, 0, AGE_BINS - 1)
    lower = np.minimum(np.floor(goal).astype(int), AGE_BINS - 2)
    upper_share = goal - lower
    matrix = np.zeros((AGE_BINS, AGE_BINS))
    rows = np.arange(AGE_BINS)
    matrix[rows, lower] = 1 - upper_share
    matrix[rows, lower + 1] += upper_share
    return matrix
