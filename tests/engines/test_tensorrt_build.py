"""Engines are built here, without a GPU: TensorRT for RTX compiles for GPUs that it does not see."""

from __future__ import annotations

import threading
import time

import pytest

from engines.models import Model, load_age_model, load_model
from engines.tensorrt.build import BuildCancelledError, Engine, build
from engines.tensorrt.cache import EngineCache, read_engine, write_engine
from engines.tensorrt.flavour import Flavour, find_flavour, parse_targets
from engines.tensorrt.graph import EnginePrecision
from engines.tensorrt.loader import EngineOrder, build_order
from engines.tensorrt.progress import PhaseProgress
from pipeline.errors import EngineError, ModelFileError, SettingsError
from tests.limits import assert_within

pytest.importorskip("tensorrt_rtx", reason="TensorRT for RTX is not installed")
pytest.importorskip("onnx", reason="onnx is not installed")


@pytest.fixture(scope="module")
def flavour() -> Flavour:
    return find_flavour(portable=True)


def built(flavour: Flavour, model: Model, precision: EnginePrecision, targets: tuple[int, ...]) -> Engine:
    order = EngineOrder(flavour, model, precision, targets)
    return build(flavour, model.data, order.key)


def test_portable_engines_of_the_committed_age_model(flavour: Flavour) -> None:
    """SM75, 80, 86, 89 and 120 in one file: inputs, outputs, types, profile and size are as wanted; nothing is stored."""
    model = load_age_model("", gpu=True)
    started = time.perf_counter()
    engine = built(flavour, model, "fp16", (75, 80, 86, 89, 120))
    assert_within(time.perf_counter() - started, 60)
    crops, *outputs = engine.manifest.tensors
    assert (crops.name, crops.direction, crops.dtype, crops.shape) == ("crops", "input", "uint8", (-1, 160, 160, 3))
    assert (crops.least[0], crops.usual[0], crops.most[0]) == (1, 8, 32)
    found = {tensor.name: (tensor.direction, tensor.dtype, tensor.shape) for tensor in outputs}
    assert found["age"] == ("output", "float32", (-1, 101))
    assert found["male"] == ("output", "float32", (-1,))
    assert engine.manifest.layers > 300
    # 23.5 million weights: 47 MB in FP16, 94 MB in FP32. The size tells which precision really was compiled.
    assert 45e6 < len(engine.data) == engine.manifest.engine_bytes < 60e6
    assert engine.manifest.key.targets == (75, 80, 86, 89, 120)


def test_fp32_on_request(flavour: Flavour) -> None:
    engine = built(flavour, load_age_model("", gpu=True), "fp32", (86,))
    assert 90e6 < len(engine.data) < 110e6


@pytest.mark.parametrize(("name", "free"), [("mtcnn-pnet", 3), ("mtcnn-rnet", 1), ("mtcnn-onet", 1)])
def test_the_detector_too(flavour: Flavour, name: str, free: int) -> None:
    engine = built(flavour, load_model(name), "fp32", (80, 86, 89, 120))
    pictures = engine.manifest.tensors[0]
    assert pictures.dtype == "float32"
    assert pictures.shape.count(-1) == free
    assert all(least <= usual <= most for least, usual, most in zip(pictures.least, pictures.usual, pictures.most, strict=True))
    assert built(flavour, load_model(name), "fp16", (75,)).data, "Turing has no FP32 products here, so FP16"


def test_what_turing_cannot_do_is_said(flavour: Flavour) -> None:
    with pytest.raises(EngineError, match=r"cannot build 'mtcnn-rnet' in fp32 for sm75, sm86: .*Turing") as caught:
        built(flavour, load_model("mtcnn-rnet"), "fp32", (75, 86))
    assert "--precision fp16" in caught.value.hint


def test_an_engine_survives_its_file(flavour: Flavour, tmp_path_factory: pytest.TempPathFactory) -> None:
    engine = built(flavour, load_model("mtcnn-onet"), "fp16", (86,))
    path = tmp_path_factory.mktemp("engines") / "onet.engine"
    write_engine(path, engine)
    assert read_engine(path) == engine


