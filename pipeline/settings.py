"""All settings, their units, ranges and defaults: the command line, the dialog and the README's table are made from this."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

EngineName = Literal["auto", "cpu", "cuda"]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DetectorSettings(Section):
    smallest_face_px: int = Field(
        40, ge=20, le=1000, title="Smallest face", description="Faces narrower than this many pixels are not looked for."
    )
    scan_interval_s: float = Field(
        0.24,
        ge=0,
        le=5,
        title="Full scan every",
        description="Seconds between searches of the whole picture; in between, known faces are refined. 0: always.",
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
    threads: int = Field(0, ge=0, le=64, title="Threads", description="CPU threads for the age model; 0 chooses.")
    budget_ms: float = Field(
        18.0,
        ge=0,
        le=1000,
        title="Time per frame",
        description="Milliseconds of age estimation per frame once every face has a first estimate; 0: no limit.",
    )


class FilterSettings(Section):
    settle_evidence: float = Field(
        1.5, ge=0, le=100, title="Show from", description="Effective frames of evidence before an age is shown."
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


class ViewSettings(Section):
    show_gender: bool = Field(False, title="Show gender", description="Adds the model's guess of gender to labels.")


class Settings(Section):
    """The one settings model."""

    detector: DetectorSettings = DetectorSettings()
    tracker: TrackerSettings = TrackerSettings()
    age: AgeSettings = AgeSettings()
    filter: FilterSettings = FilterSettings()
    view: ViewSettings = ViewSettings()
