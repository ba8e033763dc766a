"""Built engines on disk: found again by what they were built from, written whole or not at all, rebuilt when damaged.

One file holds one engine: a line of JSON (its manifest), then the engine itself. Beside it may lie what TensorRT for RTX compiled
at run time (`.runtime`) and the comparison with ONNX Runtime (`.parity.json`).
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path
from pydantic import ValidationError

from engines.tensorrt.build import Engine
from engines.tensorrt.manifest import EngineKey, Manifest
from pipeline.errors import EngineError, OutputError
from pipeline.settings import AgeSettings

MAGIC = b"AgeLens TensorRT engine\n"
LONGEST_MANIFEST = 1 << 16
"""Bytes; a real one has two thousand. More means that the file is something else."""

SIDE_FILES = (".runtime", ".parity.json")


@dataclass(frozen=True, slots=True)
class CachedEngine:
    """One file of the cache as `engine list` shows it. `manifest` is None for a damaged file."""

    path: Path
    size_bytes: int
    used_at: float
    manifest: Manifest | None


class EngineCache:
    """A folder of engines.

    Args:
        folder: made when first written to; None for the user's cache folder.
        limit_bytes: the engines that were not used for longest go when there are more; None for the settings' default.
    """

    def __init__(self, folder: Path | None = None, limit_bytes: int | None = None) -> None:
        self.folder = folder or user_cache_path("agelens", appauthor=False) / "engines"
        self._limit_bytes = limit_bytes if limit_bytes is not None else AgeSettings().engine_cache_mb * 1_000_000

    def path(self, key: EngineKey) -> Path:
        return self.folder / key.file_name

    def find(self, key: EngineKey) -> Engine | None:
        """The engine of that key, or a portable one for its targets and others; None if it has to be built.

        A damaged file is deleted.
        """
        for path in self._candidates(key):
            try:
                engine = read_engine(path)
            except FileNotFoundError:
                continue
            except EngineError:
                self.discard(path)
                continue
            if engine.manifest.key.serves(key):
                os.utime(path)
                return engine
        return None

    def holds(self, key: EngineKey) -> bool:
        """Whether there seems to be an engine for that key; its bytes are not checked."""
        return any(path.exists() for path in self._candidates(key))

    def _candidates(self, key: EngineKey) -> list[Path]:
        exact = self.path(key)
        wider = [entry.path for entry in self.entries() if entry.manifest is not None and entry.manifest.key.serves(key)]
        return [exact, *(path for path in wider if path != exact)]

    def get(self, key: EngineKey, build: Callable[[], Engine]) -> Engine:
        """The engine of that key, built if need be: once, even if two processes ask at the same time.

        Raises:
            OutputError: the cache folder cannot be written.
        """
        if (found := self.find(key)) is not None:
            return found
        with self._lock(key):
            if (found := self.find(key)) is not None:
                return found
            engine = build()
            self.store(engine)
            return engine

    def store(self, engine: Engine) -> Path:
        """Writes an engine and removes old ones over the limit.

        Raises:
            OutputError: the cache folder cannot be written.
        """
        path = self.path(engine.manifest.key)
        write_engine(path, engine)
        self._trim(keep=path)
        return path

    def reject(self, key: EngineKey) -> None:
        """Deletes what `find` would give: TensorRT refused it."""
        for path in self._candidates(key):
            self.discard(path)

    def discard(self, path: Path) -> None:
        """Deletes an engine and what lies beside it.

        Raises:
            OutputError: the cache folder cannot be written.
        """
        try:
            for name in (path, *(path.with_suffix(suffix) for suffix in SIDE_FILES)):
                name.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(path.parent, error) from error

    def entries(self) -> list[CachedEngine]:
        """All engines, the most recently used first."""
        found = []
        for path in self.folder.glob("*.engine"):
            try:
                manifest, status = read_manifest(path), path.stat()
            except FileNotFoundError:  # another process deleted it just now
                continue
            except EngineError:
                manifest, status = None, path.stat()
            found.append(CachedEngine(path, status.st_size, status.st_mtime, manifest))
        return sorted(found, key=lambda entry: -entry.used_at)

    def read_side(self, key: EngineKey, suffix: str) -> bytes:
        """A file beside an engine, empty if there is none."""
        try:
            return self.path(key).with_suffix(suffix).read_bytes()
        except FileNotFoundError:
            return b""

    def write_side(self, key: EngineKey, suffix: str, data: bytes) -> None:
        """Writes a file beside an engine.

        Raises:
            OutputError: the cache folder cannot be written.
        """
        _write_aside(self.path(key).with_suffix(suffix), data)

    def timings_path(self, key: EngineKey) -> Path:
        """Where full TensorRT's measurements of kernels are kept: they depend on the GPU and the version only."""
        digest = hashlib.sha256(f"{key.flavour} {key.version} {key.gpu} {key.targets}".encode()).hexdigest()[:16]
        return self.folder / f"timings-{digest}.cache"

    def read_timings(self, key: EngineKey) -> bytes:
        try:
            return self.timings_path(key).read_bytes()
        except FileNotFoundError:
            return b""

    def write_timings(self, key: EngineKey, data: bytes) -> None:
        _write_aside(self.timings_path(key), data)

    @contextmanager
    def _lock(self, key: EngineKey) -> Iterator[None]:
        """Held by the process that builds; given back by the operating system if that process dies."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path(key).with_suffix(".lock"))
            lock.acquire()
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        try:
            yield
        finally:
            lock.release()

    def _trim(self, keep: Path) -> None:
        total = 0
        for entry in self.entries():
            total += entry.size_bytes
            if total > self._limit_bytes and entry.path != keep:
                self.discard(entry.path)
                total -= entry.size_bytes


def write_engine(path: Path, engine: Engine) -> None:
    """Writes an engine file whole or not at all.

    Raises:
        OutputError: the folder cannot be written.
    """
    _write_aside(path, MAGIC + engine.manifest.model_dump_json().encode() + b"\n" + engine.data)


def read_engine(path: Path) -> Engine:
    """An engine that is as it was written.

    Raises:
        FileNotFoundError: there is none.
        EngineError: the file is damaged or something else.
    """
    manifest, start = _manifest(path)
    data = _read(path)[start:]
    if len(data) != manifest.engine_bytes or hashlib.sha256(data).hexdigest() != manifest.engine_sha256:
        raise _damaged(path, f"{len(data)} bytes that do not match its checksum")
    return Engine(manifest, data)


def read_manifest(path: Path) -> Manifest:
    """The facts about an engine, without reading or checking the engine itself.

    Raises:
        FileNotFoundError: there is none.
        EngineError: the file is damaged or something else.
    """
    return _manifest(path)[0]


def _manifest(path: Path) -> tuple[Manifest, int]:
    """The manifest and the position of the engine behind it."""
    try:
        with path.open("rb") as file:
            head = file.read(len(MAGIC) + LONGEST_MANIFEST)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from error
    line, newline, _ = head[len(MAGIC) :].partition(b"\n")
    if not head.startswith(MAGIC) or not newline:
        raise _damaged(path, "no engine of this program")
    try:
        manifest = Manifest.model_validate_json(line)
    except ValidationError as error:
        raise _damaged(path, "a manifest of another version") from error
    return manifest, len(MAGIC) + len(line) + 1


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from error


def _write_aside(path: Path, data: bytes) -> None:
    """Writes beside the goal and renames: a reader sees the old file or the new one, never half of one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(prefix=f".{path.name[:40]}", suffix=".part", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, path)
        except BaseException:
            Path(aside).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _unwritable(path.parent, error) from error


def _damaged(path: Path, found: str) -> EngineError:
    return EngineError(f"The engine file {path} is damaged: {found}.", "Delete it; it is built again when needed.")


def _unwritable(folder: Path, error: OSError) -> OutputError:
    return OutputError(
        f"Engines cannot be kept in {folder}: {error.strerror or error}.", "Free some space, or correct the folder's permissions."
    )
