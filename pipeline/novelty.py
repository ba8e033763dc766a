"""How much of a frame is news: the same picture of a face again teaches nothing, another pose or another second does."""

from __future__ import annotations

import math

DECORRELATION_S = 0.7
"""Time constant with which errors of successive frames become independent: pose, expression and light change that fast."""

STILL_DEGREES = 8.0
"""Change of pose that the landmarks' jitter alone makes."""

TURN_DEGREES = 10.0
"""Every such change of pose beyond makes what is known fade by once its rate faster."""

FASTEST = 3.0
"""Times as fast at most: a head that is shaken shows the same two sides again and again."""

Pose = tuple[float, float]
"""Yaw and pitch in degrees, as `quality.pose_degrees` tells them."""


class Novelty:
    """What is known from recent frames fades; a frame adds what its quality is above that.

    So the same picture again adds nothing, a better one at once what it is better by, and a second or two later a picture as
    good as the last counts in full; sooner, where the head has turned. The sum over a view does not depend on the frame rate.
    """

    def __init__(self) -> None:
        self._known = 0.0
        self.time_s = -math.inf
        self._pose: Pose | None = None

    def weight(self, quality: float, time_s: float, pose: Pose | None = None) -> float:
        """Between 0 and `quality`."""
        return max(0.0, quality - self._left(time_s, pose))

    def take(self, quality: float, time_s: float, pose: Pose | None = None) -> float:
        """The same, and the frame counts as known from now on."""
        left = self._left(time_s, pose)
        self._known = max(quality, left)
        self.time_s = time_s
        self._pose = pose
        return max(0.0, quality - left)

    def _left(self, time_s: float, pose: Pose | None) -> float:
        """What is still known at that time, of a face in that pose."""
        # A step back in time is a seek: those are other pictures than the last ones.
        elapsed = abs(time_s - self.time_s)
        return self._known * math.exp(-elapsed * _speed(self._pose, pose) / DECORRELATION_S)


def _speed(before: Pose | None, now: Pose | None) -> float:
    if before is None or now is None:
        return 1.0
    change = math.hypot(now[0] - before[0], now[1] - before[1])
    return min(FASTEST, 1 + max(0.0, change - STILL_DEGREES) / TURN_DEGREES)
