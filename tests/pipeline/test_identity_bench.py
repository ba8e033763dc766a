"""The identity benchmark: its films, its truth and its counting."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from pipeline.errors import OutputError, SourceError
from pipeline.identity_bench import Score, by_appearances, in_the_demo, score, table
from pipeline.identity_films import APPEARANCES, HEIGHT_PX, SCENE_S, WIDTH_PX, compose, read_photos
from pipeline.identity_truth import CLIPS, Appearance
from pipeline.observations import Observation
from pipeline.sources.demo import truth as demo_truth

PLACES = {"ann": 100.0, "ben": 300.0, "cy": 500.0}
STAYS = [Appearance(name, 40, ((0.0, x, 100.0), (100.0, x, 100.0))) for name, x in PLACES.items()]


def seen(time_s: float, name: str, person: int, shown: int | None = None) -> tuple[Observation, int]:
    x = PLACES.get(name, 800.0)
    box = (x - 20, 80.0, x + 20, 120.0)
    row = Observation("film", time_s, 0.0, 0, person, person, *box, 0.99, 0.9, None, None, None, None, "cpu", 1)
    return row, person if shown is None else shown


def count(rows: Sequence[tuple[Observation, int]]) -> Score:
    return score("film", rows, by_appearances(STAYS))


def test_one_row_each_is_perfect() -> None:
    found = count([seen(i / 10, name, number) for i in range(10) for number, name in enumerate(("ann", "ben"), start=1)])
    assert found == Score("film", persons=2, rows=2, wrong=0, switches=0, late=0.0, unnamed=0)
    assert found.rows_per_person == 1


def test_pieces_switches_and_rows_of_nobody_are_counted() -> None:
    rows = [seen(i, "ann", 1) for i in range(5)] + [seen(i, "ann", 4) for i in range(10, 15)]
    rows += [seen(20, "nobody", 7), seen(21, "ben", 8)]
    found = count(rows)
    assert (found.persons, found.rows, found.switches, found.unnamed) == (1, 2, 1, 2), "one frame of Ben does not count"
    assert found.rows_per_person == 2


def test_a_row_of_two_people_is_wrong_but_one_frame_is_not() -> None:
    assert count([seen(i, "ann", 1) for i in range(5)] + [seen(i, "ben", 1) for i in range(10, 15)]).wrong == 1
    assert (
        count([seen(i, "ann", 1) for i in range(5)] + [seen(9, "ben", 1)] + [seen(i, "ben", 2) for i in range(10, 15)]).wrong == 0
    )


def test_numbers_that_were_corrected_later_are_told() -> None:
    found = count([seen(0, "ann", 1), seen(1, "ann", 1, shown=5), seen(2, "ann", 1), seen(3, "ann", 1)])
    assert (found.late, found.switches) == (0.25, 0)


def test_table_names_every_film() -> None:
    text = table([Score("photos", 4, 5, 0, 1, 0.125, 2), Score("nothing", 0, 0, 0, 0, 0.0, 0)])
    assert "photos" in text
    assert "1.25" in text
    assert "12.5%" in text


def test_people_are_where_the_truth_says() -> None:
    walk = Appearance("ann", 30, ((1.0, 100, 50), (2.0, 200, 50), (4.0, 200, 250)))
    assert walk.distance(1.5, 150, 50) == pytest.approx(0)
    assert walk.distance(3.0, 200, 160) == pytest.approx(10)
    assert walk.distance(3.0, 200, 200) is None
    assert walk.distance(0.9, 100, 50) is None
    assert walk.distance(4.1, 200, 250) is None
    (collins, *_) = demo_truth(5.0)
    assert in_the_demo(5.0, *collins.box.center) == collins.name
    assert in_the_demo(5.0, 5, 5) is None


def test_truth_of_clips_is_in_order_and_nobody_is_twice_at_one_time() -> None:
    for appearances in CLIPS.values():
        for stay in appearances:
            times = [time_s for time_s, _, _ in stay.points]
            assert times == sorted(times)
        by_name: dict[str, list[tuple[float, float]]] = {}
        for stay in appearances:
            by_name.setdefault(stay.who, []).append((stay.points[0][0], stay.points[-1][0]))
        for spans in by_name.values():
            spans.sort()
            assert all(a[1] < b[0] for a, b in pairwise(spans))
    assert {clip: len({stay.who for stay in stays}) for clip, stays in CLIPS.items()} == {
        "children.mp4": 3,
        "crossing.mp4": 7,
        "stage-cuts.mp4": 6,
    }


def test_film_of_photos_shows_everybody_as_often_and_is_always_the_same(tmp_path: Path) -> None:
    photos = read_photos([], 16)
    assert [photo.name for photo in photos] == ["collins.webp", "hopper.webp"]
    truth = compose(tmp_path / "a.mp4", photos, seed=3)
    assert compose(tmp_path / "b.mp4", photos, seed=3) == truth
    assert sorted(stay.who for stay in truth) == ["collins.webp"] * APPEARANCES + ["hopper.webp"] * APPEARANCES
    with av.open(str(tmp_path / "a.mp4")) as film:
        pictures = [frame.to_ndarray(format="bgr24") for frame in film.decode(video=0)]
    assert pictures[0].shape == (HEIGHT_PX, WIDTH_PX, 3)
    assert len(pictures) / 15 >= truth[-1].points[-1][0] >= 2 * APPEARANCES * SCENE_S


def test_photos_come_from_folders_and_zip_files(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("a.jpg", "b.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"text" if name.endswith("txt") else encoded(name, rng))
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        for name in ("set/c.jpg", "set/d.jpg", "set/labels.csv"):
            archive.writestr(name, encoded("x.jpg", rng))
    assert [photo.name for photo in read_photos([tmp_path], 9)] == ["a.jpg", "b.png"]
    photos = read_photos([tmp_path, tmp_path / "more.zip"], 9)
    assert [photo.name for photo in photos] == ["a.jpg", "b.png", "c.jpg", "d.jpg"]
    assert all(photo.image.shape[2] == 4 for photo in photos)
    assert [photo.name for photo in read_photos([tmp_path, tmp_path / "more.zip"], 2)] == ["a.jpg", "d.jpg"]


def encoded(name: str, rng: np.random.Generator) -> bytes:
    ok, data = cv2.imencode(Path(name).suffix, rng.integers(0, 255, (40, 30, 3), np.uint8))
    assert ok
    return data.tobytes()


def test_what_cannot_be_read_or_written_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    (tmp_path / "c.zip").write_bytes(b"no archive")
    with pytest.raises(SourceError, match="picture"):
        read_photos([tmp_path], 2)
    with pytest.raises(SourceError, match="cannot be read"):
        read_photos([tmp_path / "c.zip"], 2)
    with pytest.raises(SourceError, match="two photos"):
        read_photos([tmp_path / "a.jpg"], 2)
    with pytest.raises(OutputError, match="cannot be written"):
        compose(tmp_path / "nowhere" / "film.mp4", read_photos([], 2))
