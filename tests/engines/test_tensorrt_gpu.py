"""What only an NVIDIA GPU can show: `pytest -m gpu`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest

from engines.bench import Candidate, measure, open_candidate
from engines.choose import open_age_engine
from engines.cuda import Cuda, open_cuda
from engines.models import MODELS_FOLDER, load_age_model
from engines.mtcnn import MtcnnDetector
from engines.tensorrt.cache import EngineCache
from engines.tensorrt.graph import EnginePrecision
from engines.tensorrt.loader import check_parity, load_detector, open_runtime, order_for, portraits
from engines.tensorrt.ready import Ready, check_ready, why_not
from pipeline.settings import AgeSettings
from pipeline.types import UInt8Array

REASON = why_not()
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(REASON is not None, reason=REASON.message if REASON else "")]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> EngineCache:
    return EngineCache(tmp_path_factory.mktemp("engines"))


@pytest.fixture
def ready() -> Ready:
    return check_ready()


@pytest.fixture
def cuda() -> Iterator[Cuda]:
    with closing(open_cuda()) as opened:
        yield opened


@pytest.mark.parametrize("precision", ["fp16", "fp32"])
def test_the_same_ages_as_onnx_runtime(ready: Ready, cuda: Cuda, cache: EngineCache, precision: EnginePrecision) -> None:
    order = order_for(ready, load_age_model("", gpu=True), precision)
    for _ in range(2):  # the second time from the cache
        with closing(open_runtime(ready, order, cache, cuda)) as runtime:
            assert check_parity(runtime, order, cache).passed


def test_the_same_faces_as_on_the_cpu(ready: Ready, cuda: Cuda, cache: EngineCache) -> None:
    picture: UInt8Array = np.concatenate([np.pad(portrait, ((80, 80), (80, 80), (0, 0)), "edge") for portrait in portraits()], 1)
    expected = MtcnnDetector.load(40).scan(picture)
    with load_detector(ready, 40, MODELS_FOLDER, cache, cuda) as detector:
        found = detector.scan(picture)
    assert len(found) == len(expected) > 0
    for one, other in zip(expected, found, strict=True):
        assert one.box.iou(other.box) > 0.9
        assert np.abs(one.landmarks - other.landmarks).max() < 2


def test_by_name_and_by_auto(cache: EngineCache) -> None:
    for name in ("tensorrt", "auto"):
        with closing(open_age_engine(AgeSettings.model_validate({"engine": name}), cache=cache)) as engine:
            assert engine.info.name == "tensorrt"
            assert engine.runtime.info.provider == "tensorrt"


def test_the_bench_measures_it(cache: EngineCache) -> None:
    model = load_age_model("", gpu=True).name
    with open_candidate(Candidate("tensorrt", model), MODELS_FOLDER, cache) as opened:
        row = measure(opened, [8], 0.2).batches[0]
    assert row.resident_p50_ms is not None
    assert 0 < row.resident_p50_ms <= row.p50_ms * 1.2
