"""Which network a run trains: what a checkpoint must say for the model to be built again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from pipeline.errors import SettingsError

Head = Literal["distribution", "regression", "classes"]
HEADS: tuple[Head, ...] = get_args(Head)

FACENET = "facenet"


@dataclass(frozen=True, slots=True)
class Spec:
    """A network.

    Attributes:
        backbone: "facenet", or the name of a model of timm, such as resnet50, vgg16 or efficientnet_b0.
        head: what the age output is trained as: a label distribution; the years themselves; one class for each year.
        gender: whether it tells genders.
        identity: whether it gives a face embedding; FaceNet only.
        dropout: probability, before the heads.
    """

    backbone: str = FACENET
    head: Head = "distribution"
    gender: bool = True
    identity: bool = True
    dropout: float = 0.3

    def __post_init__(self) -> None:
        if self.head not in HEADS:
            raise SettingsError(f"There is no age head {self.head!r}.", f"Choose one of: {', '.join(HEADS)}.")
        if self.identity and self.backbone != FACENET:
            raise SettingsError(
                f"{self.backbone} has no face embedding to keep.", "Leave --identity out, or choose --backbone facenet."
            )

    @classmethod
    def of(cls, options: Mapping[str, str]) -> Spec:
        """From a checkpoint's options; runs that do not say trained FaceNet, with a distribution and genders.

        Raises:
            SettingsError: no such network.
        """
        head = options.get("head", "distribution")
        if head not in HEADS:
            raise SettingsError(f"There is no age head {head!r}.", "The checkpoint is of a newer version of this program.")
        return cls(
            options.get("backbone", FACENET),
            next(one for one in HEADS if one == head),
            options.get("gender", "True") == "True",
            float(options.get("identity", 0)) > 0,
            float(options.get("dropout", 0.3)),
        )
