"""Cameras and network streams: time passes whether or not frames are taken, and what was lost may come back."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import Protocol

from pipeline.errors import SourceError
from pipeline.protocols import SourceInfo
from pipeline.settings import SourceSettings
from pipeline.types import Frame, UInt8Array

_log = logging.getLogger(__name__)

_TICK_S = 1e-6
"""Least step between two frames, where pictures arrive faster than the clock ticks."""


class FeedEndedError(Exception):
    """A feed came to its proper end, as a recording that a server plays; no reason to connect again."""


class Feed(Protocol):
    """One connection to a camera or stream."""

    @property
    def fps(self) -> float | None:
        """Nominal rate, None where unknown."""
        ...

    def read(self) -> UInt8Array | None:
        """The next picture, (H, W, 3) uint8 BGR, not writeable; None where the connection is lost.

        Blocks for about the settings' `lost_after_s` at most.

        Raises:
            FeedEndedError: there is no more, and that is no fault.
        """
        ...

    def close(self) -> None: ...


class LiveSource:
    """A feed that is opened again, with growing waits, whenever it is lost.

    Times are seconds since the source was opened, by the clock, at which pictures arrived: the device's own timestamps
    begin anew with each connection, and many network cameras send none. While the source is lost no frames come.

    Args:
        name: for people, without credentials.
        connect: opens a feed, None where `stop` came first; raises SourceError where it fails.
        stop: when set, `frames` ends: within `lost_after_s`, and at once while a lost source is awaited.

    Raises:
        SourceError: the first connection fails, or gives no picture.
    """

    def __init__(self, name: str, connect: Callable[[], Feed | None], stop: threading.Event, settings: SourceSettings) -> None:
        self._name = name
        self._connect = connect
        self._stop = stop
        self._settings = settings
        # Not time.monotonic(): on Windows it moves in steps of 16 ms, which is two pictures of a fast camera.
        self._opened_s = time.perf_counter()
        # One number, replaced as a whole: other threads may look at it.
        self._lost_since_s: float | None = None
        self._feed = connect()
        # The first picture tells the real size, and whether there is any: many a device opens and then stays silent.
        first = self._picture()
        if first is None and not self._stop.is_set():
            self._disconnect()
            raise SourceError(
                f"{name} was opened, but sends no pictures.",
                "Check that no other program uses it and that it is switched on, then try again.",
            )
        height, width = first.shape[:2] if first is not None else (0, 0)
        self._info = SourceInfo(name, live=True, width=width, height=height, fps=self._feed.fps if self._feed else None)
        self._frames = self._read(first)

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def lost_s(self) -> float | None:
        """For how long the source has been lost; None while pictures come. Any thread may ask."""
        since_s = self._lost_since_s
        return None if since_s is None else time.perf_counter() - since_s

    def frames(self) -> Iterator[Frame]:
        """Pictures as they arrive, until `stop`.

        Raises:
            SourceError: the source was lost and did not come back within `give_up_after_s`.
        """
        return self._frames

    def close(self) -> None:
        """Gives the device or connection back; safe to call twice. No frames come after it."""
        self._frames.close()
        self._disconnect()

    def _read(self, image: UInt8Array | None) -> Generator[Frame, None, None]:
        index, time_s = 0, -_TICK_S
        lost_since_s, wait_s = 0.0, 0.0
        while not self._stop.is_set():
            if image is not None:
                if wait_s:
                    _log.warning("%s is back after %.1f s.", self._name, time.perf_counter() - lost_since_s)
                wait_s, self._lost_since_s = 0.0, None
                time_s = max(time.perf_counter() - self._opened_s, time_s + _TICK_S)
                yield Frame(image, time_s, index, self._name, wall_time_s=time.time())
                index += 1
            else:
                if not wait_s:
                    lost_since_s = self._lost_since_s = time.perf_counter()
                    _log.warning("%s is lost; waiting for it to come back.", self._name)
                # A connection that opens but gives no picture counts as a failed one: the waits go on growing.
                wait_s = min(wait_s * 2 or self._settings.retry_first_s, self._settings.retry_most_s)
                self._reconnect(lost_since_s, wait_s)
            try:
                image = self._picture()
            except FeedEndedError:
                return

    def _picture(self) -> UInt8Array | None:
        return self._feed.read() if self._feed else None

    def _reconnect(self, lost_since_s: float, wait_s: float) -> None:
        """One attempt, after a wait; a failure leaves no feed.

        Raises:
            SourceError: the source has been away for too long.
        """
        self._disconnect()
        if self._stop.wait(wait_s):
            return
        try:
            self._feed = self._connect()
        except SourceError as error:
            limit_s = self._settings.give_up_after_s
            if limit_s and time.perf_counter() - lost_since_s > limit_s:
                raise SourceError(f"{self._name} was lost and did not come back within {limit_s:g} s.", error.hint) from error

    def _disconnect(self) -> None:
        if self._feed:
            self._feed.close()
            self._feed = None
