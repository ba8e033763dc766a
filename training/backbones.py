"""Other trunks than FaceNet: any model of timm, such as resnet50 and vgg16, with ImageNet's weights or from scratch."""

from __future__ import annotations

import difflib
import logging
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.align import CROP_PX
from pipeline.errors import SettingsError, SourceError
from training.model import AgeModel, AgeNet, Outputs, Trained
from training.spec import FACENET, Spec

LAST_SHARE = 0.25
"""Of a trunk's groups of layers, from the end: what `last` trains beside the heads."""


class TimmAgeNet(AgeModel):
    """A model of timm without its classes, under the same heads. It sees crops of 160 pixels, unless it needs its own size.

    Args:
        pretrained: begin at ImageNet's weights, which timm downloads.

    Raises:
        SettingsError: timm has no such model.
        SourceError: its weights cannot be downloaded.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, spec: Spec, pretrained: bool) -> None:
        trunk = _create(spec.backbone, pretrained)
        if isinstance(getattr(trunk, "pre_logits", None), nn.Module):
            trunk.pre_logits = nn.Identity()  # VGG's two layers of 4096, nine tenths of its weights: its maps are pooled instead
        facts = trunk.pretrained_cfg
        side = facts["input_size"][-1] if facts.get("fixed_input_size", False) else CROP_PX
        with torch.no_grad():
            features = trunk.eval()(torch.zeros(1, 3, side, side)).shape[1]
        super().__init__(spec, features)
        self.trunk = trunk
        self.dropout = nn.Dropout(spec.dropout)
        self._side = side
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(facts[name]).view(3, 1, 1) * 255, persistent=False)

    def forward(self, pixels: Tensor) -> Outputs:
        if self._side != CROP_PX:
            pixels = F.interpolate(pixels, (self._side, self._side), mode="bilinear", align_corners=False)
        return self.says(self.dropout(self.trunk((pixels - self.mean) / self.std)))

    def choose_trained(self, trained: Trained) -> None:
        groups = self._groups()
        count = {"heads": 0, "last": max(1, round(LAST_SHARE * len(groups))), "body": len(groups) - 1, "all": len(groups)}[
            trained
        ]
        self.trunk.requires_grad_(False)
        for group in groups[len(groups) - count :]:
            for parameter in group:
                parameter.requires_grad_(True)
        self.freeze_unused()

    def set_drop_path(self, probability: float) -> None:
        if probability:
            raise SettingsError("--drop-path is made for FaceNet's blocks.", "Leave it out with other backbones.")

    def _groups(self) -> list[list[nn.Parameter]]:
        """The trunk's parameters by blocks, from the stem to the end, as timm groups them."""
        import timm  # noqa: PLC0415

        by_block = timm.models.group_parameters(self.trunk, self.trunk.group_matcher(coarse=True))
        named: dict[str, nn.Parameter] = dict(self.trunk.named_parameters())
        groups = [[named[name] for name in by_block[block] if name in named] for block in sorted(by_block)]
        return [group for group in groups if group]


def build_model(spec: Spec, pretrained: bool) -> AgeModel:
    """The network of a spec.

    Args:
        pretrained: begin at the trunk's own pretrained weights; False leaves it at random.

    Raises:
        ModelFileError: FaceNet's weights are not installed.
        SettingsError: there is no such backbone.
        SourceError: its weights cannot be downloaded.
    """
    return AgeNet(spec, pretrained) if spec.backbone == FACENET else TimmAgeNet(spec, pretrained)


def _create(name: str, pretrained: bool) -> Any:
    import timm  # noqa: PLC0415  (two seconds that runs with FaceNet need not wait)

    if not timm.is_model(name):
        near = difflib.get_close_matches(name, [FACENET, *timm.list_models()], 3)
        raise SettingsError(
            f"There is no backbone {name!r}.",
            f"Did you mean {' or '.join(near)}?" if near else "Choose facenet, resnet50, vgg16, or another model of timm.",
        )
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # without a network it tells of each of twelve attempts, which take most of a minute
    try:
        return timm.create_model(name, pretrained=pretrained, num_classes=0)
    except Exception as error:  # timm and its downloader raise their own, requests', and plain RuntimeErrors
        if not pretrained:
            raise
        raise SourceError(
            f"the weights of {name} cannot be downloaded: {str(error).strip().splitlines()[0][:200]}",
            "Connect to the internet, or train it from scratch with --no-pretrained.",
        ) from error
    finally:
        logger.setLevel(level)
