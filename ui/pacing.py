"""Plays films as the user orders: in real time, faster, slower, from any place, picture by picture."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from pipeline.protocols import SeekableSource, SourceInfo, VideoSource
from pipeline.types import Frame
from ui.transport import Orders, Transport

PICTURE_SHOWN_S = 1.0
"""How long each picture of a folder stays: long enough to read the labels of a group photo."""

LATE_S = 1.0
"""Further behind than this (a suspended machine, a decoder that is too slow), the clock starts anew instead of racing."""

POLL_S = 0.05
"""How often waiting looks at the stop event."""


class PacedSource:
    """A source that hands out each frame when it is due.

    A film that plays in real time is like a camera: time passes whether or not frames are taken. So its `info` says live, and
    frames that the analysis has no time for are dropped rather than shown late. Pictures of a folder are neither dropped nor
    hurried; cameras and streams pass unchanged. While one of these is paused its pictures go by, because nobody can hold it, and
    what comes after is a new stretch.

    A film that can be gone through does not end at its end: it waits there for orders until `stop`.

    Args:
        source: what to play; read by the thread that iterates over `frames`.
        ready: set once frames can be analysed; the film does not begin before, or its first seconds would be lost.
        stop: ends every wait.
        transport: the user's orders.
        clock: monotonic seconds.
        timed: wraps the source's frames, to measure how long they take to come.
    """

    def __init__(
        self,
        source: VideoSource,
        ready: threading.Event,
        stop: threading.Event,
        transport: Transport | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        timed: Callable[[Iterator[Frame]], Iterator[Frame]] = iter,
    ) -> None:
        self._source = source
        self._seekable = seekable(source)
        self._ready = ready
        self._stop = stop
        self._transport = transport or Transport()
        self._clock = clock
        self._timed = timed
        self._transport.opened(self._seekable is not None)

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
            yield from self._watch()
            return
        while not self._ready.wait(POLL_S):
            if self._stop.is_set():
                return
        yield from self._play()

    def _watch(self) -> Iterator[Frame]:
        stretch, paused = 0, False
        for frame in self._timed(self._source.frames()):
            if not self._transport.orders.playing:
                paused = True
                continue
            stretch, paused = stretch + paused, False
            yield replace(frame, stretch=stretch) if stretch else frame

    def _play(self) -> Iterator[Frame]:
        frames = self._timed(self._source.frames())
        waiting: Frame | None = None
        began: _Beat | None = None
        jumps, show_now = 0, False
        place = _Place()
        while not self._stop.is_set():
            orders = self._transport.orders
            if orders.jump is not None and orders.jump.serial != jumps and self._seekable is not None:
                jumps, show_now, began = orders.jump.serial, True, None
                index = orders.jump.index
                if index is None:
                    index = self._seekable.index_at(orders.jump.time_s or 0.0)
                if waiting is None or waiting.index != index:
                    self._seekable.seek(index)
                    frames, waiting = self._timed(self._source.frames()), None
            if not (orders.playing or show_now):
                began = None
                self._transport.wait_for_orders(orders, POLL_S)
                continue
            waiting = waiting or next(frames, None)
            if waiting is None:
                if self._seekable is None:
                    return
                show_now, began = False, None
                if orders.loop and orders.playing and place.index >= 0:
                    self._transport.looped()
                    self._seekable.seek(0)
                    frames = self._timed(self._source.frames())
                else:
                    self._wait_at_end(jumps)
                continue
            now_s = self._clock()
            presented_s = waiting.index * PICTURE_SHOWN_S if waiting.independent else waiting.time_s
            if began is None or now_s - began.due_s(presented_s, orders) > LATE_S or began.speed != orders.speed:
                began = _Beat(now_s, presented_s, orders.speed)
            if not show_now and not self._wait_until(began.due_s(presented_s, orders), orders):
                continue
            frame, waiting, show_now = waiting, None, False
            self._transport.handed_over(frame.index, frame.time_s, jumps)
            # Read early, handed over when due: for everything that comes after, this is when it was read.
            yield replace(frame, wall_time_s=time.time(), stretch=place.stretch_of(frame))

    def _wait_until(self, due_s: float, orders: Orders) -> bool:
        """False where other orders, or the stop, came first."""
        while (left_s := due_s - self._clock()) > 0:
            if self._transport.wait_for_orders(orders, min(left_s, POLL_S)) or self._stop.is_set():
                return False
        return True

    def _wait_at_end(self, jumps: int) -> None:
        self._transport.at_end(jumps)
        orders = self._transport.orders
        while not self._stop.is_set():
            if orders.jump is not None and orders.jump.serial != jumps:
                return
            if orders.playing and orders.loop:
                return
            self._transport.wait_for_orders(orders, POLL_S)
            orders = self._transport.orders


class _Beat:
    """When the clock and the film were at the same place."""

    def __init__(self, clock_s: float, presented_s: float, speed: float) -> None:
        self._clock_s, self._presented_s, self.speed = clock_s, presented_s, speed

    def due_s(self, presented_s: float, orders: Orders) -> float:
        return self._clock_s + (presented_s - self._presented_s) / orders.speed


class _Place:
    """Numbers the stretches of pictures that follow each other."""

    def __init__(self) -> None:
        self.index = -1
        self._stretch = 0

    def stretch_of(self, frame: Frame) -> int:
        if self.index >= 0 and frame.index != self.index + 1 and not frame.independent:
            self._stretch += 1
        self.index = frame.index
        return self._stretch


def plays_in_real_time(info: SourceInfo) -> bool:
    """True for films and the demo; pictures have neither rate nor duration, and cameras keep their own time."""
    return not info.live and (info.fps is not None or info.duration_s is not None)


def seekable(source: VideoSource) -> SeekableSource | None:
    """The same source where one can go back and forth in it."""
    return source if isinstance(source, SeekableSource) and source.can_seek else None