def test_progress_grows_to_the_end(flavour: Flavour) -> None:
    shares: list[float] = []
    order = EngineOrder(flavour, load_model("mtcnn-onet"), "fp16", (86,))
    build(flavour, order.model.data, order.key, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[0] < 0.1
    assert shares[-1] == 1.0
    assert len(shares) > 20


def test_a_build_can_be_given_up(flavour: Flavour, tmp_path_factory: pytest.TempPathFactory) -> None:
    cancelled = threading.Event()
    cache = EngineCache(tmp_path_factory.mktemp("cache"))
    order = EngineOrder(flavour, load_model("mtcnn-onet"), "fp16", (86,))

    def progress(share: float) -> None:
        if share > 0.3:
            cancelled.set()

    with pytest.raises(BuildCancelledError, match="was cancelled"):
        cache.get(order.key, lambda: build_order(order, cache, progress, cancelled))
    assert cache.entries() == []


def test_a_network_that_tensorrt_does_not_know(flavour: Flavour) -> None:
    helper = pytest.importorskip("onnx.helper")
    value, output = (helper.make_tensor_value_info(name, 1, ["n", 4]) for name in ("x", "y"))
    graph = helper.make_graph([helper.make_node("Mystery", ["x"], ["y"], domain="example.org")], "g", [value], [output])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("example.org", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    key = EngineOrder(flavour, load_model("mtcnn-onet"), "fp32", (86,)).key
    with pytest.raises(ModelFileError, match=r"cannot read the model 'mtcnn-onet'.*Mystery"):
        build(flavour, model, key)


def test_targets_are_read_as_people_write_them(flavour: Flavour) -> None:
    assert parse_targets("sm89, SM_86,75,sm86", flavour) == (75, 86, 89)
    for text in ("sm61", "", "ampere", "sm86,,sm89", "-86"):
        with pytest.raises(SettingsError, match="cannot build for") as caught:
            parse_targets(text, flavour)
        assert "sm86" in caught.value.hint


def test_full_tensorrt_builds_for_its_own_gpu_only(flavour: Flavour) -> None:
    with pytest.raises(SettingsError, match="this machine only"):
        parse_targets("sm86", Flavour("tensorrt", "11.4", flavour.module))


def test_the_calls_that_the_runtime_makes_exist(flavour: Flavour) -> None:
    """The runtime is tested on a double: its names must be the real ones."""
    names = {
        "Runtime": ("deserialize_cuda_engine",),
        "ICudaEngine": (
            "num_io_tensors",
            "get_tensor_name",
            "get_tensor_mode",
            "get_tensor_dtype",
            "get_tensor_shape",
            "get_tensor_profile_shape",
            "create_runtime_config",
            "create_execution_context",
        ),
        "IRuntimeConfig": ("create_runtime_cache", "set_runtime_cache", "cuda_graph_strategy"),
        "IRuntimeCache": ("serialize", "deserialize"),
        "IExecutionContext": ("set_input_shape", "get_tensor_shape", "set_tensor_address", "execute_async_v3"),
        "CudaGraphStrategy": ("WHOLE_GRAPH_CAPTURE",),
        "TensorIOMode": ("INPUT", "OUTPUT"),
    }
    for owner, members in names.items():
        for member in members:
            assert hasattr(getattr(flavour.module, owner), member), f"{owner}.{member}"
    assert flavour.module.nptype(flavour.module.uint8) is not None


def test_phases_within_phases() -> None:
    shares: list[float] = []
    phases = PhaseProgress(shares.append)
    phases.start("all", None, 2)
    phases.start("first", "all", 4)
    for _ in range(4):
        phases.step("first")
    phases.finish("first")
    phases.step("all")
    phases.start("again", "all", 2)
    phases.step("again")
    phases.step("unknown")
    phases.finish("again")
    phases.step("all")
    phases.finish("all")
    assert shares[:5] == [0.125, 0.25, 0.375, 0.5, 0.5]
    assert shares == sorted(shares)
    assert 0.75 in shares
    assert shares[-1] == 1.0
