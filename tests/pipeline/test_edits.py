"""The user's edits: kept in the log in order, applied wherever persons are shown, and taken back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.database import migrate
from pipeline.edits import (
    SPLIT_FIRST,
    Edit,
    Exempt,
    Hide,
    Merge,
    Rename,
    Split,
    add_edit,
    apply_edits,
    edits_of,
    person_label,
    split_off,
    undo_edit,
)
from pipeline.errors import LogError
from pipeline.export import export_csv, export_jsonl
from pipeline.observations import observations, persons
from pipeline.schema import MIGRATIONS, SCHEMA_V1, SCHEMA_VERSION
from pipeline.sessions import delete_sessions, list_sessions
from pipeline.store import SessionLog
from pipeline.types import Join
from tests.pipeline.log_scenes import FILM, PROVENANCE, face, info, record_film, result

EVERY_KIND: list[Edit] = [
    Rename(1, "Grace"),
    Merge(2, 1),
    Split(1, 7, SPLIT_FIRST + 7),
    Hide(3),
    Hide(3, hidden=False),
    Rename(1, ""),
    Exempt(1),
    Exempt(1, exempt=False),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.sqlite"


@pytest.fixture
def log(path: Path) -> Iterator[SessionLog]:
    with SessionLog.open(path) as opened:
        yield opened


def table(log: SessionLog, tmp_path: Path, name: str = "ages.persons.csv") -> Any:
    export_csv(log, [1], tmp_path / "ages.csv")
    return pd.read_csv(tmp_path / name, dtype={"name": str})


# Values.


def test_merge_rename_and_hide() -> None:
    who = apply_edits([Rename(1, "Ann"), Merge(2, 1), Hide(3)])
    assert [who.person(n, n) for n in (1, 2, 3, 4)] == [1, 1, 3, 4]
    assert (who.name(1), who.name(2), who.name(3)) == ("Ann", None, None)
    assert [who.is_hidden(n) for n in (1, 3)] == [False, True]


def test_merged_person_brings_a_name_where_there_is_none() -> None:
    assert apply_edits([Rename(2, "Ann"), Merge(2, 1)]).name(1) == "Ann"
    assert apply_edits([Rename(1, "Ann"), Rename(2, "Ben"), Merge(2, 1)]).name(1) == "Ann"
    assert apply_edits([Rename(1, "Ann"), Rename(1, "")]).name(1) is None


def test_split_takes_one_track_out_and_may_be_merged_elsewhere() -> None:
    edits: list[Edit] = [split_off(1, 12, [])]
    who = apply_edits(edits)
    apart = who.person(1, 12)
    assert apart not in (1, 2)
    assert [who.person(1, 11), who.person(2, 12)] == [1, 2], "other tracks stay, and what somebody else has on that track"
    assert person_label(apart) == "track 12"
    assert person_label(3) == "3"
    edits.append(Merge(apart, 2))
    assert apply_edits(edits).person(1, 12) == 2
    edits.append(split_off(2, 12, edits))
    assert apply_edits(edits).person(1, 12) not in (1, 2, apart), "a number is not given twice"


def test_merge_after_split_and_split_after_merge() -> None:
    merged_first: list[Edit] = [Merge(2, 1)]
    merged_first.append(split_off(1, 5, merged_first))
    who = apply_edits(merged_first)
    assert who.person(2, 5) == SPLIT_FIRST + 5
    assert who.person(2, 6) == 1
    who = apply_edits([split_off(2, 5, []), Merge(2, 1)])
    assert (who.person(2, 5), who.person(2, 6)) == (SPLIT_FIRST + 5, 1)


def test_edits_follow_a_person_who_is_recognised_later() -> None:
    """The user names person 5, who then turns out to be person 2."""
    who = apply_edits([Rename(5, "Ann"), Merge(7, 5), Hide(9)], [Join(5, 2), Join(9, 8), Join(8, 3)])
    assert [who.person(n, 1) for n in (2, 5, 7, 9)] == [2, 2, 2, 3]
    assert who.name(2) == "Ann"
    assert who.is_hidden(3)


def test_join_of_one_track_is_the_last_word() -> None:
    who = apply_edits([Rename(4, "Ann")], [Join(4, 1, track=8)])
    assert [who.person(4, 8), who.person(4, 9)] == [1, 4]
    assert who.name(4) == "Ann"


def test_joins_that_run_in_circles_end() -> None:
    assert apply_edits([], [Join(1, 2), Join(2, 1)]).person(2, 1) == 1


def test_exemption_from_blur_goes_along_with_merges_and_recognition_but_not_with_splits() -> None:
    assert apply_edits([Exempt(2), Merge(2, 1)]).exempt == {1}
    assert apply_edits([Exempt(1), Merge(2, 1)]).is_exempt(2, 5)
    assert apply_edits([Exempt(2)], [Join(2, 1)]).exempt == {1}
    assert apply_edits([Exempt(2), Exempt(2, exempt=False)]).exempt == frozenset()
    split = split_off(1, 7, [])
    who = apply_edits([Exempt(1), split])
    assert (who.is_exempt(1, 6), who.is_exempt(1, 7)) == (True, False)


# In the log.


def test_every_edit_comes_back_in_order_and_the_last_one_is_taken_back(log: SessionLog) -> None:
    record_film(log)
    record_film(log)
    for edit in EVERY_KIND:
        add_edit(log, 2, edit)
    assert edits_of(log, 2) == EVERY_KIND
    assert edits_of(log, 1) == []
    for left in range(len(EVERY_KIND) - 1, -1, -1):
        assert undo_edit(log, 2) == EVERY_KIND[left]
        assert edits_of(log, 2) == EVERY_KIND[:left]
    assert undo_edit(log, 2) is None


def test_edit_of_no_session_and_merge_with_oneself_are_refused(log: SessionLog) -> None:
    record_film(log)
    with pytest.raises(LogError, match="There is no session 9"):
        add_edit(log, 9, Rename(1, "Ann"))
    with pytest.raises(ValueError, match="merged into itself"):
        add_edit(log, 1, Merge(1, 1))
    assert edits_of(log, 1) == []


def test_names_leave_with_the_undo_and_with_the_session(path: Path) -> None:
    with SessionLog.open(path) as log:
        record_film(log)
        for name in ("Rumpelstiltskin", "Rapunzel"):
            add_edit(log, 1, Rename(1, name))
        undo_edit(log, 1)
        log.db.shrink()
        files = b"".join(each.read_bytes() for each in path.parent.iterdir())
        assert b"Rumpelstiltskin" in files
        assert b"Rapunzel" not in files
        assert delete_sessions(log, [1])
        assert not any(b"Rumpelstiltskin" in each.read_bytes() for each in path.parent.iterdir())


def test_edits_are_made_while_the_session_is_recorded(log: SessionLog, path: Path) -> None:
    with log.begin("window", [FILM], PROVENANCE) as session:
        sink = session.begin_input(0, info())
        sink.write(result(0, [face(1), face(2)]))
        with SessionLog.open(path) as other:
            add_edit(other, session.id, Merge(2, 1))
        sink.write(result(1, [face(2)]))
    assert [o.person for o in observations(log, [session.id])] == [1, 1, 1]


def test_tables_show_the_edited_persons(log: SessionLog, tmp_path: Path) -> None:
    with log.begin("analyze", [FILM], PROVENANCE) as session:
        sink = session.begin_input(0, info())
        for index in range(6):
            sink.write(result(index, [face(1, track=1), face(2, track=2, age=50.0), face(3, track=3)]))
        sink.write(result(6, [face(1, track=4)]))
        session.end_input(0, "finished")
    for edit in (Rename(1, "=Änne"), Merge(2, 1), Hide(3), split_off(1, 4, [])):
        add_edit(log, 1, edit)
    shown = table(log, tmp_path)
    rows = list(zip(shown["person"], shown["name"].fillna(""), shown["frames"], shown["tracks"], strict=True))
    assert rows == [(1, "'=Änne", 12, 2), (SPLIT_FIRST + 4, "", 1, 1)]
    assert shown["age"][0] == (34 + 50) / 2, "each by its estimates"
    assert shown["age"][1] == 34
    seen = table(log, tmp_path, "ages.csv")
    assert list(seen["person"][:2]) == [1, 1]
    assert set(seen["person"]) == {1, SPLIT_FIRST + 4}
    assert (tmp_path / "ages.csv").read_bytes().startswith(b"\xef\xbb\xbf"), "the name needs more than ASCII"
    export_jsonl(log, [1], tmp_path / "ages.jsonl")
    first, second = map(json.loads, (tmp_path / "ages.persons.jsonl").read_text(encoding="utf-8").splitlines())
    assert (first["name"], second["name"]) == ("=Änne", None)
    while undo_edit(log, 1) is not None:
        pass
    assert list(table(log, tmp_path)["person"]) == [1, 2, 3]


# What the program corrects by itself.


def test_recognised_person_is_one_row(log: SessionLog) -> None:
    with log.begin("analyze", [FILM], PROVENANCE) as session:
        sink = session.begin_input(0, info())
        sink.write(result(0, [face(1, track=1)]))
        sink.write(result(200, [face(2, track=2)]))
        sink.write(result(201, [face(1, track=2)], joins=[Join(2, 1)]))
        session.end_input(0, "finished")
    (person,) = persons(log, [1])
    assert (person.person, person.frames, person.tracks) == (1, 3, 2)
    assert list_sessions(log)[0].persons == 1


def test_final_ages_count_more_than_the_last_observation(log: SessionLog) -> None:
    with log.begin("analyze", [FILM], PROVENANCE) as session:
        sink = session.begin_input(0, info())
        sink.write(result(0, [face(1, track=1), face(2, track=2), face(1, track=3)]))
        for person, track, years, evidence in [(1, 0, 30, 4), (1, 1, 28, 3), (1, 3, 36, 1), (2, 0, 50, 2), (2, 2, 50, 2)]:
            log.db.insert(
                "INSERT INTO person_ages VALUES (?, ?, ?, ?, ?, ?, ?)",
                (sink.input_id, person, track, years, years - 5, years + 5, evidence),
            )
        session.end_input(0, "finished")
    assert [(p.person, p.age, p.low) for p in persons(log, [1])] == [(1, 30, 25), (2, 50, 45)]
    add_edit(log, 1, split_off(1, 3, []))
    assert [(p.person, p.age) for p in persons(log, [1])] == [(1, 28), (2, 50), (SPLIT_FIRST + 3, 36)]
    undo_edit(log, 1)
    add_edit(log, 1, Merge(2, 1))
    (both,) = persons(log, [1])
    assert both.person == 1
    assert both.age == pytest.approx((30 * 4 + 50 * 2) / 6)


def test_adopted_input_brings_joins_and_ages_under_new_numbers(log: SessionLog) -> None:
    with log.begin("analyze", [FILM], PROVENANCE) as session:
        sink = session.begin_input(0, info())
        sink.write(result(0, [face(1, track=1)]))
        sink.write(result(1, [face(2, track=2)]))
        sink.write(result(2, [face(1, track=2)], joins=[Join(2, 1), Join(2, 1, track=2)]))
        log.db.insert("INSERT INTO person_ages VALUES (?, 1, 0, 30, 25, 35, 4)", (sink.input_id,))
        log.db.insert("INSERT INTO person_ages VALUES (?, 1, 1, 30, 25, 35, 4)", (sink.input_id,))
        log.db.insert("INSERT INTO person_ages VALUES (?, 1, 2, 30, 25, 35, 4)", (sink.input_id,))
        session.end_input(0, "finished")
    earlier = log.finished_input(FILM.fingerprint, PROVENANCE)
    assert earlier is not None
    with log.begin("analyze", [FILM, FILM], PROVENANCE) as session:
        session.begin_input(0, info()).write(result(0, [face(4, track=6)]))
        session.end_input(0, "finished")
        assert session.adopt(1, earlier)
        assert session.next_numbers(2).person == 7
    assert [(p.person, p.age, p.tracks) for p in persons(log, [2])] == [(4, 34.0, 1), (5, 30.0, 2)]


# Files of the version before.


def test_log_of_version_1_keeps_its_rows_and_takes_edits(path: Path) -> None:
    path.touch()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        migrate(db, {0: SCHEMA_V1})
        db.execute(
            "INSERT INTO sessions VALUES"
            " (1, 'analyze', 1790000000, 1790000009, 'finished', NULL, 'cpu int8', 'm', '0.1.0', '{}', 'f')"
        )
        db.execute("INSERT INTO inputs VALUES (1, 1, 0, 0, 'film.mp4', 'f', 'finished', 0, 640, 480, 25.0, 2.0, 2, 3, 2, 0.04)")
        db.execute("INSERT INTO sources VALUES (1, 0, 'film.mp4')")
        for n, (frame, person, age) in enumerate([(0, 1, 30.0), (0, 2, 40.0), (1, 1, 31.0)]):
            db.execute(
                "INSERT INTO observations VALUES (1, ?, 0, ?, 1790000000, ?, ?, ?, 1, 2, 3, 4, 0.9, 0.5, ?, ?, ?, ?, 'cpu int8')",
                (n, frame / 25, frame, person, person, age, age, age - 5, age + 5),
            )
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
    with SessionLog.open(path, create=False) as log:
        assert [(p.person, p.age, p.low, p.frames) for p in persons(log, [1])] == [(1, 31, 26, 2), (2, 40, 35, 1)]
        add_edit(log, 1, Merge(2, 1))
        add_edit(log, 1, Rename(1, "Ann"))
    with SessionLog.open(path, create=False) as log:
        assert [(p.person, p.name, p.frames) for p in persons(log, [1])] == [(1, "Ann", 3)]
        assert log.db.rows("PRAGMA user_version") == [(SCHEMA_VERSION,)]
        assert log.db.rows("PRAGMA integrity_check") == [("ok",)]
        assert list_sessions(log)[0].observations == 3


def test_log_of_version_2_keeps_its_edits_and_takes_new_kinds(path: Path) -> None:
    path.touch()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        migrate(db, {version: MIGRATIONS[version] for version in (0, 1)})
        db.execute(
            "INSERT INTO sessions VALUES"
            " (1, 'window', 1790000000, 1790000009, 'finished', NULL, 'cpu int8', 'm', '0.1.0', '{}', 'f')"
        )
        db.execute("INSERT INTO person_edits VALUES (4, 1, 1790000000, 'rename', 1, NULL, NULL, 'Ann')")
        db.execute("INSERT INTO person_edits VALUES (6, 1, 1790000001, 'merge', 2, NULL, 1, NULL)")
    with SessionLog.open(path, create=False) as log:
        add_edit(log, 1, Exempt(1))
        assert edits_of(log, 1) == [Rename(1, "Ann"), Merge(2, 1), Exempt(1)]
        assert undo_edit(log, 1) == Exempt(1)
        assert log.db.rows("PRAGMA integrity_check") == [("ok",)]
        assert delete_sessions(log, [1])
        assert log.db.rows("SELECT * FROM person_edits") == []
