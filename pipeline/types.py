"""The values that travel through the pipeline: immutable, so that threads may share them.

Spaces and units: an image is (H, W, 3) uint8 BGR; boxes and landmarks are pixels of the full frame, x to the right and y
down; times are seconds; ages are years of a person's life.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

UInt8Array = NDArray[np.uint8]
Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]

AGE_BINS = 101
"""Age distributions have one bin a year, 0 … 100."""


@dataclass(frozen=True, slots=True)
class Box:
    """An axis-parallel rectangle in pixels of the full frame; it may reach beyond the picture."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        return self.y2 - self.y1

    @property
    def area(self) -> float:
        return max(0.0, self.width) * max(0.0, self.height)

    @property
    def center(self) -> tuple[float, float]:
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2

    def iou(self, other: Box) -> float:
        """Intersection over union with another box, 0 … 1."""
        width = min(self.x2, other.x2) - max(self.x1, other.x1)
        height = min(self.y2, other.y2) - max(self.y1, other.y1)
        if width <= 0 or height <= 0:
            return 0.0
        shared = width * height
        return shared / (self.area + other.area - shared)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a source.

    Attributes:
        image: (H, W, 3) uint8 BGR, not writeable.
        time_s: presentation time within the source: a film's own timestamp; for live sources seconds since it was opened.
        index: number of the picture within its source, from 0; pictures that were dropped leave gaps.
        source: name of the source for the log, without credentials; for a folder, the picture's file name.
        wall_time_s: Unix time at which the picture was read.
        independent: True for pictures of a folder: nothing may be tracked or smoothed from one to the next.
        stretch: another number than the frame before has says that somebody went to another place of the film in between.
    """

    image: UInt8Array
    time_s: float
    index: int
    source: str
    wall_time_s: float
    independent: bool = False
    stretch: int = 0

    @property
    def width(self) -> int:
        return int(self.image.shape[1])

    @property
    def height(self) -> int:
        return int(self.image.shape[0])


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """A face found in one frame.

    Attributes:
        box: the face, in pixels of the full frame.
        score: detector's probability that this is a face, 0 … 1.
        landmarks: (5, 2) float32: left eye, right eye, nose, left and right corner of the mouth, as seen in the picture.
    """

    box: Box
    score: float
    landmarks: Float32Array


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """A face that is followed, as it stands in the current frame.

    Attributes:
        id: never used twice within one run.
        detection: the face in this frame, None while it is hidden (the tracker coasts on its motion).
        box: where the face is: the detection's box, or the predicted one while hidden.
        first_s, seen_s: time of the first and of the newest frame in which the face was detected.
        carried: nobody looked in this frame: box and landmarks are where a calm face of a crowd should be.
    """

    id: int
    detection: Detection | None
    box: Box
    first_s: float
    seen_s: float
    carried: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class AgeEstimate:
    """What the age engine says of one crop.

    Attributes:
        distribution: (101,) float32, probabilities of the ages 0 … 100; sums to 1.
        years: expectation of the distribution after the model's calibration.
        male: probability of a male face by the model, None where it has no such head.
        embedding: (512,) float32 of length 1, near for pictures of one person; None where the model has no such head. Biometric
            data: it may be held in memory for as long as a source runs, and is never written anywhere.
    """

    distribution: Float32Array
    years: float
    male: float | None = None
    embedding: Float32Array | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AgeBelief:
    """What is known about the age of one person up to now.

    Attributes:
        years: posterior mean.
        low, high: ends of the 90 % interval.
        evidence: effective number of independent frames behind it (capped by the filter).
        settled: enough evidence to be shown; until then a label says "estimating…".
    """

    years: float
    low: float
    high: float
    evidence: float
    settled: bool


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face in one frame, with what is known about its person.

    Attributes:
        raw: the engine's estimate of this very frame, None where the scheduler left it out.
        quality: 0 … 1, how much this picture of the face can say about age.
        belief: the person's age up to this frame, None before the first estimate.
        male: running probability of a male face, None where unknown.
        reason: what makes this face hard to age, in words for people ("small face", "turned away"), None for a good picture.
    """

    person: int
    track: int
    detection: Detection
    quality: float
    raw: AgeEstimate | None
    belief: AgeBelief | None
    male: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Join:
    """Two numbers turned out to be one person: what was said of `person` belongs to `into`, the older number.

    Attributes:
        person: never given to anybody else.
        track: only what `person` has on that track; 0: on all of them.
    """

    person: int
    into: int
    track: int = 0


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Milliseconds spent on one frame, per stage."""

    detect_ms: float = 0.0
    track_ms: float = 0.0
    estimate_ms: float = 0.0
    fuse_ms: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class FrameResult:
    """Everything that the analysis found in one frame.

    Attributes:
        faces: the faces seen in this frame (hidden tracks are not among them).
        cut: True where the picture does not continue the one before (hard cut, seek, independent pictures).
        engine: short name of the age engine that was used, as in the log.
        engine_note: what the status bar adds to it, such as how far a faster one is built.
        joins: persons that were recognised as earlier ones in this frame; the faces carry the older numbers already.
        recalled: the frame was analysed before, and this is what was found then: it is shown again, but counts only once.
    """

    frame: Frame
    faces: tuple[Face, ...]
    cut: bool = False
    engine: str = ""
    times: StageTimes = field(default_factory=StageTimes)
    engine_note: str = ""
    joins: tuple[Join, ...] = ()
    recalled: bool = False


def as_readonly(image: NDArray[Any]) -> UInt8Array:
    """The same picture, marked not writeable: frames are shared between threads and with Qt without copies.

    Raises:
        ValueError: the array is not (H, W, 3) uint8.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"a frame is (H, W, 3) uint8, got {image.shape} {image.dtype}")
    image.flags.writeable = False
    return image
