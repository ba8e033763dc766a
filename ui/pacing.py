"""Plays films in real time: the window's picture keeps pace with the film's own clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from pipeline.protocols import SourceInfo, VideoSource
from pipeline.types import Frame

PICTURE_SHOWN_S = 1.0
"""How long each picture of a folder stays: long enough to read the labels of a group photo."""

LATE_S = 1.0
"""Further behind than this (a suspended machine, a decoder that is too slow), the clock starts anew instead of racing."""

READY_POLL_S = 0.05
"""How often waiting for the analysis looks at the stop event."""


class PacedSource:
    """A source that hands out each frame when it is due.

    A film that plays in real time is like a camera: time passes whether or not frames are taken. So its `info` says live, and
    frames that the analysis has no time for are dropped rather than shown late. Pictures of a folder are neither dropped nor
    hurried; cameras and streams pass unchanged.

    Args:
        source: what to play; read by the thread that iterates over `frames`.
        ready: set once frames can be analysed; the film does not begin before, or its first seconds would be lost.
        stop: ends every wait.
        clock: monotonic seconds.
    """

    def __init__(
        self, source: VideoSource, ready: threading.Event, stop: threading.Event, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._source = source
        self._ready = ready
        self._stop = stop
        self._clock = clock

    @property
    def info(self) -> SourceInfo:
        info = self._source.info
        return replace(info, live=True) if plays_in_real_time(info) else info

    def frames(self) -> Iterator[Frame]:
        """The source's frames, each not before its time.

        Raises:
            SourceError: as the source does.
        """
        if self._source.info.live:
            yield from self._source.frames()
            return
        while not self._ready.wait(READY_POLL_S):
            if self._stop.is_set():
                return
        began_s: float | None = None
        for number, frame in enumerate(self._source.frames()):
            presented_s = number * PICTURE_SHOWN_S if frame.independent else frame.time_s
            now_s = self._clock()
            if began_s is None or now_s - (began_s + presented_s) > LATE_S:
                began_s = now_s - presented_s
            if self._stop.wait(max(0.0, began_s + presented_s - now_s)):
                return
            yield frame


def plays_in_real_time(info: SourceInfo) -> bool:
    """True for films and the demo; pictures have neither rate nor duration, and cameras keep their own time."""
    return not info.live and (info.fps is not None or info.duration_s is not None)
