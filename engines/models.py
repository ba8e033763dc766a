"""The model files and the facts about them: `assets/models/models.toml`, checked before anything is loaded."""

from __future__ import annotations

import hashlib
import io
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.cohort import NEAREST, Cohort
from pipeline.errors import ModelFileError, SettingsError

MODELS_FOLDER = Path(__file__).resolve().parent.parent / "assets" / "models"
RESTORE_HINT = "Restore the file from the repository (git checkout -- assets/models), or export the model again."

Precision = Literal["fp32", "fp16", "int8"]


class ModelEntry(BaseModel):
    """One table of models.toml: what the program and a reader must know about one file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["detector", "age", "cohort"]
    file: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    precision: Precision
    licence: str
    origin: str
    input_px: int = 0
    colour: Literal["RGB", "BGR"] = "RGB"
    bins: int = 0
    temperature: float = Field(1.0, gt=0)
    slope: float = 1.0
    offset: float = 0.0
    identity: int = 0
    identity_threshold: float | None = Field(None, gt=0, lt=1)
    identity_cohort: str = ""
    training_data: str = ""
    accuracy: dict[str, float] = {}


class ModelsFile(BaseModel):
    """models.toml as a whole."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1]
    default_cpu: str
    default_gpu: str
    models: dict[str, ModelEntry]


@dataclass(frozen=True, slots=True)
class Model:
    """A model file that agrees with its entry.

    Attributes:
        cohort: against which an age model's embeddings are compared; None where its entry names none.
    """

    name: str
    entry: ModelEntry
    data: bytes
    cohort: Cohort | None = None


def read_models_file(folder: Path = MODELS_FOLDER) -> ModelsFile:
    """The facts about all models.

    Raises:
        ModelFileError: models.toml is missing or does not say what it must.
    """
    path = folder / "models.toml"
    try:
        return ModelsFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ModelFileError(f"There is no models.toml in {folder}.", RESTORE_HINT) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelFileError(f"{path} cannot be read: {error}", RESTORE_HINT) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelFileError(f"{path}: {where}: {first['msg']}", RESTORE_HINT) from error


def load_model(name: str, folder: Path = MODELS_FOLDER) -> Model:
    """Reads one model and makes sure that it is the one that models.toml describes.

    Raises:
        SettingsError: there is no entry of that name.
        ModelFileError: the file is missing, empty, or has another sha256.
    """
    facts = read_models_file(folder)
    entry = facts.models.get(name)
    if entry is None:
        raise SettingsError(f"There is no model named {name!r}.", f"Choose one of: {', '.join(sorted(facts.models))}.")
    path = folder / entry.file
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"The model file {path} cannot be read: {error.strerror or error}", RESTORE_HINT) from error
    if not data:
        raise ModelFileError(f"The model file {path} is empty (0 bytes).", RESTORE_HINT)
    found = hashlib.sha256(data).hexdigest()
    if found != entry.sha256:
        raise ModelFileError(
            f"The model file {path} is not the one in models.toml: sha256 {found[:12]}…, expected {entry.sha256[:12]}….",
            RESTORE_HINT,
        )
    return Model(name, entry, data)


def load_age_model(name: str, folder: Path = MODELS_FOLDER, *, gpu: bool) -> Model:
    """The age model of that name, or the default for CPU or GPU if the name is empty.

    Raises:
        SettingsError: there is no entry of that name, or it is not an age model.
        ModelFileError: the file is missing, empty, or has another sha256.
    """
    facts = read_models_file(folder)
    model = load_model(name or (facts.default_gpu if gpu else facts.default_cpu), folder)
    if model.entry.kind != "age":
        raise SettingsError(f"The model {model.name!r} does not estimate ages.", "Leave age.model empty to take the default.")
    if not model.entry.identity_cohort:
        return model
    return replace(model, cohort=load_cohort(model.entry.identity_cohort, folder))


def load_cohort(name: str, folder: Path = MODELS_FOLDER) -> Cohort:
    """The cohort of that name: (1 + n, d) float16 in NumPy's own format, the centre first.

    Raises:
        SettingsError: there is no entry of that name.
        ModelFileError: the file is missing, has another sha256, or holds something else.
    """
    model = load_model(name, folder)
    try:
        rows = np.load(io.BytesIO(model.data), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ModelFileError(f"The cohort {name!r} cannot be read: {error}", RESTORE_HINT) from error
    if not isinstance(rows, np.ndarray) or rows.ndim != 2 or rows.shape[0] <= NEAREST or not np.isfinite(rows).all():
        raise ModelFileError(f"The cohort {name!r} does not hold a centre and more than {NEAREST} faces.", RESTORE_HINT)
    faces = np.asarray(rows[1:], np.float32)
    return Cohort(np.asarray(rows[0], np.float32), faces / np.linalg.norm(faces, axis=1, keepdims=True))
