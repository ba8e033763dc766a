"""Films: every picture in order, at its own presentation time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Generator, Iterator
from itertools import chain
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from pipeline.errors import SourceError
from pipeline.protocols import SourceInfo
from pipeline.sources.containers import FileState, file_state
from pipeline.sources.decode import BgrConverter
from pipeline.sources.names import is_address, safe_name
from pipeline.types import Frame, UInt8Array

_log = logging.getLogger(__name__)

_TEXT_CODECS = frozenset({"ansi", "bintext", "xbin", "idf"})
"""libav paints text files as pictures; nobody who names one here wants that."""

_LATE_START_S = 1.0
"""A film whose clock begins later than this (broadcast recordings, parts of a longer film) is moved to begin at 0."""

_USUAL_FRAME_S = 1 / 25
"""Taken for films that carry no rate at all."""

_MOST_FPS = 1000.0
"""Rates above this are time bases that were mistaken for rates."""

_CLOCK_JUMP_S = 1.0
"""Timestamps that fall back further than this begin a new count (joined recordings); smaller ones are a muxer's slip."""

_HIDDEN_SHARE = 0.1
"""Some codecs send pictures that are only there to predict others from; more than this share of the packets is damage."""

_NUDGE_S = 1e-4
"""Step for a picture whose timestamp does not come after the one before: far below the shortest real interval."""

_WEB_TIMEOUT_S = 5.0
"""Longest silence of a web server, and so the longest that `stop` waits there."""

_CONVERT_HINT = "Check that it plays in a video player; if it does, convert it to MP4 (H.264) and try again."


