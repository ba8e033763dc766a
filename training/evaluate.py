"""Accuracy of a model on labelled raw pictures, through the program's own detector, alignment and runtime:

`python -m training.evaluate --model FILE --data FILES… [--val-list FILE] [--json FILE] [--plots FOLDER]`

The model is an exported file, on ONNX Runtime or TensorRT, or a checkpoint of training.train, on torch. The data are zip files or
folders of labelled pictures; labels that are ages and labels that are ranges of ages are reported apart.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2

from engines.age import FaceNetAgeEngine
from pipeline.errors import AppError
from training.data import Sample, read_names, select
from training.figures import Predictions, Report, predictions, report, share, table
from training.files import write_json
from training.labels import list_samples
from training.likeness import FALSE_ACCEPTS, Likeness, likeness
from training.locate import Located, estimate, locate
from training.ranges import RangeHits, RangeReport, parse_ranges, range_hits, range_report, range_table
from training.runtimes import ENGINES, open_engine
from training.webcam import Webcam

BAD_CAMERAS = {
    "webcam_56": ("faces of 56 pixels, JPEG quality 50", Webcam(56, 50)),
    "webcam_32": ("faces of 32 pixels", Webcam(32, 0)),
}
"""What a model is measured on beside the pictures as they are: a webcam across a desk, and across a room."""


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Everything that was measured on one list of pictures.

    Attributes:
        exact, ranged: figures of the pictures labelled with ages and with ranges of ages; None where there are none.
        said: the predictions behind `exact`.
        cameras: the same pictures through bad cameras, by the keys of `BAD_CAMERAS`; exact labels, or else ranges.
        likeness: of the face embedding; None where the model has none or it was not measured.
        hits: exact ages judged by ranges that were asked for.
    """

    exact: Report | None
    ranged: RangeReport | None
    said: Predictions | None
    cameras: dict[str, Report | RangeReport]
    likeness: Likeness | None
    hits: RangeHits | None = None


def evaluate(
    engine: FaceNetAgeEngine,
    located: Located,
    webcam: Webcam | None = None,
    *,
    cameras: Sequence[str] = (),
    with_likeness: bool = False,
    ranges: Sequence[tuple[int, int]] = (),
) -> Evaluation:
    """Measures an engine on located pictures.

    Args:
        webcam: what the pictures are made into before anything else.
        cameras: keys of `BAD_CAMERAS` to measure beside them.
        with_likeness: measure the face embedding too.
        ranges: judge exact ages by these too.

    Raises:
        ModelFileError: FaceNet's own weights, for comparing embeddings with, are not installed.
    """
    ranged, said = _split(engine, located, webcam)
    exact = None if said is None else report(said)
    bad: dict[str, Report | RangeReport] = {}
    for key in cameras:
        their_ranged, theirs = _split(engine, located, BAD_CAMERAS[key][1])
        figures = their_ranged if theirs is None else report(theirs)
        assert figures is not None  # located pictures are of one kind or the other
        bad[key] = figures
    return Evaluation(
        exact,
        ranged,
        said,
        bad,
        likeness(engine, located) if with_likeness else None,
        range_hits(said.age, said.truth, ranges) if ranges and said is not None else None,
    )


def _split(engine: FaceNetAgeEngine, located: Located, webcam: Webcam | None) -> tuple[RangeReport | None, Predictions | None]:
    """The figures of pictures labelled with ranges, and the predictions of those labelled with ages."""
    found = estimate(engine, located, webcam)
    is_range = [sample.low != sample.high for sample in located.samples]
    with_age = [not one for one in is_range]
    ranged = said = None
    if any(one is not None for one, own in zip(found, is_range, strict=True) if own):
        part = located.of(is_range)
        ranged = range_report(part.samples, [one for one, own in zip(found, is_range, strict=True) if own])
    if any(one is not None for one, own in zip(found, with_age, strict=True) if own):
        said = predictions(located.of(with_age), [one for one, own in zip(found, with_age, strict=True) if own])
    return ranged, said


def samples_of(data: Sequence[Path], val_list: Path | None) -> list[Sample]:
    """The pictures to measure on: all of the data, or those on the list."""
    samples = list_samples(data).samples
    return list(samples) if val_list is None else select(samples, read_names(val_list))


