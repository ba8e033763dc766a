"""Files that appear whole or not at all, also where the disk is full."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import DTypeLike

from pipeline.errors import OutputError

HINT = "Free some space, or choose another place with --out."


@contextmanager
def whole_text(path: Path, hint: str = HINT) -> Iterator[TextIO]:
    """A UTF-8 text file, written aside and renamed at the end; line ends as they are given.

    Raises:
        OutputError: it cannot be written; what was there before stays.
    """
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            yield file
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written: {error}", hint) from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise


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
