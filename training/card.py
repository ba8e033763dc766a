"""MODEL_CARD.md, made from measured numbers: after M. Mitchell et al., Model Cards for Model Reporting, FAT* 2019."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.augment import DEGRADED
from training.calibrate import Interval
from training.evaluate import Report
from training.ranges import RangeReport

CARD_FILE = "MODEL_CARD.md"


@dataclass(frozen=True, slots=True)
class Parity:
    """Ages of a file beside torch's on n crops: mean and largest absolute difference, mean difference, in years."""

    n: int
    mean: float
    max: float
    bias: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """The temperature fitted to the validation pictures, and how intervals turn out on people that it was not fitted to."""

    temperature: float
    expected: Interval


@dataclass(frozen=True, slots=True)
class Measured:
    """One finished file: its name in models.toml, precision, size, parity, calibration, and its accuracy with that."""

    name: str
    precision: str
    size_bytes: int
    parity: Parity
    calibration: Calibration
    figures: Report


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What was measured beside the first validation list: a title, and the figures of the first file."""

    title: str
    figures: Report | RangeReport


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """How the weights came about.

    Attributes:
        pictures, passes, minutes, batch: of the last cycle.
        whole: whether the stem was trained too.
        sets: names of the data sets.
        earlier_minutes: of the cycles that it builds on.
        balance: how much more often rare ages were seen than the commonest, at most.
    """

    pictures: int
    passes: float
    minutes: float
    batch: int
    whole: bool
    sets: tuple[str, ...] = ("UTKFace",)
    earlier_minutes: float = 0.0
    balance: float = 1.0

    @property
    def data(self) -> str:
        return f"{_listed(self.sets)}, without the pictures of the validation lists and their copies"

    @property
    def licence(self) -> str:
        terms = f"the terms of {_listed(self.sets)}"
        return f"research use only: {terms}; trunk from facenet (MIT), trained on CASIA-WebFace (research use)"


def model_card(run: TrainingRun, files: Sequence[Measured], elsewhere: Sequence[Elsewhere] = ()) -> str:
    """The card in Markdown; the table by age is that of the last file."""
    rows = [
        f"| {file.name} | {file.size_bytes / 1e6:.1f} MB | {file.figures.mae:.2f} | "
        f"{file.figures.mae_ci[0]:.2f}–{file.figures.mae_ci[1]:.2f} | {file.figures.bias:+.2f} | {file.figures.median:.2f} | "
        f"{file.figures.rmse:.2f} | {file.figures.cs5:.1%} | {file.figures.gender_accuracy:.1%} | "
        f"{file.parity.mean:.4f} / {file.parity.max:.3f} |"
        for file in files
    ]
    last = files[-1]
    intervals = [
        f"| {file.name} | {file.calibration.temperature:.3f} | {file.calibration.expected.coverage:.1%} | "
        f"{file.calibration.expected.width:.1f} years |"
        for file in files
    ]
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

- Data: {run.data}:
  {run.pictures} pictures, and beyond the trunk's own nothing else. Labels are partly estimates themselves.
- Crops by the program's own detector and alignment.
- {run.passes:.1f} passes in {run.minutes:.0f} minutes on two CPU cores, batch {run.batch}; {_trained(run)}.{_earlier(run)}
- Label distributions (Gaussian, σ = 2 years) + 0.2 · L1 of the expectation + 0.2 · gender cross-entropy; for labels that are
  ranges, −log of the probability inside and 0.2 · the distance from the range. AdamW, one cycle; a moving average of the last
  hundred steps' weights.{_balanced(run)}
- Mirroring, jitter of position, scale and rotation, colour changes; {DEGRADED:.0%} of the crops also shrunk, blurred, made noisy
  or compressed.

## Accuracy

On the {last.figures.n} held-back UTKFace pictures, from the raw picture through the program's own detector, alignment and runtime
(`python -m training.evaluate`). Errors in years; the interval is a 95 % bootstrap over pictures; no face was found in
{last.figures.missed} pictures, which count all the same.

| file | size | MAE | 95 % | bias | median | RMSE | within 5 years | gender | off torch, mean / largest |
|---|---|---|---|---|---|---|---|---|---|
{chr(10).join(rows)}

90 % intervals of single pictures, with the temperature in models.toml (`training/calibrate.py`); each half of the pictures judged
with the temperature of the other half:

| file | temperature | hold | mean width |
|---|---|---|---|
{chr(10).join(intervals)}

By true age ({last.name}):

| age | pictures | MAE | bias |
|---|---|---|---|
{chr(10).join(ages)}
{_elsewhere_table(files[0].name, elsewhere)}
Expect larger errors on other data: other cameras, crops and people. The table shows how few old people there are to learn from;
the data's ethnic groups are not balanced either, and accuracy per group is not measured here.

## Licence

{run.licence[0].upper()}{run.licence[1:]}. The program's code is MIT.
"""


def _trained(run: TrainingRun) -> str:
    return "all layers trained" if run.whole else "the first six convolutions left as FaceNet has them"


def _earlier(run: TrainingRun) -> str:
    return f" Begun at the weights of earlier cycles of {run.earlier_minutes:.0f} minutes." if run.earlier_minutes else ""


def _balanced(run: TrainingRun) -> str:
    return f" Rare ages seen up to {run.balance:g} times as often as the commonest." if run.balance > 1 else ""


def _elsewhere_table(name: str, elsewhere: Sequence[Elsewhere]) -> str:
    """What else was measured, with the sentence before it; nothing where nothing was."""
    if not elsewhere:
        return ""
    rows = "\n".join(f"| {one.title} | {one.figures.n} | {_words(one.figures)} |" for one in elsewhere)
    return f"\nOn other held-back pictures ({name}):\n\n| pictures | n | accuracy |\n|---|---|---|\n{rows}\n"


def _words(figures: Report | RangeReport) -> str:
    if isinstance(figures, RangeReport):
        return (
            f"in the right one of {len(figures.by_range)} ranges {figures.accuracy:.1%}, or a neighbour {figures.one_off:.1%}; "
            f"gender {figures.gender_accuracy:.1%}"
        )
    low, high = figures.mae_ci
    return f"MAE {figures.mae:.2f} ({low:.2f}–{high:.2f}), bias {figures.bias:+.2f}, gender {figures.gender_accuracy:.1%}"


def _listed(names: Sequence[str]) -> str:
    """ "A", "A and B", "A, B and C"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
