"""Hashes that tell whether two runs would give the same rows: of an input, and of everything that makes the numbers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.protocols import EngineInfo
from pipeline.settings import Settings
from pipeline.sources.names import SourceKind, kind_of

VIEW_SECTIONS = frozenset({"view"})
"""Sections of the settings that change what is shown and nothing that is recorded."""


def input_fingerprint(spec: str) -> str | None:
    """Identifies the content behind a source's address by path, size and time of change, without reading it.

    Returns:
        32 hexadecimal digits, the same for the same unchanged file or folder; None for what cannot be read a second time
        (camera, stream) or not at all.
    """
    kind = kind_of(spec)
    if kind is SourceKind.DEMO:
        return _digest([kind.value])
    if kind not in (SourceKind.FILM, SourceKind.PICTURE, SourceKind.FOLDER):
        return None
    path = Path(spec)
    try:
        stamps = _folder_stamps(path) if kind is SourceKind.FOLDER else _stamp(path)
        return _digest([str(path.resolve()), *stamps])
    except (OSError, ValueError):
        # A film on a web server, or no file at all (ValueError: a name with a NUL): the source will say it in better words.
        return None


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made the numbers of a session.

    Attributes:
        duration_s, most_frames: how much of each input was asked for; None: all of it.
    """

    settings: Settings
    engine: EngineInfo
    app_version: str
    duration_s: float | None = None
    most_frames: int | None = None

    @property
    def settings_json(self) -> str:
        return self.settings.model_dump_json()

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits: equal where the same input would give the same rows."""
        relevant = self.settings.model_dump(mode="json", exclude=set(VIEW_SECTIONS))
        return _digest(
            [
                json.dumps(relevant, sort_keys=True),
                self.engine.label,
                self.engine.model,
                self.engine.model_sha256,
                self.app_version,
                repr(self.duration_s),
                repr(self.most_frames),
            ]
        )


def _folder_stamps(folder: Path) -> Iterator[str]:
    for path in sorted(folder.iterdir()):
        if path.is_file():
            yield path.name
            yield from _stamp(path)


def _stamp(path: Path) -> tuple[str, str]:
    status = path.stat()
    return str(status.st_size), str(status.st_mtime_ns)


def _digest(parts: list[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8", "surrogateescape")
        digest.update(len(encoded).to_bytes(8, "big"))
        digest.update(encoded)
    return digest.hexdigest()[:32]
