"""When to search the whole picture for faces, and when to look only where known faces should be: a scan costs ten times more."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pipeline.protocols import FaceDetector
from pipeline.settings import DetectorSettings
from pipeline.types import Box, Detection, UInt8Array

SAME_IOU = 0.4
"""Two boxes from different searches that overlap by this much hold one face."""

HURRY = 1 / 3
"""Share of the scan interval after which a scan is due where a face has just been lost: it may have moved where nobody looked."""


class GuidedDetector:
    """Full scans at intervals of frame time, and in between the faces that are already followed.

    On frames with a scan, followed faces that the scan missed are looked for as well, so that nobody blinks in the rhythm of
    the scans.
    """

    def __init__(self, detector: FaceDetector, settings: DetectorSettings) -> None:
        self._detector = detector
        self._interval_s = settings.scan_interval_s
        self._due_s = -math.inf
        self._scanned_s = -math.inf

    def detect(self, image: UInt8Array, followed: Sequence[Box], time_s: float) -> list[Detection]:
        """The faces of the picture.

        Args:
            image: (H, W, 3) uint8 BGR.
            followed: where known faces should be.
            time_s: of the frame.
        """
        if time_s < self._due_s:
            return self._detector.refine(image, followed)
        self._scanned_s = time_s
        self._due_s = time_s + self._interval_s
        found = self._detector.scan(image)
        missed = [box for box in followed if not _has(found, box)]
        if not missed:
            return found
        return found + [face for face in self._detector.refine(image, missed) if not _has(found, face.box)]

    def face_lost(self) -> None:
        """Brings the next scan forward."""
        self._due_s = min(self._due_s, self._scanned_s + self._interval_s * HURRY)

    def restart(self) -> None:
        """The next picture is scanned (a cut)."""
        self._due_s = -math.inf


def _has(faces: Sequence[Detection], box: Box) -> bool:
    return any(face.box.iou(box) >= SAME_IOU for face in faces)
