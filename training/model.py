"""The age networks: heads for age and gender over any trunk, and FaceNet as the trunk, which also tells persons apart."""

from __future__ import annotations

from functools import partial
from typing import Literal, NamedTuple, Self, get_args

import torch
from facenet_pytorch import InceptionResnetV1
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.types import AGE_BINS
from training.facenet import fold_batch_norm, load_facenet
from training.spec import Spec

PIXEL_MEAN, PIXEL_SCALE = 127.5, 128.0
"""FaceNet's own normalisation: (x − 127.5) / 128."""

MIDDLE_AGE, AGE_SCALE = 35.0, 20.0
"""Years: a regression head begins at the one and moves in steps of the other."""

NARROWEST = 0.3
"""Years: spread of a regression's distribution at 0 and 100, where a wider one would be cut off on one side."""

Trained = Literal["heads", "last", "body", "all"]
TRAINED: tuple[Trained, ...] = get_args(Trained)
"""What a run changes: the heads on frozen features; the last blocks too; all but the stem; all."""


class Outputs(NamedTuple):
    """What a network says of n crops.

    Attributes:
        age: (n, 101) logits of the ages 0 … 100.
        male: (n,) logits of a male face.
        identity: (n, 512) face embedding, of length 1; NaN where the network has none.
        years: (n,) the estimate: the distribution's mean, or what a regression says itself.
    """

    age: Tensor
    male: Tensor
    identity: Tensor
    years: Tensor


