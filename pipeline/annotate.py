"""Records what was seen: films with boxes and ages, annotated copies of pictures. Only on request: nothing else writes images.

A film, a camera or a stream gives a film: H.264, every frame at its true time (also where the rate varies), with the sound of the
original. Pictures give pictures. Everything is written beside its final name and moved there once it is whole, so that an
older recording is replaced by a complete new one or not at all.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import cv2
import numpy as np
from av.error import FFmpegError
from av.packet import Packet
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream

from pipeline.drawing import Caption, Painter
from pipeline.errors import OutputError
from pipeline.labels import LabelHysteresis, color_bgr
from pipeline.protocols import SourceInfo
from pipeline.settings import ViewSettings
from pipeline.soundtrack import SoundTrack
from pipeline.types import FrameResult, UInt8Array

FILM_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv"})
PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})

CLOCK_S = Fraction(1, 90_000)
"""Tick of a recording's clock: the customary one of video, whole ticks per frame at 24, 25, 29.97, 30, 50 and 60 fps."""

ENCODER = {
    "crf": "20",  # near transparent: a label is no reason to look worse than the original
    "preset": "veryfast",  # the analysis needs the cores
    # Without B-frames, frames are stored in the order of showing; with them an MP4's length is wrong where the rate varies.
    "bf": "0",
}

# Else the time of the first frame is rounded to milliseconds.
_MP4_OPTIONS = {"movie_timescale": str(CLOCK_S.denominator)}

INDEX_FIRST = _MP4_OPTIONS | {"movflags": "+faststart"}
"""A browser can begin to play before it has the whole file. Closing takes long: everything is written a second time."""

INDEX_AS_IT_GROWS = _MP4_OPTIONS | {"movflags": "+hybrid_fragmented+delay_moov", "frag_duration": "500000"}
"""An index every half second until the film is closed, which takes no time and adds the usual one. The first index waits for the
first half second: only then it can say that sound begins a little before the picture."""

AT_ONCE = {"flush_packets": "1"}
"""Nothing waits in libav's own buffer."""

SHORT_QUEUE = {"rc-lookahead": "4"}
"""Pictures that the encoder looks ahead, 10 otherwise: closing takes half the time, and two films measured came out no larger."""

ONLY_FRAME_S = 0.04
"""How long a recording of one single frame shows it."""

SOUND_AFTER_PICTURE_S = 1.0
"""A recording that comes this near to the film's end keeps the rest of the sound, which often ends a little after the picture."""

JPEG_QUALITY = 92
"""Per cent."""


class Annotator:
    """Sink that records one source with boxes and labels.

    Args:
        target: the file to write. For pictures also a folder (any path without a picture's suffix), made where it is
            missing, in which each of them gets a copy NAME-annotated.
        info: of the source.
        view: what labels say.

    Raises:
        OutputError: the target cannot be written, or is the source itself.
    """

    def __init__(self, target: Path, info: SourceInfo, view: ViewSettings) -> None:
        if info.path is not None and target.exists() and target.samefile(info.path):
            raise OutputError(f"The annotated copy would overwrite its source {target}.", "Choose another name with --annotated.")
        self._target = target
        self._info = info
        self._show_gender = view.show_gender
        self._painter = Painter()
        self._labels = LabelHysteresis()
        self._recorder: _Recorder | None = None

    def write(self, result: FrameResult) -> None:
        captions = [
            Caption(face.detection.box, self._labels.text(face, self._show_gender), color_bgr(face.person))
            for face in result.faces
        ]
        if self._recorder is None:
            self._recorder = self._begin(result)
        self._recorder.add(self._painter.draw(result.frame.image, captions), result)

    def close(self) -> None:
        """Makes what was recorded a playable film, also after an interruption. Without any frame there is no file."""
        if self._recorder is not None:
            self._recorder.close()

    def _begin(self, first: FrameResult) -> _Recorder:
        """Films and pictures are told apart by the frames, since a film's name proves nothing."""
        suffix = self._target.suffix.lower()
        if first.frame.independent:
            if suffix in FILM_SUFFIXES:
                raise OutputError(
                    f"{self._info.name} holds pictures, and {self._target.name} names a film.",
                    "Give --annotated a folder, or for a single picture a name that ends in .jpg or .png.",
                )
            return _Pictures(self._target, several=(self._info.frame_count or 1) > 1)
        if suffix not in FILM_SUFFIXES:
            raise OutputError(
                f"{self._info.name} is recorded as a film, and {self._target.name} names none.",
                f"Give --annotated a name that ends in {', '.join(sorted(FILM_SUFFIXES))}, or a folder.",
            )
        return Film(self._target, self._info, first.frame.width, first.frame.height)


