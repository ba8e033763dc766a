"""Network streams (RTSP, MJPEG or HLS over HTTP, and what else libav speaks), through PyAV."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import av
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.video.frame import VideoFrame

from pipeline.errors import SourceError
from pipeline.settings import SourceSettings
from pipeline.sources.decode import BgrConverter
from pipeline.sources.live import FeedEndedError, LiveSource
from pipeline.sources.names import safe_name
from pipeline.types import UInt8Array

_OPTIONS = {
    # TCP first: over UDP a busy network tears pictures. Cameras that refuse TCP still get UDP.
    "rtsp_flags": "prefer_tcp",
    # What arrives is wanted now, not after five seconds of looking for further tracks.
    "analyzeduration": "1000000",
    "fflags": "nobuffer",
}

_POLL_S = 0.1
"""How often `stop` is looked at while a stream is being opened."""

_MOST_FPS = 240.0
"""Rates above this are guesses from time bases."""


def open_stream(spec: str, stop: threading.Event, settings: SourceSettings) -> LiveSource:
    """A network stream that is connected again whenever it is lost.

    Args:
        spec: address with scheme; a user name and password may be part of it and are never shown.

    Raises:
        SourceError: the first connection fails.
    """
    name = safe_name(spec)

    def connect() -> _StreamFeed | None:
        container = _connect(spec, name, stop, settings)
        return _StreamFeed(container, name) if container else None

    return LiveSource(name, connect, stop, settings)


class _StreamFeed:
    """One connection."""

    def __init__(self, container: InputContainer, name: str) -> None:
        self._container = container
        if not container.streams.video:
            container.close()
            raise SourceError(f"{name} answers, but sends no pictures.", "Check the address: it may be that of a sound stream.")
        stream = container.streams.video[0]
        # Not FRAME threads, which films use: they hold back as many pictures as there are cores.
        stream.thread_type = "SLICE"
        # MJPEG carries no rate; libav makes one up.
        rate = None if container.format.name == "mpjpeg" else stream.average_rate or stream.guessed_rate
        self.fps = float(rate) if rate and 0 < rate <= _MOST_FPS else None
        self._converter = BgrConverter(stream.sample_aspect_ratio)
        self._pictures = self._decode()

    def read(self) -> UInt8Array | None:
        try:
            return self._converter.convert(next(self._pictures))
        except FFmpegError:
            return None
        except StopIteration:
            # An end after a known length is the end of a recording; a live stream that ends was cut.
            if self._container.duration:
                raise FeedEndedError from None
            return None

    def close(self) -> None:
        self._container.close()

    def _decode(self) -> Iterator[VideoFrame]:
        stream = self._container.streams.video[0]
        for packet in self._container.demux(stream):
            try:
                pictures = stream.decode(packet)
            except FFmpegError:
                # Lost packets damage pictures until the next key frame; the connection itself is sound.
                continue
            yield from pictures


def _connect(spec: str, name: str, stop: threading.Event, settings: SourceSettings) -> InputContainer | None:
    """Opens the stream in a helper thread, so that `stop` is obeyed while libav waits for the network; None if it came.

    libav cannot be interrupted from Python. A helper that is not waited for any more ends by itself, within the timeout,
    and closes what it opened.
    """
    attempt = _Attempt(spec, settings)
    begun_s = time.perf_counter()
    while not attempt.done.wait(_POLL_S):
        if stop.is_set() and attempt.abandon():
            return None
    if attempt.error is not None:
        # Under RTSP libav reports its own timeout as damaged data.
        too_late = time.perf_counter() - begun_s >= settings.open_timeout_s
        raise _cannot_connect(name, av.error.TimeoutError(0, "") if too_late else attempt.error) from attempt.error
    return attempt.container


class _Attempt:
    """One attempt to open a stream, in a thread of its own."""

    def __init__(self, spec: str, settings: SourceSettings) -> None:
        self.done = threading.Event()
        self.container: InputContainer | None = None
        self.error: Exception | None = None
        self._abandoned = False
        self._lock = threading.Lock()
        threading.Thread(target=self._run, args=(spec, settings), name="open stream", daemon=True).start()

    def abandon(self) -> bool:
        """False where the attempt has just ended, so that its outcome must be taken after all."""
        with self._lock:
            self._abandoned = not self.done.is_set()
            return self._abandoned

    def _run(self, spec: str, settings: SourceSettings) -> None:
        container, error = None, None
        try:
            container = av.open(
                spec, options=dict(_OPTIONS), timeout=(settings.open_timeout_s, settings.lost_after_s), metadata_errors="replace"
            )
        except Exception as caught:
            # Handed to the thread that waits, which raises it.
            error = caught
        with self._lock:
            if not self._abandoned:
                self.container, self.error = container, error
                self.done.set()
                return
        if container is not None:
            container.close()


_REASONS: tuple[tuple[type[Exception], str, str], ...] = (
    (av.error.HTTPUnauthorizedError, "refuses this user", "Write scheme://user:password@host/path and check both."),
    (av.error.HTTPForbiddenError, "refuses this user", "Write scheme://user:password@host/path and check both."),
    (av.error.HTTPNotFoundError, "does not exist on that host", "Check the path at the end of the address."),
    (av.error.HTTPError, "answers with an error", "Open the address in a browser to see what it says."),
    (av.error.ConnectionRefusedError, "refuses the connection", "Check host and port, and that the stream is switched on."),
    (av.error.ExitError, "did not answer in time", "Check that the host is switched on and in reach of this machine."),
    (av.error.TimeoutError, "did not answer in time", "Check that the host is switched on and in reach of this machine."),
    (InvalidDataError, "answers, but not with a video stream", "Check the path: it may lead to a web page."),
    (av.error.ProtocolNotFoundError, "begins with an unknown scheme", "Use rtsp://, http:// or https://."),
    (OSError, "cannot be reached", "Check host name, port and network."),
)
"""Most special first. libav's own words are not used: they repeat the address, with the password."""


def _cannot_connect(name: str, error: Exception) -> SourceError:
    for kind, reason, hint in _REASONS:
        if isinstance(error, kind):
            return SourceError(f"{name} {reason}.", hint)
    return SourceError(f"{name} cannot be opened ({type(error).__name__}).", "Check the address.")
