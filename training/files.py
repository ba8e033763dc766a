"""Files that appear whole or not at all, also where the disk is full."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pipeline.errors import OutputError

HINT = "Free some space, or choose another place with --out."


@contextmanager
def aside(path: Path, tag: str = "") -> Iterator[Path]:
    """A place beside a file to write it at, renamed to the file at the end; where that fails, what was there before stays.

    Args:
        tag: tells this process's place from those of others that may write the same file.

    Raises:
        OSError: what writing raised; nothing is left behind.
    """
    part = path.with_name(f"{path.name}{tag}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole_text(path: Path, hint: str = HINT) -> Iterator[TextIO]:
    """A UTF-8 text file, written aside and renamed at the end; line ends as they are given.

    Raises:
        OutputError: it cannot be written; what was there before stays.
    """
    try:
        with aside(path) as part, part.open("w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error}", hint) from error


def write_json(path: Path, content: Mapping[str, Any], hint: str = "Choose another file with --json.") -> None:
    """Plain values as JSON, with null for NaN.

    Raises:
        OutputError: it cannot be written; what was there before stays.
    """
    with whole_text(path, hint) as file:
        file.write(json.dumps(_without_nan(content), indent=2, allow_nan=False) + "\n")


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nan(one) for key, one in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def write_together(contents: Mapping[Path, bytes], hint: str = HINT) -> None:
    """Files that belong together: all are written aside before the first is renamed, so that a full disk changes none of them.

    They are renamed from the last to the first: what tells about others goes before these.

    Raises:
        OutputError: one of them cannot be written; what was there before stays.
    """
    path = Path()
    try:
        with ExitStack() as stack:
            for path, content in contents.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                stack.enter_context(aside(path)).write_bytes(content)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error}", hint) from error


def reserved_array(path: Path, dtype: DTypeLike, shape: Sequence[int]) -> np.memmap[Any, np.dtype[Any]]:
    """A new .npy file to write into, mapped into memory, with its place on the disk taken beforehand.

    Without that, a full disk shows when a page of the mapping is written, and kills the process (SIGBUS).

    Raises:
        OSError: the file cannot be written or the disk has no room for it; it is not left behind.
    """
    try:
        array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=tuple(shape))
        if hasattr(os, "posix_fallocate"):  # on Windows files are not sparse
            with path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return array


def kept_array(path: Path, source: Path, shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any] | None:
    """What `keep_array` kept of a source; None where there is nothing, or nothing whole, or the source is newer."""
    try:
        if path.stat().st_mtime >= source.stat().st_mtime:
            kept: NDArray[Any] = np.load(path, allow_pickle=False)
            if kept.shape == tuple(shape) and kept.dtype == dtype:
                return kept
    except (OSError, ValueError, EOFError):
        pass
    return None


def keep_array(path: Path, array: NDArray[Any]) -> None:
    """Keeps what takes a while to compute, for the next run; where that cannot be, says so and goes on."""
    try:
        with aside(path, f".{os.getpid()}") as part, part.open("wb") as file:
            np.save(file, array)
    except OSError as error:
        print(f"{path} is not kept and will be made again: {error}")
