"""Which faces get the age engine in this frame: the one expensive thing, spent where it teaches most.

An estimate is worth what it would add to the evidence about its person (`novelty` says how much, from quality and time),
relative to what is there. So a new face comes first, a well-known one gets an estimate every second or more, and a better
picture than before comes sooner. All of it follows from frames' times and contents: nothing here reads a clock.

Known faces are looked at on a grid of times, and when their next look is due does not hang on what jitters: so a film at 10, 25
and 60 fps is looked at in the same moments. A picture much worse than this person's usually are waits for a better one.

Time per frame and per second is limited by the cost of a face. For live sources that is the measured cost, so that a slow
machine keeps up. For files it is NOMINAL_FACE_MS on every machine: the same film gives the same numbers everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.novelty import Novelty
from pipeline.settings import AgeSettings
from pipeline.smoothing import LEAST_QUALITY

NOMINAL_FACE_MS = 9.0
"""One face of a batch with the INT8 model on two CPU cores, without the detector's settling of its landmarks."""

WORTHWHILE = 0.065
"""An estimate must add this share to the evidence: five a second for a new face (the grid's most), one a second at an evidence of
ten, and beyond 14 only what AT_LEAST_EVERY_S says, or a much better picture than before."""

AT_LEAST_EVERY_S = 4.0
"""Even where little can be learned: a track may have slipped on to another face."""

SLOT_S = 0.2
"""Grid of the times at which known faces are looked at: the first frame of each fifth of a second. Films at 10, 15, 25, 30, 50
and 60 frames per second all have a frame at each of these times."""

QUALITY_STEP = 0.1
"""Qualities are rounded up to it where looks are planned: good pictures are 0.91 to 1."""

USUAL_S = 2.0
"""Time constant with which it is forgotten how good somebody's pictures were: people walk away, and light goes out."""

HARDLY_WORSE = 0.1
"""Pictures worse than usual by this share count in full; beyond, need falls with the square of quality."""

MOST_FIRST = 8
"""First estimates in one frame. More people at once wait for a frame rather than hold the picture up."""

NO_LIMIT = 1_000_000

SAVED_S, OWED_S = 1.5, 0.5
"""Time that was not needed is kept for later, and first estimates run into debt, for as much as these seconds' share."""

POOR_QUALITY = 0.3
POOR_WAITS_S = 0.3
"""A new face with a poor picture waits this long for a better one: people who come in turn to the camera, blur passes."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the scheduler must know of one face.

    Attributes:
        quality: of this picture, 0 … 1.
        evidence: effective frames behind the person's age so far, as `LookTimes` counts them.
        gain: evidence that an estimate of this picture would add.
        seen_s: seconds since the face was first seen.
        estimated_s: seconds since the last estimate, None before the first.
        usual: quality of this person's good pictures lately, 0 where unknown.
        on_grid: whether a known face may be looked at in this frame (see `LookTimes`).
    """

    quality: float
    evidence: float
    gain: float
    seen_s: float
    estimated_s: float | None
    usual: float = 0.0
    on_grid: bool = True


class LookTimes:
    """When one person's face is looked at: once in a slot of time at most; how good its pictures are, and how well it is known.

    What is known is counted here a second time, by coarse steps of quality and without the pose. The filter's own count differs a
    little from one frame rate to another, for the detector's landmarks do. Now and then a look would then come a slot earlier or
    later, at another expression, and with it all looks after that.
    """

    def __init__(self) -> None:
        self._slot: int | None = None
        self._usual = 0.0
        self._time_s = -math.inf
        self._novelty = Novelty()
        self.evidence = 0.0

    def is_open(self, time_s: float) -> bool:
        """Whether in the slot of this frame nothing was decided yet."""
        return _slot(time_s) != self._slot

    def decided(self, time_s: float) -> None:
        """In the slot of that frame this face needs no other look."""
        self._slot = _slot(time_s)

    def gain(self, quality: float, time_s: float) -> float:
        """Evidence that a look would add."""
        return self._novelty.weight(_coarse(quality), time_s)

    def looked(self, quality: float, time_s: float) -> None:
        """The face got the engine in that frame."""
        self.evidence += self._novelty.take(_coarse(quality), time_s)

    def take_over(self, earlier: LookTimes) -> None:
        """The face turns out to be somebody's of whom something is known already."""
        self.evidence = max(self.evidence, earlier.evidence)

    def usual(self, quality: float, time_s: float) -> float:
        """The best quality lately. That of the current frame counts from now on where its slot is open, at every frame rate."""
        if not self.is_open(time_s):
            return self._usual
        faded = self._usual * math.exp(-max(0.0, time_s - self._time_s) / USUAL_S)
        self._usual, self._time_s = max(quality, faded), max(self._time_s, time_s)
        return self._usual


