"""Subtitles say who is in sight exactly while they are, in files that players understand."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av
import pytest

from pipeline.edits import Rename, add_edit
from pipeline.errors import SettingsError
from pipeline.history import read_history
from pipeline.progress import Cancelled
from pipeline.store import SessionLog
from pipeline.subtitles import export_ass, export_srt, srt_text, targets
from pipeline.types import Face
from tests.pipeline.log_scenes import face
from tests.pipeline.session_scenes import record, record_pictures

CUE = re.compile(r"(\d+)\n(\d\d):(\d\d):(\d\d),(\d{3}) --> (\d\d):(\d\d):(\d\d),(\d{3})\n((?:.+\n)+)")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SessionLog]:
    with SessionLog.open(tmp_path / "log.sqlite") as log:
        yield log


def cues(text: str) -> list[tuple[float, float, list[str]]]:
    """Reads SRT strictly: every character belongs to a cue, cues are numbered and separated by one empty line."""
    found = []
    for number, block in enumerate(text.split("\n\n"), start=1):
        match = CUE.fullmatch(block if block.endswith("\n") else f"{block}\n")
        assert match, block
        assert int(match[1]) == number
        h1, m1, s1, f1, h2, m2, s2, f2 = (int(part) for part in match.groups()[1:9])
        found.append((h1 * 3600 + m1 * 60 + s1 + f1 / 1000, h2 * 3600 + m2 * 60 + s2 + f2 / 1000, match[10].splitlines()))
    return found


def packets(path: Path) -> list[tuple[float, float]]:
    """Start and end of each subtitle as FFmpeg reads them."""
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[0]
        base = stream.time_base
        assert base is not None
        found = [
            (round(float(packet.pts * base), 3), round(float((packet.pts + packet.duration) * base), 3))
            for packet in container.demux(stream)
            if packet.pts is not None and packet.duration
        ]
    return sorted(found)


def test_srt_says_who_is_in_sight_and_how_old(log: SessionLog, tmp_path: Path) -> None:
    session = record(log)
    add_edit(log, session, Rename(2, "Ada <b>--> {x}"))
    path = tmp_path / "ages.srt"
    assert export_srt(log, [session], path) == [path]
    found = cues(path.read_text(encoding="utf-8"))
    assert found == [
        (0.0, 2.0, ["Person 1: 36 (30–42)"]),
        (2.0, 4.96, ["Person 1: 36 (30–42)", "Ada ‹b›→ {x}: 8 (2–14)"]),
        (4.96, 9.96, ["Person 1: 36 (30–42)"]),
        (12.0, 12.96, ["Person 3: age not known"]),
        (15.0, 19.96, ["Person 1: 36 (30–42)"]),
    ]
    assert packets(path) == [cue[:2] for cue in found]


def test_ass_has_a_line_per_appearance_in_the_persons_colour(log: SessionLog, tmp_path: Path) -> None:
    session = record(log)
    add_edit(log, session, Rename(2, r"Ada {\b1}\N"))
    path = tmp_path / "ages.ass"
    export_ass(log, [session], path)
    text = path.read_text(encoding="utf-8")
    dialogue = [line for line in text.splitlines() if line.startswith("Dialogue:")]
    assert dialogue == [
        "Dialogue: 0,0:00:00.00,0:00:09.96,Person1,,0,0,0,,Person 1: 36 (30–42)",
        "Dialogue: 0,0:00:02.00,0:00:04.96,Person2,,0,0,0,,Ada (/b1)/N: 8 (2–14)",
        "Dialogue: 0,0:00:12.00,0:00:12.96,Person3,,0,0,0,,Person 3: age not known",
        "Dialogue: 0,0:00:15.00,0:00:19.96,Person1,,0,0,0,,Person 1: 36 (30–42)",
    ]
    styles = re.findall(r"^Style: (\w+),.*?,(&H00[0-9A-F]{6}),", text, re.MULTILINE)
    assert [name for name, _ in styles] == ["Person1", "Person2", "Person3"]
    assert len({color for _, color in styles}) == 3
    assert packets(path) == [(0, 9.96), (2, 4.96), (12, 12.96), (15, 19.96)]


def test_any_coming_and_going_gives_cues_that_say_the_same(log: SessionLog) -> None:
    rng = random.Random(11)
    stays = {person: sorted(rng.uniform(0, 20) for _ in range(4)) for person in range(1, 6)}

    def scene(time_s: float) -> list[Face]:
        return [face(p, track=p) for p, (a, b, c, d) in stays.items() if a <= time_s < b or c <= time_s < d]

    (film,) = read_history(log, record(log, scene)).inputs
    found = cues(srt_text(film))
    for (_, end, _), (start, _, _) in pairwise(found):
        assert end <= start
    for step in range(200):
        time_s = step / 10 + 0.013
        shown = {line for start, end, lines in found for line in lines if start <= time_s < end}
        there = {row.person for row in film.people for start, end in row.spans if start <= time_s < max(end, start + 0.04)}
        assert {int(line.split(":")[0].removeprefix("Person ")) for line in shown} == there


def test_every_film_has_its_own_file_and_pictures_have_none(log: SessionLog, tmp_path: Path) -> None:
    first, second, pictures = record(log), record(log, name="second.mp4"), record_pictures(log)
    path = tmp_path / "ages.srt"
    assert export_srt(log, [first, pictures, second], path) == [path, tmp_path / "ages-2.srt"]
    assert targets(path, 3)[2] == tmp_path / "ages-3.srt"
    with pytest.raises(SettingsError, match="pictures only"):
        export_srt(log, [pictures], path)


def test_breaking_off_leaves_what_was_there(log: SessionLog, tmp_path: Path) -> None:
    path = tmp_path / "ages.srt"
    path.write_text("before")

    def never(_: float) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        export_srt(log, [record(log)], path, never)
    assert path.read_text() == "before"
    assert sorted(file.name for file in tmp_path.iterdir() if "log.sqlite" not in file.name) == ["ages.srt"]
