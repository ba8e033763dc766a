"""Measures what each ingredient of training brings: `python -m training.ablate --crops FOLDER… --val-list FILE… --out FOLDER`.

Short runs of equal length on a fixed part of the data, one ingredient changed at a time; FaceNet's last blocks and the heads
only, so that a run takes minutes. A run that is there already is not made again, one that was stopped goes on. Writes ablation.md
and ablation.json. The differences are those of short runs: a long one may order its ingredients differently.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from engines.align import CROP_PX, align
from pipeline.errors import AppError, OutputError, SettingsError
from pipeline.types import UInt8Array
from training.ablation_table import Outcome, markdown
from training.augment import centred
from training.batch import as_input
from training.checkpoint import load_averaged, read_checkpoint
from training.crops import CROP_MARGIN, CROPS_FILE, STORED_PX, publish_crops, usual_landmarks
from training.data import Pictures, read_names
from training.files import HINT, reserved_array, whole_text
from training.identity import teacher_embeddings
from training.labels import list_samples
from training.mix import Mix, load_mix
from training.options import Options
from training.split import position_of
from training.train import stop_by_signal, train

BASE = "all ingredients"
ONE_SET, PLAIN = "one set", "one set, no alignment"

CHANGES: dict[str, dict[str, Any]] = {
    BASE: {},
    "regression": {"head": "regression"},
    "classes": {"head": "classes"},
    "no degradation": {"degraded": 0.0},
    "no averaged weights": {"ema": 0.0},
    "no balance": {"balance": 1.0},
    "no identity": {"identity": 0.0},
    ONE_SET: {},
    PLAIN: {},
}
"""Name of a run → the options in which it differs. The last two differ in their crops."""

SMALL_PX, SMALL_QUALITY = 56, 50
BATCH = 48


@dataclass(frozen=True, slots=True)
class Plan:
    """What the runs have in common.

    Attributes:
        crops: of the sets, the first one being that of the runs with one set.
        plain: crops of the first set without alignment; None leaves that run out.
        train, val: pictures of all sets together to train on, and of each set to judge by.
    """

    crops: tuple[Path, ...]
    plain: Path | None
    val_list: tuple[Path, ...]
    out: Path
    train: int
    val: int
    epochs: int
    bf16: bool
    seed: int = 0


def against(names: Sequence[str]) -> dict[str, str]:
    """Which run each is compared with."""
    return {name: ONE_SET if name == PLAIN else BASE for name in names if name != BASE}


def chosen(mix: Mix, val: set[str], count: int, per_set: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows to train on and to judge by, the same for every run with these sets: the first by a hash of their names.

    Args:
        count: of the rows to train on, from all sets in proportion.
        per_set: most rows of a set to judge by.
    """
    # Not the plain name: training.split holds back those whose hash is low, so that the first ones would be of other sets.
    order = np.array(sorted(range(len(mix)), key=lambda row: position_of(f"ablation {mix.names[row]}")))
    held_back = np.isin(mix.names[order], sorted(val))
    val_rows = [order[held_back & (mix.part[order] == i)][:per_set] for i in range(len(mix.sets))]
    return np.sort(order[~held_back][:count]), np.sort(np.concatenate(val_rows))


