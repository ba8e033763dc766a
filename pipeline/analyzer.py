"""Frame → result: cut? → faces → tracks → quality → age of the faces that need it → belief per person.

Synchronous: no thread, and no clock but to measure how long the stages took. The same frames give the same results; only for
live sources does the measured cost of the age engine decide how many faces it gets.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from pipeline.cuts import CutDetector
from pipeline.guidance import GuidedDetector
from pipeline.hindsight import Conclusion
from pipeline.intervals import IntervalTable
from pipeline.people import People, Person
from pipeline.protocols import AgeEngine, EngineInfo, FaceDetector
from pipeline.quality import Quality, assess
from pipeline.scheduling import NOMINAL_FACE_MS, Candidate, Scheduler
from pipeline.settings import Settings
from pipeline.smoothing import LEAST_QUALITY, BayesianAgeFilter, Look, final_belief
from pipeline.tracking import CROWD, IouTracker
from pipeline.types import AgeEstimate, Detection, Face, Frame, FrameResult, StageTimes, Track

SEEK_S = 2.0
"""A longer step from one frame to the next is a seek or a stream's interruption: who is there now may be somebody else."""

DOUBTFUL = 1.0
"""Evidence of another age from which on it is worth to look more often."""

IDENTITY_THRESHOLD = 0.6
"""Cosine for models that do not say what theirs is."""

COST_MEMORY = 0.9
"""Weight of the past in the running cost of a face: ten batches or so, a second of a busy scene."""


