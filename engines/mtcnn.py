"""MTCNN: three small networks that find faces and five landmarks, over any runtime.

K. Zhang et al., Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks, SPL 2016; weights and
conventions (thresholds, rounding, non-maximum suppression) of facenet-pytorch, so that both find the same faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from engines.area import AreaMeans
from engines.boxes import iou_matrix, nms, nms_by_smaller, shared_of_smaller, shifted, squared
from engines.models import MODELS_FOLDER, load_model
from engines.onnx_runtime import OnnxRuntime
from engines.runtime import TensorRuntime
from engines.starts import STARTS, starts_around
from pipeline.types import Box, Detection, Float32Array, UInt8Array

PNET_PX, RNET_PX, ONET_PX = 12, 24, 48
PNET_STRIDE = 2
PYRAMID_FACTOR = 0.709  # ~ 1/√2: each level halves the area
P_SCORE, R_SCORE, O_SCORE = 0.6, 0.7, 0.7
MAX_IOU_IN_LEVEL, MAX_IOU = 0.5, 0.7
REFINE_R_SCORE = 0.1
"""R-Net only rejects the hopeless among tracked boxes: it sees them a little off centre; O-Net decides."""
RNET_BATCH, ONET_BATCH = 64, 16
"""A few megabytes per layer: the intermediate results stay in the processor's cache, and memory stays bounded in crowds."""
NEAR_KNOWN_IOU = 0.3
"""A proposal that overlaps a followed face by more is taken for that face. Faces side by side overlap by less."""
SETTLING = 2
"""Passes of settling: what a box is off shrinks to a tenth or less in each."""
BESIDE = 0.8
"""Picture around a face in which it is settled, in sizes of the face: no network looks farther. Sums over the whole picture would
cost more than the networks."""

MOST_PIXELS = 36_000_000
"""Above 8K films. Larger pictures, as some phones make them, are searched in this size: memory goes with the number of pixels."""