def options_of(plan: Plan, name: str) -> Options:
    """The options of one run; its lists are written into its folder.

    Raises:
        OutputError: the folder cannot be written.
        SourceError: crops or lists cannot be read.
    """
    crops = {ONE_SET: plan.crops[:1], PLAIN: (plan.plain or plan.crops[0],)}.get(name, plan.crops)
    mix = load_mix(crops)
    train_rows, val_rows = chosen(mix, {one for path in plan.val_list for one in read_names(path)}, plan.train, plan.val)
    folder = plan.out / name.replace(",", "").replace(" ", "-")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error}", HINT) from error
    with whole_text(folder / "val.txt") as file:
        file.write("\n".join([*mix.names[val_rows].tolist(), ""]))
    kept = set(train_rows.tolist()) | set(val_rows.tolist())
    with whole_text(folder / "corrections.csv") as file:  # a picture without an age is left out
        csv.writer(file).writerows([("name", "age"), *((mix.names[row], "") for row in range(len(mix)) if row not in kept)])
    base = Options(
        crops=crops,
        val_list=(folder / "val.txt",),
        out=folder,
        epochs=plan.epochs,
        batch=BATCH,
        seed=plan.seed,
        train="last",
        balance=3.0,
        identity=5.0,
        corrections=folder / "corrections.csv",
        precision="bf16" if plan.bf16 else "fp32",
        validate_every=plan.epochs,
        resume=(folder / "checkpoint.pt").exists(),
    )
    return replace(base, **CHANGES[name])


def outcome(options: Options) -> Outcome:
    """What the finished run says of its held-back pictures."""
    mix = load_mix(options.crops)
    rows = np.flatnonzero(np.isin(mix.names, sorted(read_names(options.val_list[0]))))
    checkpoint = options.out / "checkpoint.pt"
    model = load_averaged(checkpoint)
    position = read_checkpoint(checkpoint)["position"]
    teacher = None
    if options.identity:
        teacher = np.concatenate([teacher_embeddings(*pair) for pair in zip(options.crops, mix.sets, strict=True)])
    years, small, cosines = [], [], []
    for first in range(0, len(rows), BATCH):
        some = rows[first : first + BATCH]
        views = [centred(mix.pixels(row)) for row in some]
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=options.precision == "bf16"):
            said = model(as_input(np.stack(views)))
            small.append(model(as_input(np.stack([through_webcam(view) for view in views]))).years.float().numpy())
        years.append(said.years.float().numpy())
        if teacher is not None:
            cosines.append((said.identity.float().numpy() * teacher[some]).sum(axis=1))
    off, small_off = (_off(np.concatenate(parts).astype(np.float64), mix, rows) for parts in (years, small))
    truth = {title: mix.age[rows[mix.part[rows] == i]].tolist() for i, title in enumerate(mix.titles)}
    views_seen = (len(mix) - _left_out(options) - len(rows)) * options.epochs
    identity = float(np.concatenate(cosines).mean()) if cosines else math.nan
    return Outcome(off, small_off, truth, identity, position["elapsed_s"] / 60, views_seen)


def _off(years: NDArray[np.float64], mix: Mix, rows: NDArray[np.int64]) -> dict[str, list[float]]:
    low, high = mix.low[rows], mix.high[rows]
    off = np.where(years < low, years - low, np.where(years > high, years - high, 0.0))
    return {title: off[mix.part[rows] == i].tolist() for i, title in enumerate(mix.titles)}


def _left_out(options: Options) -> int:
    assert options.corrections is not None
    return len(options.corrections.read_text(encoding="utf-8").splitlines()) - 1


def through_webcam(view: UInt8Array) -> UInt8Array:
    """(160, 160, 3) of a face with 56 pixels, compressed."""
    small = cv2.resize(view, (SMALL_PX, SMALL_PX), interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, SMALL_QUALITY])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(cv2.resize(decoded, (CROP_PX, CROP_PX), interpolation=cv2.INTER_LINEAR), np.uint8)


def make_plain(data: Sequence[Path], like: Path, names: set[str], out: Path) -> None:
    """Crops of some pictures without alignment: each picture resized as it is, which suits tight chips only.

    Args:
        like: folder of the aligned crops, whose index says the labels.
        out: crops.npy and index.csv, of the same form.

    Raises:
        OutputError: they cannot be written.
        SettingsError: the data are no tight chips.
        SourceError: the data cannot be read.
    """
    samples = [sample for sample in list_samples(data).samples if sample.name in names]
    if not samples or not all(sample.chip for sample in samples):
        raise SettingsError(f"--data are not the chips of {like}", "Give the zip files that its crops were made of.")
    part = out / f"{CROPS_FILE}.part"
    try:
        out.mkdir(parents=True, exist_ok=True)
        pixels = reserved_array(part, np.uint8, (len(samples), STORED_PX, STORED_PX, 3))
        with Pictures() as pictures:
            for i, sample in enumerate(samples):
                chip = pictures.read(sample)
                pixels[i] = align(chip, usual_landmarks(chip), STORED_PX, CROP_MARGIN)[:, :, ::-1]
        pixels.flush()
        publish_crops(out, part, samples, np.ones(len(samples), np.bool_))
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error}", HINT) from error
    finally:
        part.unlink(missing_ok=True)


