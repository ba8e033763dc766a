"""Frame → result: cut? → faces → tracks → quality → age of the faces that need it → belief per person.

Synchronous: no thread, and no clock but to measure how long the stages took. The same frames give the same results; only for
live sources does the measured cost of the age engine decide how many faces it gets.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pipeline.cuts import CutDetector
from pipeline.guidance import GuidedDetector
from pipeline.protocols import AgeEngine, EngineInfo, FaceDetector
from pipeline.quality import assess
from pipeline.scheduling import NOMINAL_FACE_MS, Candidate, Scheduler
from pipeline.settings import FilterSettings, Settings
from pipeline.smoothing import LEAST_QUALITY, BayesianAgeFilter
from pipeline.tracking import IouTracker
from pipeline.types import AgeEstimate, Detection, Face, Frame, FrameResult, StageTimes, Track

SEEK_S = 2.0
"""A longer step from one frame to the next is a seek or a stream's interruption: who is there now may be somebody else."""

COST_MEMORY = 0.9
"""Weight of the past in the running cost of a face: ten batches or so, a second of a busy scene."""


class Analyzer:
    """See `pipeline.protocols.FrameAnalyzer`. Holds state for the faces in view only.

    Args:
        live: estimates per frame follow the measured cost of the engine; otherwise they do not depend on the machine.
        track_ids, person_ids: where new tracks and persons get their numbers, from 1 if not given. Analyzers whose results go
            into one log share them.
    """

    def __init__(
        self,
        detector: FaceDetector,
        engine: AgeEngine,
        settings: Settings,
        *,
        live: bool = False,
        track_ids: Iterator[int] | None = None,
        person_ids: Iterator[int] | None = None,
    ) -> None:
        self._scanner = detector
        self._engine = engine
        self._live = live
        self._filter_settings = settings.filter
        self._guided = GuidedDetector(detector, settings.detector)
        self._cuts = CutDetector()
        self._tracker = IouTracker(settings.tracker, track_ids)
        self._scheduler = Scheduler(settings.age)
        self._person_ids = itertools.count(1) if person_ids is None else person_ids
        self._persons: dict[int, _Person] = {}
        self._hidden: frozenset[int] = frozenset()
        self._before: _Moment | None = None
        self._face_ms = NOMINAL_FACE_MS

    @property
    def engine(self) -> EngineInfo:
        return self._engine.info

    def process(self, frame: Frame) -> FrameResult:
        """Everything that is known about the faces of this frame.

        Args:
            frame: of the same source as the one before and later, or else it counts as a cut.
        """
        watch = _Stopwatch()
        cut = self._begins_anew(frame)
        if cut:
            self._forget_everybody()
        track_ms = watch.lap_ms()
        if frame.independent:
            detections = self._scanner.scan(frame.image)
        else:
            places, uncertainty = self._tracker.predict(frame.time_s), self._tracker.uncertainty(frame.time_s)
            detections = self._guided.detect(frame.image, places, uncertainty, frame.time_s)
        detect_ms = watch.lap_ms()
        tracks = self._tracker.update(detections, frame.time_s)
        views = self._views(frame, tracks)
        track_ms += watch.lap_ms()
        chosen = self._choose(frame, views)
        fuse_ms = watch.lap_ms()
        estimates = self._estimate(frame, [views[i] for i in chosen])
        estimate_ms = watch.lap_ms()
        raw = dict(zip(chosen, estimates, strict=True))
        faces = tuple(_face(frame, view, raw.get(i)) for i, view in enumerate(views))
        fuse_ms += watch.lap_ms()
        if chosen:
            self._face_ms = COST_MEMORY * self._face_ms + (1 - COST_MEMORY) * estimate_ms / len(chosen)
        times = StageTimes(detect_ms=detect_ms, track_ms=track_ms, estimate_ms=estimate_ms, fuse_ms=fuse_ms)
        engine = self._engine.info
        return FrameResult(frame, faces, cut, engine.label, times, engine.note)

    def _begins_anew(self, frame: Frame) -> bool:
        """Whether this picture does not continue the one before."""
        before, self._before = self._before, _Moment(frame.source, frame.time_s, frame.independent)
        if frame.independent:
            return True
        if before is None:
            self._cuts.is_cut(frame.image)
            return False
        seek = not 0 <= frame.time_s - before.time_s <= SEEK_S
        if seek or before.independent or before.source != frame.source:
            self._cuts.reset()
            self._cuts.is_cut(frame.image)
            return True
        return self._cuts.is_cut(frame.image)

    def _forget_everybody(self) -> None:
        self._tracker.reset()
        self._guided.restart()
        self._persons = {}
        self._hidden = frozenset()

    def _views(self, frame: Frame, tracks: Sequence[Track]) -> list[_View]:
        """The faces seen in this frame with their persons; persons whose tracks ended are forgotten."""
        known = self._persons
        self._persons = {}
        views = []
        for track in tracks:
            person = known.get(track.id) or _Person(next(self._person_ids), track.first_s, self._filter_settings)
            self._persons[track.id] = person
            if track.detection is not None:
                views.append(_View(person, track.id, track.detection, assess(frame.image, track.detection).value))
        hidden = frozenset(track.id for track in tracks if track.detection is None)
        if hidden - self._hidden:
            self._guided.face_lost()
        self._hidden = hidden
        return views

    def _choose(self, frame: Frame, views: Sequence[_View]) -> list[int]:
        """Indices of the views that the engine gets."""
        if frame.independent:
            return [i for i, view in enumerate(views) if view.quality > 0]
        candidates = [view.candidate(frame.time_s) for view in views]
        return self._scheduler.choose(candidates, self._face_ms if self._live else NOMINAL_FACE_MS)

    def _estimate(self, frame: Frame, views: Sequence[_View]) -> list[AgeEstimate]:
        return self._engine.estimate(frame.image, [view.detection.landmarks for view in views]) if views else []


