"""From a checkpoint to the files that the program ships:

`python -m training.export CHECKPOINT --crops FOLDER --data FILES… --val-list FILE --out assets/models`

Writes the float16 and the int8 file, their entries in models.toml and MODEL_CARD.md. Each file is first compared with torch and
measured on the validation pictures, from the raw picture on; a file that fails the comparison is not written.
"""

from __future__ import annotations

import argparse
import os
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
from pipeline.errors import AppError, ModelFileError, OutputError
from pipeline.types import AGE_BINS, Float32Array, UInt8Array
from training.augment import centred
from training.calibrate import cross_checked, fit_temperature
from training.card import CARD_FILE, Calibration, Elsewhere, Measured, Parity, TrainingRun, model_card
from training.checkpoint import load_averaged, read_checkpoint
from training.crops import chip_detector
from training.data import Sample
from training.evaluate import calibrated, estimates, open_engine, predict, predictions, report, samples_of, table
from training.mix import Mix, load_mix, split_rows
from training.models_file import sha256_of, write_entry
from training.onnx_files import export_float, halve, quantize, torch_ages
from training.ranges import RangeReport, range_report, range_table
from training.webcam import Webcam

COMPARED, CALIBRATING = 200, 128
"""Crops to compare with torch on (of the validation list), and to learn the int8 ranges from (of the training crops)."""

BATCH = 8

BAD_CAMERAS = (("faces of 56 pixels, JPEG quality 50", Webcam(56, 50)), ("faces of 32 pixels", Webcam(32, 0)))
"""What the first file is measured on beside whole pictures: a webcam across a desk, and across a room."""


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

    @property
    def name(self) -> str:
        return f"age-facenet-{self.precision}"


TARGETS = (Target("fp16", 0.02, "gpu"), Target("int8", 0.3, "cpu"))


def compare(model: bytes, name: str, crops: UInt8Array, expected: Float32Array) -> Parity:
    """Ages of an ONNX file beside torch's, in years.

    Args:
        crops: (n, 160, 160, 3) uint8 RGB.
        expected: (n,) torch's ages.
    """
    runtime = OnnxRuntime(model, name)
    found = [runtime.run({"crops": crops[first : first + BATCH]})["age"] for first in range(0, len(crops), BATCH)]
    delta = np.concatenate(found) @ np.arange(AGE_BINS) - expected
    return Parity(len(crops), float(np.abs(delta).mean()), float(np.abs(delta).max()), float(delta.mean()))


def write_onnx(checkpoint: Path, folder: Path, calibrating: UInt8Array) -> None:
    """All of the targets' files, under their names, into a folder."""
    net = load_averaged(checkpoint)
    full = folder / "full.onnx"
    export_float(net, full)
    halve(full, folder / f"{TARGETS[0].name}.onnx")
    quantize(full, folder / f"{TARGETS[1].name}.onnx", calibrating)


def pick(mix: Mix, rows: NDArray[np.int64], count: int) -> UInt8Array:
    """(count, 160, 160, 3) crops of some of the rows, the same ones every time."""
    chosen = np.random.default_rng(0).choice(rows, min(count, len(rows)), replace=False)
    return np.stack([centred(mix.pixels(row)) for row in chosen])


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