def text_of(found: Evaluation) -> str:
    """All of it for a terminal."""
    parts = [table(found.exact)] if found.exact else []
    if found.hits:
        hits = found.hits
        in_words = "  ".join(f"{name} {one.accuracy:.0%}" for name, one in hits.by_range.items())
        parts.append(
            f"by ranges (n {hits.n}): in the right one {share(hits.accuracy)}, or a neighbour {share(hits.one_off)}\n{in_words}"
        )
    if found.ranged:
        parts.append(range_table(found.ranged))
    for key, figures in found.cameras.items():
        parts.append(f"{BAD_CAMERAS[key][0]}: {one_line(figures)}")
    if found.likeness:
        parts.append(likeness_line(found.likeness))
    return "\n".join(parts)


def one_line(figures: Report | RangeReport) -> str:
    """The main figures of either kind in words."""
    if isinstance(figures, RangeReport):
        return (
            f"in the right one of {len(figures.by_range)} ranges {figures.accuracy:.1%}, or a neighbour {figures.one_off:.1%}; "
            f"gender {share(figures.gender_accuracy)}"
        )
    low, high = figures.mae_ci
    return f"MAE {figures.mae:.2f} ({low:.2f}–{high:.2f}), bias {figures.bias:+.2f}, gender {share(figures.gender_accuracy)}"


def likeness_line(found: Likeness) -> str:
    return (
        f"face embedding (n {found.n}): median cosine to the original's {found.cosine:.3f}, of altered copies "
        f"{found.cosine_altered:.3f}; copies accepted at {FALSE_ACCEPTS:.0%} false accepts {found.accepts:.1%}, "
        f"by the original {found.accepts_original:.1%}"
    )


def as_json(found: Evaluation) -> dict[str, Any]:
    """The figures as plain values: those of exact ages at the top, or of ranges where there are no exact ages."""
    top = found.exact or found.ranged
    content: dict[str, Any] = {} if top is None else asdict(top)
    if found.exact and found.ranged:
        content["ranged"] = asdict(found.ranged)
    if found.hits:
        content |= {"range_accuracy": found.hits.accuracy, "ranges": asdict(found.hits)}
    content |= {key: asdict(figures) for key, figures in found.cameras.items()}
    if found.likeness:
        content["identity"] = asdict(found.likeness)
    return content


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description="Accuracy of an age model.")
    parser.add_argument("--model", type=Path, required=True, help="ONNX file, or checkpoint.pt of training.train")
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, help="zip files or folders: UTKFace, or photos with labels.csv"
    )
    parser.add_argument("--val-list", type=Path, help="measure on these names only, one a line")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--plots", type=Path, help="draw plots and one page with all of them into this folder")
    parser.add_argument("--ranges", help="judge ages by ranges too, such as 0-2,4-6,8-13,15-20,25-32,38-43,48-53,60+")
    parser.add_argument("--quick", action="store_true", help="leave out simulated webcams and the face embedding")
    parser.add_argument("--face-px", type=int, default=0, help="simulate one webcam only: shrink each face to this size")
    parser.add_argument("--jpeg", type=int, default=50, help="quality of that webcam's pictures, 0: uncompressed")
    parser.add_argument("--engine", choices=ENGINES, default="cpu", help="what runs an ONNX file")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    cv2.setNumThreads(1)
    try:
        ranges = parse_ranges(options.ranges) if options.ranges else ()
        samples = samples_of(options.data, options.val_list)
        engine = open_engine(options.model, options.threads, engine=options.engine)
        located = locate(samples, options.threads)
        for name, reason in located.unreadable:
            print(f"left out {name}: {reason}", file=sys.stderr)
        webcam = Webcam(options.face_px, options.jpeg) if options.face_px else None
        beside = () if options.quick or webcam else tuple(BAD_CAMERAS)
        found = evaluate(
            engine, located, webcam, cameras=beside, with_likeness=not options.quick and webcam is None, ranges=ranges
        )
        print(text_of(found))
        if options.json:
            write_json(options.json, as_json(found))
        if options.plots:
            from training.evaluation_plots import write_plots  # noqa: PLC0415  (matplotlib takes its time)

            print(f"plots: {write_plots(options.plots, found, options.model.name)}")
    except AppError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