def _coarse(quality: float) -> float:
    return math.ceil(quality / QUALITY_STEP) * QUALITY_STEP


def _slot(time_s: float) -> int:
    # Times such as 0.3 are not multiples of 0.1 to the last bit.
    return math.floor(time_s / SLOT_S + 1e-6)


class Scheduler:
    """Chooses faces within the settings' time per frame and per second. Remembers how much of its time is left."""

    def __init__(self, settings: AgeSettings) -> None:
        self._budget_ms = settings.budget_ms
        self._load = settings.load
        self._left_ms = settings.load * SAVED_S * 1000

    def choose(self, candidates: Sequence[Candidate], face_ms: float = NOMINAL_FACE_MS, elapsed_s: float = 0.0) -> list[int]:
        """Indices of the faces to estimate in this frame, in one batch; the neediest first, equals in the order given.

        First estimates do not count against the time per frame, but use it up.

        Args:
            face_ms: cost of one face.
            elapsed_s: time of the source since the call before.
        """
        self._left_ms = min(self._load * SAVED_S * 1000, self._left_ms + self._load * 1000 * max(0.0, elapsed_s))
        first = [i for i, face in enumerate(candidates) if face.estimated_s is None and _is_due(face)]
        first.sort(key=lambda i: -candidates[i].quality)
        again = [i for i, face in enumerate(candidates) if face.on_grid and _is_worthwhile(face)]
        again.sort(key=lambda i: -_need(candidates[i]))
        first = first[:MOST_FIRST]
        chosen = first + again[: max(0, self._room(face_ms, len(first)) - len(first))]
        self._left_ms = max(-self._load * OWED_S * 1000, self._left_ms - len(chosen) * face_ms)
        return chosen

    def _room(self, face_ms: float, first: int) -> int:
        """Faces in this frame; at least one while there is time left, or a slow engine would never give a second estimate."""
        face_ms = max(face_ms, 0.001)
        per_frame = max(1, int(self._budget_ms / face_ms)) if self._budget_ms > 0 else NO_LIMIT
        if self._load == 0:
            return per_frame
        left_ms = self._left_ms - first * face_ms
        return min(per_frame, first + max(1 if left_ms > 0 else 0, int(left_ms / face_ms)))


def _is_worthwhile(face: Candidate) -> bool:
    """Whether another estimate of a known face would teach enough."""
    return face.estimated_s is not None and _need(face) >= WORTHWHILE


def _is_due(face: Candidate) -> bool:
    if face.quality < LEAST_QUALITY:
        return False
    return face.quality >= POOR_QUALITY or face.seen_s >= POOR_WAITS_S


def _need(face: Candidate) -> float:
    """Share by which the evidence would grow; WORTHWHILE at least where the last estimate is too long ago."""
    if face.quality < LEAST_QUALITY:
        return 0.0
    need = face.gain / (1 + face.evidence)
    if face.quality < (1 - HARDLY_WORSE) * face.usual:
        need *= (face.quality / face.usual) ** 2
    overdue = face.estimated_s is not None and face.estimated_s >= AT_LEAST_EVERY_S
    return max(need, WORTHWHILE) if overdue else need
