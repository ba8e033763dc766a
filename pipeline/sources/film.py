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
from pipeline.sources.frame_table import FrameTable, read_frame_table
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
        self._pictures: Iterator[VideoFrame]
        self._container = _open(str(self._path or spec), self._name, self._state)
        self._broke_off = False
        self._damaged = 0
        self._packets = 0
        self._next = 0
        self._went = False
        self._table: FrameTable | None = None
        self._table_read = False
        try:
            self._stream = _film_track(self._container, self._name)
            # Frame threads decode fastest; the delay of a few pictures that they bring does not matter for a film.
            self._stream.thread_type = "AUTO"
            self._converter = BgrConverter(self._stream.sample_aspect_ratio)
            self._clock = _FilmClock(_start_s(self._container), _frame_s(self._stream))
            # The first picture is decoded now: a film without any is told apart at once, and only it knows the real size.
            self._pictures = self._decode()
            first = next(self._pictures, None)
            if first is None:
                raise SourceError(f"{self._name}: not one picture of this film can be decoded.", _CONVERT_HINT)
            image = self._converter.convert(first)
        except BaseException:
            self._container.close()
            raise
        self._info = self._describe(image)
        self._pictures = chain([first], self._pictures)
        self._frames = self._read()

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

    @property
    def can_seek(self) -> bool:
        """Files only: to find a picture the whole file is looked through once."""
        return self._path is not None

    def index_at(self, time_s: float) -> int:
        """Index of the picture at that time. Looks through the file when it is called first; so does `seek`."""
        table = self._frame_table()
        if table is not None:
            return table.index_at(time_s + self._clock.start_s)
        index = max(0, int(time_s / _frame_s(self._stream) + 1e-6))
        return index if self._info.frame_count is None else min(index, max(0, self._info.frame_count - 1))

    def seek(self, index: int) -> None:
        """`frames`, called anew, goes on with exactly this picture; beyond the end, with the last one.

        Decodes from the key frame before it, without showing what is in between. A film whose timestamps don't tell where a
        picture is gets decoded from its beginning.

        Raises:
            SourceError: the file is not there any more.
        """
        table = self._frame_table()
        index = max(0, index if table is None else min(index, len(table.stamps) - 1))
        self._frames.close()
        if not self._is_ahead(index, table) and not (table is not None and self._go(table, table.stamps[index])):
            self._begin_again()
        self._skip_to(index)
        self._frames = self._read()

    def _frame_table(self) -> FrameTable | None:
        if not self._table_read and self._path is not None:
            self._table = read_frame_table(str(self._path), self._stream.index, self._stop.is_set)
            self._table_read = True
        return self._table

    def _is_ahead(self, index: int, table: FrameTable | None) -> bool:
        """Whether decoding on from here is the nearest way."""
        if index < self._next or table is None or self._next >= len(table.stamps):
            return index == self._next
        key = table.key_before(table.stamps[index])
        return key is None or key < table.stamps[self._next]

    def _go(self, table: FrameTable, stamp: int) -> bool:
        """Decodes from the key frame before; False where the container cannot go there."""
        key = table.key_before(stamp)
        if key is None:
            return False
        try:
            self._container.seek(key, stream=self._stream, backward=True, any_frame=False)
        except FFmpegError:
            return False
        self._went = True
        self._pictures = self._decode()
        first = next(self._pictures, None)
        if first is None or first.pts is None or first.pts > stamp:
            return False
        self._pictures = chain([first], self._pictures)
        self._next = table.index_of(first.pts)
        self._clock.restart()
        return True

    def _begin_again(self) -> None:
        self._container.close()
        self._went = True
        self._container = _open(str(self._path), self._name, self._state)
        self._stream = _film_track(self._container, self._name)
        self._stream.thread_type = "AUTO"
        self._clock = _FilmClock(self._clock.start_s, _frame_s(self._stream))
        self._pictures = self._decode()
        self._next = 0

    def _skip_to(self, index: int) -> None:
        """Leaves out what comes before; of a film that ends earlier the last picture is kept."""
        table, last = self._table, None
        while self._next < index and not self._stop.is_set():
            picture = next(self._pictures, None)
            if picture is None:
                if last is not None:
                    self._pictures = iter([last])
                    self._next -= 1
                return
            last = picture
            if table is not None and picture.pts is not None:
                if picture.pts >= table.stamps[index]:
                    self._pictures = chain([picture], self._pictures)
                    self._next = index
                    return
                self._next = table.index_of(picture.pts)
            else:
                self._clock.time_of(picture)
            self._next += 1

    def _read(self) -> Generator[Frame, None, None]:
        time_s = 0.0
        for picture in self._pictures:
            if self._stop.is_set():
                return
            time_s = self._clock.time_of(picture)
            if self._table is not None and picture.pts is not None:
                self._next = self._table.index_of(picture.pts)
            index, self._next = self._next, self._next + 1
            yield Frame(self._converter.convert(picture), time_s, index, self._name, wall_time_s=time.time())
        if self._went:
            # Only who has seen it all can tell what is missing.
            return
        index = self._next
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

    def restart(self) -> None:
        """The next picture may come from anywhere."""
        self._last_s = None

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
