"""Tells a whole film file from one whose end is missing, by what the file's own headers promise.

Decoders are no help here: most of them end quietly where the data ends. Only sizes are read, never the pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"

_BOXES = frozenset({b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"mfra", b"sidx", b"meta", b"uuid", b"free", b"skip", b"wide"})
"""Types of boxes at the top level. Anything else is padding that some cameras append, and its length means nothing."""

_RIFF_SLACK = 8
"""Bytes by which writers of AVI miscount."""


@dataclass(frozen=True, slots=True)
class FileState:
    """What is there and what should be.

    Attributes:
        missing_bytes: how much the headers promise beyond the file's end, 0 where nothing is known to be missing.
        index_missing: an MP4 or MOV without its index (moov): no picture of it can be found.
    """

    missing_bytes: int = 0
    index_missing: bool = False

    @property
    def cut_off(self) -> bool:
        return self.index_missing or self.missing_bytes > 0


def file_state(path: Path) -> FileState:
    """Looks at the outermost headers of MP4/MOV (ISO/IEC 14496-12), Matroska/WebM (RFC 9559) and AVI (RIFF).

    Other kinds of files count as whole.

    Raises:
        OSError: the file cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        file.seek(0)
        if head[4:8] in _BOXES:
            return _boxes(file, size)
        if head[:4] == _EBML:
            return FileState(missing_bytes=max(0, _segment_end(file) - size))
        if head[:4] == b"RIFF":
            missing = int.from_bytes(head[4:8], "little") + 8 - size
            return FileState(missing_bytes=missing if missing > _RIFF_SLACK else 0)
    return FileState()


def _boxes(file: BinaryIO, size: int) -> FileState:
    """Walks the top-level boxes: 32-bit size and type; size 1 means a 64-bit size follows, 0 means up to the end."""
    position, has_index = 0, False
    while position + 8 <= size:
        file.seek(position)
        header = file.read(16)
        if header[4:8] not in _BOXES:
            break
        length = int.from_bytes(header[:4], "big")
        has_index |= header[4:8] in {b"moov", b"moof"}
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        if length < 8:
            break
        position += length
    return FileState(missing_bytes=max(0, position - size), index_missing=not has_index)


def _segment_end(file: BinaryIO) -> int:
    """Where Matroska's segment ends, 0 where its size is unknown (live recordings)."""
    file.seek(4)
    header_length = _vint(file)
    if header_length is None:
        return 0
    file.seek(header_length, 1)
    if file.read(4) != _SEGMENT:
        return 0
    length = _vint(file)
    return 0 if length is None else file.tell() + length


def _vint(file: BinaryIO) -> int | None:
    """A variable-length integer: the first byte's leading zeros count the bytes that follow. None for "unknown"."""
    first = file.read(1)
    if not first or first[0] == 0:
        return None
    extra = 8 - first[0].bit_length()
    rest = file.read(extra)
    mask = (1 << (7 - extra)) - 1
    value = int.from_bytes(bytes([first[0] & mask]) + rest, "big")
    unknown = (1 << (7 * (extra + 1))) - 1
    return None if value == unknown else value
