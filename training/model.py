"""The age network: FaceNet's trunk, 512 features, one head for the age distribution and one for gender."""

from __future__ import annotations

import torch
from facenet_pytorch import InceptionResnetV1
from torch import Tensor, nn

from pipeline.types import AGE_BINS
from training.facenet import fold_batch_norm, load_facenet

PIXEL_MEAN, PIXEL_SCALE = 127.5, 128.0
"""FaceNet's own normalisation: (x − 127.5) / 128."""


class AgeNet(nn.Module):
    """FaceNet (F. Schroff et al., CVPR 2015; InceptionResnetV1) with a 101-bin age head and a gender head.

    Batch norm is folded into the convolutions: it was frozen in the pretrained graph and stays so, which spares a third of
    the memory traffic of a training step.

    Args:
        pretrained: False leaves the trunk at random, for loading a checkpoint into it.
        dropout: probability, between pooling and the 512 features.
    """

    def __init__(self, pretrained: bool = True, dropout: float = 0.3) -> None:
        super().__init__()
        trunk = load_facenet() if pretrained else InceptionResnetV1(pretrained=None).eval()
        fold_batch_norm(trunk)
        for module in trunk.modules():
            if isinstance(module, nn.ReLU):
                module.inplace = True
        trunk.dropout.p = dropout
        self.trunk = trunk
        self.age = nn.Linear(512, AGE_BINS)
        self.gender = nn.Linear(512, 1)

    def features(self, pixels: Tensor) -> Tensor:
        """(n, 3, 160, 160) float32 RGB 0 … 255 → (n, 512)."""
        trunk = self.trunk
        x = (pixels - PIXEL_MEAN) / PIXEL_SCALE
        for layer in stem(trunk):
            x = layer(x)
        for layer in (trunk.repeat_1, trunk.mixed_6a, trunk.repeat_2, trunk.mixed_7a, trunk.repeat_3, trunk.block8):
            x = layer(x)
        x = trunk.dropout(trunk.avgpool_1a(x).flatten(1))
        features: Tensor = trunk.last_linear(x)
        return features

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the ages 0 … 100 (n, 101) and of a male face (n,) for (n, 3, 160, 160) float32 RGB 0 … 255."""
        features = self.features(pixels)
        return self.age(features), self.gender(features).squeeze(1)

    def head_parameters(self) -> list[nn.Parameter]:
        """The layers that start from nothing and learn faster."""
        return [*self.age.parameters(), *self.gender.parameters()]

    def freeze_stem(self) -> None:
        """Leaves the first six convolutions as FaceNet trained them: edges and colours are the same, and they cost the most."""
        for layer in stem(self.trunk):
            layer.requires_grad_(False)


def stem(trunk: InceptionResnetV1) -> tuple[nn.Module, ...]:
    """The layers before the first residual block, at the largest resolutions."""
    return (
        trunk.conv2d_1a,
        trunk.conv2d_2a,
        trunk.conv2d_2b,
        trunk.maxpool_3a,
        trunk.conv2d_3b,
        trunk.conv2d_4a,
        trunk.conv2d_4b,
    )


def expected_age(logits: Tensor) -> Tensor:
    """Mean of the age distribution in years: (n, 101) logits → (n,)."""
    years = torch.arange(AGE_BINS, dtype=logits.dtype, device=logits.device)
    return logits.softmax(dim=1) @ years
