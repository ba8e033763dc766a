"""From the file to the ages of eight faces: frames a second of the whole pipeline, for `engines.bench --all`."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np

from engines.choose import open_age_engine, open_detector
from engines.models import MODELS_FOLDER
from engines.tensorrt.loader import PORTRAITS
from pipeline.analyzer import Analyzer
from pipeline.errors import ModelFileError
from pipeline.settings import AgeSettings, EngineName, Settings
from pipeline.sources import open_source
from pipeline.types import UInt8Array

WIDTH_PX, HEIGHT_PX, FPS = 1920, 1080, 25
FACES, PORTRAIT_PX = 8, 300
FRAMES = 150
"""Six seconds: the first full scan and the first estimates weigh little in the mean."""


@dataclass(frozen=True, slots=True)
class FilmSpeed:
    """The whole pipeline on one film, one thread, every frame. Medians of the frames after the first second."""

    engine: str
    film: str
    frames: int
    faces_mean: float
    fps: float
    decode_p50_ms: float
    detect_p50_ms: float
    estimate_p50_ms: float

    def __str__(self) -> str:
        return (
            f"{self.film} on {self.engine}: {self.fps:.1f} fps, {self.faces_mean:.1f} faces a frame; median ms: decode "
            f"{self.decode_p50_ms:.1f}, detect {self.detect_p50_ms:.1f}, estimate {self.estimate_p50_ms:.1f}"
        )


def measure_film(engine: str, models: Path, film: Path | None = None) -> FilmSpeed:
    """Analyzes a film from its file.

    Args:
        engine: as in the settings.
        film: None for a made one, 1080p with eight portraits that sway.

    Raises:
        EngineError: the engine cannot run here.
        SourceError: the film cannot be read.
    """
    settings = Settings(age=AgeSettings(engine=cast(EngineName, engine)))
    with ExitStack() as stack:
        age_engine = stack.enter_context(closing(open_age_engine(settings.age, models)))
        detector = stack.enter_context(open_detector(settings, age_engine.info.name, models))
        path = film or stack.enter_context(made_film())
        analyzer = Analyzer(detector, age_engine, settings)
        source = stack.enter_context(open_source(str(path), threading.Event()))
        rows, started, before = [], time.perf_counter(), time.perf_counter()
        for frame in source.frames():
            decoded = time.perf_counter()
            result = analyzer.process(frame)
            rows.append(((decoded - before) * 1e3, result.times.detect_ms, result.times.estimate_ms, len(result.faces)))
            before = time.perf_counter()
        seconds = time.perf_counter() - started
    decode_ms, detect_ms, estimate_ms, faces = (np.array(column) for column in zip(*rows, strict=True))
    steady = slice(min(FPS, len(rows) // 2), None)
    return FilmSpeed(
        engine=age_engine.info.label,
        film=path.name,
        frames=len(rows),
        faces_mean=float(faces.mean()),
        fps=len(rows) / seconds,
        decode_p50_ms=float(np.median(decode_ms[steady])),
        detect_p50_ms=float(np.median(detect_ms[steady])),
        estimate_p50_ms=float(np.median(estimate_ms[steady])),
    )


@contextmanager
def made_film() -> Iterator[Path]:
    """A film file, 1920×1080, with eight faces; deleted afterwards."""
    portraits = [_portrait(name) for name in PORTRAITS]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "1080p-8-faces.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "20"})
            stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
            for number in range(FRAMES):
                picture = av.VideoFrame.from_ndarray(_picture(portraits, number / FPS), format="bgr24")
                picture.pts, picture.time_base = number, Fraction(1, FPS)
                container.mux(stream.encode(picture))
            container.mux(stream.encode())
        yield path


def _picture(portraits: list[UInt8Array], time_s: float) -> UInt8Array:
    picture = np.full((HEIGHT_PX, WIDTH_PX, 3), 96, np.uint8)
    column_px, row_px = WIDTH_PX // 4, HEIGHT_PX // 2
    for place in range(FACES):
        sway_px = int(40 * np.sin(2 * np.pi * time_s / 3 + place))
        x = place % 4 * column_px + (column_px - PORTRAIT_PX) // 2 + sway_px
        y = place // 4 * row_px + (row_px - PORTRAIT_PX) // 2
        picture[y : y + PORTRAIT_PX, x : x + PORTRAIT_PX] = portraits[place % len(portraits)]
    return picture


def _portrait(name: str) -> UInt8Array:
    path = MODELS_FOLDER.parent / "demo" / name
    image = cv2.imread(str(path))
    if image is None:
        raise ModelFileError(f"The portrait {path} is missing or damaged.", "Restore it: git checkout -- assets/demo.")
    side = min(image.shape[:2])
    return np.asarray(cv2.resize(image[:side, :side], (PORTRAIT_PX, PORTRAIT_PX), interpolation=cv2.INTER_AREA), np.uint8)
