"""Cameras and streams that refuse, freeze, vanish and come back."""

from __future__ import annotations

import itertools
import logging
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.errors import SourceError
from pipeline.settings import SourceSettings
from pipeline.sources import list_cameras, open_source
from pipeline.sources.camera import Camera, Capture, find_camera, open_camera
from pipeline.sources.live import LiveSource
from pipeline.types import UInt8Array
from tests.limits import PATIENCE_S, assert_within
from tests.pipeline.clips import plain, write_film
from tests.pipeline.loopback import (
    LoopbackServer,
    talk_and_freeze,
    talk_mjpeg,
    talk_nothing,
    talk_rtsp,
    talk_status,
)

QUICK = SourceSettings(open_timeout_s=PATIENCE_S, lost_after_s=0.4, retry_first_s=0.05, retry_most_s=0.2)
"""Notices early that pictures are missing, and gives whoever answers the time that a busy machine needs for it."""
IMPATIENT = QUICK.model_copy(update={"open_timeout_s": 1})
CAMERAS = [Camera(0, "Integrated Camera", "V4L2"), Camera(2, "Logitech C920", "V4L2"), Camera(4, "Logitech BRIO", "V4L2")]


class TestStream:
    @pytest.mark.parametrize(("talk", "scheme"), [(talk_mjpeg, "http"), (talk_rtsp, "rtsp")])
    def test_comes_back_after_a_cut(self, talk: Callable[..., None], scheme: str, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)

        def come_back_once_missed() -> None:
            while not any("is lost" in record.message for record in caplog.records):
                time.sleep(0.01)
            time.sleep(0.4)
            server.restore()

        with LoopbackServer(talk) as server:
            address = f"{scheme}://user:secret@127.0.0.1:{server.port}/live"
            with open_source(address, threading.Event(), QUICK) as source:
                before = list(itertools.islice(source.frames(), 5))
                server.cut()
                threading.Thread(target=come_back_once_missed).start()
                after = list(itertools.islice(source.frames(), 60))
            assert server.connections >= 2
        frames = before + after
        assert [frame.index for frame in frames] == list(range(65))
        steps_s = np.diff([frame.time_s for frame in frames])
        assert (steps_s > 0).all()
        assert steps_s.max() > 0.3
        assert_within(float(steps_s.max()), 5)
        said = [record.message for record in caplog.records if record.name.startswith("pipeline")]
        assert re.search(r"/live is lost; waiting", said[0])
        assert re.search(r"/live is back after \d", said[1])
        assert not any("secret" in text for text in said)

    def test_a_frozen_stream_counts_as_lost(self) -> None:
        with LoopbackServer(talk_and_freeze) as server, open_source(server.address, threading.Event(), QUICK) as source:
            frames = []
            for frame in source.frames():
                frames.append(frame)
                if server.connections >= 2:
                    break
        assert len(frames) > 2
        assert frames[-1].time_s - frames[-2].time_s > 0.35

    def test_stop_while_it_is_away(self) -> None:
        stop = threading.Event()
        with LoopbackServer(talk_mjpeg) as server, open_source(server.address, stop, QUICK) as source:
            next(source.frames())
            server.cut()
            threading.Timer(0.5, stop.set).start()
            begun_s = time.perf_counter()
            # What was sent before the cut, then an end: without it this would wait for ever.
            list(source.frames())
            assert_within(time.perf_counter() - begun_s, 2)

    def test_gives_up_when_told_to(self) -> None:
        patience = QUICK.model_copy(update={"give_up_after_s": 0.5})
        with LoopbackServer(talk_mjpeg) as server, open_source(server.address, threading.Event(), patience) as source:
            next(source.frames())
            server.cut()
            with pytest.raises(SourceError, match=r"did not come back within 0\.5 s"):
                list(source.frames())
            assert list(source.frames()) == []

    @pytest.mark.parametrize("scheme", ["http", "rtsp"])
    def test_stop_while_it_does_not_answer(self, scheme: str) -> None:
        stop = threading.Event()
        threading.Timer(0.2, stop.set).start()
        with LoopbackServer(talk_nothing) as server:
            begun_s = time.perf_counter()
            with open_source(f"{scheme}://127.0.0.1:{server.port}/live", stop, QUICK) as source:
                assert list(source.frames()) == []
            assert_within(time.perf_counter() - begun_s, 0.8)

    @pytest.mark.parametrize(
        ("talk", "says"),
        [
            (talk_nothing, "did not answer in time"),
            (talk_status("401 Unauthorized"), "refuses this user"),
            (talk_status("403 Forbidden"), "refuses this user"),
            (talk_status("404 Not Found"), "does not exist on that host"),
            (talk_status("500 Broken"), "answers with an error"),
            (talk_status("200 OK", b"<html>Welcome to your camera</html>"), "not with a video stream"),
        ],
    )
    def test_refusals_name_the_reason_and_no_password(
        self, talk: Callable[..., None], says: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        with LoopbackServer(talk) as server:
            address = f"http://user:secret@127.0.0.1:{server.port}/live"
            patience = IMPATIENT if talk is talk_nothing else QUICK
            with pytest.raises(SourceError, match=says) as caught, open_source(address, threading.Event(), patience):
                pass
        assert caught.value.message.startswith(f"http://127.0.0.1:{server.port}/live ")
        assert "secret" not in str(caught.value)
        assert capfd.readouterr().err == ""

    @pytest.mark.parametrize("scheme", ["http", "rtsp"])
    def test_nobody_listens(self, scheme: str) -> None:
        with LoopbackServer(talk_nothing) as server:
            port = server.port
        with (
            pytest.raises(SourceError, match="refuses the connection"),
            open_source(f"{scheme}://127.0.0.1:{port}/", threading.Event()),
        ):
            pass

    def test_unknown_scheme(self) -> None:
        with pytest.raises(SourceError, match="unknown scheme"), open_source("nonsense://127.0.0.1/", threading.Event(), QUICK):
            pass


class _Plug:
    """A film that OpenCV plays as if it were a camera; at its end the camera is unplugged.

    Args:
        absent: how many times opening fails after the first time.
    """

    def __init__(self, film: Path, absent: int) -> None:
        self._film = film
        self._absent = absent
        self.opened: list[int] = []
        self.asked: list[int] = []

    def open(self, index: int) -> Capture:
        self.opened.append(index)
        there = len(self.opened) == 1 or len(self.opened) > 1 + self._absent
        capture = cv2.VideoCapture(str(self._film) if there else "no such film", cv2.CAP_FFMPEG)
        return _Recording(capture, self.asked)


class _Recording:
    """Passes everything on and notes what is asked of the camera."""

    def __init__(self, capture: cv2.VideoCapture, asked: list[int]) -> None:
        self._asked = asked
        self.isOpened, self.get, self.read, self.release = capture.isOpened, capture.get, capture.read, capture.release

    def set(self, propId: int, value: float, /) -> bool:  # noqa: ARG002, N803
        self._asked.append(propId)
        return False


class _Silent:
    """A camera that opens and never has a picture: another program holds it."""

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def set(self, propId: int, value: float, /) -> bool:  # noqa: ARG002, N803
        return False

    def get(self, propId: int, /) -> float:  # noqa: ARG002, N803
        return 0.0

    def read(self) -> tuple[bool, UInt8Array | None]:
        return False, None

    def release(self) -> None:
        pass


class TestCamera:
    def test_comes_back_after_it_was_unplugged(self, tmp_path: Path) -> None:
        plug = _Plug(write_film(tmp_path / "a.mp4", [plain(n) for n in range(6)]), absent=2)
        stop = threading.Event()
        source = open_camera("integrated", stop, QUICK, plug.open, lambda: CAMERAS)
        frames = list(itertools.islice(source.frames(), 15))
        source.close()
        assert source.info.name == "Integrated Camera"
        assert source.info.live
        assert plug.opened == [0] * 5
        assert [frame.index for frame in frames] == list(range(15))
        assert all(later.time_s > earlier.time_s for earlier, later in itertools.pairwise(frames))
        assert frames[6].time_s - frames[5].time_s > 0.05 + 0.1 + 0.2 - 0.02

    def test_asks_for_compressed_pictures_before_size_before_rate(self, tmp_path: Path) -> None:
        plug = _Plug(write_film(tmp_path / "a.mp4", [plain(0)] * 2), absent=0)
        open_camera("0", threading.Event(), QUICK, plug.open, lambda: CAMERAS).close()
        wanted = [cv2.CAP_PROP_FOURCC, cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FPS]
        assert plug.asked[:4] == wanted

    def test_is_found_again_under_another_index(self, tmp_path: Path) -> None:
        plug = _Plug(write_film(tmp_path / "a.mp4", [plain(0)] * 3), absent=0)
        lists = [CAMERAS, CAMERAS, [Camera(7, "Logitech BRIO", "V4L2")]]

        def cameras() -> list[Camera]:
            return lists.pop(0) if len(lists) > 1 else lists[0]

        source = open_camera("brio", threading.Event(), QUICK, plug.open, cameras)
        assert len(list(itertools.islice(source.frames(), 5))) == 5
        source.close()
        assert plug.opened == [4, 7]

    def test_stop_while_it_is_unplugged(self, tmp_path: Path) -> None:
        plug = _Plug(write_film(tmp_path / "a.mp4", [plain(0)] * 3), absent=10**6)
        stop = threading.Event()
        threading.Timer(0.3, stop.set).start()
        source = open_camera("0", stop, QUICK, plug.open, lambda: CAMERAS)
        begun_s = time.perf_counter()
        assert len(list(source.frames())) == 3
        assert_within(time.perf_counter() - begun_s, 1)
        source.close()

    def test_one_without_pictures(self) -> None:
        with pytest.raises(SourceError, match="Logitech C920 was opened, but sends no pictures"):
            open_camera("2", threading.Event(), IMPATIENT, lambda _: _Silent(), lambda: CAMERAS)

    def test_one_that_is_listed_but_cannot_be_opened(self) -> None:
        with pytest.raises(SourceError, match=r'"Logitech C920" \(index 2\) cannot be opened') as caught:
            open_camera("2", threading.Event(), QUICK, lambda _: cv2.VideoCapture("no such film"), lambda: CAMERAS)
        assert "Close other programs" in caught.value.hint

    def test_one_that_never_existed_names_those_that_do(self) -> None:
        with pytest.raises(SourceError) as caught:
            open_camera("9", threading.Event(), QUICK, lambda _: cv2.VideoCapture("no such film"), lambda: CAMERAS)
        assert caught.value.message == (
            'There is no camera with index 9. Cameras: 0 "Integrated Camera", 2 "Logitech C920", 4 "Logitech BRIO".'
        )

    @pytest.mark.parametrize(("spec", "index"), [("4", 4), ("logitech brio", 4), ("C920", 2), (" INTEGRATED camera ", 0)])
    def test_by_index_and_name(self, spec: str, index: int) -> None:
        assert find_camera(spec, CAMERAS).index == index

    @pytest.mark.parametrize(("spec", "says"), [("Kinect", 'called "Kinect"'), ("logitech", "fits several"), (" ", "No source")])
    def test_names_that_fit_none_or_several(self, spec: str, says: str) -> None:
        with pytest.raises(SourceError, match=says) as caught:
            find_camera(spec, CAMERAS)
        assert '2 "Logitech C920"' in caught.value.message

    def test_a_real_index_that_does_not_exist(self, capfd: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SourceError, match="There is no camera with index 97"), open_source("97", threading.Event(), QUICK):
            pass
        assert capfd.readouterr().err == ""

    def test_list(self) -> None:
        cameras = list_cameras()
        assert [camera.index for camera in cameras] == sorted({camera.index for camera in cameras})
        assert all(camera.name for camera in cameras)


class _Script:
    """A feed that follows a script: numbers are pictures, None is a lost connection."""

    fps = None

    def __init__(self, script: list[int | None]) -> None:
        self._script = script
        self.closed = 0

    def read(self) -> UInt8Array | None:
        number = self._script.pop(0)
        return None if number is None else plain(number)

    def close(self) -> None:
        self.closed += 1


def test_waits_grow_while_connections_give_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    waits_s: list[float] = []

    def wait(timeout: float | None = None) -> bool:
        waits_s.append(timeout or 0.0)
        return False

    monkeypatch.setattr(stop, "wait", wait)
    feeds = [_Script([1, None]), _Script([None]), _Script([None]), _Script([None]), _Script([2, None]), _Script([3])]
    connections = iter(feeds)
    source = LiveSource("test", lambda: next(connections), stop, SourceSettings(retry_first_s=1, retry_most_s=5))
    assert len(list(itertools.islice(source.frames(), 3))) == 3
    source.close()
    # Doubled up to the limit while nothing comes, and from the beginning after a picture.
    assert waits_s == [1, 2, 4, 5, 1]
    assert [feed.closed for feed in feeds] == [1] * 6
