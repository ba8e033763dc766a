"""What is known about a built engine: for whom it was built, and what it takes and gives."""

from __future__ import annotations

import hashlib
from typing import Literal

from pydantic import BaseModel, ConfigDict

from engines.tensorrt.flavour import FlavourName
from engines.tensorrt.graph import EnginePrecision

RECIPE = 1
"""Raised when the way of building changes so that older engines must not be used any more."""


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SizeRange(_Facts):
    """Sizes of one free dimension: least, the one that is made fastest, and most."""

    least: int
    usual: int
    most: int


ProfileEnd = Literal["least", "usual", "most"]
PROFILE_ENDS: tuple[ProfileEnd, ...] = ("least", "usual", "most")


class Profile(_Facts):
    """The optimisation profile: which sizes the engine takes.

    Inputs are (n, height, width, channels); sizes that the network fixes itself are ignored.
    """

    batch: SizeRange
    height: SizeRange = SizeRange(least=1, usual=1, most=1)
    width: SizeRange = SizeRange(least=1, usual=1, most=1)

    def shape(self, stated: tuple[int, ...], which: ProfileEnd) -> tuple[int, ...]:
        """A shape with its free dimensions (-1) filled in."""
        ranges = (self.batch, self.height, self.width)
        return tuple(getattr(ranges[axis], which) if size < 0 else size for axis, size in enumerate(stated))


class EngineKey(_Facts):
    """Everything that decides whether an engine can be used: the same key, the same engine.

    Attributes:
        gpu: name of the GPU that full TensorRT measured on; empty for portable engines.
        targets: compute capabilities it runs on, e.g. (86, 89).
    """

    model: str
    model_sha256: str
    flavour: FlavourName
    version: str
    precision: EnginePrecision
    targets: tuple[int, ...]
    gpu: str
    profile: Profile
    recipe: int = RECIPE

    @property
    def file_name(self) -> str:
        """Readable, and different for every key."""
        digest = hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]
        return f"{self.model}-{self.precision}-{'-'.join(f'sm{sm}' for sm in self.targets)}-{digest}.engine"

    def serves(self, wanted: EngineKey) -> bool:
        """Whether an engine of this key can be used where `wanted` is asked for: the same, for more targets perhaps."""
        return set(wanted.targets) <= set(self.targets) and self == wanted.model_copy(update={"targets": self.targets})


class TensorFacts(_Facts):
    """One input or output. Free dimensions are -1; `least` and `most` are an input's ends of the profile."""

    name: str
    direction: Literal["input", "output"]
    dtype: str
    shape: tuple[int, ...]
    least: tuple[int, ...] = ()
    usual: tuple[int, ...] = ()
    most: tuple[int, ...] = ()

    def __str__(self) -> str:
        text = f"{self.direction} {self.name}: {self.dtype} {_sizes(self.shape)}"
        return f"{text}, {_sizes(self.least)} … {_sizes(self.most)}, best at {_sizes(self.usual)}" if self.least else text


class Manifest(_Facts):
    """Stands before an engine in its file.

    Attributes:
        layers: of the network before fusion.
        built_s: seconds that building took.
    """

    schema_version: Literal[1] = 1
    key: EngineKey
    tensors: tuple[TensorFacts, ...]
    layers: int
    built_s: float
    engine_bytes: int
    engine_sha256: str


def _sizes(shape: tuple[int, ...]) -> str:
    return "×".join("n" if size < 0 else str(size) for size in shape)
