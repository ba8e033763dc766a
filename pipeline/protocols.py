"""What the parts of the pipeline expect of each other. Implementations need not inherit from these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from pipeline.cohort import Cohort
from pipeline.hindsight import Conclusion
from pipeline.types import AgeBelief, AgeEstimate, Box, Detection, Float32Array, Frame, FrameResult, Track, UInt8Array


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source says about itself once it is open.

    Attributes:
        name: for the log and the window; no credentials, no folder names.
        live: True where time passes whether or not frames are taken (camera, network stream): frames may be dropped.
        width, height: pixels as delivered, after rotation; 0 while unknown.
        fps: nominal rate, None where there is none (folders) or unknown.
        frame_count: number of frames, None where unknown; an estimate for films.
        duration_s: None where unknown or endless.
        has_audio: a sound track that an annotated film can keep.
        path: the file behind it, None for cameras, streams and demo.
        start_s: what was taken off the film's own timestamps so that it begins at 0 (broadcast clocks); nearly always 0.
    """

    name: str
    live: bool
    width: int = 0
    height: int = 0
    fps: float | None = None
    frame_count: int | None = None
    duration_s: float | None = None
    has_audio: bool = False
    path: str | None = None
    start_s: float = 0.0


class VideoSource(Protocol):
    """Where frames come from. Opened, read and closed by one and the same thread."""

    @property
    def info(self) -> SourceInfo: ...

    def frames(self) -> Iterator[Frame]:
        """Frames in order of presentation until the source ends, or the stop event that it was opened with is set.

        Raises:
            SourceError: the source cannot be read any more (and, for streams, did not come back).
        """
        ...


@runtime_checkable
class SeekableSource(Protocol):
    """A source in which one can go back and forth. Used by the thread that reads it."""

    @property
    def info(self) -> SourceInfo: ...

    @property
    def can_seek(self) -> bool: ...

    def frames(self) -> Iterator[Frame]: ...

    def index_at(self, time_s: float) -> int:
        """Index of the picture that is shown at that time: the last that begins by then; the first or last beyond the ends."""
        ...

    def seek(self, index: int) -> None:
        """`frames`, called anew, goes on with exactly this picture; beyond the end, with the last one.

        Raises:
            SourceError: the file is not there any more.
        """
        ...


class FaceDetector(Protocol):
    """Finds faces with five landmarks."""

    def scan(self, image: UInt8Array, known: Sequence[Box] = (), carried: Sequence[Box] = ()) -> list[Detection]:
        """Every face in the whole picture; `known` are boxes of followed faces, which need no search; those at `carried` are not
        wanted."""
        ...

    def refine(self, image: UInt8Array, boxes: Sequence[Box]) -> list[Detection]:
        """The faces at or very near the given boxes: much cheaper than a scan, finds nothing new elsewhere.

        Faces found from several boxes are returned once; a box that holds no face any more yields nothing.
        """
        ...

    def settle(self, image: UInt8Array, faces: Sequence[Detection], roughly: bool = False) -> list[Float32Array]:
        """Landmarks of faces of this picture, in order, for cutting them out: as independent as can be of how a face was found,
        so that the same picture gives the same age whatever came before it. (5, 2) float32 pixels each.

        Args:
            roughly: for half the time.
        """
        ...


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What runs, for the status bar, the log and the first lines of `analyze`.

    Attributes:
        name: as in the settings: cpu, cuda, tensorrt.
        precision: of the weights in use: int8, fp16, fp32.
        model: name of the model's entry in models.toml.
        reason: one sentence: why this one ("no NVIDIA GPU found, running on the CPU").
        model_sha256: of the model's file: rows of another model are never taken for rows of this one.
        note: what changes while it runs, for the status bar: how far a faster engine is built, or why that one does not run.
        identity_threshold: similarity of two faces from which on they are one person; None where the model says nothing.
        identity_cohort: against whom this model's embeddings are compared; None: similarity is the plain cosine.
    """

    name: str
    precision: str
    model: str
    reason: str
    model_sha256: str = ""
    note: str = ""
    identity_threshold: float | None = None
    identity_cohort: Cohort | None = field(default=None, repr=False, compare=False)

    @property
    def label(self) -> str:
        """Short text for the log: "cpu int8"."""
        return f"{self.name} {self.precision}"


class AgeEngine(Protocol):
    """Estimates ages of faces in one picture."""

    @property
    def info(self) -> EngineInfo: ...

    def estimate(self, image: UInt8Array, landmarks: Sequence[Float32Array]) -> list[AgeEstimate]:
        """One estimate per face, in order; one batch.

        Args:
            image: (H, W, 3) uint8 BGR.
            landmarks: for each face (5, 2) float32 pixels of the image.
        """
        ...


class Tracker(Protocol):
    """Joins detections of successive frames into tracks. All durations are in seconds of frame time."""

    def predict(self, time_s: float) -> list[Box]:
        """Where the living tracks should be at that time: what track-guided detection looks at."""
        ...

    def update(self, detections: Sequence[Detection], time_s: float) -> list[Track]:
        """Living tracks after this frame, hidden ones included; each detection belongs to at most one."""
        ...

    def reset(self) -> None:
        """Ends all tracks (a cut). Ids go on; none is used twice."""
        ...


class AgeFilter(Protocol):
    """The age of one person over time."""

    def observe(
        self, estimate: AgeEstimate, quality: float, time_s: float, pose: tuple[float, float] | None = None, face_px: float = 0.0
    ) -> None:
        """Adds the estimate of one frame.

        Args:
            quality: 0 … 1.
            pose: yaw and pitch of the head in degrees, None where unknown.
            face_px: width of the face in pixels, 0 where unknown.
        """
        ...

    @property
    def belief(self) -> AgeBelief | None:
        """None before the first observation that counted."""
        ...


class Sink(Protocol):
    """Takes results in order: the log, an annotated film, the window. Opened, used and closed by the analysis thread."""

    def write(self, result: FrameResult) -> None: ...

    def close(self) -> None:
        """Finishes what was begun; safe to call after an error, and more than once."""
        ...


class FrameAnalyzer(Protocol):
    """Everything between a frame and its result: detection, tracking, age, fusion. Synchronous; used by one thread."""

    @property
    def engine(self) -> EngineInfo: ...

    def process(self, frame: Frame) -> FrameResult: ...

    def conclude(self) -> Conclusion:
        """The last word on everybody, when the last frame was processed. Empty for live sources."""
        ...


@runtime_checkable
class LooksBack(Protocol):
    """An analyzer that can have a last word on a film which may go on: in the window, somebody may go back in it."""

    def look_back(self) -> None:
        """The source has an end: from now on, what the last word needs is kept. To be called before the first frame."""
        ...

    def conclude_for_now(self) -> Conclusion:
        """As `conclude`, but nobody is forgotten."""
        ...
