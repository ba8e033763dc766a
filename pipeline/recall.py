"""What was found in the pictures of a film, to be shown again when somebody goes back in it.

A picture that was analysed once is not analysed again: going back shows exactly what was found, and logged, the first time, with
the same persons. So a part that is watched twice counts once, and the analysis goes on undisturbed where new pictures begin.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from pipeline.hindsight import Conclusion
from pipeline.protocols import EngineInfo, FrameAnalyzer, LooksBack
from pipeline.types import AgeBelief, Box, Detection, Face, Float32Array, Frame, FrameResult, Join

DROPPED_S = 0.5
"""Between two analysed pictures that are at most this far apart, the faces of a picture that was dropped are interpolated."""

MOST_BYTES = 64_000_000
"""An hour of a busy film. Beyond it pictures are analysed again; the log still takes each of them once (see `seen`)."""

_NUMBERS = 4 + 1 + 10 + 1 + 5 + 1
"""Of one face: box, score, landmarks, quality, belief, male."""


@dataclass(frozen=True, slots=True)
class _Known:
    """One analysed picture.

    Attributes:
        numbers: (n, 22) float32 as bytes, one row per face.
        persons: person and track of each.
        reasons: of each.
        stretch: number of the stretch in which it was analysed.
    """

    time_s: float
    numbers: bytes
    persons: tuple[tuple[int, int], ...]
    reasons: tuple[str | None, ...]
    stretch: int


class Recalling:
    """An analyzer that remembers (see `pipeline.protocols.FrameAnalyzer`). For sources in which one can go back.

    Args:
        analyzer: gets the pictures that are new.
        most_bytes: what may be kept, about.
    """

    def __init__(self, analyzer: FrameAnalyzer, most_bytes: int = MOST_BYTES) -> None:
        self._analyzer = analyzer
        self._most_bytes = most_bytes
        self._bytes = 0
        self._known: dict[int, _Known] = {}
        self._order: list[int] = []
        self._seen = bytearray()
        self._joins: dict[tuple[int, int], int] = {}
        self._last: Frame | None = None
        self._stretch = 0
        self._engine = ""

    @property
    def engine(self) -> EngineInfo:
        return self._analyzer.engine

    def process(self, frame: Frame) -> FrameResult:
        """What is found in the picture, or was found in it before."""
        faces = self._recall(frame)
        if faces is not None:
            return FrameResult(frame, faces, engine=self._engine, recalled=True)
        result = replace(self._analyzer.process(self._continued(frame)), frame=frame)
        self._engine = result.engine
        self._take(result.joins)
        if self._was_seen(frame.index):
            # Forgotten for want of room, but logged: it must not count twice.
            return replace(result, recalled=True)
        self._keep(result)
        return result

    def conclude(self) -> Conclusion:
        return self._analyzer.conclude()

    def look_back(self) -> None:
        if isinstance(self._analyzer, LooksBack):
            self._analyzer.look_back()

    def conclude_for_now(self) -> Conclusion:
        """What is shown again is shown with the persons as they are known by then."""
        conclusion = self._analyzer.conclude_for_now() if isinstance(self._analyzer, LooksBack) else Conclusion()
        self._take(conclusion.joins)
        # Whatever is new from here on follows nothing.
        self._last = None
        self._stretch += 1
        return conclusion

    def _take(self, joins: Iterable[Join]) -> None:
        for join in joins:
            self._joins[join.person, join.track] = join.into

    def _continued(self, frame: Frame) -> Frame:
        """The picture as the analyzer should see it: a new stretch where it does not follow the last one that it has seen."""
        last, self._last = self._last, frame
        if last is not None:
            follows = 0 < frame.time_s - last.time_s <= DROPPED_S or frame.stretch == last.stretch
            self._stretch += not follows
        return replace(frame, stretch=self._stretch)

    def _keep(self, result: FrameResult) -> None:
        index, faces = result.frame.index, result.faces
        self._mark(index)
        numbers = np.array([_numbers(face) for face in faces], np.float32).tobytes()
        size = len(numbers) + 300 + 100 * len(faces)
        if self._bytes + size > self._most_bytes:
            return
        self._bytes += size
        self._known[index] = _Known(
            result.frame.time_s,
            numbers,
            tuple((face.person, face.track) for face in faces),
            tuple(face.reason for face in faces),
            self._stretch,
        )
        insort(self._order, index)

    def _mark(self, index: int) -> None:
        if index >= len(self._seen):
            self._seen.extend(bytes(index + 1024 - len(self._seen)))
        self._seen[index] = 1

    def _was_seen(self, index: int) -> bool:
        return index < len(self._seen) and bool(self._seen[index])

    def _recall(self, frame: Frame) -> tuple[Face, ...] | None:
        known = self._known.get(frame.index)
        if known is not None:
            return self._faces(known)
        if frame.independent:
            return None
        place = bisect_left(self._order, frame.index)
        if not 0 < place < len(self._order):
            return None
        before, after = self._known[self._order[place - 1]], self._known[self._order[place]]
        span_s = after.time_s - before.time_s
        # Of two stretches that meet here nobody in one is known to be in the other: this picture is looked at anew.
        if before.stretch != after.stretch or not (span_s <= DROPPED_S and before.time_s < frame.time_s < after.time_s):
            return None
        share = (frame.time_s - before.time_s) / span_s
        ends = {(face.person, face.track): face for face in self._faces(after)}
        return tuple(
            _between(face, ends[face.person, face.track], share)
            for face in self._faces(before)
            if (face.person, face.track) in ends
        )

    def _faces(self, known: _Known) -> tuple[Face, ...]:
        rows = np.frombuffer(known.numbers, np.float32).reshape(-1, _NUMBERS)
        return tuple(
            _face(row, self._person(person, track), track, reason)
            for row, (person, track), reason in zip(rows, known.persons, known.reasons, strict=True)
        )

    def _person(self, person: int, track: int) -> int:
        """Whom the person has turned out to be since."""
        for _ in range(len(self._joins) + 1):
            into = self._joins.get((person, track), self._joins.get((person, 0)))
            if into is None:
                break
            person = into
        return person


def _numbers(face: Face) -> list[float]:
    box, belief = face.detection.box, face.belief
    nan = float("nan")
    ages = [nan] * 5 if belief is None else [belief.years, belief.low, belief.high, belief.evidence, float(belief.settled)]
    return [
        *(box.x1, box.y1, box.x2, box.y2),
        face.detection.score,
        *face.detection.landmarks.ravel().tolist(),
        face.quality,
        *ages,
        nan if face.male is None else face.male,
    ]


def _face(row: Float32Array, person: int, track: int, reason: str | None) -> Face:
    values = row.tolist()
    years, low, high, evidence, settled, male = values[16:22]
    return Face(
        person=person,
        track=track,
        detection=Detection(Box(*values[:4]), values[4], row[5:15].reshape(5, 2)),
        quality=values[15],
        raw=None,
        belief=None if years != years else AgeBelief(years, low, high, evidence, bool(settled)),  # noqa: PLR0124 - NaN
        male=None if male != male else male,  # noqa: PLR0124 - NaN
        reason=reason,
    )


def _between(face: Face, later: Face, share: float) -> Face:
    def mix(a: float, b: float) -> float:
        return a + (b - a) * share

    one, two = face.detection.box, later.detection.box
    box = Box(mix(one.x1, two.x1), mix(one.y1, two.y1), mix(one.x2, two.x2), mix(one.y2, two.y2))
    landmarks = face.detection.landmarks + (later.detection.landmarks - face.detection.landmarks) * np.float32(share)
    return replace(face, detection=Detection(box, face.detection.score, landmarks))
