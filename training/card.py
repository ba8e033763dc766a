"""MODEL_CARD.md, made from measured numbers: after M. Mitchell et al., Model Cards for Model Reporting, FAT* 2019."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from training.augment import DEGRADED, ERASED
from training.calibrate import Fit, Interval
from training.evaluate import one_line
from training.figures import Part, Report, gender_text, without
from training.likeness import FALSE_ACCEPTS, Likeness
from training.loss import GENDER_WEIGHT
from training.ranges import RangeReport
from training.run_facts import TrainingRun
from training.spec import FACENET

CARD_FILE = "MODEL_CARD.md"

WIDTH = 130


@dataclass(frozen=True, slots=True)
class Parity:
    """An exported file beside torch on n crops.

    Attributes:
        mean, max, bias: mean and largest absolute difference, and mean difference, of the ages in years.
        cosine: median cosine of the face embeddings, None where the model has none.
    """

    n: int
    mean: float
    max: float
    bias: float
    cosine: float | None = None


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was fitted to the validation pictures, and how intervals turn out on people that it was not fitted to."""

    fit: Fit
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


def model_card(
    run: TrainingRun, files: Sequence[Measured], elsewhere: Sequence[Elsewhere] = (), like: Likeness | None = None
) -> str:
    """The card in Markdown; the tables by age and group are those of the last file."""
    rows = [_row(file) for file in files]
    last = files[-1]
    intervals = [
        f"| {file.name} | {file.calibration.fit.temperature:.3f} | {_line(file.calibration.fit)} | "
        f"{file.calibration.expected.coverage:.1%} | {file.calibration.expected.width:.1f} years |"
        for file in files
    ]
    return f"""# Model card: {last.name.removesuffix(f"-{last.precision}")}

Written by `python -m training.export`; the numbers are measured, not typed.

## What it is

{_wrapped(_what(run))}

## What it is for, and what not

Estimates for statistics, research, art and curiosity, shown with their uncertainty. **Not** for deciding about a person: not
for access to goods or services, not for proving that somebody is of age, not for employment, policing or border control. It
judges how old a picture looks; light, make-up, expression, illness, retouching and a poor camera change that. The gender output
is a guess about a picture and says nothing about anybody's identity.{_embedding_terms(run)}

## Training

- Data: {run.data}:
  {run.pictures} pictures, and beyond the trunk's own nothing else. Labels are partly estimates themselves.
- Crops by the program's own detector and alignment.
{_wrapped(_cycle(run), "- ")}
{_wrapped(_loss(run), "- ")}
- Mirroring, jitter of position, scale and rotation, colour changes; a part covered in {ERASED:.0%}; {DEGRADED:.0%} of the crops
  also shrunk, blurred, made noisy or compressed.

## Accuracy

On the {last.figures.n} held-back UTKFace pictures, from the raw picture through the program's own detector, alignment and runtime
(`python -m training.evaluate`). Errors in years; the interval is a 95 % bootstrap over pictures; no face was found in
{last.figures.missed} pictures, which count all the same. The last two columns compare {last.parity.n} crops with torch.

| file | size | MAE | 95 % | bias | median | RMSE | decades' mean | within 5 | gender | off torch, mean / largest | embedding |
|---|---|---|---|---|---|---|---|---|---|---|---|
{chr(10).join(rows)}{_decades_note(last.figures)}

90 % intervals of single pictures, with the calibration in models.toml (`training/calibrate.py`); each half of the pictures judged
with what was fitted to the other half:

| file | temperature | line | hold | mean width |
|---|---|---|---|---|
{chr(10).join(intervals)}

By true age ({last.name}):

{_parts_table("age", last.figures.by_decade)}

By the data set's own labels of people, and by the side of the crop in the picture ({last.name}):

{_parts_table("pictures of", last.figures.by_gender | last.figures.by_group | last.figures.by_size)}
{_elsewhere_table(files[0].name, elsewhere)}{_likeness(files[0].name, like)}
## Limits

Expect larger errors on other data: other cameras, crops and people. The tables show where there are few to learn from: the old
above all, and groups that the data hold few pictures of. Faces below about 30 pixels, seen from the side, covered or badly lit
are outside what was trained for. Ages above 100 are told as 100.

## Again

The last cycle of training, with the names of the folders and lists (README.md tells how to make them):

```
{_folded(run.command)}
```

## Licence

{run.licence[0].upper()}{run.licence[1:]}. The program's code is MIT.
"""


def _row(file: Measured) -> str:
    found, parity = file.figures, file.parity
    cells = [
        file.name,
        f"{file.size_bytes / 1e6:.1f} MB",
        f"{found.mae:.2f}",
        f"{found.mae_ci[0]:.2f}–{found.mae_ci[1]:.2f}",
        f"{found.bias:+.2f}",
        f"{found.median:.2f}",
        f"{found.rmse:.2f}",
        f"{found.macro_mae:.2f}",
        f"{found.cs5:.1%}",
        gender_text(found),
        f"{parity.mean:.4f} / {parity.max:.3f}",
        "–" if parity.cosine is None else f"{parity.cosine:.4f}",
    ]
    return f"| {' | '.join(cells)} |"


