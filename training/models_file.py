"""Writes entries of `models.toml`: the exporters' side of `engines.models`."""

from __future__ import annotations

import hashlib
import os
import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from engines.models import ModelEntry, ModelsFile

HEADER = "# Written by the exporters in training/; read by engines/models.py. Facts travel with the file that they describe.\n\n"


def sha256_of(path: Path) -> str:
    """Hexadecimal sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_entry(folder: Path, name: str, entry: ModelEntry, default_for: str = "") -> None:
    """Adds or replaces one entry; the others stay as they are. Written aside and renamed.

    Args:
        folder: holds models.toml, or will.
        name: of the entry.
        entry: its facts.
        default_for: "cpu" or "gpu" where the program shall take this model unless told otherwise.
    """
    path = folder / "models.toml"
    content: dict[str, Any] = {"schema_version": 1, "default_cpu": "", "default_gpu": "", "models": {}}
    if path.exists():
        content |= tomllib.loads(path.read_text(encoding="utf-8"))
    content["models"][name] = entry.model_dump(exclude_defaults=True)
    content["models"] = dict(sorted(content["models"].items()))
    if default_for:
        content[f"default_{default_for}"] = name
    ModelsFile.model_validate(content)
    aside = path.with_suffix(".toml.part")
    aside.write_text(HEADER + tomli_w.dumps(content), encoding="utf-8")
    os.replace(aside, path)
