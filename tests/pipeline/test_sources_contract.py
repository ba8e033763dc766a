"""What every source promises, whatever is behind it."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.protocols import VideoSource
from pipeline.settings import SourceSettings
from pipeline.sources import is_live, open_source
from pipeline.sources.camera import Camera, open_camera
from pipeline.sources.demo import FRAME_COUNT
from tests.limits import PATIENCE_S, assert_within
from tests.pipeline.clips import brightness, plain, write_film
from tests.pipeline.loopback import LoopbackServer, talk_mjpeg, talk_rtsp

UNEVEN_MS = [0, 40, 50, 130, 400, 410, 520, 900]
EVEN_MS = [40 * number for number in range(len(UNEVEN_MS))]
PICTURES = [plain(number) for number in range(len(UNEVEN_MS))]

PATIENT = SourceSettings(open_timeout_s=PATIENCE_S, lost_after_s=PATIENCE_S)


@dataclass(frozen=True)
class Case:
    """A source, and what is known about all of its frames; None for live ones."""

    spec: str
    name: str
    times_s: list[float] | None = None
    brightnesses: list[int] | None = None
    sources: list[str] | None = None
    capture: Callable[[int], cv2.VideoCapture] | None = None

    def open(self, stop: threading.Event) -> AbstractContextManager[VideoSource]:
        if self.capture is None:
            return open_source(self.spec, stop, PATIENT)
        return closing(open_camera(self.spec, stop, PATIENT, self.capture, lambda: [Camera(3, "Test camera", "V4L2")]))


def _film(folder: Path, ending: str) -> Case:
    path = folder / f"Übung 年.{ending}"
    times_ms = EVEN_MS if ending == "avi" else UNEVEN_MS
    match ending:
        case "avi":
            write_film(path, PICTURES, times_ms, codec="mpeg4", time_base=Fraction(1, 25))
        case "webm":
            write_film(path, PICTURES, times_ms, codec="libvpx-vp9")
        case "gif":
            write_film(path, PICTURES, times_ms, codec="gif", pix_fmt="rgb8")
        case _:
            write_film(path, PICTURES, times_ms)
    known = [brightness(number) for number in range(len(PICTURES))]
    return Case(str(path), path.name, [value / 1000 for value in times_ms], known)


def _folder(folder: Path) -> Case:
    names = ["a1.png", "a2.jpg", "A10.png", "ü.bmp", "z.webp"]
    for number, name in enumerate(names):
        path = folder / name
        path.write_bytes(cv2.imencode(path.suffix, plain(number))[1].tobytes())
    known = [brightness(number) for number in range(len(names))]
    return Case(str(folder), folder.name, [float(number) for number in range(len(names))], known, names)


def _picture(folder: Path) -> Case:
    path = folder / "Bild 1.png"
    path.write_bytes(cv2.imencode(".png", plain(4))[1].tobytes())
    return Case(str(path), "Bild 1.png", [0.0], [brightness(4)])


FILMS = ("mp4", "mkv", "avi", "mov", "webm", "gif")
KINDS = (*FILMS, "picture", "folder", "demo", "mjpeg", "rtsp", "camera")


@pytest.fixture(params=KINDS)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    kind: str = request.param
    with ExitStack() as stack:
        if kind in FILMS:
            yield _film(tmp_path, kind)
        elif kind == "picture":
            yield _picture(tmp_path)
        elif kind == "folder":
            yield _folder(tmp_path)
        elif kind == "demo":
            yield Case("demo", "demo", [index / 30 for index in range(FRAME_COUNT)])
        elif kind == "rtsp":
            server = stack.enter_context(LoopbackServer(talk_rtsp))
            yield Case(f"rtsp://user:secret@127.0.0.1:{server.port}/live", f"rtsp://127.0.0.1:{server.port}/live")
        else:
            # No camera exists on a test machine; OpenCV reads a network camera through the same calls.
            server = stack.enter_context(LoopbackServer(talk_mjpeg))
            address = f"http://user:secret@127.0.0.1:{server.port}/live"
            if kind == "mjpeg":
                yield Case(address, f"http://127.0.0.1:{server.port}/live")
            else:
                yield Case("test", "Test camera", capture=lambda _: cv2.VideoCapture(address, cv2.CAP_FFMPEG))


ENOUGH = 30
"""Frames to look at where there are many or endless ones."""


def test_frames_are_what_the_pipeline_expects(case: Case) -> None:
    with case.open(threading.Event()) as source:
        frames = list(itertools.islice(source.frames(), ENOUGH))
        info = source.info

    assert info.name == case.name
    assert info.live == is_live(case.spec) == (case.times_s is None)
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert all(later.time_s > earlier.time_s for earlier, later in itertools.pairwise(frames))
    now = time.time()
    for frame in frames:
        assert frame.image.dtype == np.uint8
        assert frame.image.ndim == 3
        assert frame.image.shape[2] == 3
        assert frame.image.flags.c_contiguous
        assert not frame.image.flags.writeable
        assert now - 300 < frame.wall_time_s <= now
        assert "secret" not in frame.source
        if not frame.independent:
            assert (frame.width, frame.height) == (info.width, info.height)
            assert frame.source == info.name
    with pytest.raises(ValueError, match="read-only"):
        frames[0].image[0, 0, 0] = 1


def test_frames_keep_their_memory_after_the_source_is_closed(case: Case) -> None:
    with case.open(threading.Event()) as source:
        frames = list(itertools.islice(source.frames(), 8))
        before = [frame.image.copy() for frame in frames]
    assert all(np.array_equal(frame.image, image) for frame, image in zip(frames, before, strict=True))


def test_times_and_pictures_are_the_true_ones(case: Case) -> None:
    with case.open(threading.Event()) as source:
        frames = list(itertools.islice(source.frames(), ENOUGH))
    if case.times_s is None:
        # By the clock: what the server sends for half a second cannot take much longer, nor come at once.
        assert len(frames) == ENOUGH
        assert frames[-1].time_s - frames[0].time_s > 0.1
        assert_within(frames[-1].time_s - frames[0].time_s, 5)
        return
    expected = case.times_s[:ENOUGH]
    assert [frame.time_s for frame in frames] == pytest.approx(expected, abs=1e-9)
    if case.brightnesses:
        assert [float(frame.image.mean()) for frame in frames] == pytest.approx(case.brightnesses, abs=5)
    if case.sources:
        assert [frame.source for frame in frames] == case.sources
        assert all(frame.independent for frame in frames)


def test_ends_once_and_for_all(case: Case) -> None:
    if case.times_s is None:
        pytest.skip("a live source does not end")
    with case.open(threading.Event()) as source:
        count = sum(1 for _ in source.frames())
        assert count == len(case.times_s)
        assert source.info.frame_count == pytest.approx(count, abs=1 if case.name.endswith("gif") else 20)
        assert list(source.frames()) == []


def test_closing_twice_is_harmless_and_ends_the_frames(case: Case) -> None:
    with case.open(threading.Event()) as source:
        frames = source.frames()
        next(frames)
        source.close()  # type: ignore[attr-defined]
        source.close()  # type: ignore[attr-defined]
        assert list(frames) == []
        assert list(source.frames()) == []


def test_stop_ends_the_frames_at_once(case: Case) -> None:
    stop = threading.Event()
    with case.open(stop) as source:
        frames = source.frames()
        next(frames)
        stop.set()
        begun_s = time.perf_counter()
        assert list(frames) == []
        assert_within(time.perf_counter() - begun_s, 1)


def test_stop_before_the_start_is_no_error(case: Case) -> None:
    stop = threading.Event()
    stop.set()
    with case.open(stop) as source:
        assert list(source.frames()) == []