def run(plan: Plan, names: Sequence[str], stop: threading.Event) -> dict[str, Outcome]:
    """Makes the runs that are not there yet, one after the other; what is there when it is stopped."""
    found: dict[str, Outcome] = {}
    for name in names:
        options = options_of(plan, name)
        result, key = options.out / "result.json", replace(options, resume=False).as_text()
        if result.exists() and (kept := json.loads(result.read_text(encoding="utf-8")))["options"] == key:
            found[name] = Outcome(**kept["outcome"])
            continue
        print(f"== {name}", flush=True)
        train(options, stop)
        if stop.is_set():
            break
        found[name] = outcome(options)
        with whole_text(result) as file:
            json.dump({"options": key, "outcome": asdict(found[name])}, file)
        write_table(plan, found)
    return found


def write_table(plan: Plan, found: Mapping[str, Outcome]) -> None:
    """ablation.md and ablation.json.

    Raises:
        OutputError: they cannot be written.
    """
    views = max(one.views for one in found.values())
    heading = [
        f"Short runs, each of {plan.epochs} passes over {plan.train} pictures ({views} views); FaceNet's last blocks and the "
        f"heads only, seed {plan.seed}. At most {plan.val} held-back crops of each set; bootstrap over pictures, 95 %: another "
        "seed may differ by more. Bold: the interval leaves 0 out.",
    ]
    with whole_text(plan.out / "ablation.md") as file:
        file.write(markdown(found, against(list(found)), heading))
    with whole_text(plan.out / "ablation.json") as file:
        json.dump({name: asdict(one) for name, one in found.items()}, file)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.ablate", description="What each ingredient of training brings.")
    parser.add_argument("--crops", type=Path, nargs="+", required=True, help="of training.crops; the first is the one set")
    parser.add_argument("--val-list", type=Path, nargs="+", required=True)
    parser.add_argument("--data", type=Path, nargs="*", default=[], help="chips of the first set, for crops without alignment")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--train", type=int, default=4800, help="pictures to train on")
    parser.add_argument("--val", type=int, default=600, help="pictures of each set to judge by")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--bf16", action="store_true", help="for CPUs with avx512_bf16")
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--only", nargs="+", choices=list(CHANGES), default=list(CHANGES), help="some of the runs")
    given = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    if given.threads:
        torch.set_num_threads(given.threads)
    stop = stop_by_signal()
    names = [name for name in given.only if name != PLAIN or given.data]
    plain = given.out / "plain" / given.crops[0].name if PLAIN in names else None  # the set's title is its folder's name
    plan = Plan(tuple(given.crops), plain, tuple(given.val_list), given.out, given.train, given.val, given.epochs, given.bf16)
    try:
        if plain is not None and not (plain / CROPS_FILE).exists():
            mix = load_mix(plan.crops[:1])
            val = {one for path in plan.val_list for one in read_names(path)}
            rows = np.concatenate(chosen(mix, val, plan.train, plan.val))
            make_plain(given.data, plan.crops[0], set(mix.names[rows].tolist()), plain)
        found = run(plan, names, stop)
    except AppError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(found)} of {len(names)} runs; the table: {given.out / 'ablation.md'}")
    if stop.is_set():
        print("stopped; go on with the same command")
    return 0


if __name__ == "__main__":
    sys.exit(main())
