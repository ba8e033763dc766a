"""From a checkpoint to the files that the program ships:

`python -m training.export CHECKPOINT --crops FOLDER… --data FILES… --val-list FILE… --out assets/models`

Writes the float16 and the int8 file, their entries in models.toml and MODEL_CARD.md. Each file is first compared with torch and
measured on the validation pictures, from the raw picture on; a file that fails the comparison is not written, and none is
before all are measured.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from engines.align import CROP_PX
from engines.models import ModelEntry, Precision
from engines.onnx_runtime import OnnxRuntime
from pipeline.errors import AppError, ModelFileError, OutputError, SettingsError
from pipeline.types import AGE_BINS, UInt8Array
from training.augment import centred
from training.calibrate import cross_checked, fit
from training.card import CARD_FILE, Calibration, Elsewhere, Measured, Parity, model_card
from training.checkpoint import load_averaged
from training.evaluate import BAD_CAMERAS, evaluate, samples_of, text_of
from training.figures import Report, calibrated, predictions, report, table
from training.files import write_together
from training.identity import EMBEDDING
from training.likeness import Likeness, likeness
from training.locate import Located, estimate, locate
from training.mix import Mix, load_mix, split_rows
from training.model import AgeModel
from training.models_file import MODELS_FILE, with_entries
from training.onnx_files import Said, export_float, halve, quantize, torch_says
from training.run_facts import TrainingRun, run_facts
from training.runtimes import open_engine
from training.webcam import Webcam

COMPARED, CALIBRATING = 200, 128
"""Crops to compare with torch on (of the validation list), and to learn the int8 ranges from (of the training crops)."""

FLOAT_CONVOLUTIONS = (1, 4, 6)
"""Of the int8 file, tried in this order until it is near enough to torch: each takes a little more time at run time."""

BATCH = 8


@dataclass(frozen=True, slots=True)
class Target:
    """One file to write.

    Attributes:
        precision: of its weights.
        largest_mean_years: mean |Δ| against torch above which it is not written.
        default_for: what runs it unless told otherwise.
    """

    precision: Precision
    largest_mean_years: float
    default_for: str

    def named(self, backbone: str) -> str:
        return f"age-{backbone.replace('.', '-')}-{self.precision}"


TARGETS = (Target("fp16", 0.02, "gpu"), Target("int8", 0.15, "cpu"))


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a model was trained and is measured on.

    Attributes:
        crops: folders of training.crops.
        data: zip files and folders of the first validation list's pictures.
        val_lists: names that were held back in training; the first one is what the files are measured on.
        sets: names of the data sets, for the card.
        others: title, data and validation list of further sets to measure the first file on.
    """

    crops: Sequence[Path]
    data: Sequence[Path]
    val_lists: Sequence[Path]
    sets: Sequence[str] = ("UTKFace",)
    others: Sequence[tuple[str, Path, Path]] = ()


def export(checkpoint: Path, inputs: Inputs, out: Path, full: Path | None = None) -> None:
    """Makes, checks, measures and writes the files.

    Args:
        full: where to write the float32 file too, which is not shipped.

    Raises:
        ModelFileError: a file is too far from torch.
        SettingsError: pictures to measure on have no exact ages.
        SourceError: checkpoint, crops or data cannot be read.
        OutputError: a folder cannot be written.
    """
    threads = torch.get_num_threads()
    mix = load_mix(inputs.crops)
    train_rows, val_rows = split_rows(mix, inputs.val_lists)
    net = load_averaged(checkpoint)
    run = run_facts(checkpoint, len(train_rows), inputs.sets)
    samples = samples_of(inputs.data, inputs.val_lists[0])
    if ranged := [sample.name for sample in samples if sample.low != sample.high]:
        raise SettingsError(
            f"{len(ranged)} of the pictures to measure on are labelled with ranges of ages, {ranged[0]} for one",
            "Give a set with exact ages first, and others with --also.",
        )
    with tempfile.TemporaryDirectory() as name:
        float32 = Path(name) / "full.onnx"
        try:
            made = make_files(net, pick(mix, val_rows, COMPARED), pick(mix, train_rows, CALIBRATING), float32)
        except OSError as error:
            hint = "Free some space there, or name another temporary folder with the environment's TMPDIR."
            raise OutputError(f"{name} cannot be written: {error}", hint) from error
        located = locate(samples, threads)
        measured = [_measure(*one, located, threads) for one in made]
        first = made[0][0]
        elsewhere, like = _elsewhere(first, measured[0].calibration, located, inputs.others, threads)
        contents = {
            out / MODELS_FILE: with_entries(
                out,
                {file.stem: _entry(file, target, result, run) for (file, target, _), result in zip(made, measured, strict=True)},
                {target.default_for: file.stem for file, target, _ in made},
            ).encode(),
            out / CARD_FILE: model_card(run, measured, elsewhere, like).encode(),
            **{out / file.name: file.read_bytes() for file, _, _ in made},
        }
        if full is not None:
            contents[full] = float32.read_bytes()
        write_together(contents)


