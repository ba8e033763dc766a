"""Films in which people leave and come back, made of one photo each: who is who is known to the frame.

Every scene shows two or three people for some seconds; then others, before the same wall, or after a cut before another one. From
one appearance to the next place, size, light, sharpness and tilt differ. The same photos and seed give the same film.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from pipeline.errors import OutputError, SourceError
from pipeline.identity_truth import Appearance
from pipeline.types import Float64Array, UInt8Array

WIDTH_PX, HEIGHT_PX = 960, 540
FPS = 15
SCENE_S = 2.4
PAUSE_S = 1.4
"""Between scenes without a cut nobody is there: longer than the tracker waits."""

TILE_PX = (130.0, 300.0)
"""Height of a photo in the picture: faces of 28 pixels or more where a third of the width is face, as in portraits."""

APPEARANCES = 3
AT_ONCE = 3

PHOTOS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})

PORTRAITS = Path(__file__).resolve().parent.parent / "assets" / "demo"


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A person's picture.

    Attributes:
        name: of the file; who it is.
        image: (H, W, 4) uint8 BGR and alpha.
    """

    name: str
    image: UInt8Array


def read_photos(places: Sequence[Path], count: int) -> list[Photo]:
    """Photos of one face each, evenly from all that are there in order of their names.

    Args:
        places: pictures, folders and zip files; none takes the demo's portraits.

    Raises:
        SourceError: something cannot be read, or there are fewer than two photos.
    """
    found = sorted(((name, data) for place in places or [PORTRAITS] for name, data in _files(place)), key=lambda named: named[0])
    if len(found) < 2:
        raise SourceError("Identity is measured on two photos at least.", "Name a folder or a zip file with portraits.")
    chosen = [found[i] for i in np.unique(np.linspace(0, len(found) - 1, min(count, len(found))).astype(int))]
    return [Photo(name, _decoded(name, data.read())) for name, data in chosen]


def compose(path: Path, photos: Sequence[Photo], seed: int = 0) -> tuple[Appearance, ...]:
    """Writes the film; who is where in it.

    Raises:
        OutputError: the file cannot be written.
    """
    rng = np.random.default_rng(seed)
    truth: list[Appearance] = []
    begin_s, wall = 0.0, _wall(rng)
    try:
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=FPS, options={"crf": "20", "preset": "veryfast"})
            stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"

            def show(stays: Sequence[_Stay], seconds: float) -> None:
                for i in range(round(seconds * FPS)):
                    picture = wall.copy()
                    for stay in stays:
                        stay.paint(picture, i / FPS)
                    frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
                    frame.pts, frame.time_base = round(begin_s * FPS) + i, Fraction(1, FPS)
                    container.mux(stream.encode(frame))

            for group in _groups(photos, rng):
                stays = [_Stay.of(photo, place, len(group), rng) for place, photo in enumerate(group)]
                show(stays, SCENE_S)
                truth += [stay.appearance(begin_s) for stay in stays]
                begin_s += SCENE_S
                if rng.random() < 0.5:
                    wall = _wall(rng)
                else:
                    show([], PAUSE_S)
                    begin_s += PAUSE_S
            container.mux(stream.encode(None))
    except (OSError, av.FFmpegError) as error:
        raise OutputError(f"The film {path} cannot be written: {error}", "Free some space.") from error
    return tuple(truth)


def _groups(photos: Sequence[Photo], rng: np.random.Generator) -> Iterator[list[Photo]]:
    """Who is shown together: everybody APPEARANCES times, nobody twice in a row."""
    left = [photo for _ in range(APPEARANCES) for photo in (photos[i] for i in rng.permutation(len(photos)))]
    while left:
        size = 1 if len(photos) == 2 else int(rng.integers(2, AT_ONCE + 1))
        group: list[Photo] = []
        for photo in list(left):
            if len(group) < size and photo not in group:
                group.append(photo)
                left.remove(photo)
        yield group


