"""Going back and forth in a source gives exactly the picture that was asked for."""

from __future__ import annotations

import threading
from fractions import Fraction
from pathlib import Path

import pytest

from pipeline.protocols import SeekableSource
from pipeline.sources import open_source
from pipeline.sources.film import FilmSource
from tests.pipeline.clips import brightness, plain, write_film

COUNT = 63
PLACES = (40, 41, 3, 62, 0, 17, 18, 16, 62, 61, 30)


def shown(source: SeekableSource, index: int) -> tuple[int, float, float]:
    """Index, time and brightness of the picture after a seek."""
    source.seek(index)
    frame = next(iter(source.frames()))
    return frame.index, round(frame.time_s, 4), float(frame.image.mean())


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {"g": "12", "bf": "3"}),
        ("b.mkv", "libx264", {"g": "250", "bf": "2"}),
        ("c.mp4", "mpeg4", {"g": "10"}),
        ("d.avi", "mpeg4", {"g": "10"}),
        ("e.ts", "libx264", {"g": "15", "bf": "2"}),
        ("f.webm", "libvpx-vp9", {"g": "20"}),
    ],
)
def test_every_picture_of_a_film_is_found(tmp_path: Path, name: str, codec: str, options: dict[str, str]) -> None:
    path = write_film(tmp_path / name, [plain(n) for n in range(COUNT)], codec=codec, codec_options=options)
    film = FilmSource(str(path), threading.Event())
    whole = [(frame.index, round(frame.time_s, 4), float(frame.image.mean())) for frame in film.frames()]
    assert [index for index, _, _ in whole] == list(range(COUNT))
    for place in PLACES:
        assert shown(film, place) == whole[place]
    film.close()


def test_after_a_seek_the_film_goes_on(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mp4", [plain(n) for n in range(COUNT)], codec_options={"g": "10"})
    film = FilmSource(str(path), threading.Event())
    assert next(iter(film.frames())).index == 0
    film.seek(50)
    rest = list(film.frames())
    assert [frame.index for frame in rest] == list(range(50, COUNT))
    assert [round(frame.time_s / 0.04) for frame in rest] == list(range(50, COUNT))
    film.seek(5)
    assert next(iter(film.frames())).index == 5
    film.close()


def test_times_find_their_pictures_where_the_rate_varies(tmp_path: Path) -> None:
    times_ms = [0, 40, 80, 500, 520, 1400, 1440, 3000]
    path = write_film(tmp_path / "a.mkv", [plain(n) for n in range(8)], times_ms)
    film = FilmSource(str(path), threading.Event())
    assert [film.index_at(ms / 1000) for ms in times_ms] == list(range(8))
    assert [film.index_at(time_s) for time_s in (-5, 0.06, 0.499, 0.51, 2.9, 99)] == [0, 1, 2, 3, 6, 7]
    film.close()


def test_a_film_that_begins_late_is_found_by_its_own_time(tmp_path: Path) -> None:
    times_ms = [40 * n + 100_000 for n in range(30)]
    path = write_film(tmp_path / "a.ts", [plain(n) for n in range(30)], times_ms, time_base=Fraction(1, 90_000))
    film = FilmSource(str(path), threading.Event())
    whole = [frame.time_s for frame in film.frames()]
    assert film.index_at(whole[12]) == 12
    assert shown(film, 12)[:2] == (12, round(whole[12], 4))
    film.close()


def test_without_a_table_the_film_is_decoded_from_its_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_film(tmp_path / "a.mp4", [plain(n) for n in range(COUNT)])
    monkeypatch.setattr("pipeline.sources.film.read_frame_table", lambda *_: None)
    film = FilmSource(str(path), threading.Event())
    for place in (30, 7, 8, 40):
        index, _, light = shown(film, place)
        assert index == place
        assert light == pytest.approx(brightness(place), abs=4)
    assert shown(film, 900)[0] == COUNT - 1
    film.close()


def test_beyond_the_ends_are_the_first_and_the_last_picture(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mp4", [plain(n) for n in range(COUNT)])
    film = FilmSource(str(path), threading.Event())
    assert shown(film, -7)[0] == 0
    assert shown(film, 900)[0] == COUNT - 1
    assert film.index_at(900) == COUNT - 1
    film.close()


def test_the_demo_goes_back_and_forth() -> None:
    with open_source("demo", threading.Event()) as demo:
        assert isinstance(demo, SeekableSource)
        assert demo.can_seek
        first = next(iter(demo.frames())).image
        assert shown(demo, 300)[:2] == (300, 10.0)
        assert demo.index_at(10.0) == 300
        demo.seek(0)
        assert (next(iter(demo.frames())).image == first).all()