def export(checkpoint: Path, inputs: Inputs, out: Path) -> None:
    """Makes, checks, measures and writes the files.

    Raises:
        ModelFileError: a file is too far from torch.
        SourceError: checkpoint, crops or data cannot be read.
        OutputError: the folder cannot be written.
    """
    mix = load_mix(inputs.crops)
    train_rows, val_rows = split_rows(mix, inputs.val_lists)
    samples = samples_of(inputs.data, inputs.val_lists[0])
    compared = pick(mix, val_rows, COMPARED)
    expected = torch_ages(load_averaged(checkpoint), compared)
    measured: list[Measured] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_onnx(checkpoint, folder, pick(mix, train_rows, CALIBRATING))
        for target in TARGETS:
            path = folder / f"{target.name}.onnx"
            parity = compare(path.read_bytes(), target.name, compared, expected)
            size_mb = path.stat().st_size / 1e6
            print(f"{target.name}: {size_mb:.1f} MB, off torch by {parity.mean:.4f} years, at most {parity.max:.3f}")
            if parity.mean > target.largest_mean_years:
                raise ModelFileError(
                    f"{target.name} is {parity.mean:.3f} years off torch in the mean, allowed are {target.largest_mean_years}",
                    "Nothing was written. Calibrate on other crops, or leave more layers in float.",
                )
            said = predict(open_engine(path, torch.get_num_threads()), chip_detector(), samples)
            calibration = Calibration(
                fit_temperature(said.distribution, said.truth), cross_checked(said.distribution, said.truth)
            )
            figures = report(calibrated(said, calibration.temperature))
            print(f"{table(figures)}\ntemperature {calibration.temperature}", flush=True)
            measured.append(Measured(target.name, target.precision, path.stat().st_size, parity, calibration, figures))
        elsewhere = _elsewhere(folder / f"{TARGETS[0].name}.onnx", measured[0].calibration.temperature, samples, inputs.others)
        run = _run(checkpoint, len(train_rows), inputs.sets)
        try:
            out.mkdir(parents=True, exist_ok=True)
            for target, result in zip(TARGETS, measured, strict=True):
                _publish(folder / f"{target.name}.onnx", out, target, result, run)
            card = model_card(run, measured, elsewhere)
            (out / CARD_FILE).write_text(card, encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{out} cannot be written: {error}", "Choose another folder with --out.") from error


def _elsewhere(
    model: Path, temperature: float, samples: Sequence[Sample], others: Sequence[tuple[str, Path, Path]]
) -> list[Elsewhere]:
    """What one file makes of the validation pictures through bad cameras, and of other sets."""
    engine, detector = open_engine(model, torch.get_num_threads(), temperature), chip_detector()
    found = [Elsewhere(f"the same, {title}", report(predict(engine, detector, samples, webcam))) for title, webcam in BAD_CAMERAS]
    for title, data, val_list in others:
        theirs = samples_of([data], val_list)
        estimated, missed = estimates(engine, detector, theirs)
        ranged = any(sample.low != sample.high for sample in theirs)
        figures = range_report(theirs, estimated) if ranged else report(predictions(theirs, estimated, missed))
        found.append(Elsewhere(title, figures))
    for one in found:
        print(
            f"{one.title}:\n{range_table(one.figures) if isinstance(one.figures, RangeReport) else table(one.figures)}",
            flush=True,
        )
    return found


def _publish(file: Path, out: Path, target: Target, result: Measured, run: TrainingRun) -> None:
    """Moves a finished file into place and describes it in models.toml."""
    part = out / f"{file.name}.part"
    part.write_bytes(file.read_bytes())
    os.replace(part, out / file.name)
    figures = result.figures
    entry = ModelEntry(
        kind="age",
        file=file.name,
        sha256=sha256_of(out / file.name),
        precision=target.precision,
        licence=run.licence,
        origin="python -m training.export",
        input_px=CROP_PX,
        bins=AGE_BINS,
        temperature=result.calibration.temperature,
        training_data=run.data,
        accuracy={
            "utkface_val_n": figures.n,
            "utkface_val_mae": round(figures.mae, 3),
            "utkface_val_bias": round(figures.bias, 3),
            "utkface_val_cs5": round(figures.cs5, 4),
            "utkface_val_gender": round(figures.gender_accuracy, 4),
            "utkface_val_coverage90": round(result.calibration.expected.coverage, 4),
            "utkface_val_width90": round(result.calibration.expected.width, 2),
        },
    )
    write_entry(out, target.name, entry, target.default_for)


def _run(checkpoint: Path, training_pictures: int, sets: Sequence[str]) -> TrainingRun:
    state = read_checkpoint(checkpoint)
    position, options = state["position"], state["options"]
    steps = -(-training_pictures // int(options["batch"]))
    return TrainingRun(
        pictures=training_pictures,
        passes=position["epoch"] + position["step"] / steps,
        minutes=position["elapsed_s"] / 60,
        batch=int(options["batch"]),
        whole=options["train_stem"] == "True",
        sets=tuple(sets),
        earlier_minutes=float(options.get("earlier_minutes", 0)),
        balance=float(options.get("balance", 1)),
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
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    try:
        others = [(title, Path(data), Path(val_list)) for title, data, val_list in options.also]
        inputs = Inputs(options.crops, options.data, options.val_list, options.sets, others)
        export(options.checkpoint, inputs, options.out)
    except AppError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