class FilmSource:
    """A film file, or a film on a web server, decoded by libav (PyAV).

    Times are the film's own timestamps (pts × time base). Only a film whose clock begins later than one second, or before
    zero, is moved so that its first track begins at 0; `info.start_s` says by how much, for whoever adds the sound again.

    Pictures that cannot be decoded are left out and counted in the log. A file that is cut off gives every picture that is
    there; `frames` then raises SourceError in place of ending, so that nobody takes the part for the whole.

    Args:
        spec: a path or an http(s) address.
        stop: when set, `frames` ends before the next picture.

    Raises:
        SourceError: there is no such file, or nothing in it that can be played.
    """

    def __init__(self, spec: str, stop: threading.Event) -> None:
        self._name = safe_name(spec)
        self._stop = stop
        # Absolute, so that libav does not take a name such as "12:30.mp4" for an address.
        self._path = None if is_address(spec) else Path(spec).absolute()
        self._state = _look_at(self._path, self._name) if self._path else FileState()
        self._container = _open(str(self._path or spec), self._name, self._state)
        self._broke_off = False
        self._damaged = 0
        self._packets = 0
        try:
            self._stream = _film_track(self._container, self._name)
            # Frame threads decode fastest; the delay of a few pictures that they bring does not matter for a film.
            self._stream.thread_type = "AUTO"
            self._converter = BgrConverter(self._stream.sample_aspect_ratio)
            self._clock = _FilmClock(_start_s(self._container), _frame_s(self._stream))
            # The first picture is decoded now: a film without any is told apart at once, and only it knows the real size.
            decoded = self._decode()
            first = next(decoded, None)
            if first is None:
                raise SourceError(f"{self._name}: not one picture of this film can be decoded.", _CONVERT_HINT)
            image = self._converter.convert(first)
        except BaseException:
            self._container.close()
            raise
        self._info = self._describe(image)
        self._frames = self._read(chain([first], decoded))

    @property
    def info(self) -> SourceInfo:
        return self._info

    def frames(self) -> Iterator[Frame]:
        """Every picture, in order of presentation, once: a second call goes on where the first one ended.

        Raises:
            SourceError: the film is cut off; every picture that is there has been given before.
        """
        return self._frames

    def close(self) -> None:
        """Gives the file back; safe to call twice. No frames come after it."""
        self._frames.close()
        self._container.close()

    def _read(self, pictures: Iterator[VideoFrame]) -> Generator[Frame, None, None]:
        index, time_s = 0, 0.0
        for picture in pictures:
            if self._stop.is_set():
                return
            time_s = self._clock.time_of(picture)
            yield Frame(self._converter.convert(picture), time_s, index, self._name, wall_time_s=time.time())
            index += 1
        missing = max(self._packets - index, self._damaged)
        if self._damaged or missing > _HIDDEN_SHARE * self._packets:
            _log.warning("%s: %d of %d pictures are damaged and were left out.", self._name, missing, self._packets)
        if (self._broke_off or self._state.cut_off) and self._is_short(index, time_s):
            whole = f" of {self._info.duration_s:.1f} s" if self._info.duration_s else ""
            raise SourceError(
                f"{self._name} is cut off: it ends after {time_s:.1f} s{whole}, in the middle of its data.",
                f"The {index} pictures up to there were read. For the rest, copy or download the film again.",
            )

    def _is_short(self, count: int, last_s: float) -> bool:
        """Whether pictures are missing at the end; a file may also lose what comes after them, which nobody misses."""
        if self._stream.frames:
            return count + self._damaged < self._stream.frames
        duration_s = self._info.duration_s
        return duration_s is None or last_s + 2 * _frame_s(self._stream) < duration_s

    def _decode(self) -> Iterator[VideoFrame]:
        """Decodes packet by packet, since one damaged packet must not end the film."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except FFmpegError:
                self._broke_off = True
                yield from self._pictures_of(None)
                return
            if packet is None:
                return
            self._packets += packet.size > 0
            yield from self._pictures_of(packet)

    def _pictures_of(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        try:
            return self._stream.decode(packet)
        except av.error.EOFError:
            # Flushed before, by the demuxer's own last packet.
            return []
        except FFmpegError:
            self._damaged += 1
            return []

    def _describe(self, image: UInt8Array) -> SourceInfo:
        height, width = image.shape[:2]
        rate = self._stream.average_rate or self._stream.guessed_rate
        fps = float(rate) if rate and 0 < rate <= _MOST_FPS else None
        duration_s = self._container.duration / av.time_base if self._container.duration else None
        frame_count = self._stream.frames or (round(duration_s * fps) if duration_s and fps else None)
        return SourceInfo(
            name=self._name,
            live=False,
            width=width,
            height=height,
            fps=fps,
            frame_count=frame_count,
            duration_s=duration_s,
            has_audio=bool(self._container.streams.audio),
            path=str(self._path) if self._path else None,
            start_s=self._clock.start_s,
        )


class _FilmClock:
    """Presentation times: the film's own where it has them, always increasing.

    Args:
        start_s: what to take off each timestamp.
        frame_s: usual time between pictures, for those that carry no timestamp.
    """

    def __init__(self, start_s: float, frame_s: float) -> None:
        self.start_s = start_s
        self._frame_s = frame_s
        self._offset_s = -start_s
        self._last_s: float | None = None

    def time_of(self, picture: VideoFrame) -> float:
        stamp = picture.pts if picture.pts is not None else picture.dts
        if stamp is None or picture.time_base is None:
            time_s = 0.0 if self._last_s is None else self._last_s + self._frame_s
        else:
            own_s = float(stamp * picture.time_base)
            time_s = own_s + self._offset_s if self._offset_s else own_s
        if self._last_s is not None and time_s <= self._last_s:
            if time_s < self._last_s - _CLOCK_JUMP_S:
                self._offset_s += self._last_s + self._frame_s - time_s
                time_s = self._last_s + self._frame_s
            else:
                time_s = self._last_s + _NUDGE_S
        self._last_s = time_s
        return time_s


def _look_at(path: Path, name: str) -> FileState:
    """What the file's headers promise.

    Raises:
        SourceError: there is no such file, it is empty, or it must not be read.
    """
    if not path.exists():
        raise SourceError(f"There is no file {path}.", "Check the spelling, or drop the file into the window.")
    try:
        if path.is_file() and path.stat().st_size == 0:
            raise SourceError(f"{name} is empty: it holds 0 bytes.", "Copy or download the film again.")
        return file_state(path)
    except OSError as error:
        raise SourceError(f"{name} cannot be read: {error.strerror}.", "Check the file's permissions and its disk.") from error


def _open(location: str, name: str, state: FileState) -> InputContainer:
    try:
        return av.open(location, timeout=_WEB_TIMEOUT_S if is_address(location) else None, metadata_errors="replace")
    except (FFmpegError, ValueError) as error:
        if state.index_missing:
            raise SourceError(
                f"{name} is cut off: its index (moov), which an MP4 keeps at its end, is missing. No picture can be found.",
                "The recording or the copy was interrupted. Copy the film again, or repair it with a tool such as untrunc.",
            ) from error
        if isinstance(error, InvalidDataError | av.error.EOFError):
            raise SourceError(f"{name} is not a film: its content is of no known video format.", _CONVERT_HINT) from error
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise SourceError(f"{name} cannot be opened: {reason}.", "Check the address or path and try again.") from error


def _film_track(container: InputContainer, name: str) -> VideoStream:
    """The first track of moving pictures; an audio file's cover is none."""
    tracks = [track for track in container.streams.video if not track.disposition & Disposition.attached_pic]
    if tracks and not any(track.codec_context for track in tracks):
        raise SourceError(f"{name} is in a video format that this program has no decoder for.", _CONVERT_HINT)
    tracks = [track for track in tracks if track.codec_context]
    if not tracks:
        held = "sound only" if container.streams.audio else "no pictures"
        raise SourceError(f"{name} is not a film: it holds {held}.", "Choose a video file, a picture or a folder of pictures.")
    if tracks[0].codec_context.name in _TEXT_CODECS:
        raise SourceError(f"{name} is not a film: it is a text file.", "Choose a video file, a picture or a folder of pictures.")
    return tracks[0]


def _start_s(container: InputContainer) -> float:
    begin_s = (container.start_time or 0) / av.time_base
    return begin_s if begin_s > _LATE_START_S or begin_s < 0 else 0.0


def _frame_s(stream: VideoStream) -> float:
    rate = stream.average_rate or stream.guessed_rate
    return 1 / float(rate) if rate and 0 < rate <= _MOST_FPS else _USUAL_FRAME_S
