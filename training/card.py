"""MODEL_CARD.md, made from measured numbers: after M. Mitchell et al., Model Cards for Model Reporting, FAT* 2019."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.augment import DEGRADED
from training.evaluate import Report

CARD_FILE = "MODEL_CARD.md"

TRAINING_DATA = "UTKFace (aligned and cropped faces), without the pictures of the validation list and their copies"

WEIGHTS_LICENCE = "research use only: UTKFace's terms; trunk from facenet (MIT), trained on CASIA-WebFace (research use)"


@dataclass(frozen=True, slots=True)
class Parity:
    """Ages of a file beside torch's on n crops: mean and largest absolute difference, mean difference, in years."""

    n: int
    mean: float
    max: float
    bias: float


@dataclass(frozen=True, slots=True)
class Measured:
    """One finished file: its name in models.toml, precision, size, parity and accuracy."""

    name: str
    precision: str
    size_bytes: int
    parity: Parity
    figures: Report


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """How the weights came about: pictures, passes over them, time, batch size, and whether the stem was trained too."""

    pictures: int
    passes: float
    minutes: float
    batch: int
    whole: bool


def model_card(run: TrainingRun, files: Sequence[Measured]) -> str:
    """The card in Markdown; the table by age is that of the last file."""
    rows = [
        f"| {file.name} | {file.size_bytes / 1e6:.1f} MB | {file.figures.mae:.2f} | "
        f"{file.figures.mae_ci[0]:.2f}–{file.figures.mae_ci[1]:.2f} | {file.figures.bias:+.2f} | {file.figures.median:.2f} | "
        f"{file.figures.rmse:.2f} | {file.figures.cs5:.1%} | {file.figures.gender_accuracy:.1%} | "
        f"{file.parity.mean:.4f} / {file.parity.max:.3f} |"
        for file in files
    ]
    last = files[-1]
    ages = [f"| {age} | {decade.n} | {decade.mae:.2f} | {decade.bias:+.2f} |" for age, decade in last.figures.by_decade.items()]
    return f"""# Model card: age-facenet

Written by `python -m training.export`; the numbers are measured, not typed.

## What it is

FaceNet's trunk (InceptionResnetV1; weights of release 20180408-102900, trained on CASIA-WebFace) with two heads: a distribution
over the ages 0 … 100, whose expectation is the estimate in years, and the probability of a male face. One ONNX graph:
`crops` (n, 160, 160, 3) uint8 RGB → `age` (n, 101), `male` (n,), both float32 probabilities. Crops come from five landmarks by
`engines/align.py`; normalisation is inside the graph.

## What it is for, and what not

Estimates for statistics, research, art and curiosity, shown with their uncertainty. **Not** for deciding about a person: not
for access to goods or services, not for proving that somebody is of age, not for employment, policing or border control. It
judges how old a picture looks; light, make-up, expression, illness, retouching and a poor camera change that. The gender output
is a guess about a picture and says nothing about anybody's identity.

## Training

- Data: {TRAINING_DATA}:
  {run.pictures} pictures, and beyond the trunk's own nothing else. Labels are partly estimates themselves.
- Crops by the program's own detector and alignment.
- {run.passes:.1f} passes in {run.minutes:.0f} minutes on two CPU cores, batch {run.batch}; {_trained(run)}.
- Label distributions (Gaussian, σ = 2 years) + 0.2 · L1 of the expectation + 0.2 · gender cross-entropy; AdamW, one cycle;
  a moving average of the last hundred steps' weights.
- Mirroring, jitter of position, scale and rotation, colour changes; {DEGRADED:.0%} of the crops also shrunk, blurred, made noisy
  or compressed.

## Accuracy

On the {last.figures.n} held-back UTKFace pictures, from the raw picture through the program's own detector, alignment and runtime
(`python -m training.evaluate`). Errors in years; the interval is a 95 % bootstrap over pictures; no face was found in
{last.figures.missed} pictures, which count all the same.

| file | size | MAE | 95 % | bias | median | RMSE | within 5 years | gender | off torch, mean / largest |
|---|---|---|---|---|---|---|---|---|---|
{chr(10).join(rows)}

By true age ({last.name}):

| age | pictures | MAE | bias |
|---|---|---|---|
{chr(10).join(ages)}

Expect larger errors on other data: other cameras, crops and people. The table shows how few old people there are to learn from;
the data's ethnic groups are not balanced either, and accuracy per group is not measured here.

## Licence

{WEIGHTS_LICENCE[0].upper()}{WEIGHTS_LICENCE[1:]}. The program's code is MIT.
"""


def _trained(run: TrainingRun) -> str:
    return "all layers trained" if run.whole else "the first six convolutions left as FaceNet has them"
