"""Cameras of this machine, by index or by name, through OpenCV."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np

from pipeline.errors import SourceError
from pipeline.settings import SourceSettings
from pipeline.sources.live import LiveSource
from pipeline.types import UInt8Array, as_readonly

# One back end per system, for the list and for opening: indices of different back ends name different cameras.
if sys.platform == "win32":
    # DirectShow opens in a moment, where Media Foundation can take ten seconds and more.
    _BACKEND = cv2.CAP_DSHOW
elif sys.platform == "darwin":
    _BACKEND = cv2.CAP_AVFOUNDATION
else:
    _BACKEND = cv2.CAP_V4L2

_BETWEEN_READS_S = 0.01
"""Wait while a camera that was just opened has no picture yet."""


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera of this machine.

    Attributes:
        index: what `open_source` takes, as text.
        backend: OpenCV's name of the interface behind it: V4L2, DSHOW, AVFOUNDATION.
    """

    index: int
    name: str
    backend: str


class Capture(Protocol):
    """What is used of cv2.VideoCapture."""

    def isOpened(self) -> bool: ...  # noqa: N802

    def set(self, propId: int, value: float, /) -> bool: ...  # noqa: N803

    def get(self, propId: int, /) -> float: ...  # noqa: N803

    def read(self) -> tuple[bool, Any]: ...

    def release(self) -> None: ...


def list_cameras() -> list[Camera]:
    """The cameras of this machine by index; empty where there are none. Opens none of them."""
    # Here, since on Windows and macOS the import alone talks to the system's camera service.
    from cv2_enumerate_cameras import enumerate_cameras  # noqa: PLC0415

    backend = cv2.videoio_registry.getBackendName(_BACKEND)
    found = {info.index: Camera(info.index, info.name, backend) for info in enumerate_cameras(_BACKEND)}
    return [found[index] for index in sorted(found)]


def open_camera(
    spec: str,
    stop: threading.Event,
    settings: SourceSettings,
    open_capture: Callable[[int], Capture] | None = None,
    cameras: Callable[[], list[Camera]] = list_cameras,
) -> LiveSource:
    """A camera by its index ("0") or by its name, which may be a part of the name that fits only one.

    Args:
        spec: index or name.
        open_capture: opens the camera of an index; cv2.VideoCapture where None.
        cameras: lists the cameras that exist.

    Raises:
        SourceError: there is no such camera, or it cannot be opened; the message names those that exist.
    """

    def connect() -> _CameraFeed:
        # By name each time: a camera that was unplugged may come back under another index.
        camera = find_camera(spec, cameras())
        return _CameraFeed(camera, (open_capture or _open_capture)(camera.index), stop, settings, cameras)

    return LiveSource(find_camera(spec, cameras()).name, connect, stop, settings)


def find_camera(spec: str, cameras: list[Camera]) -> Camera:
    """The camera that the text means.

    An index that is not in the list is taken on trust: containers and some drivers hide cameras from lists.

    Raises:
        SourceError: no camera has this name, or several have it.
    """
    wanted = spec.strip().casefold()
    if not wanted:
        raise SourceError(f"No source was given. {_existing(cameras)}", _CHOOSE_HINT)
    if wanted.isdecimal():
        known = {camera.index: camera for camera in cameras}
        return known.get(int(wanted), Camera(int(wanted), f"camera {int(wanted)}", ""))
    fits = [camera for camera in cameras if camera.name.casefold() == wanted]
    fits = fits or [camera for camera in cameras if wanted in camera.name.casefold()]
    if not fits:
        raise SourceError(f'There is no camera, file or folder called "{spec}". {_existing(cameras)}', _CHOOSE_HINT)
    if len(fits) > 1:
        raise SourceError(f'"{spec}" fits several cameras. {_existing(fits)}', "Give the index of the one that you mean.")
    return fits[0]


_CHOOSE_HINT = "Give a camera's index or name, a file, a folder, an address, or demo."


class _CameraFeed:
    """One opened camera."""

    def __init__(
        self,
        camera: Camera,
        capture: Capture,
        stop: threading.Event,
        settings: SourceSettings,
        cameras: Callable[[], list[Camera]],
    ) -> None:
        self._capture = capture
        self._stop = stop
        self._first_within_s = settings.open_timeout_s
        self._delivered = False
        if not capture.isOpened():
            capture.release()
            raise _cannot_open(camera, cameras())
        # MJPG before size before rate: raw pictures of that size don't fit through USB 2, and drivers then refuse the rate.
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, settings.camera_width_px)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, settings.camera_height_px)
        capture.set(cv2.CAP_PROP_FPS, settings.camera_fps)
        capture.set(cv2.CAP_PROP_READ_TIMEOUT_MSEC, settings.lost_after_s * 1000)
        # Read back: what was asked is not what the camera does.
        fps = capture.get(cv2.CAP_PROP_FPS)
        self.fps = fps if 0 < fps < 1000 else None

    def read(self) -> UInt8Array | None:
        """The next picture; a camera that never gave one is waited for, one that did and stops is lost."""
        deadline_s = time.perf_counter() + self._first_within_s
        while True:
            ok, image = self._capture.read()
            if ok and image is not None and image.size:
                self._delivered = True
                return as_readonly(_three_channels(np.asarray(image, np.uint8)))
            if self._delivered or time.perf_counter() > deadline_s or self._stop.wait(_BETWEEN_READS_S):
                return None

    def close(self) -> None:
        self._capture.release()


def _open_capture(index: int) -> Capture:
    return cv2.VideoCapture(index, _BACKEND)


def _three_channels(image: UInt8Array) -> UInt8Array:
    """Infrared cameras give one channel, some virtual ones four."""
    if image.ndim == 2 or image.shape[2] == 1:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
    if image.shape[2] == 4:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGRA2BGR), np.uint8)
    return np.ascontiguousarray(image)


def _cannot_open(camera: Camera, cameras: list[Camera]) -> SourceError:
    if camera.index in {other.index for other in cameras}:
        return SourceError(
            f'The camera "{camera.name}" (index {camera.index}) cannot be opened.',
            "Close other programs that use it, and allow camera access in the system's privacy settings.",
        )
    return SourceError(f"There is no camera with index {camera.index}. {_existing(cameras)}", _CHOOSE_HINT)


def _existing(cameras: list[Camera]) -> str:
    if not cameras:
        return "No camera was found on this machine."
    return "Cameras: " + ", ".join(f'{camera.index} "{camera.name}"' for camera in cameras) + "."
