"""Which pictures a film holds, and when: found in its packets, without decoding one of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import av
from av.error import FFmpegError


@dataclass(frozen=True, slots=True)
class FrameTable:
    """The pictures of a film in order of presentation.

    Attributes:
        stamps: presentation timestamps in ticks, ascending.
        keys: those of the pictures at which decoding can begin, ascending.
        tick_s: seconds per tick.
    """

    stamps: list[int]
    keys: list[int]
    tick_s: Fraction

    def index_of(self, stamp: int) -> int:
        """Index of the picture with this timestamp, or of the first one after it."""
        return bisect_left(self.stamps, stamp)

    def index_at(self, film_s: float) -> int:
        """Index of the last picture that begins by this time of the film's own clock; the first one where none does."""
        # Half a tick of tolerance: a time that went through a float must still find its own picture.
        return max(0, bisect_right(self.stamps, film_s / self.tick_s + 0.5) - 1)

    def key_before(self, stamp: int) -> int | None:
        """Timestamp from which a decoder reaches this picture; None where it must begin at the beginning."""
        place = bisect_right(self.keys, stamp)
        return self.keys[place - 1] if place else None


def read_frame_table(path: str, track: int, stopped: Callable[[], bool]) -> FrameTable | None:
    """The table of one track of a file; None where its timestamps don't tell (none, a clock that jumps), or it was stopped.

    Args:
        track: index of the stream in the file.
        stopped: asked now and then: a long film on a slow disk takes seconds.
    """
    stamps: list[int] = []
    keys: list[int] = []
    last_dts: int | None = None
    tick_s = Fraction(1)
    try:
        with av.open(path, metadata_errors="replace") as container:
            stream = container.streams[track]
            tick_s = stream.time_base or Fraction(1)
            for packet in container.demux(stream):
                if packet.size == 0 or packet.is_discard:
                    continue
                if packet.pts is None or stopped():
                    return None
                if last_dts is not None and packet.dts is not None and packet.dts < last_dts:
                    return None
                last_dts = packet.dts if packet.dts is not None else last_dts
                stamps.append(packet.pts)
                if packet.is_keyframe:
                    keys.append(packet.pts)
    except FFmpegError:
        # Cut off: what comes after is not there for the player either.
        pass
    stamps.sort()
    if not stamps or any(a == b for a, b in pairwise(stamps)):
        return None
    return FrameTable(stamps, sorted(keys), tick_s)
