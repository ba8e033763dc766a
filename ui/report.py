"""A report of an error for whoever mends the program: what happened and on what system, without anything about the user."""

from __future__ import annotations

import getpass
import platform
import re
import sys
import traceback
from collections.abc import Collection, Iterable
from importlib import metadata
from pathlib import Path

from PySide6.QtCore import qVersion
from PySide6.QtGui import QGuiApplication

from pipeline.errors import AppError

ROOT = Path(__file__).resolve().parents[1]
UNEXPECTED_MESSAGE = "Something in AgeLens went wrong that should not have."
UNEXPECTED_HINT = "What was recorded is saved. Try again; if it happens again, please report it with the details."

PACKAGES = ("PySide6-Essentials", "numpy", "opencv-python-headless", "av", "onnxruntime", "tensorrt", "tensorrt-rtx-cu13")
"""Whose versions matter when something does not work."""

SHORTEST_PRIVATE = 3
"""Characters; a camera's number would take every digit out of the report."""

_MEDIA = r"\S+\.(?:mp4|m4v|mov|mkv|avi|webm|mpe?g|ts|wmv|jpe?g|png|webp|bmp|tiff?|csv|jsonl|sqlite|srt|ass|html|toml|onnx)\b"


def error_lines(error: BaseException) -> tuple[str, str]:
    """What happened, and what to do."""
    if isinstance(error, AppError):
        return error.message, error.hint
    return UNEXPECTED_MESSAGE, UNEXPECTED_HINT


def error_details(error: BaseException) -> str:
    """For a report: the chain of causes, and for a bug where it happened; without passwords of addresses."""
    if isinstance(error, AppError):
        lines = []
        link: BaseException | None = error
        while link is not None:
            lines.append(f"{type(link).__name__}: {link}")
            link = link.__cause__ or link.__context__
        text = "\ncaused by ".join(lines)
    else:
        text = "".join(traceback.format_exception(error))
    return re.sub(r"://[^/@\s]+@", "://", text)


def error_report(error: BaseException, version: str, engine: str = "", private: Iterable[str] = ()) -> str:
    """Plain text to pass on.

    Args:
        version: of the program.
        engine: what ran, in a sentence.
        private: names of the user's that the error may mention: sources, files, persons.
    """
    message, hint = error_lines(error)
    facts = [
        f"AgeLens {version}",
        f"System: {platform.system()} {platform.release()} {platform.machine()}",
        f"Python {platform.python_version()}, Qt {qVersion()} on {QGuiApplication.platformName() or 'no screen'}",
        f"Packages: {', '.join(_versions())}",
        *([f"Engine: {engine}"] if engine else []),
        "",
        message,
        hint,
        "",
        error_details(error),
    ]
    return without_personal_data("\n".join(facts), set(private))


def without_personal_data(text: str, private: Collection[str] = ()) -> str:
    """The text without addresses, folders, names of media files, the user's and the computer's name, and `private`."""
    for name in sorted(private, key=len, reverse=True):
        if len(name.strip()) >= SHORTEST_PRIVATE:
            text = re.sub(re.escape(name.strip()), "<name>", text, flags=re.IGNORECASE)
    text = re.sub(r"[a-zA-Z][a-zA-Z0-9+.-]*://\S+", "<address>", text)
    # Our own files and those of packages say where it happened; the folders before them are the user's.
    text = re.sub(r"(?:[A-Za-z]:)?[^\s\"']*[/\\]site-packages[/\\]", "packages: ", text)
    text = text.replace(f"{ROOT}/", "").replace(f"{ROOT}\\", "")
    for prefix in {sys.prefix, sys.base_prefix}:
        text = text.replace(prefix, "<python>")
    text = re.sub(r"(?<![\w>.~])(?:/|[A-Za-z]:\\)(?:[^\n\"':]*[/\\])?[^\s\"':,;]*", "<path>", text)
    text = re.sub(_MEDIA, "<file>", text, flags=re.IGNORECASE)
    for name in {_user(), platform.node(), Path.home().name}:
        if len(name) >= SHORTEST_PRIVATE:
            text = re.sub(rf"\b{re.escape(name)}\b", "<me>", text)
    return text


def _versions() -> list[str]:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return found


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
