"""One look at every labelled picture: can it be read, its size and quality, how many faces it shows, what FaceNet makes of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from engines.align import CROP_PX, align
from pipeline.errors import SourceError
from pipeline.types import Box, Detection, Float32Array, UInt8Array
from training.crops import BORDER, Scanner, chip_detector, usual_landmarks
from training.data import Pictures, Sample
from training.duplicates import thumbnail
from training.model import AgeNet

CHUNK = 48
"""Pictures that a thread looks at at a time, and that the network sees at once."""

QUALITY_PX = 160
"""Shorter side at which sharpness is measured, so that it compares pictures of different size."""

UNREADABLE = -1

Embed = Callable[[UInt8Array], Float32Array]
"""(n, 160, 160, 3) uint8 RGB crops → (n, m) float32 features."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What one picture is like.

    Attributes:
        width, height: pixels.
        sharpness: variance of the Laplacian of the grey picture, 160 pixels at its shorter side.
        brightness: mean grey, 0 … 255.
        faces: how many were found, -1 where the picture cannot be read.
        digest: of the file's pixels; equal for exact copies.
        thumb: (256,) float32 of `training.duplicates`.
        crop: (160, 160, 3) uint8 RGB, None where there is no face in a photo.
        reason: why it cannot be read.
    """

    width: int
    height: int
    sharpness: float
    brightness: float
    faces: int
    digest: bytes
    thumb: Float32Array
    crop: UInt8Array | None
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """All pictures, row by row: as in `Look`.

    Attributes:
        features: (n, m) float32, NaN in rows without a crop; None where none were asked for.
        counted: whether faces were counted; else `faces` is 1 wherever the crops know of one.
    """

    samples: tuple[Sample, ...]
    width: NDArray[np.int64]
    height: NDArray[np.int64]
    sharpness: Float32Array
    brightness: Float32Array
    faces: NDArray[np.int64]
    digests: tuple[bytes, ...]
    thumbs: Float32Array
    features: Float32Array | None
    reasons: tuple[str, ...]
    counted: bool

    @property
    def readable(self) -> NDArray[np.bool_]:
        """(n,)"""
        return np.asarray(self.faces != UNREADABLE, np.bool_)


def scan(
    samples: Sequence[Sample],
    threads: int,
    embed: Embed | None = None,
    new_detector: Callable[[], Scanner] = chip_detector,
    *,
    tell: Callable[[int], None] = lambda _: None,
    with_face: Collection[str] | None = None,
) -> Scan:
    """Looks at every picture once.

    Args:
        embed: makes the features; None for none.
        tell: gets the number of pictures done, now and then.
        with_face: names of the pictures that are known to show a face; None: faces are looked for and counted, which takes most
            of the time. Features need that.
    """
    finders = [Counter(new_detector()) if with_face is None else Known(with_face) for _ in range(threads)]
    chunks = iter([samples[first : first + CHUNK] for first in range(0, len(samples), CHUNK)])
    looks: list[Look] = []
    features: list[Float32Array | None] = []
    with ThreadPoolExecutor(threads) as pool:
        while some := list(islice(chunks, threads)):
            for found in pool.map(_look_at, some, finders):
                features += [None] * len(found) if embed is None else _embedded(embed, found)
                # Crops are not kept: those of a whole data set do not fit into memory.
                looks += [_without_crop(look) for look in found]
            tell(len(looks))
    width = next((len(row) for row in features if row is not None), 0)
    nothing = np.full(width, np.nan, np.float32)
    return Scan(
        tuple(samples),
        np.array([look.width for look in looks], np.int64),
        np.array([look.height for look in looks], np.int64),
        np.array([look.sharpness for look in looks], np.float32),
        np.array([look.brightness for look in looks], np.float32),
        np.array([look.faces for look in looks], np.int64),
        tuple(look.digest for look in looks),
        np.stack([look.thumb for look in looks]),
        np.stack([nothing if row is None else row for row in features]) if width else None,
        tuple(look.reason for look in looks),
        with_face is None,
    )


def facenet_features(bf16: bool) -> Embed:
    """FaceNet's maps averaged over the picture, (n, 1792): it was trained to tell persons apart and has seen no age label.

    Raises:
        ModelFileError: FaceNet's weights are not installed.
    """
    net = AgeNet().eval().to(memory_format=torch.channels_last)

    def embed(crops: UInt8Array) -> Float32Array:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            pixels = torch.from_numpy(crops).permute(0, 3, 1, 2).float()
            return np.asarray(net.pooled(pixels).float().numpy(), np.float32)

    return embed


def faces_in(detector: Scanner, picture: UInt8Array, chip: bool) -> list[Detection]:
    """Every face, in pixels of the picture. Chips get a black border first; photos only where nothing is found without."""
    if not chip and (faces := detector.scan(picture)):
        return faces
    y, x = round(picture.shape[0] * BORDER), round(picture.shape[1] * BORDER)
    padded = cv2.copyMakeBorder(picture, y, y, x, x, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    return [
        replace(
            face,
            box=Box(face.box.x1 - x, face.box.y1 - y, face.box.x2 - x, face.box.y2 - y),
            landmarks=np.asarray(face.landmarks - [x, y], np.float32),
        )
        for face in detector.scan(np.asarray(padded, np.uint8))
    ]


def _central(faces: Sequence[Detection], picture: UInt8Array) -> Float32Array:
    """Landmarks of the face nearest to the picture's centre."""
    centre = np.array([picture.shape[1] / 2, picture.shape[0] / 2])
    return min(faces, key=lambda face: float(np.hypot(*(np.array(face.box.center) - centre)))).landmarks


