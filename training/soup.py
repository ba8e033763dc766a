"""The mean of several checkpoints' weights: `python -m training.soup CHECKPOINT… --out FILE`.

M. Wortsman et al., Model soups, ICML 2022: networks that were trained on from the same weights lie in one valley, and their mean
is often better than each of them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from pipeline.errors import AppError, SourceError
from training.checkpoint import read_checkpoint, write_checkpoint
from training.spec import Spec


def soup(checkpoints: Sequence[Path], out: Path, weights: Sequence[float] = ()) -> None:
    """Writes a checkpoint with the mean of the averaged weights; facts about the run are those of the last one.

    Args:
        weights: of each; empty: alike.

    Raises:
        SettingsError: a checkpoint is of a network that this program does not know.
        SourceError: a checkpoint cannot be read, or they are of different networks.
        OutputError: the file cannot be written.
    """
    shares = [weight / sum(weights) for weight in weights] if weights else [1 / len(checkpoints)] * len(checkpoints)
    if len(shares) != len(checkpoints):
        raise SourceError(f"{len(shares)} weights for {len(checkpoints)} checkpoints", "Give one weight for each checkpoint.")
    mean: dict[str, torch.Tensor] = {}
    first: Spec | None = None
    for path, share in zip(checkpoints, shares, strict=True):
        state = read_checkpoint(path)
        spec, average = Spec.of(state["options"]), state["average"]
        first = first or spec
        alike = not mean or {key: value.shape for key, value in average.items()} == {key: one.shape for key, one in mean.items()}
        if spec != first or not alike:
            raise SourceError(f"{path} is of another network than {checkpoints[0]}", "Mix checkpoints of one network only.")
        for key, value in average.items():
            mean[key] = mean[key] + share * value if key in mean else share * value.double()
    kept = {key: mean[key].to(value.dtype) for key, value in state["average"].items()}
    options = state["options"] | {"averaged": str(len(checkpoints))}
    write_checkpoint(out, {"average": kept, "position": state["position"], "options": options})


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.soup", description="The mean of several checkpoints' weights.")
    parser.add_argument("checkpoints", type=Path, nargs="+", help="checkpoint.pt of training.train")
    parser.add_argument("--weights", type=float, nargs="+", default=(), help="of each checkpoint; all alike unless given")
    parser.add_argument("--out", type=Path, required=True, help="checkpoint to write, for training.evaluate, export and --init")
    options = parser.parse_args(arguments)
    try:
        soup(options.checkpoints, options.out, options.weights)
    except AppError as error:
        print(error, file=sys.stderr)
        return 1
    print(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
