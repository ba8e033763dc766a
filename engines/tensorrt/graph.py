"""The ONNX graph as TensorRT needs it: in one precision throughout.

TensorRT 11 and TensorRT for RTX are strongly typed: they compute in the types that the graph states, and have no FP16 switch. A
file whose weights are FP16 but are cast to FP32 before use gives an FP32 engine of twice the size and time. So the graph is
rewritten before building: FP16 engines (and FP32 ones) come from one file.

The `onnx` package is imported when needed: only building needs it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Literal

import numpy as np

from pipeline.errors import EngineError, ModelFileError

EnginePrecision = Literal["fp16", "fp32"]

EXACT = {"Softmax", "LogSoftmax", "Sigmoid", "LpNormalization", "ReduceL2"}
"""Computed in FP32 in any case: they cost nothing, and FP16 probabilities would round the expectation of the age."""

FP16_LARGEST = 65504.0


def prepared(model: bytes, precision: EnginePrecision, name: str) -> bytes:
    """The same function in the given precision; inputs and outputs keep their types.

    - Weights and constants become FP16 or FP32; casts of weights disappear.
    - uint8 inputs are cast as the first thing: TensorRT's layers take no uint8.
    - Casts to a floating-point type go to the chosen precision; layers in `EXACT` and the outputs stay FP32.

    Raises:
        EngineError: the `onnx` package is missing, or the graph is quantised (INT8 models are for the CPU).
        ModelFileError: the bytes are no ONNX graph.
    """
    try:
        onnx: Any = import_module("onnx")
    except ImportError:
        raise EngineError(
            "The package onnx is missing, which prepares networks for TensorRT.",
            "Install it: uv sync --extra rtx (or --extra gpu).",
        ) from None
    try:
        loaded = onnx.load_model_from_string(model)
        onnx.checker.check_model(loaded)
    except Exception as error:  # protobuf and the checker raise unrelated types
        raise ModelFileError(
            f"The model {name!r} is not a valid ONNX graph: {str(error).splitlines()[0]}", "Export it again."
        ) from error
    if any(node.op_type in {"QuantizeLinear", "DequantizeLinear"} for node in loaded.graph.node):
        raise EngineError(
            f"The model {name!r} is quantised to INT8 for the CPU; TensorRT engines are built from the FP16 or FP32 file.",
            "Leave age.model empty to take the default for the GPU.",
        )
    _Rewrite(onnx, loaded.graph, precision).apply()
    try:
        onnx.checker.check_model(loaded, full_check=True)
    except onnx.shape_inference.InferenceError as error:
        raise ModelFileError(f"The model {name!r} cannot be put into {precision}: {error}", "Try --precision fp32.") from error
    return bytes(loaded.SerializeToString())


class _Rewrite:
    """One graph on its way to one precision, in place."""

    def __init__(self, onnx: Any, graph: Any, precision: EnginePrecision) -> None:
        self._onnx = onnx
        self._graph = graph
        types = onnx.TensorProto
        self._float, self._half, self._uint8 = types.FLOAT, types.FLOAT16, types.UINT8
        self._goal = self._half if precision == "fp16" else self._float
        self._dtype = np.float16 if precision == "fp16" else np.float32
        self._done: set[str] = set()  # outputs that are FP32 already

    def apply(self) -> None:
        del self._graph.value_info[:]  # states the old types
        self._fold_casts_of_weights()
        for tensor in self._graph.initializer:
            self._convert(tensor)
        for node in self._graph.node:
            for attribute in node.attribute:
                if attribute.type == attribute.TENSOR:
                    self._convert(attribute.t)
                if node.op_type == "Cast" and attribute.name == "to" and attribute.i in (self._float, self._half):
                    attribute.i = self._goal
        nodes = self._with_output_casts(self._with_exact(self._with_input_casts(list(self._graph.node))))
        del self._graph.node[:]
        self._graph.node.extend(nodes)

    def _fold_casts_of_weights(self) -> None:
        """A weight that is stored in one type and cast to another is stored in the other."""
        weights = {tensor.name: tensor for tensor in self._graph.initializer}
        casts = [node for node in self._graph.node if node.op_type == "Cast" and node.input[0] in weights]
        for node in casts:
            tensor = weights[node.input[0]]
            if tensor.data_type in (self._float, self._half):
                copy = self._onnx.TensorProto()
                copy.CopyFrom(tensor)
                copy.name = node.output[0]
                self._graph.initializer.append(copy)
                self._graph.node.remove(node)
        used = {name for node in self._graph.node for name in node.input} | {output.name for output in self._graph.output}
        for tensor in [tensor for tensor in self._graph.initializer if tensor.name not in used]:
            self._graph.initializer.remove(tensor)

    def _convert(self, tensor: Any) -> None:
        if tensor.data_type not in (self._float, self._half) or tensor.data_type == self._goal:
            return
        values = np.clip(self._onnx.numpy_helper.to_array(tensor), -FP16_LARGEST, FP16_LARGEST)
        tensor.CopyFrom(self._onnx.numpy_helper.from_array(values.astype(self._dtype), tensor.name))

    def _with_input_casts(self, nodes: list[Any]) -> list[Any]:
        casts = []
        for value in self._graph.input:
            stated = value.type.tensor_type.elem_type
            if stated == self._uint8 or (stated in (self._float, self._half) and stated != self._goal):
                inner = f"{value.name}_in"
                _rename(nodes, value.name, inner)
                casts.append(self._cast(value.name, inner, self._goal))
        return casts + nodes

    def _with_exact(self, nodes: list[Any]) -> list[Any]:
        """Layers of EXACT between a cast to FP32 and one back, unless they give an output: that is FP32 anyway."""
        if self._goal == self._float:
            return nodes
        outputs = {value.name for value in self._graph.output if value.type.tensor_type.elem_type == self._float}
        result = []
        for node in nodes:
            if node.op_type not in EXACT:
                result.append(node)
                continue
            name = node.output[0]
            result += [self._cast(node.input[0], f"{name}_exact_in", self._float), node]
            node.input[0] = f"{name}_exact_in"
            if name in outputs:
                self._done.add(name)
            else:
                node.output[0] = f"{name}_exact"
                result.append(self._cast(f"{name}_exact", name, self._goal))
        return result

    def _with_output_casts(self, nodes: list[Any]) -> list[Any]:
        casts = []
        for value in self._graph.output:
            stated = value.type.tensor_type.elem_type
            if stated in (self._float, self._half) and stated != self._goal and value.name not in self._done:
                inner = f"{value.name}_out"
                _rename(nodes, value.name, inner)
                casts.append(self._cast(inner, value.name, stated))
        return nodes + casts

    def _cast(self, source: str, goal: str, to: int) -> Any:
        return self._onnx.helper.make_node("Cast", [source], [goal], name=f"cast_{goal}", to=to)


def _rename(nodes: list[Any], name: str, new: str) -> None:
    for node in nodes:
        node.input[:] = [new if old == name else old for old in node.input]
        node.output[:] = [new if old == name else old for old in node.output]