class AgeModel(nn.Module):
    """Heads for age and gender; subclasses bring the trunk.

    A regression's distribution is a bell around its value, as wide as its error on validation pictures (`spread`), so that the
    program runs it like the others.

    Args:
        spec: what it is.
        features: that the trunk gives.
    """

    spread: Tensor

    def __init__(self, spec: Spec, features: int) -> None:
        super().__init__()
        self.spec = spec
        self.age = nn.Linear(features, 1 if spec.head == "regression" else AGE_BINS)
        self.gender = nn.Linear(features, 1)
        if spec.head == "regression":
            self.register_buffer("spread", torch.tensor(5.0))

    def forward(self, pixels: Tensor) -> Outputs:
        """What it says of (n, 3, 160, 160) float32 RGB 0 … 255."""
        raise NotImplementedError

    def choose_trained(self, trained: Trained) -> None:
        """Freezes what a run shall not change."""
        raise NotImplementedError

    def set_drop_path(self, probability: float) -> None:
        """Leaves the last residual block out of a picture's pass in training, so often; earlier ones less, in proportion.

        G. Huang et al., Deep Networks with Stochastic Depth, ECCV 2016. To be called once; 0 changes nothing.
        """
        raise NotImplementedError

    def says(self, features: Tensor, identity: Tensor | None = None) -> Outputs:
        """The heads' outputs on (n, features)."""
        male = self.gender(features).squeeze(1)
        if identity is None:
            identity = torch.full_like(male, torch.nan)[:, None].expand(-1, 512)
        if self.spec.head != "regression":
            logits = self.age(features)
            return Outputs(logits, male, identity, expected_age(logits))
        years = MIDDLE_AGE + AGE_SCALE * self.age(features).squeeze(1)
        return Outputs(bell_logits(years, self.spread), male, identity, years)

    def head_parameters(self) -> list[nn.Parameter]:
        """The layers that start from nothing and learn faster."""
        return [*self.age.parameters(), *self.gender.parameters()]

    def freeze_unused(self) -> None:
        """Layers that no loss reaches."""
        self.gender.requires_grad_(self.spec.gender)

    def train(self, mode: bool = True) -> Self:
        """As torch's; batch norm that is not trained keeps its statistics."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and not module.weight.requires_grad:
                module.eval()
        return self


class AgeNet(AgeModel):
    """FaceNet (F. Schroff et al., CVPR 2015; InceptionResnetV1) with the heads and its own embedding.

    Batch norm is folded into the convolutions: it was frozen in the pretrained graph and stays so, which spares a third of
    the memory traffic of a training step. The layer of the embedding begins as FaceNet's own; the trunk below it moves with
    the ages, so that it has to be trained to stay (`training.identity`).

    Args:
        pretrained: False leaves the trunk at random, for loading a checkpoint into it.
    """

    trunk: InceptionResnetV1

    def __init__(self, spec: Spec | None = None, pretrained: bool = True) -> None:
        spec = spec or Spec()
        super().__init__(spec, 512)
        trunk = load_facenet() if pretrained else InceptionResnetV1(pretrained=None).eval()
        fold_batch_norm(trunk)
        for module in trunk.modules():
            if isinstance(module, nn.ReLU):
                module.inplace = True
        trunk.dropout.p = spec.dropout
        self.trunk = trunk
        self.identity = nn.Linear(trunk.last_linear.in_features, 512)
        if pretrained:
            self.identity.load_state_dict(trunk.last_linear.state_dict())

    def set_drop_path(self, probability: float) -> None:
        """Leaves the last residual block out of a picture's pass in training, so often; earlier ones less, in proportion.

        G. Huang et al., Deep Networks with Stochastic Depth, ECCV 2016. To be called once; 0 changes nothing.
        """
        blocks = [*self.trunk.repeat_1, *self.trunk.repeat_2, *self.trunk.repeat_3, self.trunk.block8]
        for number, block in enumerate(blocks, 1):
            if probability:
                block.conv2d.register_forward_hook(partial(_drop_path, probability * number / len(blocks)))

    def pooled(self, pixels: Tensor) -> Tensor:
        """(n, 3, 160, 160) float32 RGB 0 … 255 → (n, 1792), the trunk's maps averaged over the picture."""
        trunk = self.trunk
        x = (pixels - PIXEL_MEAN) / PIXEL_SCALE
        for layer in stem(trunk):
            x = layer(x)
        for layer in (trunk.repeat_1, trunk.mixed_6a, trunk.repeat_2, trunk.mixed_7a, trunk.repeat_3, trunk.block8):
            x = layer(x)
        maps: Tensor = trunk.avgpool_1a(x).flatten(1)
        return maps

    def forward(self, pixels: Tensor) -> Outputs:
        """What it says of (n, 3, 160, 160) float32 RGB 0 … 255."""
        pooled = self.pooled(pixels)
        features = self.trunk.last_linear(self.trunk.dropout(pooled))
        return self.says(features, F.normalize(self.identity(pooled)))

    def choose_trained(self, trained: Trained) -> None:
        """`body` leaves the first six convolutions as FaceNet trained them: edges and colours are the same, and cost the most."""
        trunk = self.trunk
        trunk.requires_grad_(trained in ("body", "all"))
        frozen = stem(trunk) if trained == "body" else ()
        for layer in frozen:
            layer.requires_grad_(False)
        if trained == "last":
            for layer in (trunk.mixed_7a, trunk.repeat_3, trunk.block8, trunk.last_linear):
                layer.requires_grad_(True)
        self.freeze_unused()

    def freeze_unused(self) -> None:
        super().freeze_unused()
        self.identity.requires_grad_(self.spec.identity)


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


def bell_logits(years: Tensor, spread: Tensor) -> Tensor:
    """(n,) years → (n, 101) logits of a bell around each, narrower near 0 and 100, so that its mean stays the value."""
    ages = torch.arange(AGE_BINS, dtype=years.dtype, device=years.device)
    middle = years.clamp(0, AGE_BINS - 1)
    room = torch.minimum(middle, AGE_BINS - 1 - middle) / 2
    sigma = torch.minimum(room, spread.to(years.dtype)).clamp(min=NARROWEST)
    return -((ages - middle[:, None]) ** 2) / (2 * sigma[:, None] ** 2)


def _drop_path(probability: float, module: nn.Module, _inputs: tuple[Tensor, ...], branch: Tensor) -> Tensor | None:
    """Forward hook of a residual branch: nothing of it for some of the pictures, more of it for the others."""
    if not module.training:
        return None
    kept = torch.rand(len(branch), 1, 1, 1, device=branch.device) >= probability
    return branch * (kept / (1 - probability)).to(branch.dtype)
