"""What a crowd costs: `python -m pipeline.crowd_bench [PICTURE …] [--runs R] [--json FILE]`.

Two films of 1920×1080 are composed, one with 2 and one with 20 people, and `main.py analyze` is timed on each, in turns, as
`pipeline.bench` does it. People sway a little, as people do who watch something; their pictures are the demo's portraits, or
those given, one face each. Written as JSON: the median rate and faces per frame of both, and `share`, the rate with 20 over that
with 2.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from pipeline.bench import Run, measure
from pipeline.errors import AppError, SourceError
from pipeline.outputs import check_output, replaced_file
from pipeline.types import UInt8Array

WIDTH_PX, HEIGHT_PX = 1920, 1080
COLUMNS, ROWS = 5, 4
FPS = 25
FEW, MANY = 2, 20

PORTRAIT_PX = 232
"""Height of a person's picture: four rows fit with room to sway."""

SWAY_PX = 9.0
SWAY_S = 2.4
"""Farthest from the place, and time for once to and fro."""

PORTRAITS = Path(__file__).resolve().parent.parent / "assets" / "demo"


def compose(path: Path, portraits: Sequence[UInt8Array], people: int, frames: int) -> Path:
    """Writes a film of that many people in rows.

    Args:
        portraits: (H, W, 3) uint8 BGR; taken in turn, every second time as in a mirror.
        people: at most COLUMNS · ROWS; the places are taken from the middle outwards.
    """
    tiles = [_tile(portraits[i % len(portraits)], mirrored=i // len(portraits) % 2 == 1) for i in range(people)]
    places = sorted(
        ((column, row) for row in range(ROWS) for column in range(COLUMNS)),
        key=lambda place: (abs(place[0] - (COLUMNS - 1) / 2) + abs(place[1] - (ROWS - 1) / 2), place),
    )
    wall = _wall()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "20", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        for number in range(frames):
            picture = wall.copy()
            for i, (tile, (column, row)) in enumerate(zip(tiles, places, strict=False)):
                turn = 2 * math.pi * (number / FPS / SWAY_S + i * 0.381966)
                x = (column + 0.5) * WIDTH_PX / COLUMNS - tile.shape[1] / 2 + SWAY_PX * math.sin(turn)
                y = (row + 0.5) * HEIGHT_PX / ROWS - tile.shape[0] / 2 + 0.4 * SWAY_PX * math.sin(2 * turn)
                top, left = round(y), round(x)
                picture[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def read_portraits(paths: Sequence[Path]) -> list[UInt8Array]:
    """The pictures, or those of the demo.

    Raises:
        SourceError: one of them cannot be read.
    """
    found = []
    for path in paths or sorted(PORTRAITS.glob("*.webp")):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise SourceError(f"{path} is no picture that can be read.", "Give portraits as JPEG, PNG or WebP.")
        found.append(np.asarray(image, np.uint8))
    return found


def _tile(portrait: UInt8Array, mirrored: bool) -> UInt8Array:
    height, width = portrait.shape[:2]
    scale = min(PORTRAIT_PX / height, 0.9 * WIDTH_PX / COLUMNS / width)
    tile = cv2.resize(portrait, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    return np.asarray(tile[:, ::-1] if mirrored else tile, np.uint8)


def _wall() -> UInt8Array:
    """A wall with soft blotches: nothing on it looks like a face, and it is not flat either."""
    rng = np.random.default_rng(0)
    coarse = rng.normal(0, 1, (18, 32)).astype(np.float32)
    soft = cv2.resize(coarse, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC)[..., None]
    return np.clip(soft * [9, 8, 7] + [150, 158, 166], 0, 255).astype(np.uint8)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes as those of main.py."""
    parser = argparse.ArgumentParser("python -m pipeline.crowd_bench", description="The frame rate with 2 and with 20 faces.")
    parser.add_argument("pictures", nargs="*", type=Path, help="portraits with one face each (default: those of the demo)")
    parser.add_argument("--runs", type=int, default=3, metavar="R", help="runs of each; the medians count (default: 3)")
    parser.add_argument("--seconds", type=float, default=12.0, metavar="S", help="length of the films (default: 12)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    arguments, passed_on = parser.parse_known_args(argv)
    if arguments.runs < 1 or arguments.seconds <= 0:
        parser.error("--runs must be at least 1 and --seconds more than 0")
    try:
        if arguments.json is not None:
            check_output(arguments.json)
        portraits = read_portraits(arguments.pictures)
        runs: dict[int, list[Run]] = {FEW: [], MANY: []}
        with tempfile.TemporaryDirectory(prefix="agelens-crowd-") as folder:
            frames = max(1, round(arguments.seconds * FPS))
            films = {people: compose(Path(folder) / f"{people}.mp4", portraits, people, frames) for people in runs}
            for number in range(arguments.runs):
                for people, film in films.items():
                    runs[people].append(measure(str(film), passed_on))
                    print(f"run {number + 1}, {people} people: {runs[people][-1].timing.fps:.1f} fps", file=sys.stderr)
        figures = figures_of(runs)
        print(text_of(figures))
        if arguments.json is not None:
            with replaced_file(arguments.json, "utf-8") as file:
                json.dump(figures, file, indent=2)
    except AppError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


def figures_of(runs: dict[int, list[Run]]) -> dict[str, float]:
    """Medians of the runs, by what the JSON file calls them."""
    rates = {people: statistics.median(run.timing.fps for run in each) for people, each in runs.items()}
    faces = {people: statistics.median(run.timing.faces_mean for run in each) for people, each in runs.items()}
    return {
        "fps_few": rates[FEW],
        "fps_many": rates[MANY],
        "faces_few": faces[FEW],
        "faces_many": faces[MANY],
        "share": round(rates[MANY] / rates[FEW], 3),
    }


def text_of(figures: dict[str, float]) -> str:
    return (
        f"{FEW} people:  {figures['fps_few']:.1f} fps, {figures['faces_few']:.1f} faces per frame\n"
        f"{MANY} people: {figures['fps_many']:.1f} fps, {figures['faces_many']:.1f} faces per frame\n"
        f"rate with {MANY} over rate with {FEW}: {figures['share']:.0%}"
    )


if __name__ == "__main__":
    sys.exit(main())