def _decades_note(figures: Report) -> str:
    missing = without(figures)
    return f"\n\nThe decades' mean is of those that there are pictures of{missing}." if missing else ""


def _what(run: TrainingRun) -> str:
    if run.spec.backbone == FACENET:
        trunk = "FaceNet's trunk (InceptionResnetV1; weights of release 20180408-102900, trained on CASIA-WebFace)"
    else:
        trunk = f"The trunk {run.spec.backbone} of timm"
    age = {
        "distribution": "a distribution over the ages 0 … 100, whose expectation is the estimate in years",
        "classes": "one class for each age 0 … 100, whose expectation is the estimate in years",
        "regression": "the age in years, told as a narrow distribution over the ages 0 … 100",
    }[run.spec.head]
    outputs = ["`age` (n, 101)"] + ["`male` (n,)"] * run.spec.gender + ["`identity` (n, 512)"] * run.spec.identity
    return (
        f"{trunk} with these outputs: {age}"
        + ("; the probability of a male face" if run.spec.gender else "")
        + ("; a face embedding of length 1 that is near for pictures of one person" if run.spec.identity else "")
        + f". One ONNX graph: `crops` (n, 160, 160, 3) uint8 RGB → {', '.join(outputs)}, float32. Crops come from five landmarks "
        "by `engines/align.py`; normalisation is inside the graph."
    )


def _embedding_terms(run: TrainingRun) -> str:
    if not run.spec.identity:
        return ""
    return (
        "\nThe embedding is biometric data: the program holds it in memory while a source runs, to know who was seen before,\n"
        "and writes it nowhere."
    )


def _cycle(run: TrainingRun) -> str:
    what = {
        "all": "all layers trained",
        "body": "the first layers left as they were",
        "last": "the last blocks trained",
        "heads": "the heads trained on frozen features",
    }[run.trained]
    text = f"{run.passes:.1f} passes in {run.minutes:.0f} minutes, batch {run.batch}; {what}."
    if run.begun_at:
        text += f" Begun at the weights of {run.begun_at} as it was shipped before."
    if run.earlier_minutes:
        text += f" Begun at the weights of earlier cycles of {run.earlier_minutes:.0f} minutes."
    if run.averaged > 1:
        text += f" The weights are the mean of {run.averaged} checkpoints."
    return text


def _loss(run: TrainingRun) -> str:
    text = {
        "distribution": f"Label distributions (Gaussian, σ = 2 years) + {run.expectation:g} · L1 of the expectation; for labels "
        f"that are ranges, −log of the probability inside and {run.expectation:g} · the distance to them.",
        "classes": "Cross-entropy with one class a year; for labels that are ranges, −log of the probability inside.",
        "regression": "Mean absolute error of the years; for labels that are ranges, the distance from them.",
    }[run.spec.head]
    text += f" Beside them {GENDER_WEIGHT} · gender cross-entropy." if run.spec.gender else ""
    if run.identity:
        text += f" Beside them {run.identity:g} · (1 − cosine) to the embedding of the original FaceNet."
    text += " AdamW, one cycle; a moving average of the last steps' weights."
    if run.balance > 1:
        text += f" Rare ages seen up to {run.balance:g} times as often as the commonest."
    if run.mixup:
        text += f" {run.mixup:.0%} of the pictures mixed with another."
    if run.drop_path:
        text += f" Stochastic depth up to {run.drop_path:g}."
    return text


def _line(fit: Fit) -> str:
    return "none" if (fit.slope, fit.offset) == (1, 0) else f"{fit.slope:.3f} · years {fit.offset:+.2f}"


def _parts_table(title: str, parts: Mapping[str, Part]) -> str:
    rows = "\n".join(f"| {name} | {part.n} | {part.mae:.2f} | {part.bias:+.2f} |" for name, part in parts.items())
    return f"| {title} | pictures | MAE | bias |\n|---|---|---|---|\n{rows}"


def _elsewhere_table(name: str, elsewhere: Sequence[Elsewhere]) -> str:
    """What else was measured, with the sentence before it; nothing where nothing was."""
    if not elsewhere:
        return ""
    rows = "\n".join(f"| {one.title} | {one.figures.n} | {one_line(one.figures)} |" for one in elsewhere)
    return f"\nOn other held-back pictures ({name}):\n\n| pictures | n | accuracy |\n|---|---|---|\n{rows}\n"


def _likeness(name: str, like: Likeness | None) -> str:
    if like is None:
        return ""
    text = (
        f"The face embedding ({name}) on {like.n} held-back pictures: median cosine to the original FaceNet's of the same crop "
        f"{like.cosine:.3f}. Of copies altered like bad cameras do, {like.accepts:.1%} are told from other faces at "
        f"{FALSE_ACCEPTS:.0%} false accepts; the original tells {like.accepts_original:.1%}."
    )
    return f"\n{_wrapped(text)}\n"


def _wrapped(text: str, bullet: str = "") -> str:
    return textwrap.fill(text, WIDTH, initial_indent=bullet, subsequent_indent=" " * len(bullet), break_on_hyphens=False)


def _folded(command: str) -> str:
    """A long command over several lines of a shell."""
    lines = textwrap.wrap(command, WIDTH - 4, break_long_words=False, break_on_hyphens=False)
    return " \\\n  ".join(lines)
