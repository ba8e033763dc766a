"""All settings, their units, ranges and defaults: the command line, the dialog and the README's table are made from this."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

EngineName = Literal["auto", "cpu", "cuda", "tensorrt"]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceSettings(Section):
    camera_width_px: int = Field(
        1280, ge=160, le=7680, title="Camera width", description="Asked of the camera in pixels; it may give another size."
    )
    camera_height_px: int = Field(
        720, ge=120, le=4320, title="Camera height", description="Asked of the camera in pixels; it may give another size."
    )
    camera_fps: float = Field(
        30.0, ge=1, le=240, title="Camera rate", description="Asked of the camera in frames per second; it may give another rate."
    )
    open_timeout_s: float = Field(
        10.0,
        gt=0,
        le=120,
        title="Wait for a source",
        description="Seconds in which a stream must answer or a camera give a picture.",
    )
    lost_after_s: float = Field(
        2.0,
        ge=0.2,
        le=60,
        title="Lost after",
        description="Seconds without a picture after which a camera or stream is lost.",
    )
    retry_first_s: float = Field(
        0.5,
        ge=0.05,
        le=60,
        title="First retry after",
        description="Seconds until a lost source is opened again; doubles each time.",
    )
    retry_most_s: float = Field(
        2.0, ge=0.05, le=600, title="Longest wait between retries", description="Seconds; the doubling stops here."
    )
    give_up_after_s: float = Field(
        0.0, ge=0, le=86400, title="Give up after", description="Seconds for which a lost source is awaited; 0: until stopped."
    )


class DetectorSettings(Section):
    smallest_face_px: int = Field(
        40, ge=20, le=1000, title="Smallest face", description="Faces narrower than this many pixels are not looked for."
    )
    scan_interval_s: float = Field(
        0.24,
        ge=0,
        le=5,
        title="Full scan every",
        description="Seconds between searches of the whole picture, twice that above 12 faces; "
        "in between, known faces are refined. 0: always.",
    )
    threads: int = Field(0, ge=0, le=64, title="Threads", description="Threads for detection; 0 chooses.")


class TrackerSettings(Section):
    min_iou: float = Field(
        0.25, gt=0, lt=1, title="Overlap", description="Least overlap (IoU) of a face with a track's predicted box."
    )
    high_score: float = Field(
        0.9, gt=0, le=1, title="Sure score", description="Only detections at least this sure begin a track."
    )
    keep_s: float = Field(
        1.0, ge=0, le=30, title="Keep hidden for", description="Seconds for which a hidden face keeps its track."
    )


class AgeSettings(Section):
    engine: EngineName = Field(
        "auto", title="Engine", description="What runs the age model. auto chooses and says which; a named one is used or fails."
    )
    model: str = Field("", title="Model", description="Entry of models.toml; empty takes the default.")
    precision: Literal["fp16", "fp32"] = Field(
        "fp16", title="TensorRT precision", description="Arithmetic of TensorRT engines; fp32 is slower and closer to the CPU."
    )
    engine_cache_mb: int = Field(
        2000, ge=100, le=100_000, title="Engine cache", description="MB of built TensorRT engines to keep on disk."
    )
    threads: int = Field(0, ge=0, le=64, title="Threads", description="CPU threads for the age model; 0 chooses.")
    budget_ms: float = Field(
        18.0,
        ge=0,
        le=1000,
        title="Time per frame",
        description="Milliseconds of age estimation per frame once every face has a first estimate; 0: no limit.",
    )
    load: float = Field(
        0.06,
        ge=0,
        le=1,
        title="Share of the time",
        description="Of each second, the part for further estimates of known faces, however many there are; 0: no limit.",
    )


class FilterSettings(Section):
    settle_evidence: float = Field(
        2.0, ge=0, le=100, title="Show from", description="Effective frames of evidence before an age is shown."
    )
    max_evidence: float = Field(
        12.0,
        gt=0,
        le=1000,
        title="Most evidence",
        description="Cap on the effective number of frames: neighbours in time are not independent.",
    )
    floor_years: float = Field(
        3.0, ge=0, le=30, title="Error floor", description="Standard deviation in years that no number of frames removes."
    )


class IdentitySettings(Section):
    rejoin: bool = Field(
        True,
        title="Recognise people again",
        description="Who leaves and comes back keeps the number, by face embeddings in memory. false: a person is a track.",
    )
    threshold: float = Field(
        0.0,
        ge=0,
        lt=1,
        title="Same face from",
        description="Similarity of two faces from which on they are one person; 0 takes what the model says.",
    )


class ViewSettings(Section):
    show_gender: bool = Field(False, title="Show gender", description="Adds the model's guess of gender to labels.")


AT_ONCE = ("view",)
"""Sections that count at once in a running window; all others when the next source is started."""


class Settings(Section):
    """The one settings model."""

    source: SourceSettings = Field(SourceSettings(), title="Cameras and streams")
    detector: DetectorSettings = Field(DetectorSettings(), title="Finding faces")
    tracker: TrackerSettings = Field(TrackerSettings(), title="Following faces")
    age: AgeSettings = Field(AgeSettings(), title="Estimating ages")
    filter: FilterSettings = Field(FilterSettings(), title="Ages over time")
    identity: IdentitySettings = Field(IdentitySettings(), title="Recognising people")
    view: ViewSettings = Field(ViewSettings(), title="Display")
