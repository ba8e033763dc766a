"""Films: times, upright pictures, odd formats, and files that are broken."""

from __future__ import annotations

import gc
import http.server
import struct
import threading
import wave
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.errors import SourceError
from pipeline.sources import is_live, open_source
from pipeline.sources.containers import file_state
from pipeline.sources.film import FilmSource
from pipeline.types import Frame
from tests.pipeline.clips import (
    HEIGHT_PX,
    WIDTH_PX,
    brightness,
    corner_colours,
    cut_short,
    plain,
    quarters,
    set_display_matrix,
    write_film,
)

CLIPS = Path(__file__).resolve().parents[2] / "../shared/data/videos"


def read(path: Path) -> list[Frame]:
    with open_source(str(path), threading.Event()) as source:
        return list(source.frames())


def refusal(path: Path) -> SourceError:
    with pytest.raises(SourceError) as caught, open_source(str(path), threading.Event()):
        pass
    assert caught.value.hint
    return caught.value


def noisy(count: int) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """Pictures that don't compress, so that a share of the file is a share of the film."""
    rng = np.random.default_rng(1)
    return [rng.integers(0, 255, (HEIGHT_PX, WIDTH_PX, 3), dtype=np.uint8) for _ in range(count)]


class TestTimes:
    @pytest.mark.parametrize(
        ("ending", "codec", "tick_s"), [("mp4", "libx264", 1 / 16000), ("mkv", "libx264", 1e-3), ("webm", "libvpx-vp9", 1e-3)]
    )
    def test_variable_rate(self, tmp_path: Path, ending: str, codec: str, tick_s: float) -> None:
        rng = np.random.default_rng(3)
        times_ms = [0, *np.cumsum(rng.integers(3, 400, 60)).tolist()]
        path = write_film(tmp_path / f"vfr.{ending}", [plain(n) for n in range(61)], times_ms, codec=codec)
        frames = read(path)
        assert [frame.time_s for frame in frames] == pytest.approx([ms / 1000 for ms in times_ms], abs=tick_s / 2)
        assert [float(frame.image.mean()) for frame in frames] == pytest.approx([brightness(n) for n in range(61)], abs=6)

    def test_a_small_delay_of_the_first_picture_is_kept(self, tmp_path: Path) -> None:
        path = write_film(tmp_path / "late.mkv", [plain(n) for n in range(3)], [840, 880, 920], with_sound=True)
        assert [frame.time_s for frame in read(path)] == pytest.approx([0.84, 0.88, 0.92], abs=5e-4)

    def test_a_broadcast_clock_begins_at_zero_and_says_so(self, tmp_path: Path) -> None:
        path = write_film(tmp_path / "tv.ts", [plain(n) for n in range(60)], [50_000 + 40 * n for n in range(60)])
        with open_source(str(path), threading.Event()) as source:
            assert source.info.start_s == pytest.approx(50, abs=1)
            assert [frame.time_s for frame in source.frames()] == pytest.approx([0.04 * n for n in range(60)], abs=1e-4)

    def test_without_timestamps_the_rate_counts(self, tmp_path: Path) -> None:
        path = write_film(tmp_path / "raw.h264", [plain(n) for n in range(5)], container_format="h264")
        assert [frame.time_s for frame in read(path)] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])

    def test_joined_recordings_go_on(self, tmp_path: Path) -> None:
        first = write_film(tmp_path / "1.ts", [plain(n) for n in range(60)])
        both = tmp_path / "both.ts"
        both.write_bytes(first.read_bytes() * 2)
        times_s = [frame.time_s for frame in read(both)]
        assert len(times_s) >= 110
        steps = np.diff(times_s)
        assert (steps > 0).all()
        assert steps.max() < 0.5

    def test_delay_of_a_gif_is_exact(self, tmp_path: Path) -> None:
        path = write_film(tmp_path / "a.gif", [plain(n) for n in range(4)], [0, 250, 300, 1300], codec="gif", pix_fmt="rgb8")
        assert [frame.time_s for frame in read(path)] == pytest.approx([0, 0.25, 0.3, 1.3])


