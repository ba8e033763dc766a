"""Means over areas: the same as torch's `area` interpolation."""

from __future__ import annotations

import numpy as np
import pytest

from engines.area import AreaMeans
from pipeline.types import Float32Array, UInt8Array

torch = pytest.importorskip("torch", reason="the reference is torch's interpolation (extra: train)")


def reference(image: UInt8Array, width: int, height: int) -> Float32Array:
    tensor = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float()
    small = torch.nn.functional.interpolate(tensor, size=(height, width), mode="area")
    return np.asarray(small[0].permute(1, 2, 0).numpy(), np.float32)


@pytest.fixture(scope="module")
def image() -> UInt8Array:
    return np.random.default_rng(1).integers(0, 256, (231, 317, 3), dtype=np.uint8)


@pytest.mark.parametrize(("width", "height"), [(317, 231), (100, 73), (24, 24), (1, 1), (400, 300)])
def test_whole_pictures(image: UInt8Array, width: int, height: int) -> None:
    np.testing.assert_allclose(AreaMeans(image).resized(width, height), reference(image, width, height), atol=1e-3)


def test_cuts(image: UInt8Array) -> None:
    boxes = np.array([[10, 20, 100.9, 90], [-30, -5, 60, 70], [300, 200, 400, 260], [50, 60, 60, 70]], np.float32)
    left, pictures = AreaMeans(image).cut(boxes, 24)
    assert len(left) == 4
    for box, picture in zip(left, pictures, strict=True):
        x1, y1, x2, y2 = np.trunc(box).astype(int)
        part = image[max(y1, 1) - 1 : min(y2, 231), max(x1, 1) - 1 : min(x2, 317)]
        np.testing.assert_allclose(picture, reference(part, 24, 24), atol=1e-3)


def test_boxes_outside_of_the_picture_are_left_out(image: UInt8Array) -> None:
    boxes = np.array([[400, 10, 450, 60], [10, 10, 50, 50], [5, -60, 50, -10]], np.float32)
    left, pictures = AreaMeans(image).cut(boxes, 48)
    assert left.tolist() == [[10, 10, 50, 50]]
    assert pictures.shape == (1, 48, 48, 3)


def test_no_boxes(image: UInt8Array) -> None:
    left, pictures = AreaMeans(image).cut(np.zeros((0, 4), np.float32), 24)
    assert left.shape == (0, 4)
    assert pictures.shape == (0, 24, 24, 3)


def test_sums_beyond_32_bits_wrap_to_the_right_means() -> None:
    """A white picture of 10 megapixels: its total, 2.55 · 10⁹, is more than an int32 holds."""
    means = AreaMeans(np.full((2500, 4000, 3), 255, np.uint8))
    assert np.all(means.resized(40, 25) == 255)
