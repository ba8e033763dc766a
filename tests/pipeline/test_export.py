"""Exports say what the log says, open in pandas and in spreadsheets, and are complete or not there."""

from __future__ import annotations

import csv
import errno
import json
import os
import re
import stat
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline import export, outputs
from pipeline.errors import LogError, OutputError
from pipeline.export import OBSERVATION_COLUMNS, PERSON_COLUMNS, export_csv, export_jsonl, harmless, persons_path
from pipeline.outputs import check_output
from pipeline.store import SessionLog
from tests.pipeline.log_scenes import FILM, PROVENANCE, face, info, record_film, result

OBSERVATION_HEADER = (
    "source,media_time_s,wall_time,frame,person,track,x1,y1,x2,y2,score,quality,raw_age,age,low,high,engine,session,name,schema"
)
PERSON_HEADER = "source,person,first_seen_s,last_seen_s,dwell_s,frames,age,low,high,session,name,tracks,schema"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SessionLog]:
    with SessionLog.open(tmp_path / "sessions.sqlite") as opened:
        yield opened


def test_exact_text(log: SessionLog, tmp_path: Path) -> None:
    with log.begin("analyze", [FILM], PROVENANCE) as session:
        sink = session.begin_input(0, info())
        sink.write(result(7, [face(1), face(2, age=None, raw=None)], time_s=0.033367))
        sink.write(result(8, [face(1, raw=None)], time_s=0.066733))
        session.end_input(0, "finished")
    written = export_csv(log, [1], tmp_path / "ages.csv")
    assert (written.observation_rows, written.person_rows) == (3, 2)
    box = "10.2,20.5,110.2,140.5"
    assert (tmp_path / "ages.csv").read_bytes().decode("ascii").replace("\r\n", "\n") == (
        f"{OBSERVATION_HEADER}\n"
        f"film.mp4,0.033367,2026-09-21T14:13:20.283Z,7,1,1,{box},0.9877,0.5000,35.50,34.00,28.00,40.00,cpu int8,1,,2\n"
        f"film.mp4,0.033367,2026-09-21T14:13:20.283Z,7,2,2,{box},0.9877,0.5000,,,,,cpu int8,1,,2\n"
        f"film.mp4,0.066733,2026-09-21T14:13:20.316Z,8,1,1,{box},0.9877,0.5000,,34.00,28.00,40.00,cpu int8,1,,2\n"
    )
    assert (tmp_path / "ages.persons.csv").read_text() == (
        f"{PERSON_HEADER}\nfilm.mp4,1,0.033367,0.066733,0.033,2,34.00,28.00,40.00,1,,1,2\nfilm.mp4,2,0.033367,0.033367,0.000,1,,,,1,,1,2\n"
    )


def test_headers_are_fixed_even_without_a_face(log: SessionLog, tmp_path: Path) -> None:
    record_film(log, persons=())
    export_csv(log, [1], tmp_path / "ages.csv")
    assert (tmp_path / "ages.csv").read_text() == OBSERVATION_HEADER + "\n"
    assert (tmp_path / "ages.persons.csv").read_text() == PERSON_HEADER + "\n"
    assert ",".join(c.name for c in OBSERVATION_COLUMNS) == OBSERVATION_HEADER
    assert ",".join(c.name for c in PERSON_COLUMNS) == PERSON_HEADER


@pytest.mark.parametrize("name", ["film.mp4", "Müller – 兄.mp4", 'with "quotes", comma.mp4', "two\nlines.mp4"])
def test_pandas_reads_names_numbers_and_gaps(log: SessionLog, tmp_path: Path, name: str) -> None:
    record_film(log, frames=4, name=name)
    export_csv(log, [1], tmp_path / "ages.csv")
    table = pd.read_csv(tmp_path / "ages.csv", parse_dates=["wall_time"])
    assert list(table.columns) == OBSERVATION_HEADER.split(",")
    assert set(table["source"]) == {name}
    assert table["media_time_s"].tolist() == pytest.approx([i / 25 for i in range(4) for _ in range(2)])
    assert "UTC" in str(table["wall_time"].dtype)
    assert [str(table[c].dtype) for c in ("frame", "person", "track", "age", "x1", "schema")] == (
        ["int64"] * 3 + ["float64"] * 2 + ["int64"]
    )
    assert list(pd.read_csv(tmp_path / "ages.persons.csv").columns) == PERSON_HEADER.split(",")


