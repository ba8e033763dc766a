"""Where frames come from: films, pictures, folders, cameras, network streams and a built-in demo, behind one protocol."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import cv2

from pipeline.protocols import VideoSource
from pipeline.settings import SourceSettings
from pipeline.sources.camera import Camera, list_cameras, open_camera
from pipeline.sources.demo import DemoSource
from pipeline.sources.film import FilmSource
from pipeline.sources.live import LiveSource
from pipeline.sources.names import SourceKind, kind_of, safe_name
from pipeline.sources.stills import StillsSource
from pipeline.sources.stream import open_stream

__all__ = ["Camera", "is_live", "list_cameras", "open_source", "safe_name"]


def is_live(spec: str) -> bool:
    """True where time passes whether or not frames are taken: cameras and network streams. Opens nothing."""
    return kind_of(spec) in {SourceKind.CAMERA, SourceKind.STREAM}


@contextmanager
def open_source(spec: str, stop: threading.Event, settings: SourceSettings | None = None) -> Iterator[VideoSource]:
    """Opens a source in the thread that enters the context; that thread also reads and, by leaving it, closes.

    Args:
        spec: "demo", a camera's index ("0") or name, a film, a picture, a folder of pictures, or an rtsp://, http:// or
            https:// address.
        stop: when set, reading ends within about two seconds, whatever the source is waiting for.
        settings: defaults where None.

    Raises:
        SourceError: the source does not exist, or nothing in it can be read.
    """
    with _quiet_opencv(), closing(_open(spec, stop, settings or SourceSettings())) as source:
        yield source


@contextmanager
def _quiet_opencv() -> Iterator[None]:
    """OpenCV writes about cameras and damaged pictures to stderr; our own errors say what to do. (PyAV is silent by itself.)"""
    before = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)


def _open(spec: str, stop: threading.Event, settings: SourceSettings) -> DemoSource | FilmSource | StillsSource | LiveSource:
    match kind_of(spec):
        case SourceKind.DEMO:
            return DemoSource(stop)
        case SourceKind.FILM:
            return FilmSource(spec, stop)
        case SourceKind.PICTURE | SourceKind.FOLDER:
            return StillsSource(spec, stop)
        case SourceKind.CAMERA:
            return open_camera(spec, stop, settings)
        case SourceKind.STREAM:
            return open_stream(spec, stop, settings)
