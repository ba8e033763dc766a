"""How alike two faces must be to be one person: chooses `identity_threshold` for models.toml on data.

Different people: pictures of the data sets, each of another person (the few that show one celebrity twice make the choice err
on the safe side). Of each picture some disturbed views are one made-up track, as `pipeline.gallery` remembers it; tracks of
different pictures must stay apart. The threshold is the cosine that all but a given share of such pairs stay below.

Children look alike to a face network: the table by age says how much more their faces must agree (`pipeline.identity`
AGE_MARGINS holds these numbers; look at them again for a network with another trunk).

The same person: another track of the same picture, which is easy, and, with --clips, the first and the last part of each
track of a film, which is what happens: how many of these would be recognised is printed.

    python -m training.identity_threshold --model assets/models/age-facenet-int8.onnx --crops runs/crops --clips film.mp4 --write
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from engines.age import FaceNetAgeEngine
from engines.choose import open_detector
from engines.models import read_models_file
from pipeline.analyzer import Analyzer
from pipeline.errors import AppError, SettingsError
from pipeline.gallery import Gallery
from pipeline.identity import is_good_enough
from pipeline.settings import IdentitySettings, Settings
from pipeline.sources import open_source
from pipeline.types import Float32Array, Float64Array
from training.augment import augmented
from training.mix import Mix, load_mix
from training.models_file import write_entries
from training.runtimes import open_engine

VIEWS = 4
"""Pictures of a made-up track."""

AGES = (0, 3, 8, 13, 18, 30, 45, 60, 75, 101)

ADULT = 18

BATCH = 32

EARLY, LATE = 0.4, 0.6
"""Parts of a film's track: what comes before the first and after the second are two appearances of one person."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was found.

    Attributes:
        threshold: for people of 18 years or more.
        pairs: of different people behind it.
        found: share of made-up tracks that would be recognised.
        by_age: from that age of the younger one on, the same quantile, and the number of pairs.
    """

    threshold: float
    pairs: int
    found: float
    by_age: tuple[tuple[int, float, int], ...]


def made_up_tracks(engine: FaceNetAgeEngine, mix: Mix, rows: Sequence[int], seed: int) -> Float32Array:
    """Templates of one made-up track per picture, (n, 512) float32 of length 1.

    Raises:
        SettingsError: the model gives no embeddings.
    """
    rng = np.random.default_rng(seed)
    views = [augmented(mix.pixels(row), rng) for row in rows for _ in range(VIEWS)]
    found: list[Float32Array] = []
    for first in range(0, len(views), BATCH):
        for estimate in engine.estimate_crops(np.stack(views[first : first + BATCH])):
            if estimate.embedding is None:
                raise SettingsError("This model gives no face embeddings.", "Train one with --identity.")
            found.append(estimate.embedding)
    templates = np.stack(found).reshape(len(rows), VIEWS, -1).mean(axis=1)
    return np.asarray(templates / np.linalg.norm(templates, axis=1, keepdims=True), np.float32)


def choose(first: Float32Array, second: Float32Array, ages: Float32Array, false_share: float) -> Choice:
    """The threshold that all but `false_share` of different adults stay below.

    Args:
        first, second: (n, 512) templates of two tracks of the same n pictures.
        ages: (n,) years.
    """
    one, other = np.triu_indices(len(first), k=1)
    alike = np.asarray(first @ first.T, np.float64)[one, other]
    younger = np.minimum(ages[one], ages[other])
    threshold = _quantile(alike[younger >= ADULT], false_share)
    by_age = []
    for low, high in pairwise(AGES):
        some = alike[(younger >= low) & (younger < high)]
        if len(some) * false_share >= 5:
            by_age.append((low, _quantile(some, false_share), len(some)))
    same = (first * second).sum(axis=1)[ages >= ADULT]
    return Choice(threshold, int((younger >= ADULT).sum()), float((same >= threshold).mean()), tuple(by_age))


def appearances(engine: FaceNetAgeEngine, film: str) -> list[tuple[Gallery, Gallery]]:
    """The first and the last part of each track of a film that has enough good pictures in both.

    Raises:
        SourceError: it cannot be read.
    """
    settings = Settings(identity=IdentitySettings(rejoin=False))
    looks: dict[int, list[tuple[Float32Array, float]]] = {}
    with open_detector(settings, "cpu") as detector, open_source(film, threading.Event(), settings.source) as source:
        analyzer = Analyzer(detector, engine, settings)
        for frame in source.frames():
            for face in analyzer.process(frame).faces:
                embedding = None if face.raw is None else face.raw.embedding
                if embedding is not None and is_good_enough(face.quality, face.detection.box.width):
                    looks.setdefault(face.track, []).append((embedding, face.quality))
    found = []
    for seen in looks.values():
        parts = seen[: int(EARLY * len(seen))], seen[int(LATE * len(seen)) :]
        if min(map(len, parts)) >= 2:
            found.append((_gallery(parts[0]), _gallery(parts[1])))
    return found


def _gallery(looks: Sequence[tuple[Float32Array, float]]) -> Gallery:
    gallery = Gallery()
    for embedding, quality in looks:
        gallery.add(embedding, quality)
    return gallery


def _quantile(values: Float64Array, share: float) -> float:
    return float(np.quantile(values, 1 - share))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training.identity_threshold", description="Chooses how alike two faces must be to be one person."
    )
    parser.add_argument("--model", type=Path, required=True, help="ONNX file of an age model with embeddings")
    parser.add_argument("--crops", type=Path, nargs="+", required=True, help="folders made by training.crops")
    parser.add_argument("--clips", nargs="*", default=[], help="films whose tracks are to be recognised")
    parser.add_argument("--pictures", type=int, default=1000, help="of the sets, at random (1000)")
    parser.add_argument("--false-share", type=float, default=0.0035, help="of pairs of different people (0.0035)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="write it into the models.toml beside the model, for all age models")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    try:
        with closing(open_engine(options.model, options.threads)) as engine:
            mix = load_mix(options.crops)
            rows = np.random.default_rng(0).choice(len(mix), min(options.pictures, len(mix)), replace=False)
            first, second = (made_up_tracks(engine, mix, rows.tolist(), seed) for seed in (1, 2))
            choice = choose(first, second, mix.age[rows], options.false_share)
            share = f"{options.false_share:.2%} of {choice.pairs:,} pairs of different adults"
            print(f"threshold {choice.threshold:.3f}: above are {share}")
            print(f"made-up tracks of one picture that are recognised: {choice.found:.1%}")
            for low, quantile, count in choice.by_age:
                print(f"  younger one from {low:>2}: {quantile:.3f} ({quantile - choice.threshold:+.3f}; {count:,} pairs)")
            for film in options.clips:
                cosines = [one.similarity(other) for one, other in appearances(engine, film)]
                alike = ", ".join(f"{cosine:.2f}" for cosine in sorted(cosines))
                print(f"{Path(film).name}: first and last part of each track: {alike or 'no track is long enough'}")
        if options.write:
            folder = options.model.parent
            found = {"identity_threshold": round(choice.threshold, 3)}
            ages = {name: entry for name, entry in read_models_file(folder).models.items() if entry.kind == "age"}
            write_entries(folder, {name: entry.model_copy(update=found) for name, entry in ages.items()})
    except AppError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