class _Recorder(Protocol):
    def add(self, image: UInt8Array, result: FrameResult) -> None: ...

    def close(self) -> None: ...


class Film:
    """One H.264 film. A frame is encoded when the next one is there: only then its duration is known.

    Args:
        live: what there is of it can be played at any moment, and closing takes no time. Otherwise an MP4's index is in front.
    """

    def __init__(self, target: Path, info: SourceInfo, width: int, height: int, *, live: bool = False) -> None:
        self._target = target
        self._part = beside(target)
        self._info = info
        # 4:2:0 halves the colour planes, so H.264 needs even sides.
        self._width, self._height = width + width % 2, height + height % 2
        self._waiting: tuple[UInt8Array, int] | None = None
        # By presentation time: the encoder looks ahead, so its packets are those of earlier frames.
        self._durations: dict[int | None, int] = {}
        self._last_ticks = round(ONLY_FRAME_S / CLOCK_S)
        self._sound: SoundTrack | None = None
        self._jumped = self._left = False
        self._failed = self._closed = False
        self._files = ExitStack()
        with self._guarded():
            options, encoder = (AT_ONCE, ENCODER | SHORT_QUEUE) if live else ({}, ENCODER)
            if target.suffix.lower() != ".mkv":
                options = options | (INDEX_AS_IT_GROWS if live else INDEX_FIRST)
            self._output = av.open(str(self._part), "w", options=options)
            self._files.callback(self._output.close)
            self._stream = self._output.add_stream("libx264", width=self._width, height=self._height, options=encoder)
            self._stream.pix_fmt = "yuv420p"
            self._stream.time_base = CLOCK_S
            codec = self._stream.codec_context
            codec.time_base = CLOCK_S
            codec.colorspace, codec.color_range = Colorspace.ITU709, ColorRange.MPEG
            codec.color_primaries, codec.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
            if info.has_audio and info.path is not None:
                self._sound = SoundTrack(info.path, info.start_s, self._output)
                self._files.callback(self._sound.close)
            # Here, not with the first packet half a second later: a folder that cannot be written is known at once.
            self._output.start_encoding()

    def add(self, image: UInt8Array, result: FrameResult) -> None:
        ticks = round(result.frame.time_s / CLOCK_S)
        with self._guarded():
            if self._waiting is not None:
                # Two frames on one tick can only come from a damaged clock; a film needs the second one to be later.
                ticks = max(ticks, self._waiting[1] + 1)
                self._last_ticks = ticks - self._waiting[1]
                self._encode(*self._waiting, self._last_ticks)
            self._waiting = (image, ticks)
            if self._sound is not None:
                self._sound.write_until(result.frame.time_s)

    def jump(self, source_s: float, at_s: float) -> None:
        """The picture that is added next, at `at_s`, is from another place of the original: the sound goes along.

        Args:
            source_s: by the original's own clock.
        """
        self._jumped = True
        if self._sound is not None:
            with self._guarded():
                self._sound.write_until(at_s)
                self._sound.jump(source_s, at_s)

    def leave(self) -> None:
        """Gives what there is of the film its name. For another thread than the film's, when that one cannot be waited for."""
        with suppress(OSError):
            os.replace(self._part, self._target)
            self._left = True

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._failed:
            return
        with self._guarded():
            end_s = 0.0
            if self._waiting is not None:
                end_s = float((self._waiting[1] + self._last_ticks) * CLOCK_S)
                self._encode(*self._waiting, self._last_ticks)
            self._mux(self._stream.encode(None))
            if self._sound is not None:
                whole = (
                    not self._jumped
                    and self._info.duration_s is not None
                    and end_s > self._info.duration_s - SOUND_AFTER_PICTURE_S
                )
                self._sound.write_until(float("inf") if whole else end_s)
                self._sound.finish()
            self._files.close()
            if not self._left:
                os.replace(self._part, self._target)

    def _encode(self, image: UInt8Array, ticks: int, duration: int) -> None:
        picture = av.VideoFrame.from_ndarray(self._fitted(image), format="bgr24")
        picture = picture.reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, src_color_range=ColorRange.JPEG, dst_color_range=ColorRange.MPEG
        )
        picture.pts, picture.time_base = ticks, CLOCK_S
        self._durations[ticks] = duration
        self._mux(self._stream.encode(picture))

    def _mux(self, packets: Iterable[Packet[VideoStream]]) -> None:
        for packet in packets:
            packet.duration = self._durations.pop(packet.pts)
            self._output.mux(packet)

    def _fitted(self, image: UInt8Array) -> UInt8Array:
        """The picture in the film's size: an odd side gets one more line; a stream that came back larger or smaller is scaled."""
        height, width = image.shape[:2]
        right, below = self._width - width, self._height - height
        if (right, below) == (0, 0):
            return image
        if 0 <= right <= 1 and 0 <= below <= 1:
            return np.asarray(cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE), np.uint8)
        return np.asarray(cv2.resize(image, (self._width, self._height), interpolation=cv2.INTER_AREA), np.uint8)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """An error ends the recording, names the target, and leaves no half-written file."""
        try:
            yield
        except (OSError, FFmpegError) as error:
            self._failed = True
            # libav reports a full disk a second time when the file is closed; the first report is the one to show.
            with suppress(OSError, FFmpegError):
                self._files.close()
            with suppress(OSError):
                self._part.unlink(missing_ok=True)
            raise unwritable(self._target, error) from error