class MtcnnDetector:
    """Finds faces with five landmarks.

    Args:
        pnet, rnet, onet: the networks, as exported by `training.export_mtcnn`.
        smallest_face_px: faces with a shorter side than this are not looked for; the cost of a scan falls with its square. In
            pictures of more than `MOST_PIXELS` it is more, in proportion to their sides.
    """

    def __init__(self, pnet: TensorRuntime, rnet: TensorRuntime, onet: TensorRuntime, smallest_face_px: int) -> None:
        self._pnet, self._rnet, self._onet = pnet, rnet, onet
        self._smallest_face_px = smallest_face_px

    @classmethod
    def load(cls, smallest_face_px: int, threads: int = 0, folder: Path = MODELS_FOLDER) -> MtcnnDetector:
        """The detector on the CPU, from the committed files.

        Raises:
            ModelFileError: a file is missing, damaged or not the one in models.toml.
        """
        names = ("mtcnn-pnet", "mtcnn-rnet", "mtcnn-onet")
        pnet, rnet, onet = (OnnxRuntime(load_model(name, folder).data, name, threads=threads) for name in names)
        return cls(pnet, rnet, onet, smallest_face_px)

    def scan(self, image: UInt8Array, known: Sequence[Box] = (), carried: Sequence[Box] = ()) -> list[Detection]:
        """Every face of the picture.

        Args:
            image: (H, W, 3) uint8 BGR.
            known: where followed faces should be. These are refined instead of searched for, which saves most of the second and
                third stage: nearly all proposals of P-Net crowd around faces.
            carried: where faces surely are that nobody needs to look at now: what is proposed there is left out, and so is what
                lies within one of them or around it, as the last stage's suppression would do with it.

        Returns:
            Best first.
        """
        small, scale = _shrunk(image)
        if scale < 1:
            known, carried = ([_scaled(box, scale) for box in boxes] for boxes in (known, carried))
            return [_enlarged(face, 1 / scale) for face in self.scan(small, known, carried)]
        means = AreaMeans(image)
        proposals, refined = self._propose(means), np.zeros((0, 4), np.float32)
        if known:
            refined = self._reject(squared(_as_array(known)), means, REFINE_R_SCORE)
            proposals = proposals[(iou_matrix(proposals, refined) < NEAR_KNOWN_IOU).all(axis=1)]
        if carried:
            sure = squared(_as_array(carried))
            near = (iou_matrix(proposals, sure) >= NEAR_KNOWN_IOU) | (shared_of_smaller(proposals, sure) > MAX_IOU)
            proposals = proposals[~near.any(axis=1)]
        return self._landmarks(np.concatenate([refined, self._reject(proposals, means, R_SCORE)]), means)

    def refine(self, image: UInt8Array, boxes: Sequence[Box]) -> list[Detection]:
        """The faces at the given boxes: R-Net and O-Net only, no search."""
        if not boxes:
            return []
        small, scale = _shrunk(image)
        if scale < 1:
            return [_enlarged(face, 1 / scale) for face in self.refine(small, [_scaled(box, scale) for box in boxes])]
        means = AreaMeans(image)
        return self._landmarks(self._reject(squared(_as_array(boxes)), means, REFINE_R_SCORE), means)

    def settle(self, image: UInt8Array, faces: Sequence[Detection], roughly: bool = False) -> list[Float32Array]:
        """Landmarks that hardly depend on how the faces were found: as R-Net and O-Net see each from several places around it.

        Args:
            roughly: one pass instead of two. On 19 faces of films, found 3 % off, landmarks scatter by 0.15 % of the face's width
                then, by 0.02 % after two passes, and by 0.3 % without any.
        """
        return [self._settled(image, face, 1 if roughly else SETTLING) for face in faces]

    def _settled(self, image: UInt8Array, face: Detection, passes: int) -> Float32Array:
        x, y, part = _around(image, face.box)
        if part.size == 0:
            return face.landmarks
        means, corner = AreaMeans(part), np.array([x, y, x, y], np.float32)
        box, landmarks = face.box, face.landmarks
        for _ in range(passes):
            squares, shares = starts_around(box)
            boxes, pictures = means.cut(squares - corner, RNET_PX)
            if len(boxes) < STARTS:  # at the border of the picture
                return face.landmarks
            boxes = squared(shifted(boxes, _in_batches(self._rnet, pictures, RNET_BATCH)["offsets"]))
            boxes, pictures = means.cut(boxes, ONET_PX)
            if len(boxes) < STARTS:
                return face.landmarks
            found = _in_batches(self._onet, pictures, ONET_BATCH)
            shares = shares * found["probability"]
            if shares.sum() < O_SCORE:
                return face.landmarks
            shares /= shares.sum()
            points = (shares @ _points(found["points"], boxes).reshape(STARTS, -1)).reshape(5, 2) + corner[:2]
            landmarks = np.asarray(points, np.float32)
            box = Box(*(float(edge) for edge in shares @ shifted(boxes, found["offsets"]) + corner))
        return landmarks

    def _propose(self, means: AreaMeans) -> Float32Array:
        """P-Net over the pyramid: (n, 4) squares that may hold a face."""
        scale = PNET_PX / self._smallest_face_px
        boxes, moved, scores = [np.zeros((0, 4), np.float32)], [np.zeros((0, 4), np.float32)], [np.zeros(0, np.float32)]
        while min(means.height, means.width) * scale >= PNET_PX:
            level = means.resized(int(means.width * scale + 1), int(means.height * scale + 1))
            found = self._pnet.run({"pictures": level[None]})
            probability, offsets = found["probability"][0], found["offsets"][0]
            rows, columns = np.nonzero(probability >= P_SCORE)
            corner = (np.stack([columns, rows], axis=1) * PNET_STRIDE).astype(np.float32)
            box = np.floor(np.concatenate([corner + 1, corner + PNET_PX], axis=1) / np.float32(scale))
            kept = nms(box, probability[rows, columns], MAX_IOU_IN_LEVEL)
            size = np.tile((box[:, 2:] - box[:, :2])[kept], 2)
            boxes.append(box[kept])
            moved.append(box[kept] + offsets[:, rows[kept], columns[kept]].T * size)
            scores.append(probability[rows[kept], columns[kept]])
            scale *= PYRAMID_FACTOR
        return squared(np.concatenate(moved)[nms(np.concatenate(boxes), np.concatenate(scores), MAX_IOU)])

    def _reject(self, boxes: Float32Array, means: AreaMeans, least: float) -> Float32Array:
        """R-Net: (n, 4) squares → the fewer and better ones."""
        boxes, pictures = means.cut(boxes, RNET_PX)
        if len(boxes) == 0:
            return boxes
        found = _in_batches(self._rnet, pictures, RNET_BATCH)
        passed = np.flatnonzero(found["probability"] > least)
        kept = passed[nms(boxes[passed], found["probability"][passed], MAX_IOU)]
        return squared(shifted(boxes[kept], found["offsets"][kept]))

    def _landmarks(self, boxes: Float32Array, means: AreaMeans) -> list[Detection]:
        """O-Net: (n, 4) squares → faces with landmarks."""
        boxes, pictures = means.cut(boxes, ONET_PX)
        if len(boxes) == 0:
            return []
        found = _in_batches(self._onet, pictures, ONET_BATCH)
        passed = np.flatnonzero(found["probability"] > O_SCORE)
        boxes, score = boxes[passed], found["probability"][passed]
        points = _points(found["points"][passed], boxes)
        boxes = shifted(boxes, found["offsets"][passed])
        return [
            Detection(Box(*(float(edge) for edge in boxes[i])), float(score[i]), points[i].astype(np.float32))
            for i in nms_by_smaller(boxes, score, MAX_IOU)
        ]


