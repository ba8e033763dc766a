"""Who is where in some clips: counted by eye, for `pipeline.identity_bench`. The clips themselves are not part of the project.

Named are the people whose face is 28 pixels wide or wider for some frames; smaller ones say too little (a pianist and a man with
a telephone of 24 pixels, heads seen from behind). Positions are the middle of the face at some times, straight lines in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Point = tuple[float, float, float]
"""Seconds, x and y in pixels."""


@dataclass(frozen=True, slots=True)
class Appearance:
    """One stay of a person in the picture.

    Attributes:
        who: the same for all stays of one person in one film.
        reach_px: how far the middle of the found face may be from the given one.
        points: where the face is; before the first and after the last the person is not there.
    """

    who: str
    reach_px: float
    points: tuple[Point, ...]

    def distance(self, time_s: float, x: float, y: float) -> float | None:
        """Pixels to the person at that time; None where they are not there, or too far away to be meant."""
        if not self.points[0][0] - SLACK_S <= time_s <= self.points[-1][0] + SLACK_S:
            return None
        at_x, at_y = self._place(time_s)
        distance = ((x - at_x) ** 2 + (y - at_y) ** 2) ** 0.5
        return distance if distance <= self.reach_px else None

    def _place(self, time_s: float) -> tuple[float, float]:
        before = self.points[0]
        for after in self.points:
            if time_s <= after[0]:
                span = after[0] - before[0]
                share = min(1.0, max(0.0, (time_s - before[0]) / span)) if span > 0 else 0.0
                return before[1] + share * (after[1] - before[1]), before[2] + share * (after[2] - before[2])
            before = after
        return before[1], before[2]


SLACK_S = 0.02
"""Half a frame: times of the points are rounded."""

CLIPS: Mapping[str, tuple[Appearance, ...]] = {
    "children.mp4": (
        Appearance("girl", 88, ((0.00, 495, 196), (0.87, 540, 205), (1.57, 504, 177), (2.20, 474, 231), (7.97, 384, 183))),
        Appearance(
            "toddler",
            74,
            (
                (0.00, 687, 187),
                (0.33, 669, 205),
                (0.50, 717, 177),
                (0.93, 736, 184),
                (1.53, 703, 162),
                (2.20, 664, 216),
                (6.17, 613, 194),
                (7.11, 572, 154),
            ),
        ),
        Appearance("passer-by", 114, ((7.21, 792, 57), (7.47, 762, 89))),
    ),
    "crossing.mp4": (
        Appearance("woman in red", 37, ((0.00, 886, 645), (0.60, 936, 676), (1.20, 951, 709))),
        Appearance("woman in red", 39, ((3.68, 911, 701), (4.16, 947, 703))),
        Appearance(
            "boy",
            77,
            ((0.00, 943, 674), (0.76, 1019, 697), (1.60, 1045, 765), (3.20, 845, 704), (3.44, 836, 748), (4.16, 798, 703)),
        ),
        Appearance("woman in profile", 95, ((0.00, 335, 778), (0.80, 1051, 839), (1.36, 1624, 867))),
        Appearance(
            "red-haired man",
            71,
            (
                (0.00, 706, 599),
                (0.64, 754, 637),
                (1.08, 675, 620),
                (1.44, 661, 684),
                (2.04, 593, 686),
                (2.92, 550, 645),
                (3.16, 504, 680),
                (3.44, 493, 616),
                (3.68, 491, 663),
                (3.88, 460, 637),
            ),
        ),
        Appearance("grey-haired man", 42, ((0.00, 1102, 638), (0.72, 1122, 664), (1.04, 1101, 690))),
        Appearance("grey-haired man", 46, ((1.84, 1100, 696), (2.60, 1091, 698), (3.40, 1148, 687), (4.16, 1141, 695))),
        Appearance(
            "white-haired woman", 62, ((0.00, 308, 658), (0.84, 312, 722), (1.96, 243, 723), (3.12, 225, 692), (3.76, 267, 714))
        ),
        Appearance("man with glasses", 54, ((1.84, 1157, 735), (4.16, 1206, 714))),
    ),
    "stage-cuts.mp4": (
        Appearance("singer", 40, ((0.85, 544, 76), (1.49, 540, 79))),
        Appearance(
            "singer",
            79,
            (
                (3.59, 176, 105),
                (4.59, 258, 143),
                (4.79, 244, 94),
                (5.59, 211, 75),
                (6.06, 287, 89),
                (6.82, 242, 103),
                (7.86, 320, 92),
            ),
        ),
        Appearance("pianist", 188, ((1.52, 557, 118), (1.79, 377, 200), (2.22, 431, 307))),
        Appearance("man in profile", 78, ((7.89, 353, 88), (9.99, 363, 91))),
        Appearance("woman with earrings", 67, ((7.89, 411, 133), (9.99, 424, 134))),
        Appearance("man on the left", 62, ((7.89, 68, 102), (9.99, 77, 104))),
        Appearance("older woman", 59, ((7.89, 197, 128), (9.99, 198, 131))),
    ),
}
