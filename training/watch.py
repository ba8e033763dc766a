"""Schedule and filter on made films, as the program runs them on tracks; with a store of what a model said of each picture."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from engines.age import FaceNetAgeEngine
from engines.align import align
from pipeline.analyzer import DOUBTFUL
from pipeline.errors import OutputError, SourceError
from pipeline.intervals import IntervalTable
from pipeline.quality import Quality, assess
from pipeline.scheduling import Candidate, LookTimes, Scheduler
from pipeline.settings import AgeSettings, FilterSettings
from pipeline.smoothing import BayesianAgeFilter
from pipeline.types import AgeBelief, AgeEstimate, Float32Array, UInt8Array
from training.crops import CROPS_FILE, Crops, load_crops, make_crops
from training.data import read_names
from training.files import aside
from training.films import FILMS_VERSION, Shot, film
from training.labels import list_samples

AGES: Float32Array = np.arange(101, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """A photograph of somebody of known age: its stored crop, (208, 208, 3) uint8 RGB."""

    name: str
    age: float
    crop: UInt8Array


@dataclass(frozen=True, slots=True)
class FilmSpec:
    """Which film of a still: everything that tells one from another."""

    seed: int
    fps: float
    seconds: float

    @property
    def frames(self) -> int:
        return round(self.fps * self.seconds)


def held_back(crops: Sequence[Path], data: Sequence[Path], lists: Sequence[Path], work: Path, threads: int) -> list[Still]:
    """The photographs of the lists with exact ages, sorted by name.

    Args:
        crops: folders that `training.crops` wrote.
        data: zip files or folders; crops of the listed pictures in them are made once, under `work`.
        lists: names, one a line: pictures that the model has not seen in training.

    Raises:
        SourceError: something cannot be read, or none of the named pictures is there.
    """
    names = set().union(*(read_names(path) for path in lists))
    folders = list(crops)
    if data:
        samples = [sample for sample in list_samples(data).samples if sample.name in names and sample.low == sample.high]
        digest = hashlib.sha256("\n".join(sample.name for sample in samples).encode("utf-8", "surrogateescape")).hexdigest()[:12]
        made = work / f"crops-{digest}"
        if samples and not (made / CROPS_FILE).exists():
            make_crops(samples, made, threads)
        folders += [made] if samples else []
    stills = {still.name: still for folder in folders for still in _stills(load_crops(folder), names)}
    if not stills:
        raise SourceError("none of the listed pictures with an exact age is in the data", "Give their crops or zip files.")
    return [stills[name] for name in sorted(stills)]


def _stills(crops: Crops, names: set[str]) -> Iterator[Still]:
    for i, name in enumerate(crops.names.tolist()):
        if name in names and crops.low[i] == crops.high[i]:
            yield Still(name, float(crops.age[i]), crops.pixels[i])


class Outputs:
    """What one model said of the pictures of films: asked once, then kept in a folder.

    Args:
        engine: for one thread at a time.
        folder: files that another model or another kind of film left there are not read.
        key: what tells the model from others.
    """

    def __init__(self, engine: FaceNetAgeEngine, folder: Path, key: str) -> None:
        self._engine = engine
        self._folder = folder / f"outputs-{key}-{FILMS_VERSION}"

    def load(self, still: Still, spec: FilmSpec) -> dict[int, Float32Array]:
        """Frame → (101,) distribution, as far as they were asked for."""
        path = self._path(still, spec)
        if not path.exists():
            return {}
        kept = np.load(path, allow_pickle=False)
        return {int(i): row.astype(np.float32) for i, row in zip(kept["frames"], kept["ages"], strict=True)}

    def save(self, still: Still, spec: FilmSpec, known: dict[int, Float32Array]) -> None:
        """Raises: OutputError, it cannot be written."""
        path = self._path(still, spec)
        order = sorted(known)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with aside(path) as part, part.open("wb") as file:
                np.savez_compressed(file, frames=np.array(order), ages=np.array([known[i] for i in order], np.float16))
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {error}", "Free some space, or choose another --work.") from error

    def ask(self, shots: Sequence[Shot]) -> list[Float32Array]:
        """The model's distribution for each picture, one batch."""
        if not shots:
            return []
        crops = [align(shot.image, shot.detection.landmarks)[:, :, ::-1] for shot in shots]
        # Rounded as they are kept, so that the first run and the next see the same numbers.
        return [one.distribution.astype(np.float16).astype(np.float32) for one in self._engine.estimate_crops(np.stack(crops))]

    def _path(self, still: Still, spec: FilmSpec) -> Path:
        name = hashlib.sha256(still.name.encode("utf-8", "surrogateescape")).hexdigest()[:20]
        return self._folder / f"{name}-{spec.seed}-{spec.fps:g}-{spec.seconds:g}.npz"


