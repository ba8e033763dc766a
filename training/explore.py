"""What labelled pictures are like and what is wrong with them: `python -m training.explore DATA… --out FOLDER`.

Writes report.html (one file, with pictures of people unless --no-pictures), anomalies.csv, and corrections.csv, which training
takes with --corrections: copies of one photograph get the mean of their labels, or are left out where these are too far apart;
pictures that cannot be read, photos without a face and labels that are surely wrong are left out.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from engines.models import MODELS_FOLDER, read_models_file
from pipeline.errors import AppError, OutputError, SettingsError
from pipeline.types import Float32Array
from training.crops import load_crops
from training.data import Sample, read_names
from training.duplicates import groups, same_photo
from training.explore_page import write_page
from training.files import HINT
from training.findings import analyse, summary, write_tables
from training.identity import EMBEDDING, teacher_embeddings
from training.labels import list_samples
from training.locate import estimate, locate
from training.runtimes import open_engine
from training.scan import facenet_features, scan
from training.suspects import Judged, judge, years_off


def titled(archives: Sequence[Path]) -> dict[str, list[Path]]:
    """The archives by set: the parts of a set in several files, such as utkface-1.zip, share a title."""
    sets: dict[str, list[Path]] = {}
    for archive in archives:
        sets.setdefault(re.sub(r"[-_ ]\d+$", "", archive.stem) or archive.stem, []).append(archive)
    return sets


def embeddings_of(folders: Sequence[Path], samples: Sequence[Sample], bf16: bool) -> Float32Array:
    """FaceNet's embeddings of pictures that have crops already, (n, 512), NaN for the others."""
    by_name: dict[str, Float32Array] = {}
    for folder in folders:
        crops = load_crops(folder)
        by_name |= dict(zip(crops.names.tolist(), teacher_embeddings(folder, crops, bf16), strict=True))
    nothing = np.full(EMBEDDING, np.nan, np.float32)
    return np.stack([by_name.get(sample.name, nothing) for sample in samples])


def with_model(judged: Judged, model: Path, samples: Sequence[Sample], threads: int) -> Judged:
    """Asks an age model about the doubtful labels. One that was trained on them and still disagrees is all the surer.

    Raises:
        ModelFileError: the model cannot be read.
    """
    rows = judged.suspects()
    off = np.full(len(samples), np.nan)
    if len(rows):
        doubtful = [samples[row] for row in rows]
        located = locate(doubtful, max(1, threads))
        row_of = {id(sample): row for sample, row in zip(doubtful, rows.tolist(), strict=True)}
        with closing(open_engine(model, max(1, threads))) as engine:
            for sample, said in zip(located.samples, estimate(engine, located), strict=True):
                if said is not None:
                    low, high = (np.array([end], np.float64) for end in (sample.low, sample.high))
                    off[row_of[id(sample)]] = years_off(np.array([said.years], np.float64), low, high)[0]
    return replace(judged, model_off=off)


def shipped_model() -> Path:
    """The age model that the program runs on a CPU."""
    facts = read_models_file()
    return MODELS_FOLDER / facts.models[facts.default_cpu].file


def with_face_of(folders: Sequence[Path]) -> set[str]:
    """Names of the pictures in whose crops a face was found.

    Raises:
        SettingsError: there are no crops.
        SourceError: they cannot be read.
    """
    if not folders:
        raise SettingsError("without counting faces, nobody knows where there are any", "Give --crops, or leave --no-faces out.")
    sets = [load_crops(folder) for folder in folders]
    return {name for crops in sets for name in crops.names[crops.found].tolist()}


def counter(count: int) -> Callable[[int], None]:
    """Tells how many of the pictures are done: in place on a terminal, else every tenth of them."""
    told = 0

    def tell(done: int) -> None:
        nonlocal told
        if sys.stdout.isatty():
            print(f"\r{done} of {count}", end="\n" if done == count else "", flush=True)
        elif done == count or done * 10 // count > told * 10 // count:
            print(f"{done} of {count}", flush=True)
        told = done

    return tell


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    cv2.setNumThreads(1)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        sets = {title: list_samples(archives) for title, archives in titled(options.data).items()}
        samples = [sample for listing in sets.values() for sample in listing.samples]
        val = {name for path in options.val_list for name in read_names(path)}
        embed = facenet_features(options.bf16) if options.predict and not options.crops else None
        with_face = None if options.faces else with_face_of(options.crops)
        found = scan(samples, max(1, options.threads), embed, tell=counter(len(samples)), with_face=with_face)
        pairs = same_photo(found.thumbs)
        features = embeddings_of(options.crops, samples, options.bf16) if options.crops and options.predict else found.features
        low, high = (np.array([getattr(sample, end) for sample in samples], np.float64) for end in ("low", "high"))
        judged = None if features is None else judge(features, low, high, groups(len(samples), pairs))
        if judged is not None and options.model is not None:
            judged = with_model(judged, options.model, samples, options.threads)
        findings = analyse(found, sets, val, judged, pairs)
        write_tables(options.out, findings)
        page = write_page(options.out / "report.html", findings, summary(findings), options.pictures, options.most)
    except OSError as error:
        print(OutputError(f"{options.out} cannot be written: {error}", HINT), file=sys.stderr)
        return 1
    except AppError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(summary(findings)))
    print(f"{page}, and beside it corrections.csv and anomalies.csv")
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.explore", description="Report on labelled pictures.")
    parser.add_argument("data", nargs="+", type=Path, help="zip files or folders, with labels.csv or labels in names")
    parser.add_argument("--out", type=Path, required=True, help="folder for report.html, corrections.csv, anomalies.csv")
    parser.add_argument("--val-list", type=Path, nargs="*", default=[], help="lists of held-back names, for histograms by split")
    parser.add_argument("--crops", type=Path, nargs="*", default=[], help="crops of the same data: their embeddings spare a pass")
    parser.add_argument("--pictures", action=argparse.BooleanOptionalAction, default=True, help="people's pictures in the report")
    parser.add_argument("--predict", action=argparse.BooleanOptionalAction, default=True, help="judge labels by predictions")
    parser.add_argument(
        "--faces",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="count the faces of every picture, which takes most of the time; else --crops tell where there is one",
    )
    parser.add_argument("--model", type=Path, default=shipped_model(), help="age model to ask about doubtful labels: ONNX file")
    parser.add_argument("--most", type=int, default=60, help="pictures or pairs of each kind that the report shows")
    parser.add_argument("--bf16", action="store_true", help="run FaceNet in bfloat16: faster on CPUs with avx512_bf16")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
