"""What the program is made of: packages with versions and licences, as they say it themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

DIRECT = (
    "PySide6-Essentials",
    "numpy",
    "opencv-python-headless",
    "av",
    "onnxruntime",
    "onnxruntime-gpu",
    "lap",
    "pydantic",
    "platformdirs",
    "tomlkit",
    "rich",
    "cv2-enumerate-cameras",
    "filelock",
    "pyqtgraph",
    "matplotlib",
    "tensorrt",
    "tensorrt-rtx-cu13",
    "pycuda",
    "cuda-python",
)
"""What the program asks for itself; those that are not installed are left out. A test compares it with pyproject.toml."""

LONGEST_LICENCE = 60
"""Characters; packages that put the whole text into the field name the licence in a classifier as well."""


@dataclass(frozen=True, slots=True)
class Component:
    """One installed package."""

    name: str
    version: str
    licence: str


def components() -> list[Component]:
    """The program's packages and what these need in turn, by name. Takes about a tenth of a second."""
    found: dict[str, Component] = {}
    waiting = list(DIRECT)
    while waiting:
        name = waiting.pop()
        key = _key(name)
        if key in found:
            continue
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        found[key] = Component(distribution.metadata["Name"], distribution.version, _licence(distribution))
        waiting.extend(_needed(distribution))
    return sorted(found.values(), key=lambda component: component.name.lower())


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _needed(distribution: metadata.Distribution) -> Iterator[str]:
    """Names of its requirements but those of extras; which of them this machine needs shows in what is installed."""
    for requirement in distribution.requires or []:
        if "extra ==" not in requirement:
            name = re.match(r"[A-Za-z0-9._-]+", requirement)
            if name is not None:
                yield name[0]


def _licence(distribution: metadata.Distribution) -> str:
    facts = distribution.metadata
    for field in ("License-Expression", "License"):
        text = _field(facts, field)
        if text and text.upper() != "UNKNOWN" and len(text) <= LONGEST_LICENCE and "\n" not in text:
            return text
    classified = [text for text in facts.get_all("Classifier") or [] if text.startswith("License ::")]
    if classified:
        return ", ".join(text.rpartition(" :: ")[2] for text in classified)
    first_line = _field(facts, "License").partition("\n")[0]
    return first_line[:LONGEST_LICENCE] or "see its files"


def _field(facts: metadata.PackageMetadata, name: str) -> str:
    return facts[name].strip() if name in facts else ""
