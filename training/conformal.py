"""Fits the intervals of an age model on held-back people, through the program's own schedule and filter:

`python -m training.conformal --model FILE.onnx [FILE.onnx …] (--crops FOLDER… | --data FILES…) --lists FILES… --work FOLDER`

Every listed photograph becomes a short film. Half of the people give the table, the other half tells what it is worth. The first
model is the one that is run; further files are the same weights in another precision and share its table. Model outputs are kept
under the work folder: a second run takes seconds.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
import tomllib
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tomli_w
from numpy.typing import NDArray

from engines.intervals import INTERVALS_FILE
from pipeline.errors import AppError, ModelFileError, SourceError
from pipeline.intervals import IntervalTable
from pipeline.types import Float64Array
from training.figures import decade_name
from training.files import whole_text, write_json
from training.fit_intervals import People, fit, holds, stretched
from training.runtimes import open_engine
from training.watch import FilmSpec, Outputs, Step, Still, held_back, one_thread, watch

SPEC = FilmSpec(seed=1, fps=5.0, seconds=6.0)
"""Five pictures a second are those at which the scheduler may look at a known face."""

HEAD = (
    "# Written by python -m training.conformal; read by engines/intervals.py. Factors for 90 % intervals, age by face size.\n\n"
)

CHUNK = 64
"""Films side by side: batches of this size at most."""

SIZE_BANDS = (0.0, 32.0, 48.0, 72.0, 108.0, 1e9)
"""Of the face's width in pixels: what is reported apart."""

ENOUGH_PEOPLE = 100
"""In a group of the report, for its figures to say something."""


@dataclass(frozen=True, slots=True)
class Group:
    """Intervals of a group of people: how many, share that holds the true age, mean width in years."""

    n: int
    coverage: float
    width: float


@dataclass(frozen=True, slots=True)
class Check:
    """What a table is worth on people that it was not fitted on.

    Attributes:
        first, last: after one look and at the end of the film.
        plain: at the end of the film without a table.
        decades, sizes: at the end of the film, by true age and by the face's width.
    """

    first: Group
    last: Group
    plain: Group
    decades: dict[str, Group]
    sizes: dict[str, Group]


def run_films(stills: Sequence[Still], model: Path, work: Path, threads: int, spec: FilmSpec = SPEC) -> list[list[Step]]:
    """What was known after each look at each still's film, without a table.

    Raises:
        ModelFileError: the model cannot be read.
    """
    began = time.perf_counter()
    key = sha256_of(model)[:12]
    chunks = [stills[first : first + CHUNK] for first in range(0, len(stills), CHUNK)]
    found: list[list[list[Step]]] = [[] for _ in chunks]

    def work_on(first: int) -> None:
        # One network each: ONNX Runtime's threads are worth less than ours, which share the drawing of films too.
        outputs = Outputs(open_engine(model, threads=1), work, key)
        for i in range(first, len(chunks), threads):
            found[i] = watch(chunks[i], spec, outputs)
            print(f"{min(len(stills), (i + 1) * CHUNK):5d}/{len(stills)} films  {time.perf_counter() - began:.0f} s", flush=True)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work_on, range(threads)))
    return [steps for chunk in found for steps in chunk]


