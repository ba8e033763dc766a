"""The tables of `assets/models/intervals.toml`: how far intervals of one age model must be stretched to hold 90 %."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from engines.models import MODELS_FOLDER
from pipeline.errors import ModelFileError
from pipeline.intervals import IntervalTable

INTERVALS_FILE = "intervals.toml"
HINT = "Restore the file from the repository (git checkout -- assets/models), or fit it again: python -m training.conformal."


class TableEntry(BaseModel):
    """One table and the model files that it was fitted for: the same weights in several precisions share one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: tuple[str, ...]
    fitted_on: str = ""
    ages: tuple[float, ...]
    sizes: tuple[float, ...]
    lower: tuple[tuple[float, ...], ...]
    upper: tuple[tuple[float, ...], ...]


class IntervalsFile(BaseModel):
    """intervals.toml as a whole."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1]
    tables: tuple[TableEntry, ...] = ()


def load_intervals(model_sha256: str, folder: Path = MODELS_FOLDER) -> IntervalTable | None:
    """The table of one model file; None where there is none for it: its intervals are then as wide as its own spread says.

    Raises:
        ModelFileError: intervals.toml is there and does not say what it must.
    """
    path = folder / INTERVALS_FILE
    try:
        facts = IntervalsFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        entry = next((entry for entry in facts.tables if model_sha256 in entry.sha256), None)
        return None if entry is None else IntervalTable(entry.ages, entry.sizes, entry.lower, entry.upper)
    except FileNotFoundError:
        return None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelFileError(f"{path}: {where}: {first['msg']}", HINT) from error
    except (OSError, ValueError) as error:  # tomllib's errors and bytes that are no UTF-8 are ValueErrors
        raise ModelFileError(f"{path} cannot be read: {error}", HINT) from error
