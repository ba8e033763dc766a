"""What a person may give as a source, told apart by its text alone, and names that are safe to log.

Accepted, in this order: ``demo``; a camera's index; an address with ``://``; an existing file or folder; a camera's name.
"""

from __future__ import annotations

import re
import unicodedata
from enum import Enum
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qsl, urlencode, urlsplit

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".webp", ".tif", ".tiff", ".heic", ".heif", ".avif"})
"""Files that are one picture. HEIC and AVIF are named here so that they get a clear answer, whether or not OpenCV reads them."""

FILM_SUFFIXES = frozenset(
    ".mp4 .m4v .mov .mkv .webm .avi .gif .mpg .mpeg .ts .mts .m2ts .wmv .flv .3gp .ogv".split()  # noqa: SIM905
)
"""Usual names of films. A file with any other suffix is still tried as a film: its content decides."""

# The only parts of a query that tell two streams of one device apart and are never a secret.
_HARMLESS_KEYS = frozenset({"channel", "subtype", "stream", "camera", "profile", "resolution", "fps"})


class SourceKind(Enum):
    DEMO = "demo"
    CAMERA = "camera"
    STREAM = "stream"
    FILM = "film"
    PICTURE = "picture"
    FOLDER = "folder"


def kind_of(spec: str) -> SourceKind:
    """What kind of source the text means. Looks at the file system, opens nothing."""
    if spec.strip().lower() == "demo":
        return SourceKind.DEMO
    if spec.strip().isdecimal():
        return SourceKind.CAMERA
    if is_address(spec):
        # A film on a web server has its own times and an end, so it is no live stream.
        on_web = urlsplit(spec).scheme.lower() in {"http", "https"}
        suffix = PurePosixPath(urlsplit(spec).path).suffix.lower()
        return SourceKind.FILM if on_web and suffix in FILM_SUFFIXES else SourceKind.STREAM
    return _kind_of_path(spec)


def _kind_of_path(spec: str) -> SourceKind:
    path = Path(spec)
    if not spec.strip():
        # Path("") would be the current folder, which nobody means.
        return SourceKind.CAMERA
    if path.is_dir():
        return SourceKind.FOLDER
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return SourceKind.PICTURE
    looks_like_path = "/" in spec or "\\" in spec or path.suffix.lower() in FILM_SUFFIXES
    return SourceKind.FILM if looks_like_path or path.exists() else SourceKind.CAMERA


def is_address(spec: str) -> bool:
    """True for rtsp://…, http://… and the like."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", spec) is not None


def safe_name(spec: str) -> str:
    """The source's name for titles, logs and files: never credentials, never folders.

    An address keeps scheme, host, port and path; of its query only keys that choose a channel. Whatever stands before the
    last @ is dropped, also where a password holds / or ?; a path that spells out a password is dropped altogether.
    """
    if not is_address(spec):
        return Path(spec).name or spec
    scheme, _, rest = spec.partition("://")
    parts = urlsplit(f"{scheme.lower()}://{rest.rpartition('@')[2]}")
    path = "" if re.search(r"(?i)(pass|pwd|token|secret|auth|key)\w*[=:]", parts.path) else parts.path
    query = urlencode([(key, value) for key, value in parse_qsl(parts.query) if key.lower() in _HARMLESS_KEYS])
    return f"{parts.scheme}://{parts.netloc}{path}" + (f"?{query}" if query else "")


def natural_key(name: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Sorts names as people do: picture2 before picture10, capitals beside small letters, ü beside u."""
    parts = re.split(r"([0-9]+)", unicodedata.normalize("NFKD", name).casefold())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part), name