class TestPictures:
    @pytest.mark.parametrize(
        ("matrix", "corners", "turned"),
        [
            ((1, 0, 0, 1), "rgwb", False),
            ((0, 1, -1, 0), "brgw", True),  # a quarter turn clockwise: a phone held upright
            ((-1, 0, 0, -1), "wbrg", False),
            ((0, -1, 1, 0), "gwbr", True),
            ((-1, 0, 0, 1), "grbw", False),  # mirrored: a front camera
            ((1, 0, 0, -1), "bwgr", False),
            ((0, 1, 1, 0), "rbwg", True),
        ],
    )
    def test_upright(self, tmp_path: Path, matrix: tuple[int, int, int, int], corners: str, turned: bool) -> None:
        path = set_display_matrix(write_film(tmp_path / "phone.mp4", [quarters()] * 3), *matrix)
        with open_source(str(path), threading.Event()) as source:
            size = (HEIGHT_PX, WIDTH_PX) if turned else (WIDTH_PX, HEIGHT_PX)
            assert (source.info.width, source.info.height) == size
            for frame in source.frames():
                assert (frame.width, frame.height) == size
                assert corner_colours(frame.image) == corners

    @pytest.mark.parametrize(
        ("codec", "ending", "pix_fmt"),
        [("ffv1", "mkv", "gray"), ("ffv1", "mkv", "gray16le"), ("ffv1", "mkv", "yuv422p10le"), ("mjpeg", "avi", "yuvj420p")],
    )
    def test_grey_deep_and_odd_pictures(self, tmp_path: Path, codec: str, ending: str, pix_fmt: str) -> None:
        odd = [plain(n, 97, 65) for n in range(3)]
        path = write_film(tmp_path / f"odd.{ending}", odd, codec=codec, pix_fmt=pix_fmt, time_base=Fraction(1, 25))
        frames = read(path)
        assert [frame.image.shape for frame in frames] == [(65, 97, 3)] * 3
        assert [float(frame.image.mean()) for frame in frames] == pytest.approx([20, 30, 40], abs=5)

    def test_transparent_parts_are_white(self, tmp_path: Path) -> None:
        picture = np.full((HEIGHT_PX, WIDTH_PX, 4), 90, np.uint8)
        picture[:, : WIDTH_PX // 2, 3] = 0
        picture[:, WIDTH_PX // 2 :, 3] = 255
        path = write_film(tmp_path / "clear.mov", [picture] * 2, codec="png", pix_fmt="rgba", layout="bgra")
        for frame in read(path):
            assert (frame.image[:, : WIDTH_PX // 2 - 1] == 255).all()
            assert (frame.image[:, WIDTH_PX // 2 + 1 :] == 90).all()

    def test_pixels_become_square(self, tmp_path: Path) -> None:
        path = write_film(tmp_path / "wide.mp4", [quarters()] * 2, pixel_shape=Fraction(4, 3))
        with open_source(str(path), threading.Event()) as source:
            assert (source.info.width, source.info.height) == (WIDTH_PX * 4 // 3, HEIGHT_PX)
            assert corner_colours(next(source.frames()).image) == "rgwb"

    @pytest.mark.parametrize(("size", "luma"), [((1280, 720), (63, 102, 240)), ((640, 480), (81, 90, 240))])
    def test_colours_that_are_not_named_are_the_usual_ones(
        self, tmp_path: Path, size: tuple[int, int], luma: tuple[int, int, int]
    ) -> None:
        width, height = size
        parts = [np.full(height * width // share, value, np.uint8) for value, share in zip(luma, (1, 4, 4), strict=True)]
        planar = np.concatenate(parts).reshape(height * 3 // 2, width)
        path = write_film(tmp_path / "red.mp4", [planar], layout="yuv420p", size=size)
        assert read(path)[0].image[height // 2, width // 2].tolist() == pytest.approx([0, 0, 255], abs=4)


class TestBroken:
    @pytest.mark.parametrize(
        ("name", "content", "says"),
        [
            ("text.mp4", b"Dear diary, this is no film.\n" * 40, "text.mp4 is not a film"),
            ("notes.txt", b"Dear diary, this is no film.\n" * 40, "notes.txt is not a film"),
            ("empty.mp4", b"", "empty.mp4 is empty"),
            ("zeros.mkv", bytes(5000), "zeros.mkv is not a film"),
        ],
    )
    def test_no_film(self, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, content: bytes, says: str) -> None:
        path = tmp_path / name
        path.write_bytes(content)
        assert refusal(path).message.startswith(says)
        assert capfd.readouterr().err == ""

    def test_wrong_path_names_it(self, tmp_path: Path) -> None:
        path = tmp_path / "no such film.mp4"
        assert str(path) in refusal(path).message

    def test_sound_only(self, tmp_path: Path) -> None:
        path = tmp_path / "song.wav"
        with wave.open(str(path), "wb") as song:
            song.setnchannels(1)
            song.setsampwidth(2)
            song.setframerate(8000)
            song.writeframes(bytes(8000))
        assert "holds sound only" in refusal(path).message

    def test_mp4_whose_index_is_cut_off(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        error = refusal(cut_short(write_film(tmp_path / "film.mp4", noisy(40)), 0.6))
        assert "film.mp4 is cut off: its index (moov)" in error.message
        assert capfd.readouterr().err == ""

    @pytest.mark.parametrize(("ending", "options"), [("mp4", {"movflags": "faststart"}), ("mkv", {}), ("avi", {})])
    def test_cut_off_film_gives_what_is_there_and_then_says_so(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str], ending: str, options: dict[str, str]
    ) -> None:
        codec, clock = ("mpeg4", Fraction(1, 25)) if ending == "avi" else ("libx264", Fraction(1, 1000))
        whole = write_film(tmp_path / f"film.{ending}", noisy(50), codec=codec, time_base=clock, options=options)
        assert len(read(whole)) == 50
        path = cut_short(whole, 0.6)
        frames: list[Frame] = []
        with open_source(str(path), threading.Event()) as source:
            with pytest.raises(SourceError, match=rf"film\.{ending} is cut off: it ends after \d\.\d s") as caught:
                frames.extend(source.frames())
            assert list(source.frames()) == []
        assert 24 <= len(frames) <= 32
        assert caught.value.hint.startswith(f"The {len(frames)} pictures up to there were read.")
        assert capfd.readouterr().err == ""

    def test_what_is_lost_after_the_last_picture_is_not_missed(self, tmp_path: Path) -> None:
        path = write_film(tmp_path / "film.mp4", noisy(10), options={"movflags": "faststart"})
        path.write_bytes(path.read_bytes() + struct.pack(">I4s", 4000, b"free") + bytes(100))
        assert file_state(path).cut_off
        assert len(read(path)) == 10

    def test_damaged_packets_are_left_out_and_counted(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        path = write_film(tmp_path / "film.avi", noisy(40), codec="mjpeg", pix_fmt="yuvj420p", time_base=Fraction(1, 25))
        data = bytearray(path.read_bytes())
        starts = [place for place in range(len(data) - 2) if data[place : place + 3] == b"\xff\xd8\xff"]
        for begin in starts[10:13]:
            data[begin : begin + 600] = bytes(600)
        path.write_bytes(data)
        times_s = [frame.time_s for frame in read(path)]
        assert 35 <= len(times_s) < 40
        assert [record.message for record in caplog.records] == [
            f"film.avi: {40 - len(times_s)} of 40 pictures are damaged and were left out."
        ]
        assert times_s[-1] == pytest.approx(39 / 25)
        assert capfd.readouterr().err == ""

    def test_a_film_without_one_sound_picture(self, tmp_path: Path) -> None:
        path = write_film(tmp_path / "film.avi", noisy(3), codec="mjpeg", pix_fmt="yuvj420p", time_base=Fraction(1, 25))
        data = bytearray(path.read_bytes())
        begin = data.index(b"\xff\xd8\xff")
        data[begin:-200] = bytes(len(data) - 200 - begin)
        path.write_bytes(data)
        assert "film.avi" in refusal(path).message


class TestContainers:
    def test_whole_films_are_whole(self, tmp_path: Path) -> None:
        for ending, codec in (
            ("mp4", "libx264"),
            ("mov", "libx264"),
            ("mkv", "libx264"),
            ("webm", "libvpx-vp9"),
            ("avi", "mpeg4"),
        ):
            clock = Fraction(1, 25)
            path = write_film(tmp_path / f"film.{ending}", noisy(5), codec=codec, time_base=clock)
            assert not file_state(path).cut_off, ending

    def test_missing_bytes_are_counted(self, tmp_path: Path) -> None:
        path = write_film(tmp_path / "film.mkv", noisy(20))
        size = path.stat().st_size
        cut_short(path, 0.5)
        assert file_state(path).missing_bytes == size - size // 2

    def test_large_boxes_and_boxes_up_to_the_end(self, tmp_path: Path) -> None:
        head = struct.pack(">I4s", 8, b"ftyp") + struct.pack(">I4s", 8, b"moov")
        large = tmp_path / "large.mp4"
        large.write_bytes(head + struct.pack(">I4sQ", 1, b"mdat", 1000) + bytes(84))
        assert file_state(large).missing_bytes == 900
        junk = tmp_path / "junk.mp4"
        junk.write_bytes(head + b"\x70\0\0\0GoPr" + bytes(20))
        assert not file_state(junk).cut_off
        open_end = tmp_path / "open.mp4"
        open_end.write_bytes(head + struct.pack(">I4s", 0, b"mdat") + bytes(92))
        assert not file_state(open_end).cut_off


def test_a_name_that_looks_like_an_address_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_film(tmp_path / "film.mp4", [plain(0)] * 2).rename(tmp_path / "a:b.mp4")
    with open_source("a:b.mp4", threading.Event()) as source:
        assert source.info.name == "a:b.mp4"
        assert len(list(source.frames())) == 2


def test_pictures_that_were_let_go_leave_memory_at_once(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", [plain(n) for n in range(60)])
    gc.collect()
    gc.disable()
    try:
        with open_source(str(path), threading.Event()) as source:
            for _ in source.frames():
                pass
        # Decoded pictures in reference cycles would wait for the collector: at 1080p that was 300 MB within 100 frames.
        assert gc.collect() < 30
    finally:
        gc.enable()


def test_info_of_a_film_with_sound(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", [plain(n) for n in range(25)], with_sound=True)
    source = FilmSource(str(path), threading.Event())
    try:
        assert source.info.has_audio
        assert source.info.path == str(path)
        assert source.info.fps == pytest.approx(25, rel=0.1)
        assert source.info.frame_count == 25
        assert source.info.start_s == 0
    finally:
        source.close()


def test_film_on_a_web_server_is_a_film(tmp_path: Path) -> None:
    write_film(tmp_path / "film.mp4", [plain(n) for n in range(10)])

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            address = f"http://user:secret@127.0.0.1:{server.server_port}/film.mp4"
            assert not is_live(address)
            with open_source(address, threading.Event()) as source:
                assert source.info.name == f"http://127.0.0.1:{server.server_port}/film.mp4"
                assert [frame.time_s for frame in source.frames()] == pytest.approx([0.04 * n for n in range(10)])
            with pytest.raises(SourceError) as caught, open_source(address.replace("film", "gone"), threading.Event()):
                pass
            assert "secret" not in str(caught.value)
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.skipif(not CLIPS.is_dir(), reason="the sample clips are not here")
@pytest.mark.parametrize("name", ["hands-over-face.mkv", "corridor.gif", "stage-cuts.mp4", "webcam.mp4"])
def test_real_clips_have_the_times_that_libav_reads(name: str) -> None:
    with av.open(str(CLIPS / name)) as container:
        stream = container.streams.video[0]
        expected = [frame.time for frame in container.decode(stream)]
    assert [frame.time_s for frame in read(CLIPS / name)] == expected
