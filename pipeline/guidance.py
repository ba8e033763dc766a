"""When to search the whole picture for faces, and when to look only where known faces should be: a scan costs ten times more."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pipeline.protocols import FaceDetector
from pipeline.settings import DetectorSettings
from pipeline.tracking import CROWD
from pipeline.types import Box, Detection, UInt8Array

HURRY = 1 / 3
"""Share of the scan interval after which a scan is due where a face has just been lost: it may have moved where nobody looked."""

CROWD_WAITS = 2
"""Scan intervals from one scan to the next while a crowd is followed. A scan costs twice as much then, for what might be a face
crowds around each of them, and one more among so many may be found a quarter of a second later."""

BLIND_SIGMA = 0.4
"""Uncertainty of a prediction, in face sizes, from which on the face is as likely as not out of sight of a search around it. New
faces at less than 10 fps, and all faces at less than 5 fps: then the whole picture is scanned."""


class GuidedDetector:
    """Full scans at intervals of frame time, longer ones in a crowd, and in between the faces that are already followed."""

    def __init__(self, detector: FaceDetector, settings: DetectorSettings) -> None:
        self._detector = detector
        self._scan_interval_s = self._interval_s = settings.scan_interval_s
        self._due_s = -math.inf
        self._scanned_s = -math.inf

    def detect(
        self, image: UInt8Array, followed: Sequence[Box], uncertainty: float, time_s: float, carried: Sequence[Box] = ()
    ) -> list[Detection]:
        """The faces of the picture, but for those at `carried`, which are only found where the whole picture must be searched.

        Args:
            image: (H, W, 3) uint8 BGR.
            followed: where known faces should be.
            uncertainty: of the worst of these places, as a standard deviation in face sizes.
            time_s: of the frame.
        """
        blind = uncertainty >= BLIND_SIGMA
        if time_s < self._due_s and not blind:
            return self._detector.refine(image, followed)
        self._scanned_s = time_s
        crowd = len(followed) + len(carried) > CROWD
        self._interval_s = self._scan_interval_s * (CROWD_WAITS if crowd else 1)
        self._due_s = self._next_multiple(time_s)
        return self._detector.scan(image) if blind else self._detector.scan(image, followed, carried)

    def _next_multiple(self, time_s: float) -> float:
        """Scans lie on a grid of times: a film at another frame rate is searched in nearly the same moments."""
        if self._interval_s == 0:
            return time_s
        return (math.floor(time_s / self._interval_s + 1e-6) + 1) * self._interval_s - 1e-6

    def face_lost(self) -> None:
        """Brings the next scan forward."""
        self._due_s = min(self._due_s, self._scanned_s + self._interval_s * HURRY)

    def restart(self) -> None:
        """The next picture is scanned (a cut)."""
        self._due_s = -math.inf
