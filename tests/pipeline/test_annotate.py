"""Annotated films keep times and sound; pictures become pictures; nothing half-written is left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.audio.stream import AudioStream

from pipeline.annotate import CLOCK_S, Annotator
from pipeline.errors import OutputError
from pipeline.protocols import SourceInfo
from pipeline.settings import ViewSettings
from pipeline.types import AgeBelief, Box, Detection, Face, Frame, FrameResult, as_readonly

VARIABLE_S = [0.0, 0.033, 0.066, 0.2, 0.233, 0.7, 0.733, 0.9, 1.4, 1.433]
TICK_S = float(CLOCK_S)
RATE = 44_100


def result(
    time_s: float, index: int, size: tuple[int, int] = (320, 240), source: str = "film", still: bool = False
) -> FrameResult:
    width, height = size
    image = np.full((height, width, 3), 90, np.uint8)
    image[:, : width // 2, 1] = min(255, 20 * index)
    box = Box(100.0, 80.0, 160.0, 150.0)
    face = Face(
        person=1,
        track=1,
        detection=Detection(box, 0.99, np.zeros((5, 2), np.float32)),
        quality=0.8,
        raw=None,
        belief=AgeBelief(34.2, 27.8, 41.3, evidence=5.0, settled=True),
    )
    frame = Frame(as_readonly(image), time_s, index, source, wall_time_s=0.0, independent=still)
    return FrameResult(frame, (face,))


def record(target: Path, info: SourceInfo, results: Sequence[FrameResult]) -> None:
    annotator = Annotator(target, info, ViewSettings())
    write_all(annotator, results)
    annotator.close()


def write_all(annotator: Annotator, results: Sequence[FrameResult]) -> None:
    for one in results:
        annotator.write(one)
    annotator.close()


def film_with_sound(path: Path, seconds: float = 1.5, codec: str = "aac", start_s: float = 0.0) -> SourceInfo:
    """A film whose sound is silence with one click, exactly 0.7 s after the first picture."""
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=25, width=64, height=48)
        audio = output.add_stream(codec, rate=RATE, layout="mono")
        assert isinstance(audio, AudioStream)
        for index in range(round(seconds * 25)):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 80, np.uint8), format="bgr24")
            picture.pts, picture.time_base = index + round(start_s * 25), Fraction(1, 25)
            output.mux(video.encode(picture))
        samples = np.zeros((1, round(seconds * RATE)), np.float32)
        samples[0, round(0.7 * RATE) : round(0.7 * RATE) + 400] = 0.9
        format_name = "fltp" if codec == "aac" else "s16"
        data: Any = samples if codec == "aac" else (samples * 32767).astype(np.int16)
        for begin in range(0, data.shape[1], 1024):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(data[:, begin : begin + 1024]), format=format_name, layout="mono"
            )
            frame.sample_rate, frame.pts, frame.time_base = RATE, begin + round(start_s * RATE), Fraction(1, RATE)
            output.mux(audio.encode(frame))
        output.mux(video.encode(None))
        output.mux(audio.encode(None))
    return SourceInfo(
        "film", live=False, width=64, height=48, duration_s=seconds, has_audio=True, path=str(path), start_s=start_s
    )


def shown_times(path: Path) -> list[float]:
    with av.open(str(path)) as film:
        return [frame.time for frame in film.decode(video=0) if frame.time is not None]


def sound_packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as film:
        return [bytes(packet) for packet in film.demux(audio=0) if packet.size]


def click_s(path: Path) -> float:
    with av.open(str(path)) as film:
        for frame in film.decode(audio=0):
            values = np.abs(frame.to_ndarray().astype(np.float64)).max(axis=0)
            loud = np.flatnonzero(values > 0.3 * (32767 if frame.format.name.startswith("s16") else 1))
            if len(loud):
                assert frame.time is not None
                return float(frame.time + loud[0] / frame.sample_rate)
    return math.nan


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_every_frame_keeps_its_time_where_the_rate_varies(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"out{suffix}"
    record(target, SourceInfo("film", live=False), [result(time_s, index) for index, time_s in enumerate(VARIABLE_S)])
    tolerance = TICK_S if suffix != ".mkv" else 0.0005  # Matroska counts milliseconds
    assert shown_times(target) == pytest.approx(VARIABLE_S, abs=tolerance)
    with av.open(str(target)) as film:
        assert film.duration is not None
        last_frame_s = VARIABLE_S[-1] - VARIABLE_S[-2]
        assert film.duration / av.time_base == pytest.approx(VARIABLE_S[-1] + last_frame_s, abs=0.002)
        assert film.streams.video[0].codec_context.name == "h264"
        assert film.streams.video[0].codec_context.pix_fmt == "yuv420p"
    assert list(tmp_path.iterdir()) == [target]


def test_a_film_that_begins_late_keeps_its_times(tmp_path: Path) -> None:
    times_s = [0.8520186 + number * 0.0333667 for number in range(5)]
    record(tmp_path / "out.mp4", SourceInfo("film", live=False), [result(time_s, 0) for time_s in times_s])
    assert shown_times(tmp_path / "out.mp4") == pytest.approx(times_s, abs=TICK_S)


def test_the_label_is_drawn_and_the_rest_of_the_picture_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    original = result(0.0, 3)
    record(target, SourceInfo("film", live=False), [original, result(0.04, 3)])
    with av.open(str(target)) as film:
        frame = next(film.decode(video=0))
        shown = frame.reformat(format="bgr24", src_colorspace="ITU709").to_ndarray()
    difference = np.abs(shown.astype(int) - original.frame.image).max(axis=2)
    assert difference[60:160, 98:102].max() > 60, "no box was drawn"
    assert difference[:50].max() < 12
    assert difference[160:].max() < 12
    assert not original.frame.image.flags.writeable


def test_an_odd_size_becomes_even_and_a_change_of_size_fits(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    results = [result(0.0, 0, (321, 241)), result(0.1, 1, (321, 241)), result(0.2, 2, (640, 480))]
    record(target, SourceInfo("camera", live=True), results)
    with av.open(str(target)) as film:
        assert [(frame.width, frame.height) for frame in film.decode(video=0)] == [(322, 242)] * 3


def test_sound_is_copied_bit_by_bit(tmp_path: Path) -> None:
    info = film_with_sound(tmp_path / "in.mp4")
    target = tmp_path / "out.mp4"
    record(target, info, [result(index / 25, index) for index in range(37)])
    assert sound_packets(target) == sound_packets(tmp_path / "in.mp4")
    assert click_s(target) == pytest.approx(click_s(tmp_path / "in.mp4"), abs=0.001)


@pytest.mark.parametrize("start_s", [0.0, 20.0])
def test_sound_stays_with_the_picture(tmp_path: Path, start_s: float) -> None:
    """PCM is encoded again for MP4; a clock that begins late is moved for both."""
    info = film_with_sound(tmp_path / "in.mkv", codec="pcm_s16le", start_s=start_s)
    target = tmp_path / "out.mp4"
    record(target, info, [result(index / 25, index) for index in range(37)])
    with av.open(str(target)) as film:
        assert film.streams.audio[0].codec_context.name == "aac"
    assert click_s(target) == pytest.approx(0.7, abs=0.005)


def test_an_interrupted_recording_ends_picture_and_sound_together(tmp_path: Path) -> None:
    info = film_with_sound(tmp_path / "in.mp4", seconds=6.0)
    target = tmp_path / "out.mp4"
    record(target, info, [result(index / 25, index) for index in range(50)])
    assert len(shown_times(target)) == 50
    with av.open(str(target)) as film:
        sound = film.streams.audio[0]
        assert sound.duration is not None
        assert sound.time_base is not None
        assert float(sound.duration * sound.time_base) == pytest.approx(2.0, abs=0.06)


def test_no_frame_no_file(tmp_path: Path) -> None:
    record(tmp_path / "out.mp4", SourceInfo("film", live=False), [])
    assert list(tmp_path.iterdir()) == []


def test_one_frame_is_a_film(tmp_path: Path) -> None:
    record(tmp_path / "out.mp4", SourceInfo("film", live=False), [result(0.0, 0)])
    assert shown_times(tmp_path / "out.mp4") == [0.0]


def test_an_old_recording_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    target.write_bytes(b"old")
    annotator = Annotator(target, SourceInfo("film", live=False), ViewSettings())
    annotator.write(result(0.0, 0))
    annotator.write(result(0.1, 1))
    assert target.read_bytes() == b"old"
    annotator.close()
    assert shown_times(target) == pytest.approx([0.0, 0.1], abs=TICK_S)


def test_a_picture_becomes_a_picture(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    record(tmp_path / "out.png", SourceInfo("me.jpg", live=False, frame_count=1), [result(0.0, 0, source="me.jpg", still=True)])
    shown = cv2.imread(str(tmp_path / "out.png"))
    assert shown is not None
    assert shown.shape == (240, 320, 3)
    assert (shown[115, 100] != result(0.0, 0).frame.image[115, 100]).any(), "no box was drawn"
    assert capfd.readouterr().err == "", "OpenCV warns of what a format does not know"


def test_a_folder_becomes_a_folder(tmp_path: Path) -> None:
    names = ["a.jpg", "b.PNG", "été.webp", "c.jpe"]
    results = [result(0.0, index, source=name, still=True) for index, name in enumerate(names)]
    record(tmp_path / "out", SourceInfo("pictures", live=False, frame_count=4), results)
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert made == {"a-annotated.jpg", "b-annotated.PNG", "été-annotated.webp", "c-annotated.jpg"}


@pytest.mark.parametrize(
    ("target", "frame_count", "still", "words"),
    [
        ("out.mp4", 3, True, "holds pictures"),
        ("out.jpg", 3, True, "names one picture"),
        ("out.jpg", None, False, "names none"),
        ("out.webm", None, False, "names none"),
        ("missing/out.mp4", None, False, "does not exist"),
        ("missing/out.jpg", 1, True, "does not exist"),
        ("file/out.mp4", None, False, "cannot be written"),
        ("file/out", 3, True, "cannot be written"),
    ],
)
def test_a_target_that_cannot_be(tmp_path: Path, target: str, frame_count: int | None, still: bool, words: str) -> None:
    (tmp_path / "file").write_text("in the way")
    annotator = Annotator(tmp_path / target, SourceInfo("holiday", live=False, frame_count=frame_count), ViewSettings())
    results = [result(index / 25, index, still=still) for index in range(3)]
    with pytest.raises(OutputError, match=words) as caught:
        write_all(annotator, results)
    assert caught.value.hint
    annotator.close()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_source_is_never_overwritten(tmp_path: Path) -> None:
    info = film_with_sound(tmp_path / "in.mp4")
    with pytest.raises(OutputError, match="overwrite"):
        Annotator(tmp_path / "." / "in.mp4", info, ViewSettings())
