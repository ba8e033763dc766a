"""The graph that TensorRT gets: in one precision throughout, and still the same function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.models import load_age_model
from engines.onnx_runtime import OnnxRuntime
from engines.runtime import Tensors
from engines.tensorrt.graph import EXACT, EnginePrecision, prepared
from engines.tensorrt.loader import portraits
from engines.tensorrt.parity import compare, fixed_crops
from pipeline.errors import EngineError, ModelFileError
from pipeline.types import UInt8Array

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
helper, numpy_helper = pytest.importorskip("onnx.helper"), pytest.importorskip("onnx.numpy_helper")
FLOAT, HALF, UINT8 = 1, 10, 2  # TensorProto.DataType


def network(weights: str = "float", outputs: int = FLOAT) -> bytes:
    """Pictures (n, 8, 8, 3) uint8 → a transposed cast, a convolution, and two outputs: probabilities and a mean."""
    random = np.random.default_rng(1)
    kernel = random.normal(0, 0.2, (5, 3, 3, 3)).astype(np.float32)
    stored = kernel.astype(np.float16) if weights != "float" else kernel
    initializers = [
        numpy_helper.from_array(stored, "stored" if weights == "cast" else "kernel"),
        numpy_helper.from_array(np.array(127.5, np.float32), "middle"),
        numpy_helper.from_array(np.array([5], np.int64), "axis"),
    ]
    nodes = [
        helper.make_node("Transpose", ["crops"], ["moved"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["moved"], ["floats"], to=FLOAT),
        helper.make_node("Sub", ["floats", "middle"], ["centred"]),
        helper.make_node("Constant", [], ["scale"], value=numpy_helper.from_array(np.array(128, np.float32), "")),
        helper.make_node("Div", ["centred", "scale"], ["normal"]),
        helper.make_node("Conv", ["normal", "kernel"], ["features"]),
        helper.make_node("GlobalAveragePool", ["features"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["age"], axis=1),
        helper.make_node("Sigmoid", ["logits"], ["inner"]),
        helper.make_node("Mul", ["inner", "logits"], ["swish"]),
    ]
    if weights == "cast":
        nodes.insert(0, helper.make_node("Cast", ["stored"], ["kernel"], to=FLOAT))
    inputs = [helper.make_tensor_value_info("crops", UINT8, ["n", 8, 8, 3])]
    found = [helper.make_tensor_value_info(name, outputs, ["n", 5]) for name in ("age", "swish")]
    graph = helper.make_graph(nodes, "test", inputs, found, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def run(model: bytes, crops: UInt8Array) -> dict[str, NDArray[Any]]:
    return OnnxRuntime(model, "test").run({"crops": crops})


CROPS = np.random.default_rng(2).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)


@pytest.mark.parametrize("weights", ["float", "cast"])
@pytest.mark.parametrize(("precision", "tolerance"), [("fp16", 2e-3), ("fp32", 1e-6)])
def test_the_same_function(weights: str, precision: EnginePrecision, tolerance: float) -> None:
    before = network(weights)
    expected, found = run(before, CROPS), run(prepared(before, precision, "test"), CROPS)
    assert list(found) == list(expected) == ["age", "swish"]
    for name in expected:
        assert found[name].dtype == np.float32
        np.testing.assert_allclose(found[name], expected[name], atol=tolerance)


@pytest.mark.parametrize("weights", ["float", "cast"])
@pytest.mark.parametrize(("precision", "wanted"), [("fp16", HALF), ("fp32", FLOAT)])
def test_one_precision_throughout(weights: str, precision: EnginePrecision, wanted: int) -> None:
    """A file with FP16 weights that are cast to FP32 is what must not stay: its engine would compute in FP32."""
    graph = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(prepared(network(weights), precision, "test"))).graph
    types = {value.name: value.type.tensor_type.elem_type for value in [*graph.value_info, *graph.input, *graph.output]}
    weight_types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    assert weight_types["kernel"] == wanted
    assert "stored" not in weight_types, "the stored copy would be carried along"
    for node in graph.node:
        if node.op_type in EXACT:
            assert types[node.output[0]] == FLOAT
        elif node.op_type in {"Conv", "Sub", "Div", "Mul", "GlobalAveragePool"}:
            assert types[node.output[0]] == wanted
        elif node.op_type == "Transpose":
            assert types[node.input[0]] == wanted, "TensorRT transposes no uint8"


def test_float_inputs_keep_their_type() -> None:
    """MTCNN takes float pictures: an FP16 engine must take them as well."""
    value = helper.make_tensor_value_info("pictures", FLOAT, ["n", 4])
    output = helper.make_tensor_value_info("out", FLOAT, ["n", 4])
    graph = helper.make_graph([helper.make_node("Relu", ["pictures"], ["out"])], "g", [value], [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = OnnxRuntime(prepared(model.SerializeToString(), "fp16", "g"), "g")
    inputs: Tensors = {"pictures": np.array([[-1, 0.5, 2, 3]], np.float32)}
    assert session.run(inputs)["out"].tolist() == [[0, 0.5, 2, 3]]


def test_too_large_weights_stay_finite() -> None:
    graph = onnx.load_model_from_string(network())
    kernel = next(tensor for tensor in graph.graph.initializer if tensor.name == "kernel")
    kernel.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(kernel) * 1e6, "kernel"))
    found = onnx.load_model_from_string(prepared(graph.SerializeToString(), "fp16", "test"))
    assert all(np.isfinite(numpy_helper.to_array(tensor)).all() for tensor in found.graph.initializer)


def test_quantised_models_are_refused() -> None:
    model = load_age_model("", gpu=False)
    if model.entry.precision != "int8":
        pytest.skip("the default for the CPU is not quantised")
    with pytest.raises(EngineError, match="quantised to INT8") as caught:
        prepared(model.data, "fp16", model.name)
    assert "default for the GPU" in caught.value.hint


@pytest.mark.parametrize("data", [b"", b"this is text", b"\x08\x08"])
def test_bytes_that_are_no_network(data: bytes) -> None:
    with pytest.raises(ModelFileError, match="not a valid ONNX graph"):
        prepared(data, "fp16", "broken")


def test_without_the_onnx_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Callable[..., object]:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("engines.tensorrt.graph.import_module", missing)
    with pytest.raises(EngineError, match="package onnx is missing") as caught:
        prepared(network(), "fp16", "test")
    assert "uv sync --extra rtx" in caught.value.hint


def test_half_precision_keeps_the_committed_models_ages() -> None:
    """What rounding alone does to the ages: the graph that TensorRT gets, run by ONNX Runtime."""
    model = load_age_model("", gpu=True)
    before = OnnxRuntime(model.data, model.name, threads=2)
    after = OnnxRuntime(prepared(model.data, "fp16", model.name), model.name, threads=2)
    parity = compare(before, after, "fp16", fixed_crops(portraits(), count=24))
    assert parity.passed, str(parity)
    assert parity.most_years < 0.15
    assert parity.same_gender == 1.0
