"""How alike two faces must be to be one person: fits the cohort of `pipeline.cohort` and chooses `identity_threshold`, on data.

The cohort is fitted on pictures that the lists do not hold back (`training.identity_cohort`), the threshold chosen on those that
they do. Different people: pictures of the data sets, each of another person (the few that show one celebrity twice make the
choice err on the safe side). Of each picture some disturbed views are one made-up track, as `pipeline.gallery` remembers it;
tracks of different pictures must stay apart. The threshold is the similarity that all but a given share of such pairs stay below.

Not all faces are equally alike to a network. The table by age says how much more theirs must agree (`pipeline.identity`
AGE_MARGINS holds what is worth it; look at it again for another network), the table by group (`training.identity_groups`) how far
the share is from being the same for all, with the cohort and with the plain cosine.

The same person: another track of the same picture, which is easy, and, with --clips, the first and the last part of each track
of a film, which is what happens: how many of these would be recognised is printed.

    python -m training.identity_threshold --model assets/models/age-facenet-int8.onnx --crops runs/crops runs/crops-aaf \
      runs/crops-fairface --val-list utkface_val.txt runs/lists/aaf_val.txt runs/lists/fairface_val.txt --clips film.mp4 --write
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
from pipeline.cohort import Cohort
from pipeline.errors import AppError
from pipeline.gallery import Gallery
from pipeline.identity import is_good_enough
from pipeline.settings import IdentitySettings, Settings
from pipeline.sources import open_source
from pipeline.types import Float32Array, Float64Array
from training.files import write_together
from training.identity_cohort import FILE, NAME, draw, embeddings, fit_cohort, packed
from training.identity_groups import group_table
from training.mix import load_mix, split_rows
from training.models_file import MODELS_FILE, with_entries
from training.runtimes import open_engine

VIEWS = 4
"""Pictures of a made-up track."""

AGES = (0, 3, 8, 13, 18, 30, 45, 60, 75, 101)

ADULT = 18

RECOGNISED = 0.95
"""Share of the films' tracks whose two parts must be recognised, for the table by group."""

Looks = Sequence[tuple[Float32Array, float]]
"""Embedding, (d,), and quality of pictures of one face."""

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


def similarity_matrix(first: Float32Array, second: Float32Array, cohort: Cohort | None) -> Float64Array:
    """How alike each track is to each of others, (n, m): what `pipeline.gallery` says of tracks whose pictures are equally good.

    Args:
        first, second: (n, views, d) and (m, views, d) embeddings of tracks.
    """
    one, other = _templates(first, cohort), _templates(second, cohort)
    cosines = np.asarray(one @ other.T, np.float64)
    if cohort is None:
        return cosines
    return np.asarray(cosines - (cohort.crowding(one)[:, None] + cohort.crowding(other)) / 2, np.float64)


def _templates(tracks: Float32Array, cohort: Cohort | None) -> Float32Array:
    mean = (tracks if cohort is None else cohort.place(tracks)).mean(axis=1)
    return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True), np.float32)


def choose(different: Float64Array, same: Float64Array, ages: Float32Array, false_share: float) -> Choice:
    """The threshold that all but `false_share` of different adults stay below.

    Args:
        different: (n, n) how alike the tracks of n pictures are; the diagonal counts for nothing.
        same: (n,) how alike another track of each picture is.
        ages: (n,) years.
    """
    one, other = np.triu_indices(len(different), k=1)
    alike = different[one, other]
    younger = np.minimum(ages[one], ages[other])
    threshold = _quantile(alike[younger >= ADULT], false_share)
    by_age = []
    for low, high in pairwise(AGES):
        some = alike[(younger >= low) & (younger < high)]
        if len(some) * false_share >= 5:
            by_age.append((low, _quantile(some, false_share), len(some)))
    found = float((same[ages >= ADULT] >= threshold).mean())
    return Choice(threshold, int((younger >= ADULT).sum()), found, tuple(by_age))


def appearances(engine: FaceNetAgeEngine, film: str) -> list[tuple[Looks, Looks]]:
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
    found: list[tuple[Looks, Looks]] = []
    for seen in looks.values():
        parts = seen[: int(EARLY * len(seen))], seen[int(LATE * len(seen)) :]
        if min(map(len, parts)) >= 2:
            found.append(parts)
    return found