def sha256_of(model: Path) -> str:
    """Raises: ModelFileError, the model cannot be read."""
    try:
        return hashlib.sha256(model.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelFileError(f"The model file cannot be read: {error}", "Check the paths after --model.") from error


def in_fit_half(still: Still) -> bool:
    """By the name: the same people in every run, whatever else is on the lists."""
    return zlib.crc32(still.name.encode("utf-8", "surrogateescape")) % 2 == 0


def people_of(stills: Sequence[Still], films: Sequence[Sequence[Step]], look: int) -> People:
    """The people as they stood after that look (−1: the last one); those who were never seen well enough are left out."""
    rows = [
        (still.age, steps[look].belief.years, steps[look].belief.low, steps[look].belief.high, max(1.0, steps[look].face_px))
        for still, steps in zip(stills, films, strict=True)
        if steps
    ]
    return People(*np.array(rows, np.float64).reshape(-1, 5).T)


def check(stills: Sequence[Still], films: Sequence[Sequence[Step]], table: IntervalTable) -> Check:
    """What the table is worth on these people."""
    first, last = people_of(stills, films, 0), people_of(stills, films, -1)
    decade = np.minimum(last.truth // 10, 9).astype(int)
    size = np.digitize(last.face_px, SIZE_BANDS) - 1
    return Check(
        first=group(first, table),
        last=group(last, table),
        plain=group(last, None),
        decades={decade_name(d): group(last.some(decade == d), table) for d in sorted(set(decade.tolist()))},
        sizes={_band(b): group(last.some(size == b), table) for b in sorted(set(size.tolist()))},
    )


def group(people: People, table: IntervalTable | None) -> Group:
    held: NDArray[np.bool_] = holds(people, table)
    low, high = stretched(people, table)
    widths: Float64Array = high - low
    return Group(len(people), round(float(held.mean()), 4), round(float(widths.mean()), 2))


def table_text(figures: Check) -> str:
    """The figures for people to read."""
    rows = [
        ("after one look", figures.first),
        ("at the end", figures.last),
        ("… without table", figures.plain),
        *((f"age {name}", each) for name, each in figures.decades.items()),
        *((f"face {name} px", each) for name, each in figures.sizes.items()),
    ]
    lines = [f"{'90 % intervals':<18}{'n':>6}{'hold':>8}{'years':>8}"]
    lines += [f"{name:<18}{each.n:>6}{each.coverage:>8.1%}{each.width:>8.1f}{_few(each)}" for name, each in rows]
    return "\n".join(lines)


def write_table(path: Path, table: IntervalTable, models: Sequence[Path], fitted_on: str) -> None:
    """Puts the table into an intervals.toml; tables of other models stay.

    Raises:
        ModelFileError: a model cannot be read.
        OutputError: the file cannot be written.
    """
    shas = [sha256_of(model) for model in models]
    before = tomllib.loads(path.read_text(encoding="utf-8")).get("tables", []) if path.exists() else []
    others = [entry for entry in before if not set(entry["sha256"]) & set(shas)]
    new = {
        "sha256": shas,
        "fitted_on": fitted_on,
        "ages": list(table.ages),
        "sizes": list(table.sizes),
        "lower": [list(row) for row in table.lower],
        "upper": [list(row) for row in table.upper],
    }
    with whole_text(path) as file:
        file.write(HEAD + tomli_w.dumps({"schema_version": 1, "tables": [*others, new]}))


def _band(index: int) -> str:
    low, high = SIZE_BANDS[index], SIZE_BANDS[index + 1]
    return f"{low:.0f}+" if high > 1e8 else f"{low:.0f}-{high:.0f}"


def _few(group: Group) -> str:
    return "" if group.n >= ENOUGH_PEOPLE else "   (few)"


def parser_of(prog: str, description: str) -> argparse.ArgumentParser:
    """The arguments that say which model and which people: `stability` takes the same."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--model", type=Path, nargs="+", required=True, help="ONNX file; further ones: other precisions of it")
    parser.add_argument("--crops", type=Path, nargs="+", default=[], help="folders made by training.crops")
    parser.add_argument("--data", type=Path, nargs="+", default=[], help="zip files or folders of photographs")
    parser.add_argument("--lists", type=Path, nargs="+", required=True, help="names of held-back photographs, one a line")
    parser.add_argument("--work", type=Path, required=True, help="folder for what a second run need not do again")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--most", type=int, default=0, metavar="N", help="only N of the people, for trying; 0: all")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    parser = parser_of("python -m training.conformal", "Fits intervals that hold 90 % of people.")
    parser.add_argument("--out", type=Path, help=f"the {INTERVALS_FILE} to write into (default: beside the model)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args(arguments)
    one_thread()
    try:
        stills = held_back(options.crops, options.data, options.lists, options.work, options.threads)
        stills = stills[:: max(1, len(stills) // options.most)] if options.most else stills
        halves = [[k for k, still in enumerate(stills) if in_fit_half(still) is wanted] for wanted in (True, False)]
        if not all(halves):
            raise SourceError(
                f"all of the {len(stills)} people are in the half that {'fits' if halves[0] else 'judges'} the intervals",
                "Name more people with --lists, or with --most.",
            )
        films = run_films(stills, options.model[0], options.work, options.threads)
        (fit_stills, fit_films), (test_stills, test_films) = (
            ([stills[k] for k in half], [films[k] for k in half]) for half in halves
        )
        table = fit(people_of(fit_stills, fit_films, -1))
        figures = check(test_stills, test_films, table)
        print(table_text(figures))
        other = check(fit_stills, fit_films, fit(people_of(test_stills, test_films, -1)))
        print(f"the other way round: {other.last.coverage:.1%} of {other.last.n}, {other.last.width:.1f} years")
        fitted_on = f"{len(fit_stills)} people; on {figures.last.n} others they hold {figures.last.coverage:.1%}"
        write_table(options.out or options.model[0].parent / INTERVALS_FILE, table, options.model, fitted_on)
        if options.json:
            _write_json(options.json, figures)
    except AppError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _write_json(path: Path, figures: Check) -> None:
    def plain(each: Group) -> dict[str, float]:
        return {"n": each.n, "coverage90": each.coverage, "width": each.width}

    content = {
        "first": plain(figures.first),
        "last": plain(figures.last),
        "plain": plain(figures.plain),
        "decades": {name: plain(each) for name, each in figures.decades.items()},
        "sizes": {name: plain(each) for name, each in figures.sizes.items()},
    }
    write_json(path, content)


if __name__ == "__main__":
    sys.exit(main())
