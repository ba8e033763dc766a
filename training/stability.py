"""How steady and how right ages over time are: the filter against other rules, on films of held-back photographs and real clips:

`python -m pipeline.stability --model FILE.onnx (--data FILES… | --crops FOLDER…) --lists FILES… --work FOLDER [--clips …]`

Films are made of the people that intervals are NOT fitted on (`training.conformal`). Every rule but ours looks at every frame;
ours at those that its schedule asks for. Model outputs are kept under the work folder.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.intervals import load_intervals
from pipeline.errors import AppError
from pipeline.intervals import IntervalTable
from pipeline.labels import LabelHysteresis
from pipeline.quality import Quality, assess
from pipeline.types import AgeBelief, Float32Array, Float64Array
from training.clips import ClipTrack, clip_tracks
from training.conformal import CHUNK, in_fit_half, parser_of, sha256_of
from training.files import write_json
from training.films import Shot, film
from training.rules import RULES, Told
from training.runtimes import open_engine
from training.stability_plots import plot_stability
from training.watch import FilmSpec, Outputs, Still, Watcher, held_back, one_thread

SPEC = FilmSpec(seed=2, fps=10.0, seconds=8.0)
OURS = "filter"
FILMS = 216
AFTER_FRAMES = (1, 5, 15, 30, 60)
NEAR_YEARS = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """What one rule said over one film of n frames.

    Attributes:
        years, low, high: (n,) after each frame; NaN before the first.
        shown: (n,) the number that a person sees.
        calls: pictures given to the model.
    """

    years: Float64Array
    low: Float64Array
    high: Float64Array
    shown: Float64Array
    calls: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What a rule is worth; errors and widths in years.

    Attributes:
        tmae, tstd: mean absolute error over all frames; spread over time within a film.
        final_mae: error after the last frame.
        flicker: mean change of the shown number per second.
        near_s: seconds until the value is within two years of the last one, and stays.
        after: error after 1, 5, 15, 30, 60 frames.
        coverage90, width: share of people whose age the interval after the last frame holds, and its mean width.
        calls_per_s: pictures given to the model per second of a track.
    """

    tmae: float
    tstd: float
    final_mae: float
    flicker: float
    near_s: float
    after: dict[str, float]
    coverage90: float
    width: float
    calls_per_s: float


def ours(
    shots: Sequence[Shot], qualities: Sequence[Quality], said: Sequence[Float32Array], table: IntervalTable | None
) -> Series:
    """The program's schedule, filter and label on one film."""
    watcher, labels = Watcher(intervals=table), LabelHysteresis()
    rows = []
    for shot, quality, distribution in zip(shots, qualities, said, strict=True):
        if watcher.wants(quality, shot.time_s):
            watcher.see(distribution, quality, shot)
        rows.append(_row(watcher.age.belief, labels))
    years, low, high, shown = np.array(rows, np.float64).T
    return Series(years, low, high, shown, watcher.looks)


def _row(belief: AgeBelief | None, labels: LabelHysteresis) -> tuple[float, float, float, float]:
    if belief is None:
        return (np.nan,) * 4
    return belief.years, belief.low, belief.high, labels.shown(1, belief).years if belief.settled else np.nan


def theirs(name: str, said: Sequence[Float32Array]) -> Series:
    """Another rule on the same film."""
    rule = RULES[name]()
    told: list[Told] = [rule.add(distribution) for distribution in said]
    years, low, high = np.array([(each.years, each.low, each.high) for each in told], np.float64).T
    return Series(years, low, high, years, len(said))


def figures_of(series: Sequence[Series], truth: Float64Array, fps: float) -> Figures:
    """Means over films.

    Args:
        truth: (films,) years.
    """
    years = np.array([each.years for each in series])
    low, high = (np.array([getattr(each, end)[-1] for each in series]) for end in ("low", "high"))
    error = np.abs(years - truth[:, None])
    seconds = years.shape[1] / fps
    held: NDArray[np.bool_] = (truth >= low) & (truth <= high)
    return Figures(
        tmae=_mean(error),
        tstd=_mean(np.array([each[~np.isnan(each)].std() for each in years if not np.isnan(each[-1])])),
        final_mae=_mean(error[:, -1]),
        flicker=_mean(np.array([flicker(each.shown, fps) for each in series])),
        near_s=_mean(np.array([_near_s(each, fps) for each in years])),
        after={str(n): _mean(error[:, n - 1]) for n in AFTER_FRAMES if n <= years.shape[1]},
        coverage90=round(float(held[~np.isnan(low)].mean()), 4),
        width=_mean(high - low),
        calls_per_s=round(float(np.mean([each.calls for each in series])) / seconds, 2),
    )


def flicker(shown: Float64Array, fps: float) -> float:
    """Mean change of the shown number per second, from when it is first shown."""
    seen = shown[~np.isnan(shown)]
    return float(np.abs(np.diff(seen)).sum() / ((len(seen) - 1) / fps)) if len(seen) > 1 else 0.0