class _Person:
    """What is kept of somebody in view."""

    def __init__(self, number: int, first_s: float, settings: FilterSettings) -> None:
        self.id = number
        self.first_s = first_s
        self.estimated_s: float | None = None
        self.age = BayesianAgeFilter(settings)


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """A person's face in the current frame."""

    person: _Person
    track: int
    detection: Detection
    quality: float

    def candidate(self, time_s: float) -> Candidate:
        age, last_s = self.person.age, self.person.estimated_s
        return Candidate(
            quality=self.quality,
            evidence=age.evidence,
            gain=age.expected_weight(self.quality, time_s),
            seen_s=time_s - self.person.first_s,
            estimated_s=None if last_s is None else time_s - last_s,
        )


@dataclass(frozen=True, slots=True)
class _Moment:
    """Where the frame before came from; the frame itself may be forgotten."""

    source: str
    time_s: float
    independent: bool


class _Stopwatch:
    def __init__(self) -> None:
        self._last = time.perf_counter()

    def lap_ms(self) -> float:
        """Milliseconds since the lap before."""
        last, self._last = self._last, time.perf_counter()
        return (self._last - last) * 1000


def _face(frame: Frame, view: _View, raw: AgeEstimate | None) -> Face:
    """Adds the frame's estimate, if there is one, to the person, and tells what is known now."""
    person = view.person
    if raw is not None:
        # In a folder every picture is all that there is of a person: even the worst one counts, and its age is shown.
        quality = max(view.quality, LEAST_QUALITY) if frame.independent else view.quality
        person.age.observe(raw, quality, frame.time_s)
        person.estimated_s = frame.time_s
    belief = person.age.belief
    if belief is not None and frame.independent:
        belief = replace(belief, settled=True)
    return Face(person.id, view.track, view.detection, view.quality, raw, belief, person.age.male)
