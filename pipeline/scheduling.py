"""Which faces get the age engine in this frame: the one expensive thing, spent where it teaches most.

An estimate is worth what it would add to the evidence about its person (`smoothing` says how much: quality times novelty),
relative to what is there. So a new face comes first, a well-known one gets an estimate every second or two, and a better
picture than before comes at once. All of it follows from frames' times and contents: nothing here reads a clock.

Time per frame is limited by the cost of one face. For live sources that is the measured cost, so that a slow machine keeps up.
For files it is NOMINAL_FACE_MS on every machine: the same film gives the same numbers everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.settings import AgeSettings
from pipeline.smoothing import LEAST_QUALITY

NOMINAL_FACE_MS = 9.0
"""One face of a batch with the INT8 model on two CPU cores."""

WORTHWHILE = 0.06
"""An estimate must add this share to the evidence: about ten a second for a new face, two at an evidence of six, and one in
two to three seconds at the cap."""

AT_LEAST_EVERY_S = 3.0
"""Even where little can be learned: a track may have slipped on to another face."""

MOST_FIRST = 8
"""First estimates in one frame. More people at once wait for a frame rather than hold the picture up."""

POOR_QUALITY = 0.3
POOR_WAITS_S = 0.3
"""A new face with a poor picture waits this long for a better one: people who come in turn to the camera, blur passes."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the scheduler must know of one face.

    Attributes:
        quality: of this picture, 0 … 1.
        evidence: effective frames behind the person's age so far.
        gain: evidence that an estimate of this picture would add.
        seen_s: seconds since the face was first seen.
        estimated_s: seconds since the last estimate, None before the first.
    """

    quality: float
    evidence: float
    gain: float
    seen_s: float
    estimated_s: float | None


class Scheduler:
    """Chooses faces within the settings' time per frame. Has no state of its own."""

    def __init__(self, settings: AgeSettings) -> None:
        self._budget_ms = settings.budget_ms

    def choose(self, candidates: Sequence[Candidate], face_ms: float = NOMINAL_FACE_MS) -> list[int]:
        """Indices of the faces to estimate in this frame, in one batch; the neediest first, equals in the order given.

        First estimates do not count against the time per frame, but use it up.

        Args:
            face_ms: cost of one face.
        """
        first = [i for i, face in enumerate(candidates) if face.estimated_s is None and _is_due(face)]
        first.sort(key=lambda i: -candidates[i].quality)
        again = [i for i, face in enumerate(candidates) if face.estimated_s is not None and _need(face) >= WORTHWHILE]
        again.sort(key=lambda i: -_need(candidates[i]))
        first = first[:MOST_FIRST]
        return first + again[: max(0, self._room(face_ms) - len(first))]

    def _room(self, face_ms: float) -> int:
        """Faces per frame; at least one, or a slow engine would never give a second estimate."""
        if self._budget_ms == 0:
            return 1_000_000
        return max(1, int(self._budget_ms / max(face_ms, 0.001)))


def _is_due(face: Candidate) -> bool:
    if face.quality < LEAST_QUALITY:
        return False
    return face.quality >= POOR_QUALITY or face.seen_s >= POOR_WAITS_S


def _need(face: Candidate) -> float:
    """Share by which the evidence would grow; WORTHWHILE at least where the last estimate is too long ago."""
    if face.quality < LEAST_QUALITY:
        return 0.0
    need = face.gain / (1 + face.evidence)
    overdue = face.estimated_s is not None and face.estimated_s >= AT_LEAST_EVERY_S
    return max(need, WORTHWHILE) if overdue else need
