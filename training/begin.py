"""What a run begins with: the network and its weights, the optimizer, and the embeddings that it shall keep."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training.augment import centred
from training.backbones import build_model
from training.batch import as_input
from training.checkpoint import Learner, load_exported, load_weights, read_checkpoint
from training.fleet import Fleet
from training.identity import fit_identity, teacher_embeddings
from training.mix import Mix
from training.model import AgeModel, AgeNet
from training.options import Options

BODY_RATE, HEAD_RATE, WEIGHT_DECAY = 2e-4, 1e-3, 0.01

FITTED = 3000
"""Crops from which the layer of the embedding is guessed where the run begins at a network that has none."""


def make_learner(options: Options, device: torch.device | None = None) -> tuple[Learner, bool]:
    """The network, from pretrained weights or an earlier run's, with what trains it.

    Returns:
        Also whether its layer of the embedding was not trained before.

    Raises:
        ModelFileError: FaceNet's weights are not installed.
        SettingsError: there is no such network.
        SourceError: the earlier run's checkpoint cannot be read, or pretrained weights cannot be downloaded.
    """
    spec = options.spec
    model: AgeModel
    raw_identity = False
    if options.init and not options.resume and options.init.suffix == ".onnx":
        model, raw_identity = load_exported(options.init, spec)
    elif options.init and not options.resume:
        model = build_model(spec, pretrained=False)
        load_weights(model, options.init)
    else:
        model = build_model(spec, options.pretrained and not options.resume)
    model = model.to(device).to(memory_format=torch.channels_last)
    model.set_drop_path(options.drop_path)
    model.choose_trained(options.train)
    head = model.head_parameters()
    in_head = {id(parameter) for parameter in head}
    groups = [
        {"params": [one for one in model.parameters() if one.requires_grad and id(one) not in in_head], "peak": BODY_RATE},
        {"params": [one for one in head if one.requires_grad], "peak": HEAD_RATE},
    ]
    for group in groups:
        group["peak"] *= options.rate  # type: ignore[operator]
    optimizer = torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY, foreach=True)
    update = get_ema_multi_avg_fn(options.ema)  # type: ignore[no-untyped-call]
    return Learner(model, AveragedModel(model, multi_avg_fn=update), optimizer), raw_identity


def to_repeat(
    options: Options, learner: Learner, data: tuple[Mix, NDArray[np.int64]], fleet: Fleet, guess: bool
) -> NDArray[np.float32] | None:
    """FaceNet's embeddings of the whole mix, (n, 512); None where the run does not keep them.

    Args:
        data: the crops, and the rows to train on.
        guess: begin the network's own layer of the embedding anew.

    Raises:
        ModelFileError: FaceNet's weights are not installed.
    """
    if not options.identity:
        return None
    mix, rows = data
    if not fleet.first:
        fleet.wait()  # until the first process has written them
    bf16 = options.precision == "bf16"
    teacher = np.concatenate([teacher_embeddings(*pair, bf16) for pair in zip(options.crops, mix.sets, strict=True)])
    if fleet.first:
        fleet.wait()
    if guess:
        guess_identity(learner, mix, rows, teacher)
    return teacher


def guess_identity(learner: Learner, mix: Mix, rows: NDArray[np.int64], teacher: NDArray[np.float32]) -> None:
    """Begins the embedding's layer where a network that was trained without it leaves it best."""
    assert isinstance(learner.model, AgeNet)  # the only one that may be asked for an embedding
    device = next(learner.model.parameters()).device
    some = np.random.default_rng(0).choice(rows, min(FITTED, len(rows)), replace=False)
    parts = [some[first : first + 48] for first in range(0, len(some), 48)]
    pixels = (as_input(np.stack([centred(mix.pixels(row)) for row in part])).to(device) for part in parts)
    cosine = fit_identity(learner.model, pixels, torch.from_numpy(teacher[some]).to(device))
    learner.average.module.load_state_dict(learner.model.state_dict())
    print(f"embedding guessed from {len(some)} crops: mean cosine {cosine:.3f}", flush=True)


def as_settings(options: Options) -> dict[str, str]:
    """The run's options as they stand in its checkpoint, and the minutes of the runs that it builds on.

    Raises:
        SourceError: the checkpoint to begin with cannot be read.
    """
    settings = options.as_text()
    if options.init and options.init.suffix != ".onnx":
        before = read_checkpoint(options.init)
        minutes = before["position"]["elapsed_s"] / 60 + float(before["options"].get("earlier_minutes", 0))
        settings["earlier_minutes"] = f"{minutes:.1f}"
    return settings