@dataclass(frozen=True, slots=True)
class Step:
    """What was known after a look at a person.

    Attributes:
        face_px: width of the face behind the belief, in pixels.
    """

    time_s: float
    belief: AgeBelief
    face_px: float


class Watcher:
    """The program's own schedule and filter for one person."""

    def __init__(self, settings: FilterSettings | None = None, intervals: IntervalTable | None = None) -> None:
        self.age = BayesianAgeFilter(settings or FilterSettings(), intervals)
        self.looks = 0
        self._times = LookTimes()
        self._scheduler = Scheduler(AgeSettings())
        self._first_s: float | None = None
        self._last_s: float | None = None
        self._before_s = 0.0

    def wants(self, quality: Quality, time_s: float) -> bool:
        """Whether the scheduler would give this picture to the engine."""
        self._first_s = time_s if self._first_s is None else self._first_s
        elapsed_s, self._before_s = time_s - self._before_s, time_s
        age, times = self.age, self._times
        candidate = Candidate(
            quality=quality.value,
            evidence=min(times.evidence, age.doubt) if age.doubt > DOUBTFUL else times.evidence,
            gain=times.gain(quality.value, time_s),
            seen_s=time_s - self._first_s,
            estimated_s=None if self._last_s is None else time_s - self._last_s,
            usual=times.usual(quality.value, time_s),
            on_grid=times.is_open(time_s),
        )
        chosen = bool(self._scheduler.choose([candidate], elapsed_s=elapsed_s))
        times.decided(time_s)
        return chosen

    def see(self, distribution: Float32Array, quality: Quality, shot: Shot) -> Step | None:
        """Takes in what the engine said; what is known then."""
        self._times.looked(quality.value, shot.time_s)
        self.age.observe(as_estimate(distribution), quality.value, shot.time_s, quality.pose, shot.detection.box.width)
        self._last_s = shot.time_s
        self.looks += 1
        belief = self.age.belief
        return None if belief is None else Step(shot.time_s, belief, self.age.face_px)


def as_estimate(distribution: Float32Array) -> AgeEstimate:
    return AgeEstimate(distribution, float(distribution @ AGES))


def watch(stills: Sequence[Still], spec: FilmSpec, outputs: Outputs, intervals: IntervalTable | None = None) -> list[list[Step]]:
    """What was known after each look, for each still. All films run side by side, so that the model gets batches."""
    known = [outputs.load(still, spec) for still in stills]
    asked = [len(each) for each in known]
    films = [film(still.crop, still.name, spec.seed, spec.fps, spec.seconds) for still in stills]
    watchers = [Watcher(intervals=intervals) for _ in stills]
    steps: list[list[Step]] = [[] for _ in stills]
    for i in range(spec.frames):
        wanted: list[tuple[int, Shot, Quality]] = []
        for k, each in enumerate(films):
            shot = next(each)
            quality = assess(shot.image, shot.detection)
            if watchers[k].wants(quality, shot.time_s):
                wanted.append((k, shot, quality))
        new = [(k, shot) for k, shot, _ in wanted if i not in known[k]]
        for (k, _), distribution in zip(new, outputs.ask([shot for _, shot in new]), strict=True):
            known[k][i] = distribution
        for k, shot, quality in wanted:
            step = watchers[k].see(known[k][i], quality, shot)
            if step is not None:
                steps[k].append(step)
    for still, heard, before in zip(stills, known, asked, strict=True):
        if len(heard) > before:
            outputs.save(still, spec, heard)
    return steps


def one_thread() -> None:
    """OpenCV's own threads only get in the way of ours."""
    cv2.setNumThreads(1)