def make_files(net: AgeModel, compared: UInt8Array, calibrating: UInt8Array, float32: Path) -> list[tuple[Path, Target, Parity]]:
    """The files to ship, beside the float32 one that they are made of, near enough to torch.

    Args:
        compared: (n, 160, 160, 3) uint8 RGB crops to compare with torch on.
        calibrating: (m, 160, 160, 3) to learn the int8 ranges from.
        float32: written too.

    Raises:
        ModelFileError: a file is too far from torch.
        OSError: there is no room for them.
    """
    expected = torch_says(net, compared)
    half, small = (float32.with_name(f"{target.named(net.spec.backbone)}.onnx") for target in TARGETS)
    export_float(net, float32)
    halve(float32, half)
    half_parity = compare(half.read_bytes(), half.stem, compared, expected)
    _check(half, TARGETS[0], half_parity)
    for left in FLOAT_CONVOLUTIONS:
        quantize(float32, small, calibrating, left, float32.with_name("ranges.json"))
        parity = compare(small.read_bytes(), small.stem, compared, expected)
        print(f"int8 with the first {left} convolutions in float: off torch by {parity.mean:.4f} years", flush=True)
        if parity.mean <= TARGETS[1].largest_mean_years:
            break
    _check(small, TARGETS[1], parity)
    return [(half, TARGETS[0], half_parity), (small, TARGETS[1], parity)]


def pick(mix: Mix, rows: NDArray[np.int64], count: int) -> UInt8Array:
    """(count, 160, 160, 3) crops of some of the rows, the same ones every time."""
    chosen = np.random.default_rng(0).choice(rows, min(count, len(rows)), replace=False)
    return np.stack([centred(mix.pixels(row)) for row in chosen])


def compare(model: bytes, name: str, crops: UInt8Array, expected: Said) -> Parity:
    """What an ONNX file says of crops, (n, 160, 160, 3) uint8 RGB, beside what torch says of them."""
    runtime = OnnxRuntime(model, name)
    found = [runtime.run({"crops": crops[first : first + BATCH]}) for first in range(0, len(crops), BATCH)]
    delta = np.concatenate([one["age"] for one in found]) @ np.arange(AGE_BINS) - expected.years
    cosine = None
    if expected.identity is not None:
        own = np.concatenate([one["identity"] for one in found])
        cosine = float(np.median((own * expected.identity).sum(axis=1)))
    return Parity(len(crops), float(np.abs(delta).mean()), float(np.abs(delta).max()), float(delta.mean()), cosine)


def _check(file: Path, target: Target, parity: Parity) -> None:
    text = f"{file.stem}: {file.stat().st_size / 1e6:.1f} MB, off torch by {parity.mean:.4f} years, at most {parity.max:.3f}"
    print(text + (f"; cosine of embeddings {parity.cosine:.4f}" if parity.cosine is not None else ""), flush=True)
    if parity.mean > target.largest_mean_years:
        raise ModelFileError(
            f"{file.stem} is {parity.mean:.3f} years off torch in the mean, allowed are {target.largest_mean_years}",
            "Nothing was written. Calibrate on other crops, or leave more layers in float.",
        )


