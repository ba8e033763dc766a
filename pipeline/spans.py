"""When somebody was in sight: stretches of time that grow together where they touch."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

Span = tuple[float, float]
"""First and last second, both in sight."""


class Spans:
    """Stretches of time in order; those that are at most `gap_s` apart are one.

    Times may come in any order: a film can be played back and forth.

    Args:
        gap_s: a shorter absence was an overlooked face, a longer one was an absence.
    """

    def __init__(self, gap_s: float, spans: Iterable[Span] = ()) -> None:
        self.gap_s = gap_s
        self._starts: list[float] = []
        self._ends: list[float] = []
        for start, end in spans:
            self.add(start, end)

    def add(self, start_s: float, end_s: float | None = None) -> None:
        """A moment, or a stretch of time."""
        end_s = start_s if end_s is None else end_s
        # The usual case first: time goes on.
        if not self._ends or start_s - self._ends[-1] > self.gap_s:
            self._starts.append(start_s)
            self._ends.append(end_s)
            return
        if start_s >= self._starts[-1]:
            self._ends[-1] = max(self._ends[-1], end_s)
            return
        first = bisect_left(self._ends, start_s - self.gap_s)
        after = first
        while after < len(self._starts) and self._starts[after] - end_s <= self.gap_s:
            after += 1
        touched = slice(first, after)
        if after > first:
            start_s, end_s = min(start_s, self._starts[first]), max(end_s, self._ends[after - 1])
        self._starts[touched] = [start_s]
        self._ends[touched] = [end_s]

    def widen(self, gap_s: float) -> None:
        """From now on longer absences count as none; what is near enough grows together."""
        spans = list(self)
        self.gap_s = gap_s
        self._starts, self._ends = [], []
        for start, end in spans:
            self.add(start, end)

    @property
    def total_s(self) -> float:
        """Time in sight."""
        return sum(end - start for start, end in self)

    def __iter__(self) -> Iterator[Span]:
        return zip(self._starts, self._ends, strict=True)

    def __len__(self) -> int:
        return len(self._starts)
