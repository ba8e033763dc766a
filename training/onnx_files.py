"""The trained network as ONNX: one graph with normalisation inside, then smaller forms of it."""

from __future__ import annotations

import contextlib
import io
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor, nn

from engines.align import CROP_PX
from pipeline.types import AGE_BINS, Float32Array, UInt8Array
from training.model import AgeModel

OPSET = 17
"""The newest that both torch's exporter and TensorRT 10.9 know in full."""

OUTPUTS = ("age", "male", "identity")

HALF_FROM = 1024
"""Elements: smaller constants, biases among them, stay in float32; halving them would save nothing."""

CALIBRATION_BATCH = 8

PERCENTILE = 99.995
"""Share of an activation's values that its int8 range holds, in percent."""


class Deployed(nn.Module):
    """The network as the program runs it: (n, 160, 160, 3) uint8 RGB → ages (n, 101), and what it was trained for of male (n,),
    both probabilities, and the face embedding (n, 512)."""

    def __init__(self, net: AgeModel) -> None:
        super().__init__()
        self.net = net
        has = {"age": True, "male": net.spec.gender, "identity": net.spec.identity}
        self.names = tuple(name for name in OUTPUTS if has[name])

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        said = self.net(crops.permute(0, 3, 1, 2).float())
        values = {"age": said.age.softmax(dim=1), "male": said.male.sigmoid(), "identity": said.identity}
        return tuple(values[name] for name in self.names)


def export_float(net: AgeModel, path: Path) -> None:
    """Writes the float32 graph: `crops` → `age` and, of those it was trained for, `male` and `identity`; any batch size."""
    deployed = Deployed(net).eval()
    with warnings.catch_warnings(), torch.no_grad():
        # torch calls its TorchScript exporter deprecated; the new one needs two more packages for the same graph.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            deployed,
            (torch.zeros(2, CROP_PX, CROP_PX, 3, dtype=torch.uint8),),
            str(path),
            input_names=["crops"],
            output_names=list(deployed.names),
            dynamic_axes={name: {0: "n"} for name in ("crops", *deployed.names)},
            opset_version=OPSET,
            dynamo=False,
        )


def halve(source: Path, path: Path) -> None:
    """The same graph with weights stored as float16 and cast to float32 on loading: half the file, float32 arithmetic."""
    model = onnx.load(str(source))
    graph = model.graph
    casts = []
    for constant in graph.initializer:
        # Vectors are biases and the scales of int8 weights.
        if constant.data_type != TensorProto.FLOAT or len(constant.dims) < 2 or np.prod(constant.dims) < HALF_FROM:
            continue
        name = constant.name
        half = numpy_helper.from_array(numpy_helper.to_array(constant).astype(np.float16), f"{name}.half")
        constant.CopyFrom(half)
        casts.append(helper.make_node("Cast", [half.name], [name], name=f"{name}.cast", to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def quantize(source: Path, path: Path, crops: UInt8Array, float_convolutions: int = 1, ranges: Path | None = None) -> None:
    """The same graph with 8-bit weights and activations: a quarter of the file, several times as fast on a CPU.

    Weights per channel, activations as unsigned bytes; weights in seven bits (`reduce_range`), since two products of eight bits
    overflow in the AVX2 instruction that CPUs without VNNI use. Ranges come from percentiles, not extremes: the odd pixel that
    lights up a filter would make the steps coarse for all others. The first convolution sees the picture itself and stays in
    float; so do pooling, the features and the heads, which cost no time; their weights are stored as float16.

    Args:
        crops: (n, 160, 160, 3) uint8 RGB pictures of training, to learn the range of every activation from.
        float_convolutions: how many of the first ones are left in float: rounding costs most where the maps are largest.
        ranges: file that keeps the ranges, for a further try on the same graph.
    """
    with tempfile.TemporaryDirectory() as folder:
        prepared, full = Path(folder) / "prepared.onnx", Path(folder) / "full.onnx"
        quant_pre_process(str(source), str(prepared))
        nodes = onnx.load(str(prepared)).graph.node
        convolutions = [i for i, node in enumerate(nodes) if node.op_type == "Conv"]
        # With what is between them, and the activation behind the last one: the first layers follow each other in a line.
        left = [node.name for node in nodes[: convolutions[min(float_convolutions, len(convolutions)) - 1] + 2]]
        with contextlib.redirect_stdout(io.StringIO()):  # the calibrator prints its progress tensor by tensor
            quantize_static(
                str(prepared),
                str(full),
                Calibration(crops),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv", "Relu", "Concat", "Add", "MaxPool"],
                nodes_to_exclude=left,
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.Percentile,
                extra_options={"CalibStridedMinMax": 1, "CalibPercentile": PERCENTILE},
                calibration_cache_path=ranges,
            )
        halve(full, path)


class Calibration(CalibrationDataReader):  # type: ignore[misc]
    """Hands crops to ONNX Runtime's calibration, batch by batch; only some batches' activations are in memory at once."""

    def __init__(self, crops: UInt8Array) -> None:
        self._batches = [crops[first : first + CALIBRATION_BATCH] for first in range(0, len(crops), CALIBRATION_BATCH)]
        self._next: Iterator[UInt8Array] = iter(())

    def __len__(self) -> int:
        return len(self._batches)

    def set_range(self, start_index: int, end_index: int) -> None:
        self._next = iter(self._batches[start_index:end_index])

    def get_next(self) -> dict[str, UInt8Array] | None:
        batch = next(self._next, None)
        return None if batch is None else {"crops": batch}


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What torch says of n crops, for exported files to be compared with: (n,) years, (n, 512) embeddings or None."""

    years: Float32Array
    identity: Float32Array | None


def torch_says(net: AgeModel, crops: UInt8Array, batch: int = 25) -> Said:
    """Runs the network on (n, 160, 160, 3) uint8 RGB."""
    deployed = Deployed(net).eval()
    with torch.inference_mode():
        parts = [deployed(torch.from_numpy(crops[i : i + batch])) for i in range(0, len(crops), batch)]
    whole = {name: torch.cat([part[i] for part in parts]).numpy() for i, name in enumerate(deployed.names)}
    return Said(np.asarray(whole["age"] @ np.arange(AGE_BINS), np.float32), whole.get("identity"))