@pytest.mark.parametrize(("name", "marked"), [("film.mp4", False), ("Müller.mp4", True)])
def test_byte_order_mark_where_excel_needs_it(log: SessionLog, tmp_path: Path, name: str, marked: bool) -> None:
    record_film(log, name=name)
    export_csv(log, [1], tmp_path / "ages.csv")
    for file in ("ages.csv", "ages.persons.csv"):
        content = (tmp_path / file).read_bytes()
        assert content.startswith(b"\xef\xbb\xbf") is marked
        assert content.count(b"\n") == content.count(b"\r\n"), "RFC 4180"
        with (tmp_path / file).open(encoding="utf-8-sig", newline="") as text:
            assert {row["source"] for row in csv.DictReader(text)} == {name}


@pytest.mark.parametrize(
    "name",
    ["=1+1.mp4", "+film.mp4", "-film.mp4", "@SUM(A1).mp4", "\tfilm.mp4", "\rfilm.mp4", "\nfilm.mp4", "  =1+1.mp4", "＝cmd.mp4"],
)
def test_formulas_are_made_harmless(log: SessionLog, tmp_path: Path, name: str) -> None:
    record_film(log, name=name)
    export_csv(log, [1], tmp_path / "ages.csv")
    for file in ("ages.csv", "ages.persons.csv"):
        with (tmp_path / file).open(encoding="utf-8-sig", newline="") as text:
            assert {row["source"] for row in csv.DictReader(text)} == {"'" + name}


@pytest.mark.parametrize("name", ["film.mp4", "a=b.mp4", "'quoted'.mp4", "", " ", "1-2.mp4"])
def test_other_names_stay_as_they_are(name: str) -> None:
    assert harmless(name) == name


def test_negative_numbers_stay_numbers(log: SessionLog, tmp_path: Path) -> None:
    with log.begin("analyze", [FILM], PROVENANCE) as session:
        sink = session.begin_input(0, info())
        sink.write(result(0, [face(1, age=3.0, raw=-0.5)]))
        session.end_input(0, "finished")
    export_csv(log, [1], tmp_path / "ages.csv")
    table = pd.read_csv(tmp_path / "ages.csv")
    assert (table["raw_age"].tolist(), table["low"].tolist()) == ([-0.5], [-3.0])
    assert "'" not in (tmp_path / "ages.csv").read_text()


def test_several_sessions_keep_their_persons_apart(log: SessionLog, tmp_path: Path) -> None:
    for _ in range(3):
        record_film(log, frames=2, persons=(1,))
    export_csv(log, [3, 1], tmp_path / "ages.csv")
    table = pd.read_csv(tmp_path / "ages.persons.csv")
    assert list(zip(table["session"], table["person"], table["frames"], strict=True)) == [(3, 1, 2), (1, 1, 2)]


