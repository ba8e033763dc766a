"""facenet-pytorch's MTCNN weights as three ONNX files: `python -m training.export_mtcnn --out assets/models`.

The graphs take pictures as OpenCV has them, (n, H, W, 3) BGR 0 … 255: colour order and normalisation are inside. They are
float32, since they are means over areas, and rounding those to whole numbers moves the cascade's boxes by pixels.
P-Net is fully convolutional, so its height and width are free.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from pathlib import Path
from typing import cast

import torch
from facenet_pytorch.models.mtcnn import ONet, PNet, RNet
from torch import Tensor, nn

from engines.models import ModelEntry
from pipeline.errors import AppError
from training.files import write_together
from training.models_file import MODELS_FILE, with_entries

NETS = {"pnet": (PNet, None), "rnet": (RNet, 24), "onet": (ONet, 48)}
FLAT_PRELUS = ("prelu4", "prelu5")
"""After the dense layers; O-Net's prelu4 among them is small, too."""
OUTPUTS = {"pnet": ["offsets", "probability"], "rnet": ["offsets", "probability"], "onet": ["offsets", "points", "probability"]}


class PRelu(nn.Module):
    """PReLU as a·x + (1 − a)·relu(x): the same function, three times as fast in ONNX Runtime, whose own kernel is scalar.

    It took two thirds of the detector's time (ONNX Runtime 1.32, one core); drop this when its PRelu kernel is vectorised.
    """

    slope: Tensor
    rest: Tensor

    def __init__(self, original: nn.PReLU) -> None:
        super().__init__()
        slope = original.weight.detach()[:, None, None]
        self.register_buffer("slope", slope)
        self.register_buffer("rest", 1 - slope)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.slope + torch.relu(x) * self.rest


class FromPictures(nn.Module):
    """BGR pictures 0 … 255 → one of facenet-pytorch's networks, with colour order and normalisation in its first convolution.

    That convolution has no padding, so this is exact. Of the two-way softmax only the probability of "face" is kept.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        for name, child in list(net.named_children()):
            if isinstance(child, nn.PReLU) and not name.startswith(FLAT_PRELUS):
                setattr(net, name, PRelu(child))
        first = cast(nn.Conv2d, net.conv1)
        assert first.bias is not None
        with torch.no_grad():
            first.bias -= 127.5 / 128 * first.weight.sum(dim=(1, 2, 3))
            first.weight.copy_(first.weight.flip(1) / 128)
        self.net = net

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        *rest, probability = self.net(pictures.permute(0, 3, 1, 2))
        return *rest, probability[:, 1]


def export_network(name: str) -> bytes:
    """One of the three networks as an ONNX file."""
    network, side = NETS[name]
    example = torch.zeros(2, side or 64, side or 48, 3, dtype=torch.float32)
    free = {0: "n", 1: "height", 2: "width"} if side is None else {0: "n"}
    axes = {"pictures": free}
    axes |= {output: ({0: "n"} if side else {0: "n", 1 if output == "probability" else 2: "rows"}) for output in OUTPUTS[name]}
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        path = Path(folder) / "network.onnx"
        torch.onnx.export(
            FromPictures(cast(nn.Module, network())).eval(),
            (example,),
            str(path),
            input_names=["pictures"],
            output_names=OUTPUTS[name],
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
        )
        return path.read_bytes()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("assets/models"))
    folder: Path = parser.parse_args().out
    contents: dict[Path, bytes] = {}
    entries: dict[str, ModelEntry] = {}
    for name, (_, side) in NETS.items():
        path, content = folder / f"mtcnn-{name}.onnx", export_network(name)
        contents[path] = content
        entries[path.stem] = ModelEntry(
            kind="detector",
            file=path.name,
            sha256=hashlib.sha256(content).hexdigest(),
            precision="fp32",
            licence="MIT (facenet-pytorch 2.6.0)",
            origin="facenet-pytorch 2.6.0, exported by python -m training.export_mtcnn",
            input_px=side or 0,
            colour="BGR",
        )
        print(f"{path}: {len(content) / 1e3:.0f} kB")
    try:
        write_together({folder / MODELS_FILE: with_entries(folder, entries).encode(), **contents})
    except AppError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
