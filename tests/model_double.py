"""A folder of models with a small age network in place of the real one: as old as the crop is bright, loaded in milliseconds."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MODELS = Path(__file__).resolve().parent.parent / "assets" / "models"
NAME = "age-double"
YEARS_PER_LEVEL = 0.3
"""A crop of mean brightness 128 is 38 years old."""

_ENTRY = """
[models.{name}]
kind = "age"
file = "{name}.onnx"
sha256 = "{sha256}"
precision = "fp32"
licence = "MIT"
origin = "a test"
input_px = 160
bins = 101
"""


def write_models(folder: Path) -> Path:
    """The committed detector, and the double as the default age model."""
    folder.mkdir(parents=True)
    for path in MODELS.glob("mtcnn-*.onnx"):
        shutil.copy(path, folder)
    network = _network()
    (folder / f"{NAME}.onnx").write_bytes(network)
    facts = (MODELS / "models.toml").read_text(encoding="utf-8")
    # The detectors' entries stay; those of other age models name files that are not copied.
    head, *entries = re.split(r"(?m)^(?=\[models\.)", facts)
    head = re.sub(r'(?m)^(default_\w+) = ".*"', rf'\1 = "{NAME}"', head)
    kept = [entry for entry in entries if entry.startswith("[models.mtcnn-")]
    added = _ENTRY.format(name=NAME, sha256=hashlib.sha256(network).hexdigest())
    (folder / "models.toml").write_text("".join([head, *kept]) + added, encoding="utf-8")
    return folder


def _network() -> bytes:
    constants = {
        "axis": np.array([1], np.int64),
        "years_per_level": np.float32(YEARS_PER_LEVEL),
        "bins": np.arange(101, dtype=np.float32)[None],
        "sharpness": np.float32(-1 / 32),
        "zero": np.float32(0),
        "half": np.float32(0.5),
    }
    nodes = [
        helper.make_node("Cast", ["crops"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["levels"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "axis"], ["column"]),
        helper.make_node("Mul", ["column", "years_per_level"], ["years"]),
        helper.make_node("Sub", ["bins", "years"], ["distance"]),
        helper.make_node("Mul", ["distance", "distance"], ["squared"]),
        helper.make_node("Mul", ["squared", "sharpness"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["age"], axis=1),
        helper.make_node("Mul", ["mean", "zero"], ["zeros"]),
        helper.make_node("Add", ["zeros", "half"], ["male"]),
    ]
    graph = helper.make_graph(
        nodes,
        NAME,
        [helper.make_tensor_value_info("crops", TensorProto.UINT8, ["n", 160, 160, 3])],
        [
            helper.make_tensor_value_info("age", TensorProto.FLOAT, ["n", 101]),
            helper.make_tensor_value_info("male", TensorProto.FLOAT, ["n"]),
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