def _near_s(years: Float64Array, fps: float) -> float:
    far = np.flatnonzero(~(np.abs(years - years[-1]) <= NEAR_YEARS))
    return float((far[-1] + 1) / fps) if len(far) else 0.0


def _mean(values: Float64Array) -> float:
    return round(float(np.nanmean(values)), 3)


def watch_films(
    stills: Sequence[Still], model: Path, work: Path, threads: int, table: IntervalTable | None
) -> dict[str, list[Series]]:
    """Every rule on every still's film."""
    began, key = time.perf_counter(), sha256_of(model)[:12]
    chunk = min(CHUNK, -(-len(stills) // threads))
    chunks = [stills[first : first + chunk] for first in range(0, len(stills), chunk)]
    found: list[list[dict[str, Series]]] = [[] for _ in chunks]

    def work_on(first: int) -> None:
        outputs = Outputs(open_engine(model, threads=1), work, key)
        for i in range(first, len(chunks), threads):
            found[i] = [_one_film(still, outputs, table) for still in chunks[i]]
            print(f"{sum(map(len, found)):5d}/{len(stills)} films  {time.perf_counter() - began:.0f} s", flush=True)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work_on, range(threads)))
    films = [each for chunk_found in found for each in chunk_found]
    return {name: [each[name] for each in films] for name in (OURS, *RULES)}


def _one_film(still: Still, outputs: Outputs, table: IntervalTable | None) -> dict[str, Series]:
    shots = list(film(still.crop, still.name, SPEC.seed, SPEC.fps, SPEC.seconds))
    known = outputs.load(still, SPEC)
    missing = [i for i in range(len(shots)) if i not in known]
    if missing:
        known |= dict(zip(missing, outputs.ask([shots[i] for i in missing]), strict=True))
        outputs.save(still, SPEC, known)
    said = [known[i] for i in range(len(shots))]
    qualities = [assess(shot.image, shot.detection) for shot in shots]
    return {OURS: ours(shots, qualities, said, table), **{name: theirs(name, said) for name in RULES}}


def table_text(figures: dict[str, Figures]) -> str:
    """The comparison for people to read."""
    head = ("rule", "tMAE", "final", "tSTD", "flicker", "near s", "hold", "width", "calls/s")
    columns = "".join(f"{name:>9}" for name in head[1:])
    lines = [f"{head[0]:<12}{columns}   MAE after {', '.join(map(str, AFTER_FRAMES))} frames"]
    for name, each in figures.items():
        after = " ".join(f"{error:.2f}" for error in each.after.values())
        lines.append(
            f"{name:<12}{each.tmae:>9.2f}{each.final_mae:>9.2f}{each.tstd:>9.2f}{each.flicker:>9.2f}{each.near_s:>9.2f}"
            f"{each.coverage90:>9.1%}{each.width:>9.1f}{each.calls_per_s:>9.2f}   {after}"
        )
    return "\n".join(lines)


def clips_text(tracks: Sequence[ClipTrack]) -> str:
    lines = [f"{'clip':<22}{'person':>7}{'seconds':>9}{'age':>7}{'flicker':>9}{'calls/s':>9}"]
    lines += [
        f"{track.clip:<22}{track.person:>7}{track.seconds:>9.1f}{track.years:>7.1f}{track.flicker:>9.2f}{track.calls_per_s:>9.2f}"
        for track in tracks
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = parser_of("python -m pipeline.stability", "Steadiness and error of ages over time, by rule.")
    parser.set_defaults(most=FILMS)
    parser.add_argument("--clips", type=Path, nargs="+", default=[], help="real films: flicker of everybody seen for 2 s or more")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="draw the error and an example over time")
    options = parser.parse_args(arguments)
    one_thread()
    try:
        people = held_back(options.crops, options.data, options.lists, options.work, options.threads)
        stills = [still for still in people if not in_fit_half(still)]
        stills = stills[:: max(1, len(stills) // options.most)][: options.most] if options.most else stills
        model: Path = options.model[0]
        table = load_intervals(sha256_of(model), model.parent)
        series = watch_films(stills, model, options.work, options.threads, table)
        truth = np.array([still.age for still in stills], np.float64)
        figures = {name: figures_of(each, truth, SPEC.fps) for name, each in series.items()}
        print(f"{len(stills)} films of {SPEC.seconds:g} s at {SPEC.fps:g} frames per second, model {model.name}")
        print(table_text(figures))
        tracks = [track for clip in options.clips for track in clip_tracks(clip, model)]
        if tracks:
            print(clips_text(tracks))
        if options.plots:
            plot_stability(options.plots, {name: [s.years for s in each] for name, each in series.items()}, truth, SPEC.fps)
        if options.json:
            write_json(options.json, {name: asdict(each) for name, each in figures.items()})
    except AppError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
