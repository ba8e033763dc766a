"""Pictures that are watched again show what was found the first time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pipeline.hindsight import Conclusion
from pipeline.protocols import EngineInfo
from pipeline.recall import Recalling
from pipeline.types import AgeBelief, Box, Detection, Face, Frame, FrameResult, Join, as_readonly

IMAGE = as_readonly(np.zeros((40, 40, 3), np.uint8))
FPS = 25


@dataclass
class Numbering:
    """Finds one face that moves by its frame's number, and a new person in every stretch."""

    seen: list[tuple[int, int]] = field(default_factory=list)
    joins: dict[int, Join] = field(default_factory=dict)
    engine = EngineInfo("cpu", "int8", "double", "")

    def process(self, frame: Frame) -> FrameResult:
        self.seen.append((frame.index, frame.stretch))
        x = float(frame.index)
        landmarks = np.full((5, 2), x, np.float32)
        person = frame.stretch + 1
        belief = AgeBelief(30 + x, 20, 40, 2.0, True) if frame.index % 2 else None
        face = Face(person, person, Detection(Box(x, 5, x + 10, 15), 0.9, landmarks), 0.5, None, belief, 0.25, "dark")
        joins = (self.joins[frame.index],) if frame.index in self.joins else ()
        return FrameResult(frame, (face,), engine="cpu int8", joins=joins)

    def conclude(self) -> Conclusion:
        return Conclusion()


def frame(index: int, stretch: int = 0) -> Frame:
    return Frame(IMAGE, index / FPS, index, "film", 0.0, stretch=stretch)


def test_a_picture_is_analysed_once() -> None:
    analyzer = Numbering()
    recalling = Recalling(analyzer)
    first = [recalling.process(frame(n)) for n in range(6)]
    again = [recalling.process(frame(n, stretch=1)) for n in range(2, 6)]
    assert [index for index, _ in analyzer.seen] == list(range(6))
    assert not any(result.recalled for result in first)
    assert all(result.recalled for result in again)
    for before, after in zip(first[2:], again, strict=True):
        one, two = before.faces[0], after.faces[0]
        assert (one.person, one.track, one.detection.box, one.belief) == (two.person, two.track, two.detection.box, two.belief)
        assert (two.male, two.reason, two.quality) == (0.25, "dark", 0.5)
        assert (one.detection.landmarks == two.detection.landmarks).all()


def test_the_analysis_goes_on_undisturbed_after_a_part_that_was_watched_again() -> None:
    analyzer = Numbering()
    recalling = Recalling(analyzer)
    for n in range(6):
        recalling.process(frame(n))
    for n in range(3, 9):
        recalling.process(frame(n, stretch=1))
    assert analyzer.seen == [(n, 0) for n in range(9)]


def test_a_jump_to_new_pictures_is_a_new_stretch() -> None:
    analyzer = Numbering()
    recalling = Recalling(analyzer)
    recalling.process(frame(0))
    recalling.process(frame(30, stretch=1))
    recalling.process(frame(31, stretch=1))
    assert analyzer.seen == [(0, 0), (30, 1), (31, 1)]


def test_faces_of_dropped_pictures_lie_between_their_neighbours() -> None:
    recalling = Recalling(Numbering())
    recalling.process(frame(0))
    recalling.process(frame(4))
    result = recalling.process(frame(1, stretch=1))
    assert result.recalled
    assert result.faces[0].detection.box == Box(1, 5, 11, 15)


def test_between_two_stretches_a_picture_is_analysed() -> None:
    analyzer = Numbering()
    recalling = Recalling(analyzer)
    recalling.process(frame(60))
    recalling.process(frame(56, stretch=1))
    assert not recalling.process(frame(58, stretch=1)).recalled
    assert analyzer.seen[-1] == (58, 1)


def test_who_was_recognised_later_has_the_older_number_when_watched_again() -> None:
    recalling = Recalling(Numbering(joins={31: Join(person=2, into=1)}))
    recalling.process(frame(0))
    for n in (30, 31):
        recalling.process(frame(n, stretch=1))
    assert recalling.process(frame(30, stretch=2)).faces[0].person == 1


def test_what_there_is_no_room_for_is_analysed_again_but_counts_once() -> None:
    analyzer = Numbering()
    recalling = Recalling(analyzer, most_bytes=1000)
    results = [recalling.process(frame(n)) for n in range(10)]
    again = [recalling.process(frame(n, stretch=1)) for n in range(10)]
    assert not any(result.recalled for result in results)
    assert all(result.recalled for result in again)
    assert len(analyzer.seen) > 10