class Analyzer:
    """See `pipeline.protocols.FrameAnalyzer`. Holds state for the faces in view only.

    Args:
        live: estimates per frame follow the measured cost of the engine; otherwise they do not depend on the machine.
        intervals: how far the model's intervals must be stretched to hold what they promise; None leaves them as they are.
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
        intervals: IntervalTable | None = None,
        track_ids: Iterator[int] | None = None,
        person_ids: Iterator[int] | None = None,
    ) -> None:
        self._scanner = detector
        self._engine = engine
        self._live = live
        self._final_belief = partial(final_belief, settings=settings.filter, intervals=intervals)
        self._settings = settings
        self._guided = GuidedDetector(detector, settings.detector)
        self._cuts = CutDetector()
        self._tracker = IouTracker(settings.tracker, track_ids)
        self._scheduler = Scheduler(settings.age)
        self._people = People(
            partial(BayesianAgeFilter, settings.filter, intervals),
            itertools.count(1) if person_ids is None else person_ids,
            settings.identity.rejoin,
            None if live else self._final_belief,
            engine.info.identity_cohort,
        )
        self._qualities: dict[int, Quality] = {}
        self._hidden: frozenset[int] = frozenset()
        self._before: _Moment | None = None
        self._elapsed_s = 0.0
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
        track_ms = watch.lap_ms()
        if frame.independent:
            detections = self._scanner.scan(frame.image)
        else:
            plan = self._tracker.plan(frame.time_s)
            detections = self._guided.detect(frame.image, plan.look, plan.uncertainty, frame.time_s, plan.carried)
        detect_ms = watch.lap_ms()
        tracks = self._tracker.update(detections, frame.time_s)
        views = self._views(frame, tracks)
        track_ms += watch.lap_ms()
        chosen = self._choose(frame, views)
        fuse_ms = watch.lap_ms()
        estimates = self._estimate(frame, [views[i] for i in chosen], crowd=len(views) > CROWD)
        estimate_ms = watch.lap_ms()
        raw = dict(zip(chosen, estimates, strict=True))
        for i, estimate in raw.items():
            self._observe(frame, views[i], estimate)
        faces = tuple(self._face(frame, view, raw.get(i)) for i, view in enumerate(views))
        fuse_ms += watch.lap_ms()
        if chosen:
            self._face_ms = COST_MEMORY * self._face_ms + (1 - COST_MEMORY) * estimate_ms / len(chosen)
        times = StageTimes(detect_ms=detect_ms, track_ms=track_ms, estimate_ms=estimate_ms, fuse_ms=fuse_ms)
        engine = self._engine.info
        return FrameResult(frame, faces, cut, engine.label, times, engine.note, self._people.take_joins())

    def conclude(self) -> Conclusion:
        """The last word on everybody, for films: who is who by all that was seen, and ages by whole tracks."""
        if self._before is None or self._before.independent:
            return Conclusion()
        return self._people.conclude(self._threshold())

    def look_back(self) -> None:
        """Keeps from now on what `conclude` needs, also in real time (see `pipeline.protocols.LooksBack`)."""
        self._people.look_back(self._final_belief)

    def conclude_for_now(self) -> Conclusion:
        """As `conclude`; the film may go on with the same people."""
        if self._before is None or self._before.independent:
            return Conclusion()
        return self._people.conclude(self._threshold(), going_on=True)

    def _begins_anew(self, frame: Frame) -> bool:
        """Whether this picture does not continue the one before; then nobody is followed from there, only recognised."""
        before, self._before = self._before, _Moment(frame.source, frame.time_s, frame.independent, frame.stretch)
        self._elapsed_s = 0.0
        if before is None and not frame.independent:
            self._cuts.is_cut(frame.image)
            return False
        stranger = before is None or frame.independent or before.independent or before.source != frame.source
        seek = before is not None and (before.stretch != frame.stretch or not 0 <= frame.time_s - before.time_s <= SEEK_S)
        if before is not None and not (stranger or seek):
            self._elapsed_s = frame.time_s - before.time_s
        if (stranger or seek) and not frame.independent:
            self._cuts.reset()
        if not (frame.independent or self._cuts.is_cut(frame.image) or stranger or seek):
            return False
        self._tracker.reset()
        self._guided.restart()
        self._hidden = frozenset()
        if stranger:
            self._people.forget()
        else:
            self._people.end_tracks()
        return True

    def _views(self, frame: Frame, tracks: Sequence[Track]) -> list[_View]:
        """The faces seen in this frame with their persons."""
        self._people.follow(tracks, frame.time_s)
        before, self._qualities = self._qualities, {}
        views = []
        for track in tracks:
            if track.detection is not None:
                known = before.get(track.id) if track.carried else None
                quality = assess(frame.image, track.detection) if known is None else known
                self._qualities[track.id] = quality
                views.append(_View(self._people.on(track.id), track.id, track.detection, quality, track.carried))
        hidden = frozenset(track.id for track in tracks if track.detection is None)
        if hidden - self._hidden:
            self._guided.face_lost()
        self._hidden = hidden
        return views

    def _choose(self, frame: Frame, views: Sequence[_View]) -> list[int]:
        """Indices of the views that the engine gets."""
        if frame.independent:
            return [i for i, view in enumerate(views) if view.quality.value > 0]
        # Where nobody looked, the landmarks are too vague to cut out a face.
        looked = [i for i, view in enumerate(views) if not view.carried]
        candidates = [views[i].candidate(frame.time_s, self._people.is_doubtful(views[i].track)) for i in looked]
        face_ms = self._face_ms if self._live else NOMINAL_FACE_MS
        chosen = set(self._scheduler.choose(candidates, face_ms, self._elapsed_s))
        for i in looked:
            # Who got no look waits for the next slot: in between, frames of other rates are other pictures.
            views[i].person.looks.decided(frame.time_s)
        return [looked[k] for k in sorted(chosen)]

    def _estimate(self, frame: Frame, views: Sequence[_View], crowd: bool) -> list[AgeEstimate]:
        if not views:
            return []
        faces = [view.detection for view in views]
        # Stills have no past that landmarks could depend on.
        if frame.independent:
            landmarks = [face.landmarks for face in faces]
        else:
            landmarks = self._scanner.settle(frame.image, faces, roughly=crowd)
        return self._engine.estimate(frame.image, landmarks)

    def _observe(self, frame: Frame, view: _View, estimate: AgeEstimate) -> None:
        # In a folder every picture is all that there is of a person: even the worst one counts, and its age is shown.
        quality = max(view.quality.value, LEAST_QUALITY) if frame.independent else view.quality.value
        look = Look(estimate, quality, frame.time_s, view.quality.pose, view.detection.box.width)
        view.person.looks.looked(quality, frame.time_s)
        self._people.observe(view.track, look, self._threshold())

    def _face(self, frame: Frame, view: _View, raw: AgeEstimate | None) -> Face:
        """What is known now of a person in view."""
        person = self._people.on(view.track)
        belief = person.age.belief
        reason = person.reason.text(view.quality, belief, frame.time_s)
        if belief is not None and frame.independent:
            belief = replace(belief, settled=True)
        return Face(person.id, view.track, view.detection, view.quality.value, raw, belief, person.age.male, reason)

    def _threshold(self) -> float:
        """The similarity from which on two faces are one person: as the settings say, or the model's own."""
        return self._settings.identity.threshold or self._engine.info.identity_threshold or IDENTITY_THRESHOLD


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """A person's face in the current frame; carried: nobody looked, it is where it should be."""

    person: Person
    track: int
    detection: Detection
    quality: Quality
    carried: bool = False

    def candidate(self, time_s: float, doubtful: bool) -> Candidate:
        """What the scheduler must know. Who may be somebody else is looked at like a newcomer."""
        age, looks, quality = self.person.age, self.person.looks, self.quality.value
        last_s = self.person.estimated_s
        return Candidate(
            quality=quality,
            # Frames that speak of another age make the belief no stronger than they are: soon there are enough of one kind.
            evidence=0 if doubtful else min(looks.evidence, age.doubt) if age.doubt > DOUBTFUL else looks.evidence,
            gain=quality if doubtful else looks.gain(quality, time_s),
            seen_s=time_s - self.person.first_s,
            estimated_s=None if last_s is None else time_s - last_s,
            usual=looks.usual(quality, time_s),
            on_grid=looks.is_open(time_s),
        )


@dataclass(frozen=True, slots=True)
class _Moment:
    """Where the frame before came from; the frame itself may be forgotten."""

    source: str
    time_s: float
    independent: bool
    stretch: int


class _Stopwatch:
    def __init__(self) -> None:
        self._last = time.perf_counter()

    def lap_ms(self) -> float:
        """Milliseconds since the lap before."""
        last, self._last = self._last, time.perf_counter()
        return (self._last - last) * 1000