class _Pictures:
    """Annotated copies of pictures, each written when it comes."""

    def __init__(self, target: Path, several: bool) -> None:
        self._target = target
        self._is_file = target.suffix.lower() in PICTURE_SUFFIXES
        if self._is_file and several:
            raise OutputError(
                f"{target.name} names one picture, and the source holds several.", "Give --annotated the name of a folder."
            )

    def add(self, image: UInt8Array, result: FrameResult) -> None:
        target = self._target
        if not self._is_file:
            name = Path(result.frame.source)
            # Formats that OpenCV reads but does not write become JPEG.
            suffix = name.suffix if name.suffix.lower() in PICTURE_SUFFIXES else ".jpg"
            target = self._target / f"{name.stem}-annotated{suffix}"
        part = beside(target)
        try:
            if not self._is_file:
                self._target.mkdir(parents=True, exist_ok=True)
            # Encoded in memory: OpenCV's own writing knows no names beyond the code page on Windows, and no reasons.
            quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if target.suffix.lower() in (".jpg", ".jpeg") else []
            _, data = cv2.imencode(target.suffix, image, quality)
            part.write_bytes(data.tobytes())
            os.replace(part, target)
        except OSError as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise unwritable(target, error) from error

    def close(self) -> None:
        """Every picture is whole already."""


def beside(target: Path) -> Path:
    """A name for the unfinished file: in the same folder, so that renaming is atomic, with the suffix that libav goes by."""
    return target.with_name(f".{target.stem}.{os.getpid()}.part{target.suffix}")


def unwritable(target: Path, error: OSError | FFmpegError) -> OutputError:
    """The error for a file that could not be written, in words."""
    if error.errno == errno.ENOSPC:
        return OutputError(f"{target} cannot be written: the disk is full.", "Free some space, or choose another drive.")
    if error.errno == errno.ENOENT:
        return OutputError(f"{target} cannot be written: the folder {target.parent} does not exist.", "Make the folder first.")
    return OutputError(f"{target} cannot be written: {error.strerror or error}.", "Choose a folder that you may write to.")
