"""Writes entries of `models.toml`: the exporters' side of `engines.models`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from engines.models import ModelEntry, ModelsFile
from training.files import whole_text

MODELS_FILE = "models.toml"

HEADER = "# Written by the exporters in training/; read by engines/models.py. Facts travel with the file that they describe.\n\n"


def write_entries(folder: Path, entries: Mapping[str, ModelEntry]) -> None:
    """Adds or replaces entries of a folder's models.toml; the others stay as they are.

    Raises:
        OutputError: it cannot be written; what was there before stays.
    """
    with whole_text(folder / MODELS_FILE) as file:
        file.write(with_entries(folder, entries))


def with_entries(folder: Path, entries: Mapping[str, ModelEntry], defaults: Mapping[str, str] | None = None) -> str:
    """The text of a folder's models.toml, which need not be there, with some entries added or replaced.

    Args:
        entries: facts by name.
        defaults: "cpu" and "gpu" → the model that the program shall take there unless told otherwise.
    """
    path = folder / MODELS_FILE
    content: dict[str, Any] = {"schema_version": 1, "default_cpu": "", "default_gpu": "", "models": {}}
    if path.exists():
        content |= tomllib.loads(path.read_text(encoding="utf-8"))
    content["models"] |= {name: entry.model_dump(exclude_defaults=True) for name, entry in entries.items()}
    content["models"] = dict(sorted(content["models"].items()))
    content |= {f"default_{device}": name for device, name in (defaults or {}).items()}
    ModelsFile.model_validate(content)
    return HEADER + tomli_w.dumps(content)
