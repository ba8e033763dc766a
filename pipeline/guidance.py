"""When to search the whole picture for faces, and when to look only where known faces should be: a scan costs ten times more."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pipeline.protocols import FaceDetector
from pipeline.settings import DetectorSettings
from pipeline.types import Box, Detection, UInt8Array

HURRY = 1 / 3
"""Share of the scan interval after which a scan is due where a face has just been lost: it may have moved where nobody looked."""

BLIND_SIGMA = 0.4
"""Uncertainty of a prediction, in face sizes, from which on the face is as likely as not out of sight of a search around it. New
faces at less than 10 fps, and all faces at less than 5 fps: then the whole picture is scanned."""


class GuidedDetector:
    """Full scans at intervals of frame time, and in between the faces that are already followed."""

    def __init__(self, detector: FaceDetector, settings: DetectorSettings) -> None:
        self._detector = detector
        self._interval_s = settings.scan_interval_s
        self._due_s = -math.inf
        self._scanned_s = -math.inf

    def detect(self, image: UInt8Array, followed: Sequence[Box], uncertainty: float, time_s: float) -> list[Detection]:
        """The faces of the picture.

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
        self._due_s = time_s + self._interval_s
        return self._detector.scan(image, () if blind else followed)

    def face_lost(self) -> None:
        """Brings the next scan forward."""
        self._due_s = min(self._due_s, self._scanned_s + self._interval_s * HURRY)

    def restart(self) -> None:
        """The next picture is scanned (a cut)."""
        self._due_s = -math.inf
