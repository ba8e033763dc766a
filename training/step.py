"""One step of training, and how good the averaged weights are on held-back pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.augment import centred
from training.batch import Batch, as_input
from training.checkpoint import Learner
from training.fleet import Fleet
from training.identity import EMBEDDING, identity_loss
from training.loss import gender_loss, head_loss, years_outside
from training.mix import Mix
from training.options import Options


@dataclass(frozen=True, slots=True)
class StepFigures:
    """Of one step: the loss, the mean distance in years from the labels, and the share of right genders (NaN: none labelled)."""

    loss: float
    mae: float
    gender: float


def train_step(learner: Learner, network: nn.Module, batch: Batch, options: Options, fleet: Fleet) -> StepFigures:
    """One step; the figures are those of the pictures that are whole, of all processes.

    Args:
        network: the learner's model, connected to the other processes.
    """
    with torch.autocast(fleet.device.type, torch.bfloat16, enabled=options.precision == "bf16"):
        said = network(batch.pixels)
    said = type(said)(*(value.float() for value in said))
    aim = options.aim
    losses, distances = head_loss(said, batch.low, batch.high, aim)
    if options.gender:
        losses = losses + gender_loss(said.male, batch.male)
    whole = (batch.share == 1).float()
    if not whole.all():
        i = batch.other
        others = head_loss(said, batch.low[i], batch.high[i], aim)[0]
        if options.gender:
            others = others + gender_loss(said.male, batch.male[i])
        losses = batch.share * losses + (1 - batch.share) * others
    loss = losses.mean()
    if batch.teacher is not None:
        kept = identity_loss(said.identity, batch.teacher) * whole
        loss = loss + options.identity * kept.sum() / whole.sum().clamp(min=1)
    loss.backward()  # type: ignore[no-untyped-call]
    learner.optimizer.step()
    learner.optimizer.zero_grad(set_to_none=True)
    learner.average.update_parameters(learner.model)
    known = whole * ~batch.male.isnan()
    right = ((said.male > 0) == (batch.male > 0.5)) * known
    figures = torch.stack([loss.detach(), (distances * whole).sum() / whole.sum().clamp(min=1), right.sum(), known.sum()])
    loss_mean, mae, right_mean, known_mean = fleet.mean(figures.detach()).tolist()
    return StepFigures(loss_mean, mae, right_mean / known_mean if known_mean and options.gender else float("nan"))


@dataclass(frozen=True, slots=True)
class Validated:
    """Accuracy on held-back pictures.

    Attributes:
        loss: of ages and genders.
        mae: mean distance in years from the labels; for exact labels, the mean absolute error.
        rmse: root of the mean squared distance.
        gender: part of correct genders among the labelled ones, NaN where none is.
        identity: mean cosine to FaceNet's embeddings, NaN where these are not known.
        sets: one text for each set: its mean absolute error in years, or the part of ages inside their ranges.
    """

    loss: float
    mae: float
    rmse: float
    gender: float
    identity: float
    sets: tuple[str, ...]


def validate(
    model: nn.Module,
    data: tuple[Mix, NDArray[np.int64]],
    options: Options,
    fleet: Fleet,
    teacher: NDArray[np.float32] | None = None,
) -> Validated:
    """What the model makes of some rows of the mix, each process of its share of them."""
    mix, rows = data
    model.eval()
    own = rows[fleet.index :: fleet.count]
    size = max(1, options.batch // fleet.count)
    found = [_judged(model, (mix, own[i : i + size]), options, fleet, teacher) for i in range(0, len(own), size)]
    width = 6
    parts = fleet.gathered(torch.cat(found) if found else torch.zeros(0, width))
    order = np.concatenate([rows[i :: fleet.count] for i in range(fleet.count)])
    losses, distances, inside, right, known, cosines = torch.cat([part.cpu() for part in parts]).T
    sets = []
    for i, title in enumerate(mix.titles):
        mine = torch.from_numpy(mix.part[order] == i)
        if not mine.any():
            continue
        exact = bool((mix.low == mix.high)[order][mine.numpy()].all())
        sets.append(f"{title} {distances[mine].mean():.2f}" if exact else f"{title} {inside[mine].mean():.1%}")
    return Validated(
        float(losses.mean()),
        float(distances.mean()),
        float((distances**2).mean().sqrt()),
        float(right.sum() / known.sum()) if options.gender else float("nan"),
        float(cosines.mean()),
        tuple(sets),
    )


def _judged(
    model: nn.Module,
    data: tuple[Mix, NDArray[np.int64]],
    options: Options,
    fleet: Fleet,
    teacher: NDArray[np.float32] | None,
) -> Tensor:
    """(n, 6): loss, distance in years, whether inside the label, whether the gender is right, whether it is known, cosine."""
    mix, rows = data
    low, high, male = (torch.from_numpy(labels[rows]).to(fleet.device) for labels in (mix.low, mix.high, mix.male))
    with torch.inference_mode():
        with torch.autocast(fleet.device.type, torch.bfloat16, enabled=options.precision == "bf16"):
            said = model(as_input(np.stack([centred(mix.pixels(row)) for row in rows])).to(fleet.device))
        said = type(said)(*(value.float() for value in said))
        losses, distances = head_loss(said, low, high, options.aim)
        if options.gender:
            losses = losses + gender_loss(said.male, male)
        known = ~male.isnan()
        right = ((said.male > 0) == (male > 0.5)) & known
        inside = years_outside(said.years.round(), low, high) == 0
        wanted = np.full((len(rows), EMBEDDING), np.nan, np.float32) if teacher is None else teacher[rows]
        cosine = 1 - identity_loss(said.identity, torch.from_numpy(wanted).to(fleet.device))
        return torch.stack([losses, distances, inside.float(), right.float(), known.float(), cosine], dim=1)
