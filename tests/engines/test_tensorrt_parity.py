"""The comparison with ONNX Runtime finds what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.runtime import RuntimeInfo, Tensors
from engines.tensorrt.loader import portraits
from engines.tensorrt.parity import BATCHES, Parity, compare, fixed_crops


class Ages:
    """As old as the crop is bright, plus an error; its embedding turned by an angle. Remembers the batches it saw."""

    def __init__(self, error_years: float = 0.0, angle: float = 0.0, forgetful: bool = False) -> None:
        self._error, self._angle, self._forgetful = error_years, angle, forgetful
        self.batches: list[int] = []

    @property
    def info(self) -> RuntimeInfo:
        return RuntimeInfo("double", "double", "double")

    def run(self, inputs: Tensors) -> dict[str, NDArray[Any]]:
        crops = inputs["crops"]
        again = len(crops) in self.batches
        self.batches.append(len(crops))
        years = crops.mean(axis=(1, 2, 3)) / 4 + self._error + (5 if self._forgetful and again else 0)
        age = np.zeros((len(crops), 101), np.float32)
        lower = years.astype(int)
        age[np.arange(len(crops)), lower] = 1 - (years - lower)
        age[np.arange(len(crops)), lower + 1] = years - lower
        direction = np.array([np.cos(self._angle), np.sin(self._angle)], np.float32)
        return {"age": age, "male": np.full(len(crops), 0.7, np.float32), "embedding": np.tile(direction, (len(crops), 1))}

    def close(self) -> None: ...


@pytest.fixture(scope="module")
def crops() -> NDArray[np.uint8]:
    return fixed_crops(portraits())


def test_equal_engines_agree(crops: NDArray[np.uint8]) -> None:
    parity = compare(Ages(), Ages(), "fp32", crops)
    assert parity.least_cosine == pytest.approx(1.0)
    assert parity == Parity("fp32", 64, 0.0, 0.0, 1.0, parity.least_cosine)
    assert parity.passed


def test_an_error_of_years_is_measured_and_fails(crops: NDArray[np.uint8]) -> None:
    parity = compare(Ages(), Ages(error_years=0.4), "fp16", crops)
    assert parity.most_years == pytest.approx(0.4, abs=1e-4)
    assert parity.mean_years == pytest.approx(0.4, abs=1e-4)
    assert not parity.passed
    assert "max 0.400 (limit 0.3)" in str(parity)


def test_fp32_is_held_to_more(crops: NDArray[np.uint8]) -> None:
    assert compare(Ages(), Ages(error_years=0.04), "fp16", crops).passed
    assert not compare(Ages(), Ages(error_years=0.06), "fp32", crops).passed


def test_turned_embeddings_fail(crops: NDArray[np.uint8]) -> None:
    assert not compare(Ages(), Ages(angle=0.1), "fp16", crops).passed


def test_what_is_kept_per_batch_size_is_checked(crops: NDArray[np.uint8]) -> None:
    """An engine that is right the first time and wrong when a size comes again, as with a bad CUDA graph."""
    engine = Ages(forgetful=True)
    assert not compare(Ages(), engine, "fp16", crops).passed
    assert sum(engine.batches) == 64
    assert engine.batches == list(BATCHES)


def test_the_crops_are_the_same_every_time_and_differ_from_each_other(crops: NDArray[np.uint8]) -> None:
    assert crops.shape == (64, 160, 160, 3)
    assert np.array_equal(crops, fixed_crops(portraits()))
    assert len({crop.tobytes() for crop in crops}) == 64
    assert crops.std(axis=(1, 2, 3)).min() > 10, "none is empty"