def _shrunk(image: UInt8Array) -> tuple[UInt8Array, float]:
    """The picture with at most `MOST_PIXELS`, and its size as a share of what it was; 1 for the picture itself."""
    height, width = image.shape[:2]
    if height * width <= MOST_PIXELS:
        return image, 1.0
    scale = (MOST_PIXELS / (height * width)) ** 0.5
    size = int(width * scale), int(height * scale)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def _scaled(box: Box, scale: float) -> Box:
    return Box(box.x1 * scale, box.y1 * scale, box.x2 * scale, box.y2 * scale)


def _enlarged(face: Detection, scale: float) -> Detection:
    return Detection(_scaled(face.box, scale), face.score, face.landmarks * np.float32(scale))


def _as_array(boxes: Sequence[Box]) -> Float32Array:
    return np.array([[box.x1, box.y1, box.x2, box.y2] for box in boxes], np.float32)


def _around(image: UInt8Array, box: Box) -> tuple[int, int, UInt8Array]:
    """Left, top and pixels of the part of the picture around a box."""
    beside = BESIDE * max(box.width, box.height)
    x, y = max(0, int(box.x1 - beside)), max(0, int(box.y1 - beside))
    return x, y, image[y : max(0, int(box.y2 + beside)), x : max(0, int(box.x2 + beside))]


def _points(found: Float32Array, boxes: Float32Array) -> Float32Array:
    """O-Net's landmarks in pixels: (n, 5, 2)."""
    size = boxes[:, 2:] - boxes[:, :2] + 1
    return np.asarray(found.reshape(-1, 2, 5).transpose(0, 2, 1) * size[:, None] + boxes[:, None, :2] - 1, np.float32)


def _in_batches(network: TensorRuntime, pictures: Float32Array, size: int) -> dict[str, Float32Array]:
    """The network's outputs for any number of pictures."""
    parts = [network.run({"pictures": pictures[first : first + size]}) for first in range(0, len(pictures), size)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
