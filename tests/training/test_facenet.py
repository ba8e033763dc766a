"""FaceNet's weights: every constant of the graph finds its layer, and the network computes what the graph computes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from facenet_pytorch import InceptionResnetV1

from pipeline.errors import ModelFileError
from pipeline.types import Float32Array
from training.facenet import convert, fold_batch_norm, graph_path, load_facenet, read_constants, torch_name


@pytest.fixture(scope="module")
def constants() -> dict[str, Float32Array]:
    return read_constants(graph_path().read_bytes())


@pytest.fixture(scope="module")
def pixels() -> Float32Array:
    """A portrait's worth of structure: smooth shapes and noise, (1, 3, 160, 160), −1 … 1."""
    rng = np.random.default_rng(0)
    smooth = cv2.resize(rng.uniform(-1, 1, (8, 8, 3)).astype(np.float32), (160, 160), interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray((smooth + rng.normal(0, 0.05, smooth.shape)).transpose(2, 0, 1)[None], np.float32)


def test_same_embedding_as_opencv_running_the_graph(pixels: Float32Array) -> None:
    net = cv2.dnn.readNetFromTensorflow(str(graph_path()))
    net.setInput(pixels)
    expected = net.forward()[0]
    model = load_facenet()
    with torch.inference_mode():
        found = model(torch.from_numpy(pixels))[0].numpy()
        folded = fold_batch_norm(model)(torch.from_numpy(pixels))[0].numpy()
    np.testing.assert_allclose(found, expected, atol=2e-6)
    np.testing.assert_allclose(folded, expected, atol=2e-6)


def test_every_weight_of_the_graph_is_used(constants: dict[str, Float32Array]) -> None:
    model = InceptionResnetV1(pretrained=None)
    state = convert(constants, model)
    assert state.keys() == model.state_dict().keys()
    weights = sum(value.size for name, value in constants.items() if name.endswith(("weights", "biases", "bn_offset")))
    taken = sum(value.numel() for name, value in state.items() if name.endswith("conv.weight") or "linear" in name)
    taken += sum(value.numel() for name, value in state.items() if ".conv2d." in name or name.endswith(".bn.bias"))
    assert taken == weights


@pytest.mark.parametrize(
    ("node", "layer"),
    [
        ("Conv2d_2b_3x3", "conv2d_2b"),
        ("Repeat/block35_1/Branch_0/Conv2d_1x1", "repeat_1.0.branch0"),
        ("Repeat_1/block17_3/Branch_1/Conv2d_0b_1x7", "repeat_2.2.branch1.1"),
        ("Repeat_2/block8_5/Conv2d_1x1", "repeat_3.4.conv2d"),
        ("Mixed_6a/Branch_0/Conv2d_1a_3x3", "mixed_6a.branch0"),
        ("Mixed_7a/Branch_2/Conv2d_1a_3x3", "mixed_7a.branch2.2"),
        ("Block8/Branch_1/Conv2d_0c_3x1", "block8.branch1.2"),
    ],
)
def test_layer_names(node: str, layer: str, constants: dict[str, Float32Array]) -> None:
    assert torch_name(node, constants) == layer


def test_unknown_layer_is_refused(constants: dict[str, Float32Array]) -> None:
    with pytest.raises(ModelFileError, match="layer that FaceNet does not have: Block8/Conv3d_1x1"):
        torch_name("Block8/Conv3d_1x1", constants)


@pytest.mark.parametrize("content", [b"", b"no graph at all", bytes(range(256)) * 4])
def test_broken_graph_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "graph.pb"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"graph\.pb cannot be read"):
        load_facenet(path)


def test_truncated_graph_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "graph.pb"
    path.write_bytes(graph_path().read_bytes()[:1_000_000])
    with pytest.raises(ModelFileError, match="cannot be read as a frozen TensorFlow graph: it ends in the middle"):
        load_facenet(path)


def test_missing_graph_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="cannot be read"):
        load_facenet(tmp_path / "none.pb")