class Counter:
    """Finds the faces of a picture and crops the central one.

    Args:
        detector: for one thread.
    """

    def __init__(self, detector: Scanner) -> None:
        self._detector = detector

    def __call__(self, sample: Sample, picture: UInt8Array) -> tuple[int, UInt8Array | None]:
        """How many there are, and the crop, (160, 160, 3) uint8 RGB; None where a photo shows no face."""
        faces = faces_in(self._detector, picture, sample.chip)
        points = _central(faces, picture) if faces else usual_landmarks(picture) if sample.chip else None
        return len(faces), None if points is None else np.asarray(align(picture, points, CROP_PX)[:, :, ::-1], np.uint8)


class Known:
    """Takes it from others whether a picture shows a face, and crops none."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def __call__(self, sample: Sample, _picture: UInt8Array) -> tuple[int, None]:
        return int(sample.name in self._names), None


def _look_at(samples: Sequence[Sample], find: Counter | Known) -> list[Look]:
    looks = []
    with Pictures() as pictures:
        for sample in samples:
            try:
                picture = pictures.read(sample)
            except SourceError as error:
                looks.append(Look(0, 0, np.nan, np.nan, UNREADABLE, b"", np.zeros(256, np.float32), None, error.message))
                continue
            height, width = picture.shape[:2]
            grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
            scale = QUALITY_PX / min(height, width)
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            sharpness = float(cv2.Laplacian(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), cv2.CV_64F).var())
            faces, crop = find(sample, picture)
            digest = hashlib.sha256(picture.tobytes()).digest()
            looks.append(Look(width, height, sharpness, float(grey.mean()), faces, digest, thumbnail(picture), crop))
    return looks


def _embedded(embed: Embed, looks: Sequence[Look]) -> list[Float32Array | None]:
    crops = [look.crop for look in looks if look.crop is not None]
    found: Iterator[Float32Array] = iter(embed(np.stack(crops)) if crops else ())
    return [None if look.crop is None else next(found) for look in looks]


def _without_crop(look: Look) -> Look:
    return Look(look.width, look.height, look.sharpness, look.brightness, look.faces, look.digest, look.thumb, None, look.reason)