def _alike(one: Looks, other: Looks, cohort: Cohort | None) -> float:
    galleries = Gallery(cohort), Gallery(cohort)
    for gallery, looks in zip(galleries, (one, other), strict=True):
        for embedding, quality in looks:
            gallery.add(embedding, quality)
    return galleries[0].similarity(galleries[1])


def films_similarities(engine: FaceNetAgeEngine, films: Sequence[str], cohort: Cohort) -> dict[str, list[float]]:
    """How alike the two parts of each track are, by the plain cosine and with the cohort; printed film by film.

    Raises:
        SourceError: a film cannot be read.
    """
    same: dict[str, list[float]] = {"cosine": [], "cohort": []}
    for film in films:
        parts = appearances(engine, film)
        for name, against in (("cosine", None), ("cohort", cohort)):
            likeness = sorted(_alike(one, other, against) for one, other in parts)
            alike = ", ".join(f"{value:.2f}" for value in likeness)
            print(f"{Path(film).name}: first and last part of each track, {name}: {alike or 'no track is long enough'}")
            same[name] += likeness
    return same


def write(folder: Path, cohort: Cohort, threshold: float) -> None:
    """The cohort's file, and both facts in the entries of all age models in the folder.

    Raises:
        OutputError: they cannot be written; what was there before stays.
    """
    data, entry = packed(cohort)
    found = {"identity_threshold": round(threshold, 3), "identity_cohort": NAME}
    ages = {name: age for name, age in read_models_file(folder).models.items() if age.kind == "age"}
    entries = {NAME: entry} | {name: age.model_copy(update=found) for name, age in ages.items()}
    write_together({folder / FILE: data, folder / MODELS_FILE: with_entries(folder, entries).encode()})


def _quantile(values: Float64Array, share: float) -> float:
    return float(np.quantile(values, 1 - share))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training.identity_threshold", description="Chooses how alike two faces must be to be one person."
    )
    parser.add_argument("--model", type=Path, required=True, help="ONNX file of an age model with embeddings")
    parser.add_argument("--crops", type=Path, nargs="+", required=True, help="folders made by training.crops")
    parser.add_argument("--val-list", type=Path, nargs="+", required=True, help="pictures to choose the threshold on")
    parser.add_argument("--clips", nargs="*", default=[], help="films whose tracks are to be recognised")
    parser.add_argument("--cohort-pictures", type=int, default=7500, help="equally many of each set, to fit the cohort (7500)")
    parser.add_argument("--pictures", type=int, default=1000, help="of the lists, at random (1000)")
    parser.add_argument("--false-share", type=float, default=0.0015, help="of pairs of different people (0.0015)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="write both beside the model, for all age models")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    try:
        with closing(open_engine(options.model, options.threads)) as engine:
            mix = load_mix(options.crops)
            train_rows, val_rows = split_rows(mix, options.val_list)
            fitted = draw(mix, train_rows, options.cohort_pictures)
            cohort = fit_cohort(embeddings(engine, mix, fitted, 1, 0)[:, 0], mix.part[fitted])
            print(f"cohort of {len(cohort.faces)} made-up people from {len(fitted)} pictures")
            rows = np.random.default_rng(0).choice(val_rows, min(options.pictures, len(val_rows)), replace=False)
            first, second = (embeddings(engine, mix, rows, VIEWS, seed) for seed in (1, 2))
            different = similarity_matrix(first, first, cohort)
            choice = choose(different, similarity_matrix(first, second, cohort).diagonal(), mix.age[rows], options.false_share)
            share = f"{options.false_share:.2%} of {choice.pairs:,} pairs of different adults"
            print(f"threshold {choice.threshold:.3f}: above are {share}")
            print(f"made-up tracks of one picture that are recognised: {choice.found:.1%}")
            for low, quantile, count in choice.by_age:
                print(f"  younger one from {low:>2}: {quantile:.3f} ({quantile - choice.threshold:+.3f}; {count:,} pairs)")
            if options.write:
                write(options.model.parent, cohort, choice.threshold)
            same = films_similarities(engine, options.clips, cohort)
            if same["cosine"]:
                print(f"where {RECOGNISED:.0%} of {len(same['cosine'])} tracks in films are recognised:")
                thresholds = {name: _quantile(np.array(likeness), RECOGNISED) for name, likeness in same.items()}
                print(group_table(mix, rows, {"cosine": similarity_matrix(first, first, None), "cohort": different}, thresholds))
    except AppError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
