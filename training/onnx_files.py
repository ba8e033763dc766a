"""The trained network as ONNX: one graph with normalisation inside, then smaller forms of it."""

from __future__ import annotations

import contextlib
import io
import tempfile
import warnings
from collections.abc import Iterator
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
from training.model import AgeNet

OPSET = 17
"""The newest that both torch's exporter and TensorRT 10.9 know in full."""

HALF_FROM = 1024
"""Elements: smaller constants, biases among them, stay in float32; halving them would save nothing."""

CALIBRATION_BATCH = 8


class Deployed(nn.Module):
    """The network as the program runs it: (n, 160, 160, 3) uint8 RGB → ages (n, 101) and male (n,), probabilities."""

    def __init__(self, net: AgeNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        age, male = self.net(crops.permute(0, 3, 1, 2).float())
        return age.softmax(dim=1), male.sigmoid()


def export_float(net: AgeNet, path: Path) -> None:
    """Writes the float32 graph; `crops` → `age`, `male`; any batch size."""
    with warnings.catch_warnings(), torch.no_grad():
        # torch calls its TorchScript exporter deprecated; the new one needs two more packages for the same graph.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            Deployed(net).eval(),
            (torch.zeros(2, CROP_PX, CROP_PX, 3, dtype=torch.uint8),),
            str(path),
            input_names=["crops"],
            output_names=["age", "male"],
            dynamic_axes={"crops": {0: "n"}, "age": {0: "n"}, "male": {0: "n"}},
            opset_version=OPSET,
            dynamo=False,
        )


def halve(source: Path, path: Path) -> None:
    """The same graph with weights stored as float16 and cast to float32 on loading: half the file, float32 arithmetic."""
    model = onnx.load(str(source))
    graph = model.graph
    casts = []
    for constant in graph.initializer:
        if constant.data_type != TensorProto.FLOAT or np.prod(constant.dims) < HALF_FROM:
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


def quantize(source: Path, path: Path, crops: UInt8Array) -> None:
    """The same graph with 8-bit weights and activations: a third of the file, several times as fast on a CPU.

    Weights per channel, activations as unsigned bytes; weights in seven bits (`reduce_range`), since two products of eight bits
    overflow in the AVX2 instruction that CPUs without VNNI use. Ranges come from percentiles, not extremes: the odd pixel that
    lights up a filter would make the steps coarse for all others. The first convolution sees the picture itself and stays in
    float; so do pooling, the features and the heads, which cost no time.

    Args:
        crops: (n, 160, 160, 3) uint8 RGB pictures of training, to learn the range of every activation from.
    """
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared))
        nodes = onnx.load(str(prepared)).graph.node
        first = next(node for node in nodes if node.op_type == "Conv")
        with contextlib.redirect_stdout(io.StringIO()):  # the calibrator prints its progress tensor by tensor
            quantize_static(
                str(prepared),
                str(path),
                Calibration(crops),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv", "Relu", "Concat", "Add", "MaxPool"],
                nodes_to_exclude=[first.name, *(node.name for node in nodes if first.output[0] in node.input)],
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.Percentile,
            )


class Calibration(CalibrationDataReader):  # type: ignore[misc]
    """Hands crops to ONNX Runtime's calibration, batch by batch."""

    def __init__(self, crops: UInt8Array) -> None:
        self._batches = self._split(crops)

    @staticmethod
    def _split(crops: UInt8Array) -> Iterator[dict[str, UInt8Array]]:
        for first in range(0, len(crops), CALIBRATION_BATCH):
            yield {"crops": crops[first : first + CALIBRATION_BATCH]}

    def get_next(self) -> dict[str, UInt8Array] | None:
        return next(self._batches, None)


def torch_ages(net: AgeNet, crops: UInt8Array, batch: int = 25) -> Float32Array:
    """Expected ages (n,) by torch: what the exported files are compared with."""
    years = torch.arange(AGE_BINS, dtype=torch.float32)
    deployed = Deployed(net).eval()
    with torch.inference_mode():
        parts = [deployed(torch.from_numpy(crops[i : i + batch]))[0] @ years for i in range(0, len(crops), batch)]
    return np.asarray(torch.cat(parts).numpy(), np.float32)
