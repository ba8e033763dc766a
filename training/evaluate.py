"""Accuracy of an exported model on raw pictures, through the program's own detector, alignment and runtime:

`python -m training.evaluate --model assets/models/FILE.onnx --data FILES… [--val-list FILE] [--json FILE]`

Labels that are ages and labels that are ranges of ages are reported apart.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.age import FaceNetAgeEngine
from engines.align import CROP_PX
from engines.models import ModelEntry, read_models_file
from engines.onnx_runtime import OnnxRuntime
from pipeline.errors import AppError, ModelFileError, OutputError, SettingsError, SourceError
from pipeline.protocols import AgeEngine, EngineInfo
from pipeline.types import AGE_BINS, AgeEstimate, Float32Array, Float64Array
from training.calibrate import intervals, sharpened
from training.crops import Scanner, chip_detector, find_landmarks, usual_landmarks
from training.data import Pictures, Sample, read_names, select
from training.labels import list_samples
from training.ranges import RangeReport, range_report, range_table
from training.webcam import Webcam

LAST_DECADE = 9
"""People above 100 are too few for a group of their own."""

RESAMPLES = 2000
"""Bootstrap samples behind the 95 % interval of the mean absolute error."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a model said of n pictures, beside the truth.

    Attributes:
        age, truth: (n,) float32 years.
        distribution: (n, 101) float32 probabilities of the ages 0 … 100.
        male: (n,) float32 probability; male_truth: (n,) bool.
        missed: number of pictures in which the detector found no face. Tight chips among them were cropped at the usual place and
            are among the n; photos are not.
    """

    age: Float32Array
    truth: Float32Array
    distribution: Float32Array
    male: Float32Array
    male_truth: NDArray[np.bool_]
    missed: int


@dataclass(frozen=True, slots=True)
class Decade:
    """Errors of one decade of true age: number of pictures, mean absolute and mean signed error in years."""

    n: int
    mae: float
    bias: float


@dataclass(frozen=True, slots=True)
class Report:
    """Accuracy on a set of pictures; errors in years, shares 0 … 1.

    Attributes:
        n: pictures.
        mae, mae_ci: mean absolute error and its 95 % interval (bootstrap over pictures).
        bias: mean of estimate − truth.
        median: of the absolute error.
        rmse: root of the mean squared error.
        cs3, cs5: share of pictures with an absolute error of at most 3 and 5 years (cumulative score).
        macro_mae: mean of the decades' errors: what a set with as many old as young people would show.
        by_decade: "0-9" … "80-89", "90+" by true age.
        gender_accuracy: share of pictures whose label the more probable gender is.
        coverage90, width90: share of pictures whose true age lies within the 90 % interval, and its mean width in years.
        missed: pictures in which no face was found.
    """

    n: int
    mae: float
    mae_ci: tuple[float, float]
    bias: float
    median: float
    rmse: float
    cs3: float
    cs5: float
    macro_mae: float
    by_decade: dict[str, Decade]
    gender_accuracy: float
    coverage90: float
    width90: float
    missed: int


def estimates(
    engine: AgeEngine, detector: Scanner, samples: Sequence[Sample], webcam: Webcam | None = None
) -> tuple[list[AgeEstimate | None], int]:
    """Raw pictures → face → crop → age, as the program does it.

    Args:
        webcam: what the pictures are made into between detection and crop.

    Returns:
        One estimate for each picture, None for photos in which no face was found; and the number of pictures in which none was.

    Raises:
        SourceError: a picture cannot be read, or not one of them shows a face.
    """
    found: list[AgeEstimate | None] = []
    missed = 0
    with Pictures() as pictures:
        for sample in samples:
            picture = pictures.read(sample)
            landmarks = find_landmarks(detector, sample, picture)
            missed += landmarks is None
            if landmarks is None and not sample.chip:
                found.append(None)
                continue
            points = usual_landmarks(picture) if landmarks is None else landmarks
            if webcam is not None:
                picture, points = webcam.shoot(picture, points)
            found += engine.estimate(picture, [points])
    if all(estimate is None for estimate in found):
        raise SourceError("no face was found in any of the pictures", "Check that they are photos of faces.")
    return found, missed


def predict(engine: AgeEngine, detector: Scanner, samples: Sequence[Sample], webcam: Webcam | None = None) -> Predictions:
    """The estimates of pictures with exact labels, beside the truth.

    Raises:
        SourceError: a picture cannot be read, or not one of them shows a face.
    """
    return predictions(samples, *estimates(engine, detector, samples, webcam))


def predictions(samples: Sequence[Sample], found: Sequence[AgeEstimate | None], missed: int) -> Predictions:
    """What `estimates` returned, beside the truth."""
    pairs = [(sample, estimate) for sample, estimate in zip(samples, found, strict=True) if estimate is not None]
    return Predictions(
        np.array([estimate.years for _, estimate in pairs], np.float32),
        np.array([sample.age for sample, _ in pairs], np.float32),
        np.array([estimate.distribution for _, estimate in pairs], np.float32),
        np.array([0.5 if estimate.male is None else estimate.male for _, estimate in pairs], np.float32),
        np.array([sample.male is True for sample, _ in pairs]),
        missed,
    )


def calibrated(predictions: Predictions, temperature: float) -> Predictions:
    """The predictions as the program makes them with that temperature in models.toml."""
    distribution = sharpened(predictions.distribution, temperature).astype(np.float32)
    age = distribution @ np.arange(AGE_BINS, dtype=np.float32)
    return replace(predictions, distribution=distribution, age=np.asarray(age, np.float32))


def report(predictions: Predictions) -> Report:
    """The figures of a set of predictions (at least one)."""
    interval = intervals(predictions.distribution, predictions.truth)
    error = (predictions.age - predictions.truth).astype(np.float64)
    size = np.abs(error)
    decades = np.minimum(predictions.truth // 10, LAST_DECADE).astype(int)
    by_decade = {decade_name(d): _decade(error[decades == d]) for d in sorted(set(decades.tolist()))}
    low, high = np.percentile(_bootstrap_means(size), [2.5, 97.5])
    return Report(
        n=len(error),
        mae=float(size.mean()),
        mae_ci=(float(low), float(high)),
        bias=float(error.mean()),
        median=float(np.median(size)),
        rmse=float(np.sqrt((error**2).mean())),
        cs3=float((size <= 3).mean()),
        cs5=float((size <= 5).mean()),
        macro_mae=float(np.mean([decade.mae for decade in by_decade.values()])),
        by_decade=by_decade,
        gender_accuracy=float(((predictions.male > 0.5) == predictions.male_truth).mean()),
        coverage90=interval.coverage,
        width90=interval.width,
        missed=predictions.missed,
    )


def decade_name(decade: int) -> str:
    return f"{10 * decade}+" if decade == LAST_DECADE else f"{10 * decade}-{10 * decade + 9}"


def _decade(error: Float64Array) -> Decade:
    return Decade(len(error), float(np.abs(error).mean()), float(error.mean()))


def _bootstrap_means(values: Float64Array) -> Float64Array:
    rng = np.random.default_rng(0)
    return np.array([values[rng.integers(len(values), size=len(values))].mean() for _ in range(RESAMPLES)])


def table(figures: Report) -> str:
    """The report for a terminal."""
    low, high = figures.mae_ci
    lines = [
        f"n {figures.n}   MAE {figures.mae:.2f} (95 %: {low:.2f}–{high:.2f})   bias {figures.bias:+.2f}",
        f"median {figures.median:.2f}   RMSE {figures.rmse:.2f}   within 3 / 5 years {figures.cs3:.1%} / {figures.cs5:.1%}",
        f"mean of decades {figures.macro_mae:.2f}   gender {figures.gender_accuracy:.1%}   no face found in {figures.missed}",
        f"90 % intervals hold {figures.coverage90:.1%}, mean width {figures.width90:.1f} years",
        "   age      n    MAE   bias",
    ]
    lines += [f"{name:>7} {decade.n:6d} {decade.mae:6.2f} {decade.bias:+6.2f}" for name, decade in figures.by_decade.items()]
    return "\n".join(lines)


def samples_of(data: Sequence[Path], val_list: Path | None) -> list[Sample]:
    """The pictures to measure on: all of the data, or those on the list."""
    samples = list_samples(data).samples
    return list(samples) if val_list is None else select(samples, read_names(val_list))


def open_engine(path: Path, threads: int, temperature: float = 1.0) -> FaceNetAgeEngine:
    """The age engine over a model file, with its calibration where the models.toml beside it describes this very file.

    Args:
        temperature: of files that models.toml does not know.

    Raises:
        ModelFileError: the file cannot be read or is no ONNX network.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelFileError(
            f"The model file {path} cannot be read: {error.strerror}", "Check the path after --model."
        ) from error
    sha256 = hashlib.sha256(data).hexdigest()
    known = read_models_file(path.parent).models.values() if (path.parent / "models.toml").exists() else ()
    unknown = ModelEntry(
        kind="age",
        file=path.name,
        sha256=sha256,
        precision="fp32",
        licence="",
        origin="",
        input_px=CROP_PX,
        temperature=temperature,
    )
    entry = next((entry for entry in known if entry.sha256 == sha256), unknown)
    info = EngineInfo("cpu", entry.precision, path.stem, "accuracy is measured on the CPU")
    return FaceNetAgeEngine(OnnxRuntime(data, path.name, threads=threads), entry, info)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description="Accuracy of an exported age model.")
    parser.add_argument("--model", type=Path, required=True, help="ONNX file")
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, help="zip files or folders: UTKFace, or photos with labels.csv"
    )
    parser.add_argument("--val-list", type=Path, help="measure on these names only, one a line")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--face-px", type=int, default=0, help="simulate a webcam: shrink each face to this size; 0: as it is")
    parser.add_argument("--jpeg", type=int, default=50, help="quality of the simulated webcam's pictures, 0: uncompressed")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    try:
        samples = samples_of(options.data, options.val_list)
        ranged = {sample.low != sample.high for sample in samples}
        if len(ranged) > 1:
            raise SettingsError("the data mix exact ages with ranges of ages", "Measure each set on its own.")
        webcam = Webcam(options.face_px, options.jpeg) if options.face_px else None
        found, missed = estimates(open_engine(options.model, options.threads), chip_detector(), samples, webcam)
        figures = range_report(samples, found) if True in ranged else report(predictions(samples, found, missed))
        print(range_table(figures) if isinstance(figures, RangeReport) else table(figures))
        if options.json:
            write_json(options.json, figures)
    except AppError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def write_json(path: Path, figures: Report | RangeReport) -> None:
    """Raises: OutputError, the file cannot be written."""
    try:
        path.write_text(json.dumps(asdict(figures), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error}", "Choose another file with --json.") from error


if __name__ == "__main__":
    sys.exit(main())