def _measure(file: Path, target: Target, parity: Parity, located: Located, threads: int) -> Measured:
    said = predictions(located, estimate(open_engine(file, threads), located))
    found = fit(said.distribution, said.truth)
    calibration = Calibration(found, cross_checked(said.distribution, said.truth))
    figures = report(calibrated(said, found))
    print(f"{table(figures)}\ntemperature {found.temperature}, years · {found.slope} {found.offset:+}", flush=True)
    return Measured(file.stem, target.precision, file.stat().st_size, parity, calibration, figures)


def _elsewhere(
    file: Path, calibration: Calibration, located: Located, others: Sequence[tuple[str, Path, Path]], threads: int
) -> tuple[list[Elsewhere], Likeness | None]:
    """What one file makes of the validation pictures through bad cameras, and of other sets; and its face embedding."""
    engine = open_engine(file, threads, fit=calibration.fit)

    def through(webcam: Webcam) -> Report:
        return report(predictions(located, estimate(engine, located, webcam)))

    found = [Elsewhere(f"the same, {title}", through(webcam)) for title, webcam in BAD_CAMERAS.values()]
    for title, data, val_list in others:
        theirs = evaluate(engine, locate(samples_of([data], val_list), threads))
        print(f"{title}:\n{text_of(theirs)}", flush=True)
        found += [Elsewhere(title, figures) for figures in (theirs.exact, theirs.ranged) if figures is not None]
    return found, likeness(engine, located)


def _entry(file: Path, target: Target, result: Measured, run: TrainingRun) -> ModelEntry:
    """A finished file as models.toml describes it."""
    figures, held = result.figures, result.calibration
    return ModelEntry(
        kind="age",
        file=file.name,
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        precision=target.precision,
        licence=run.licence,
        origin="python -m training.export",
        input_px=CROP_PX,
        bins=AGE_BINS,
        temperature=held.fit.temperature,
        slope=held.fit.slope,
        offset=held.fit.offset,
        identity=EMBEDDING if run.spec.identity else 0,
        training_data=run.data,
        accuracy={
            "utkface_val_n": figures.n,
            "utkface_val_mae": round(figures.mae, 3),
            "utkface_val_bias": round(figures.bias, 3),
            "utkface_val_cs5": round(figures.cs5, 4),
            "utkface_val_macro_mae": round(figures.macro_mae, 3),
            **({} if np.isnan(figures.gender_accuracy) else {"utkface_val_gender": round(figures.gender_accuracy, 4)}),
            "utkface_val_coverage90": round(held.expected.coverage, 4),
            "utkface_val_width90": round(held.expected.width, 2),
        },
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.export", description="Checks, measures and writes the model files.")
    parser.add_argument("checkpoint", type=Path, help="checkpoint.pt of training.train")
    parser.add_argument("--crops", type=Path, nargs="+", required=True, help="folders made by training.crops")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="UTKFace zip files or folders")
    parser.add_argument("--val-list", type=Path, nargs="+", required=True, help="names to validate on; of --data, the first")
    parser.add_argument("--sets", nargs="+", default=["UTKFace"], help="names of the data sets, for the model card")
    parser.add_argument(
        "--also", nargs=3, action="append", default=[], metavar=("TITLE", "DATA", "LIST"), help="measure on this set too"
    )
    parser.add_argument("--out", type=Path, default=Path("assets/models"))
    parser.add_argument("--fp32", type=Path, metavar="FILE", help="write the float32 graph there too; it is not shipped")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    try:
        others = [(title, Path(data), Path(val_list)) for title, data, val_list in options.also]
        inputs = Inputs(options.crops, options.data, options.val_list, options.sets, others)
        export(options.checkpoint, inputs, options.out, options.fp32)
    except AppError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
