"""The same picture as a webcam would show it: a small face, compressed. For measuring, not for training."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from engines.align import CROP_PX, similarity
from pipeline.types import Float32Array, UInt8Array


@dataclass(frozen=True, slots=True)
class Webcam:
    """What a simulated camera makes of a picture.

    Attributes:
        face_px: side of the aligned crop in the camera's pixels; the face fills it.
        jpeg_quality: 1 … 100; 0 leaves the picture uncompressed.
    """

    face_px: int
    jpeg_quality: int

    def shoot(self, picture: UInt8Array, landmarks: Float32Array) -> tuple[UInt8Array, Float32Array]:
        """The picture shrunk until its face has that size, and compressed, with the landmarks moved along.

        Faces that are smaller already are only compressed. The face is looked for in the full picture, so that the figures tell
        what the age model makes of few pixels, and not what the detector misses.

        Args:
            picture: (H, W, 3) uint8 BGR.
            landmarks: (5, 2) in its pixels.
        """
        to_crop = similarity(landmarks)
        factor = min(1.0, self.face_px * float(np.hypot(to_crop[0, 0], to_crop[1, 0])) / CROP_PX)
        height, width = picture.shape[:2]
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        if self.jpeg_quality:
            _, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, self.jpeg_quality])
            small = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
        return small, np.asarray(landmarks * [size[0] / width, size[1] / height], np.float32)
