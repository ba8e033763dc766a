"""Recordings of what is watched: the sound goes along with jumps, and a film is whole at any moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream

from pipeline.protocols import SourceInfo
from pipeline.recorder import Recorded, Recorder, RecordingOrder, Wishes
from pipeline.types import Frame, FrameResult, as_readonly

WIDTH, HEIGHT, FPS = 64, 48, 25
RATE = 48_000
SECONDS = 9
EDGE_S = 0.06
"""Sound may be off by half a packet at a jump, and a coder smears an edge over another."""

PICTURE = as_readonly(np.full((HEIGHT, WIDTH, 3), 90, np.uint8))


def pitch(time_s: float) -> int:
    """Hz: every second of the film sounds different."""
    return 500 + 300 * int(time_s)


def film_of_tones(path: Path, codec: str) -> SourceInfo:
    """Its pictures don't matter; its sound tells where in the film it is from."""
    with av.open(str(path), "w") as output:
        picture = output.add_stream("mpeg4", rate=FPS, width=WIDTH, height=HEIGHT)
        sound = output.add_stream(codec, rate=RATE, layout="mono")
        assert isinstance(sound, AudioStream)
        for number in range(SECONDS * FPS):
            frame = av.VideoFrame.from_ndarray(PICTURE, format="bgr24")
            frame.pts = number
            output.mux(picture.encode(frame))
        time_s = np.arange(SECONDS * RATE) / RATE
        wave = np.sin(2 * np.pi * (500 + 300 * np.floor(time_s)) * time_s) * 12_000
        for first in range(0, len(wave), 1024):
            samples = wave[None, first : first + 1024].astype(np.int16)
            heard = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            heard.sample_rate, heard.pts = RATE, first
            output.mux(sound.encode(heard))
        output.mux(picture.encode(None))
        output.mux(sound.encode(None))
    return SourceInfo("film", False, WIDTH, HEIGHT, float(FPS), SECONDS * FPS, float(SECONDS), has_audio=True, path=str(path))


def watched(*parts: tuple[float, float]) -> Iterator[FrameResult]:
    """Pictures of parts of the film, one part after the other."""
    for stretch, (from_s, to_s) in enumerate(parts):
        for index in range(round(from_s * FPS), round(to_s * FPS)):
            yield FrameResult(Frame(PICTURE, index / FPS, index, "film", 0.0, stretch=stretch), ())


def record(info: SourceInfo, target: Path, results: Sequence[FrameResult]) -> list[Recorded]:
    told: list[Recorded] = []
    recorder = Recorder(info, Wishes(recording=RecordingOrder(target)), told.append)
    for result in results:
        recorder.write(result)
    recorder.close()
    return told


def heard_pitch(path: Path, from_s: float, to_s: float) -> float:
    """Hz of the loudest tone in a part of the film's sound; 0 where it is silent."""
    wave = np.zeros(round(30 * RATE), np.float64)
    with av.open(str(path)) as film:
        for frame in film.decode(audio=0):
            assert frame.time is not None
            samples = frame.to_ndarray().astype(np.float64)[0]
            samples /= 32768 if frame.format.name.startswith("s16") else 1
            first = max(0, round(frame.time * RATE))
            wave[first : first + len(samples)] = samples
    part = wave[round(from_s * RATE) : round(to_s * RATE)]
    if np.abs(part).max() < 0.02:
        return 0.0
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), RATE))
    return float(spectrum.argmax())


@pytest.mark.parametrize(
    ("codec", "source", "target"), [("aac", "mp4", "mp4"), ("aac", "mp4", "mkv"), ("pcm_s16le", "mkv", "mp4")]
)
def test_the_sound_goes_along_with_jumps(tmp_path: Path, codec: str, source: str, target: str) -> None:
    info = film_of_tones(tmp_path / f"in.{source}", codec)
    parts = ((7.2, 7.8), (1.5, 2.4), (8.1, 8.6), (0.0, 0.5))
    path = tmp_path / f"out.{target}"
    told = record(info, path, list(watched(*parts)))
    assert told[-1].error is None
    at_s = 0.0
    for from_s, to_s in parts:
        for second in range(int(from_s), int(to_s - 1e-9) + 1):
            begin, end = (at_s + min(max(second + n, from_s), to_s) - from_s for n in (0, 1))
            if end - begin > 3 * EDGE_S:
                for place in (begin + EDGE_S, end - 2 * EDGE_S):
                    assert heard_pitch(path, place, place + EDGE_S) == pytest.approx(pitch(second), abs=40), (second, place)
        at_s += to_s - from_s
    with av.open(str(path)) as film:
        assert film.duration is not None
        assert film.duration / av.time_base == pytest.approx(at_s, abs=0.1)


def test_steps_back_do_not_break_the_sound(tmp_path: Path) -> None:
    info = film_of_tones(tmp_path / "in.mp4", "aac")
    steps = [(index / FPS, (index + 1) / FPS) for index in range(130, 110, -1)]
    path = tmp_path / "out.mp4"
    told = record(info, path, list(watched((4.0, 5.2), *steps, (6.0, 6.9))))
    assert told[-1].error is None
    assert heard_pitch(path, 2.2, 2.7) == pytest.approx(pitch(6), abs=40)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_film_can_be_played_before_it_is_finished(tmp_path: Path, suffix: str) -> None:
    info = film_of_tones(tmp_path / "in.mp4", "aac")
    target = tmp_path / f"out.{suffix}"
    recorder = Recorder(info, Wishes(recording=RecordingOrder(target)), lambda _: None)
    for _ in range(3):
        for result in watched((0.0, 9.0)):
            recorder.write(result)
    recorder.leave()
    with av.open(str(target)) as film:
        assert sum(1 for _ in film.decode(video=0)) > 10 * FPS
    recorder.close()
    with av.open(str(target)) as film:
        assert sum(1 for _ in film.decode(video=0)) >= 27 * FPS - 2
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []


def test_finishing_writes_nothing_a_second_time(tmp_path: Path) -> None:
    info = film_of_tones(tmp_path / "in.mp4", "aac")
    target = tmp_path / "out.mp4"
    record(info, target, list(watched((0.0, 9.0))))
    data = target.read_bytes()
    assert data.index(b"moov") > data.index(b"mdat"), "an index in front takes a second pass over the whole file"