@dataclass(frozen=True, slots=True, eq=False)
class _Stay:
    """One appearance: a photo, how it is spoilt, and how it moves."""

    photo: Photo
    tile: UInt8Array
    x: float
    y: float
    drift: float
    phase: float

    @classmethod
    def of(cls, photo: Photo, place: int, places: int, rng: np.random.Generator) -> _Stay:
        height, width = photo.image.shape[:2]
        scale = float(np.exp(rng.uniform(*np.log(TILE_PX)))) / height
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(rng.uniform(-8, 8)), scale)
        size = round(width * scale), round(height * scale)
        turn[:, 2] += (size[0] / 2 - width / 2, size[1] / 2 - height / 2)
        # Smoothed first, as the lens would: sampling alone makes patterns of fine detail.
        smooth = cv2.GaussianBlur(photo.image, (0, 0), 0.5 / scale) if scale < 0.7 else photo.image
        tile = cv2.warpAffine(smooth, turn, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        colour = tile[:, :, :3].astype(np.float32) * rng.uniform(0.65, 1.15)
        if (blur := rng.uniform(0, 0.012) * size[1]) > 0.3:
            colour = np.asarray(cv2.GaussianBlur(colour, (0, 0), blur), np.float32)
        colour += rng.normal(0, rng.uniform(0, 6), colour.shape).astype(np.float32)
        tile = np.dstack([np.clip(colour, 0, 255).astype(np.uint8), tile[:, :, 3]])
        x = (place + 0.5) * WIDTH_PX / places
        y = float(rng.uniform(size[1] / 2, max(size[1] / 2 + 1, HEIGHT_PX - size[1] / 2)))
        return cls(photo, np.asarray(tile, np.uint8), x, y, float(rng.uniform(4, 14)), float(rng.uniform(0, 6.28)))

    def paint(self, picture: UInt8Array, time_s: float) -> None:
        sway = self.drift * np.sin(2.4 * time_s + self.phase)
        h, w = self.tile.shape[:2]
        left, top = round(self.x + sway - w / 2), round(self.y + 0.4 * sway - h / 2)
        y1, x1, y2, x2 = max(0, top), max(0, left), min(HEIGHT_PX, top + h), min(WIDTH_PX, left + w)
        part = self.tile[y1 - top : y2 - top, x1 - left : x2 - left]
        alpha = part[:, :, 3:].astype(np.float32) / 255
        place = picture[y1:y2, x1:x2]
        place[:] = np.clip(place * (1 - alpha) + part[:, :, :3] * alpha, 0, 255).astype(np.uint8)

    def appearance(self, begin_s: float) -> Appearance:
        reach = 0.6 * max(self.tile.shape[:2])
        return Appearance(self.photo.name, reach, ((begin_s, self.x, self.y), (begin_s + SCENE_S, self.x, self.y)))


def _wall(rng: np.random.Generator) -> UInt8Array:
    """A room of large shapes, another one for every draw."""
    wall = np.full((HEIGHT_PX, WIDTH_PX, 3), rng.integers(70, 150, 3), np.float64)
    for _ in range(14):
        x, y = rng.integers(0, (WIDTH_PX, HEIGHT_PX))
        w, h = rng.integers(HEIGHT_PX // 8, HEIGHT_PX // 2, 2)
        cv2.rectangle(wall, (int(x), int(y)), (int(x + w), int(y + h)), rng.integers(40, 200, 3).tolist(), -1)
    blurred: Float64Array = np.asarray(cv2.GaussianBlur(wall, (0, 0), 3), np.float64)
    return np.clip(blurred + rng.normal(0, 3, wall.shape), 0, 255).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class _File:
    """A picture that is read when it is wanted."""

    path: Path
    member: str = ""

    def read(self) -> bytes:
        try:
            if not self.member:
                return self.path.read_bytes()
            with zipfile.ZipFile(self.path) as archive:
                return archive.read(self.member)
        except (OSError, zipfile.BadZipFile, KeyError) as error:
            raise SourceError(f"{self.path} cannot be read: {error}", "Check the file.") from error


def _files(place: Path) -> Iterator[tuple[str, _File]]:
    if place.suffix.lower() == ".zip":
        try:
            with zipfile.ZipFile(place) as archive:
                members = archive.namelist()
        except (OSError, zipfile.BadZipFile) as error:
            raise SourceError(f"{place} cannot be read: {error}", "Check the file.") from error
        yield from ((Path(name).name, _File(place, name)) for name in members if Path(name).suffix.lower() in PHOTOS)
        return
    paths = sorted(place.iterdir()) if place.is_dir() else [place]
    yield from ((path.name, _File(path)) for path in paths if path.suffix.lower() in PHOTOS)


def _decoded(name: str, data: bytes) -> UInt8Array:
    """With alpha; where the picture has none, its edge is made soft."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype != np.uint8:
        raise SourceError(f"The picture {name} cannot be read.", "Remove it.")
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    if image.shape[2] == 4:
        return np.asarray(image, np.uint8)
    # Pictures that the face fills get some room, in which the detector finds the chin and the hair.
    edge = round(0.15 * min(image.shape[:2]))
    image = cv2.copyMakeBorder(image, edge, edge, edge, edge, cv2.BORDER_REFLECT_101)
    alpha = np.zeros(image.shape[:2], np.uint8)
    alpha[edge // 2 : -edge // 2, edge // 2 : -edge // 2] = 255
    alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), edge / 4), np.uint8)
    return np.dstack([image, alpha]).astype(np.uint8)
