"""Files that are complete or not there: written aside in the same folder, then renamed."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from pipeline.errors import OutputError


def check_output(path: Path) -> None:
    """Finds out before hours of work whether a file can be written there. Leaves nothing behind.

    Raises:
        OutputError: as `replaced_file`.
    """
    try:
        part = _part(path)
        part.touch(exist_ok=False)
        part.unlink()
    except OSError as error:
        raise _unwritable(path, error) from error


@contextmanager
def replaced_file(path: Path, encoding: str) -> Iterator[TextIO]:
    """A text file that takes the place of `path` when the body ends, and vanishes when it raises. Line ends stay as written.

    Raises:
        OutputError: the folder is missing or not writable, the disk is full, or the file is open in a program that keeps others
            out; what was there before is unchanged.
    """
    try:
        part = _part(path)
        file = part.open("x", encoding=encoding, newline="")
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with file:
            yield file
        os.replace(part, path.resolve())
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        part.unlink(missing_ok=True)


def _part(path: Path) -> Path:
    if path.is_dir():
        raise OutputError(f"{path} cannot be written: it is a folder.", "Name a file inside it.")
    if path.exists() and not path.is_file():
        # As root, renaming over it would replace the device itself.
        raise OutputError(f"{path} cannot be written: it is a device or a pipe.", "Name a file.")
    # Beside the target's own place, behind links: a rename does not cross drives.
    return path.resolve().with_name(f".agelens-{secrets.token_hex(8)}.part")


def _unwritable(path: Path, error: OSError) -> OutputError:
    reason = f"{path} cannot be written: "
    if error.errno == errno.ENOSPC:
        return OutputError(reason + "the disk is full.", "Free some space, or choose another drive. Nothing recorded is lost.")
    if not path.resolve().parent.is_dir():
        return OutputError(reason + f"there is no folder {path.parent}.", "Make the folder, or choose another one.")
    return OutputError(
        reason + f"{error.strerror or error}.",
        "Choose a folder that you may write to, and close the file in other programs (Excel locks what it shows).",
    )