def test_json_lines_hold_the_same_rows_unrounded(log: SessionLog, tmp_path: Path) -> None:
    record_film(log, frames=3, name="=Müller.mp4")
    written = export_jsonl(log, [1], tmp_path / "ages.jsonl")
    assert written.persons == tmp_path / "ages.persons.jsonl"
    lines = (tmp_path / "ages.jsonl").read_text(encoding="utf-8").splitlines()
    rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    assert len(rows) == written.observation_rows == 6
    assert list(rows[0]) == OBSERVATION_HEADER.split(",")
    assert (rows[0]["source"], rows[0]["score"], rows[0]["schema"]) == ("=Müller.mp4", 0.98765, 2)
    persons = [json.loads(line) for line in written.persons.read_text(encoding="utf-8").splitlines()]
    assert [p["frames"] for p in persons] == [3, 3]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("ages.csv", "ages.persons.csv"),
        ("AGES.CSV", "AGES.persons.CSV"),
        ("out/ages.v2.csv", "out/ages.v2.persons.csv"),
        ("ages", "ages.persons"),
        ("run-1.5", "run-1.5.persons"),
        ("ages.jsonl", "ages.persons.jsonl"),
    ],
)
def test_name_of_the_persons_file(path: str, expected: str) -> None:
    assert persons_path(Path(path)) == Path(expected)


# Complete or not there.


def test_unknown_session_writes_nothing(log: SessionLog, tmp_path: Path) -> None:
    record_film(log)
    with pytest.raises(LogError, match="There is no session 9"):
        export_csv(log, [1, 9], tmp_path / "ages.csv")
    assert not [p for p in tmp_path.iterdir() if "ages" in p.name]


def test_disk_full_leaves_the_old_files(log: SessionLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record_film(log)
    target = tmp_path / "ages.csv"
    target.write_text("yesterday's")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(export, "_observation_cells", full)
    with pytest.raises(OutputError, match="the disk is full"):
        export_csv(log, [1], target)
    assert target.read_text() == "yesterday's"
    assert {p.name for p in tmp_path.iterdir() if "ages" in p.name} == {"ages.csv"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_device_is_not_replaced_by_a_file(log: SessionLog) -> None:
    record_film(log)
    with pytest.raises(OutputError, match="device"):
        export_csv(log, [1], Path("/dev/full"))
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere/ages.csv", "there is no folder"),
        (".", "it is a folder"),
        ("file/ages.csv", "no folder"),
        ("a" * 300, "too long"),
    ],
)
def test_targets_that_cannot_be_written(log: SessionLog, tmp_path: Path, name: str, message: str) -> None:
    record_film(log)
    (tmp_path / "file").write_text("")
    for attempt in (check_output, lambda p: export_csv(log, [1], p)):
        with pytest.raises(OutputError, match=re.compile(message, re.IGNORECASE)) as caught:
            attempt(tmp_path / name)
        assert caught.value.hint


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_unwritable_folder(log: SessionLog, tmp_path: Path) -> None:
    record_film(log)
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    with pytest.raises(OutputError, match="cannot be written"):
        export_csv(log, [1], folder / "ages.csv")


def test_check_leaves_no_trace(tmp_path: Path) -> None:
    check_output(tmp_path / "ages.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_link_is_followed_and_rights_are_usual(log: SessionLog, tmp_path: Path) -> None:
    record_film(log)
    (tmp_path / "real").mkdir()
    (tmp_path / "ages.csv").symlink_to(tmp_path / "real" / "ages.csv")
    export_csv(log, [1], tmp_path / "ages.csv")
    assert (tmp_path / "ages.csv").is_symlink()
    usual = tmp_path / "usual"
    usual.touch()
    assert stat.S_IMODE((tmp_path / "real" / "ages.csv").stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)


def test_memory_does_not_grow_with_the_rows(log: SessionLog, tmp_path: Path) -> None:
    def peak_kib(frames: int) -> float:
        session = record_film(log, frames=frames)
        tracemalloc.start()
        export_csv(log, [session], tmp_path / "ages.csv")
        peak = tracemalloc.get_traced_memory()[1] / 1024
        tracemalloc.stop()
        return peak

    peak_kib(10)
    # Python keeps up to 2,000 used tuples of a length for the next ones: 400 kB. 10,800 rows more would be several MB.
    assert peak_kib(6000) < peak_kib(600) + 1000
    assert outputs.check_output is check_output
