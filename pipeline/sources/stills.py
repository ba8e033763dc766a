"""Pictures: one file, or all of a folder, each on its own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import cv2
import numpy as np

from pipeline.errors import SourceError
from pipeline.protocols import SourceInfo
from pipeline.sources.decode import on_white
from pipeline.sources.names import PICTURE_SUFFIXES, natural_key
from pipeline.types import Frame, UInt8Array, as_readonly

_log = logging.getLogger(__name__)

_CONVERT_HINT = "Check that it opens in a picture viewer; if it does, save it as JPEG or PNG and try again."


class StillsSource:
    """One picture or a folder of pictures (not of its sub-folders), in natural order: picture2 comes before picture10.

    Every frame is marked as independent and carries its file's name as `source`; its time is its number among the files of
    the folder, in seconds. Pictures are upright (EXIF), 8 bits deep, transparent parts on white. A picture of a folder
    that cannot be read is skipped, and the log says which and why.

    Args:
        spec: path of a picture or of a folder.
        stop: when set, `frames` ends before the next picture.

    Raises:
        SourceError: no such picture or folder, a folder without pictures, or not one that can be read.
    """

    def __init__(self, spec: str, stop: threading.Event) -> None:
        path = Path(spec)
        self._stop = stop
        self._folder = path.absolute() if path.is_dir() else None
        self._files = _pictures_in(path) if self._folder else [path.absolute()]
        # The first readable picture is read now: a source that holds none is refused at once.
        self._first, image = self._first_readable()
        height, width = image.shape[:2]
        self._info = SourceInfo(
            name=(self._folder or path).name or str(path),
            live=False,
            width=0 if self._folder else width,
            height=0 if self._folder else height,
            frame_count=len(self._files),
            path=str(path.absolute()),
        )
        self._frames = self._read(image, self._first)

    @property
    def info(self) -> SourceInfo:
        return self._info

    def frames(self) -> Iterator[Frame]:
        """Every picture once: a second call goes on where the first one ended."""
        return self._frames

    def close(self) -> None:
        """No frames come after it; safe to call twice."""
        self._frames.close()

    @property
    def can_seek(self) -> bool:
        return True

    def index_at(self, time_s: float) -> int:
        """Number of the picture: their times are their numbers."""
        return min(max(0, int(time_s)), len(self._files) - 1)

    def seek(self, index: int) -> None:
        """`frames`, called anew, goes on with this picture, or the next one that can be read."""
        self._frames.close()
        self._frames = self._read(None, min(max(self._first, index), len(self._files) - 1))

    def _first_readable(self) -> tuple[int, UInt8Array]:
        for index, file in enumerate(self._files):
            try:
                return index, read_picture(file)
            except SourceError as error:
                if not self._folder:
                    raise
                _log.warning("Skipped: %s", error.message)
        raise SourceError(
            f"Not one of the {len(self._files)} pictures in {self._folder} can be read.",
            "Check that they open in a picture viewer; save them as JPEG or PNG.",
        )

    def _read(self, first: UInt8Array | None, begin: int) -> Generator[Frame, None, None]:
        for index in range(begin, len(self._files)):
            if self._stop.is_set():
                return
            file = self._files[index]
            try:
                image = first if first is not None and index == begin else read_picture(file)
            except SourceError as error:
                _log.warning("Skipped: %s", error.message)
                continue
            yield Frame(image, float(index), index, file.name, wall_time_s=time.time(), independent=True)


def read_picture(path: Path) -> UInt8Array:
    """A picture file as it is meant to be seen: upright, 8 bits, colours, transparent parts on white.

    Returns:
        (H, W, 3) uint8 BGR, contiguous, not writeable.

    Raises:
        SourceError: there is no such file, or no picture in it.
    """
    try:
        # Read by Python: OpenCV's own reader fails on names outside of Windows' code page.
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except FileNotFoundError as error:
        raise SourceError(f"There is no file {path}.", "Check the spelling, or drop the file into the window.") from error
    except OSError as error:
        raise SourceError(f"{path.name} cannot be read: {error.strerror}.", "Check its permissions and its disk.") from error
    if data.size == 0:
        raise SourceError(f"{path.name} is empty: it holds 0 bytes.", "Copy or download the picture again.")
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
        if image is not None and path.suffix.lower() not in {".jpg", ".jpeg", ".jpe"}:
            image = _without_transparency(data, np.asarray(image, np.uint8))
    except cv2.error as error:
        raise SourceError(f"{path.name} cannot be read as a picture: {error.err}.", _CONVERT_HINT) from error
    if image is None:
        raise SourceError(f"{path.name} is not a picture that can be read: damaged, or of an unknown format.", _CONVERT_HINT)
    return as_readonly(np.ascontiguousarray(image))


def _without_transparency(data: UInt8Array, colours: UInt8Array) -> UInt8Array:
    """Puts a picture that has an alpha channel on white; what lies under transparent parts is garbage.

    OpenCV gives the alpha channel only together with the raw, unturned picture; a turned one with alpha keeps its colours.
    """
    raw = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if raw is None or raw.ndim != 3 or raw.shape[2] != 4 or raw.shape[:2] != colours.shape[:2]:
        return colours
    if raw.dtype == np.uint16:
        raw = cv2.convertScaleAbs(raw, alpha=1 / 257)
    return on_white(np.asarray(raw, np.uint8))


def _pictures_in(folder: Path) -> list[Path]:
    try:
        entries = list(folder.absolute().iterdir())
    except OSError as error:
        raise SourceError(f"The folder {folder} cannot be read: {error.strerror}.", "Check its permissions.") from error
    # Names that begin with a dot are thumbnails and leftovers of the operating system ("._IMG_1.jpg" on shared disks).
    pictures = [file for file in entries if file.suffix.lower() in PICTURE_SUFFIXES and not file.name.startswith(".")]
    files = [file for file in pictures if file.is_file()]
    if not files:
        raise SourceError(
            f"The folder {folder} {'holds no pictures, only other files' if entries else 'is empty'}.",
            "Pictures end in .jpg, .png, .bmp, .webp or .tif. Films are given by their own names, several at once if you like.",
        )
    return sorted(files, key=lambda file: natural_key(file.name))
