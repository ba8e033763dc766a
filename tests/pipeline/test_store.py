"""The session log holds what was written, says so in time, and refuses what it cannot use."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest

from pipeline import database
from pipeline.database import Database, migrate
from pipeline.errors import LogError
from pipeline.fingerprints import input_fingerprint
from pipeline.log_sink import COMMIT_INTERVAL_S, LogSink
from pipeline.observations import observations, persons
from pipeline.schema import MIGRATIONS, SCHEMA_VERSION
from pipeline.sessions import delete_sessions, list_sessions
from pipeline.settings import Settings, TrackerSettings, ViewSettings
from pipeline.store import Numbers, PlannedInput, Recording, Session, SessionLog
from tests.pipeline.log_scenes import ENGINE, FILM, PROVENANCE, WALL_TIME_S, face, info, record_film, result

OTHER_FILM = PlannedInput("other.mp4", "0" * 32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.sqlite"


@pytest.fixture
def log(path: Path) -> Iterator[SessionLog]:
    with SessionLog.open(path) as opened:
        yield opened


def begin(log: SessionLog, *inputs: PlannedInput) -> Session:
    return log.begin("analyze", inputs or [FILM], PROVENANCE)


def stored_rows(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("SELECT count(*) FROM observations").fetchone()[0])


# What is written comes back.


def test_every_value_of_a_face_comes_back(log: SessionLog) -> None:
    with begin(log) as session:
        sink = session.begin_input(0, info())
        sink.write(result(0, []))
        sink.write(result(3, [face(1), face(2, age=None, raw=None, track=9)], time_s=0.1234567))
        session.end_input(0, "finished")
    first, second = observations(log, [session.id])
    assert first == (
        *("film.mp4", 0.1234567, WALL_TIME_S + 0.1234567, 3, 1, 1),
        *(10.25, 20.5, 110.25, 140.5, 0.98765, 0.5, 35.5, 34.0, 28.0, 40.0, "cpu int8", session.id, None),
    )
    assert (second.person, second.track) == (2, 9)
    assert (second.raw_age, second.age, second.low, second.high) == (None, None, None, None)


def test_session_says_when_with_what_and_how_far(log: SessionLog) -> None:
    before = time.time()
    record_film(log, frames=25)
    (summary,) = list_sessions(log)
    assert (summary.kind, summary.state, summary.engine, summary.model) == ("analyze", "finished", "cpu int8", "agelens")
    assert before - 1 <= summary.started_at.timestamp() <= summary.ended_at.timestamp() <= time.time() + 1
    assert Settings.model_validate(json.loads(summary.settings_json)) == Settings()
    assert (summary.persons, summary.observations, summary.inputs[0].frames) == (2, 50, 25)
    assert summary.duration_s == pytest.approx(24 / 25)


def test_pictures_of_a_folder_keep_their_names(log: SessionLog) -> None:
    with begin(log, PlannedInput("holiday", "1" * 32)) as session:
        sink = session.begin_input(0, info("holiday"))
        for index, name in enumerate(["a.jpg", "b.jpg"]):
            sink.write(result(index, [face(index + 1)], source=name))
        session.end_input(0, "finished")
    assert [(o.source, o.person) for o in observations(log, [session.id])] == [("a.jpg", 1), ("b.jpg", 2)]
    assert [p.source for p in persons(log, [session.id])] == ["a.jpg", "b.jpg"]


def test_frame_that_comes_twice_is_written_twice(log: SessionLog) -> None:
    """A person seeks back in the window: same frame number, another track."""
    with begin(log) as session:
        sink = session.begin_input(0, info())
        for index in (5, 6, 5):
            sink.write(result(index, [face(1)]))
    assert [o.frame for o in observations(log, [session.id])] == [5, 6, 5]


def test_person_is_summed_up(log: SessionLog) -> None:
    with begin(log) as session:
        sink = session.begin_input(0, info())
        # In sight for 0.4 s, overlooked for 0.6 s, away for 9 s, in sight for 0.5 s.
        for index, time_s in enumerate([0.0, 0.4, 1.0, 10.0, 10.5]):
            sink.write(result(index, [face(1, age=30.0 + index)], time_s=time_s))
        sink.write(result(5, [face(1, age=None, raw=None)], time_s=10.75))
        session.end_input(0, "finished")
    (person,) = persons(log, [session.id])
    assert (person.first_seen_s, person.last_seen_s, person.frames) == (0.0, 10.75, 6)
    assert person.dwell_s == pytest.approx(1.0 + 0.75)
    assert (person.age, person.low, person.high) == (34.0, 28.0, 40.0), "the last belief that there was"


# In time, and at what price.


def test_nothing_waits_for_longer_than_the_interval(log: SessionLog, path: Path) -> None:
    now_s = 100.0
    session = begin(log)
    session.begin_input(0, info())
    sink = LogSink(log.db, session.id, 1, clock=lambda: now_s)
    sink.write(result(0, [face(1)]))
    assert stored_rows(path) == 0
    now_s += COMMIT_INTERVAL_S
    sink.write(result(1, [face(1)]))
    assert stored_rows(path) == 2
    now_s += 10 * COMMIT_INTERVAL_S
    sink.write(result(2, [face(1)]))
    assert stored_rows(path) == 3, "a slow source's frame is committed at once"
    sink.write(result(3, [face(1)]))
    sink.close()
    sink.close()
    assert stored_rows(path) == 4
    session.finish()


def test_frame_costs_far_less_than_a_third_of_a_millisecond(log: SessionLog) -> None:
    faces = [face(person) for person in range(1, 7)]
    results = [result(index, faces) for index in range(1000)]
    session = begin(log)
    sink = session.begin_input(0, info())
    spent_ms = []
    for begin_at in range(0, len(results), 100):
        started = time.thread_time()
        for each in results[begin_at : begin_at + 100]:
            sink.write(each)
        sink.flush()
        spent_ms.append((time.thread_time() - started) * 10)
    sink.close()
    session.finish()
    assert median(spent_ms) < 0.3, f"{median(spent_ms):.3f} ms per frame of six faces"


# Several inputs, interruptions, resuming.


def test_numbers_go_on_within_a_session(log: SessionLog) -> None:
    with begin(log, FILM, OTHER_FILM) as session:
        assert session.next_numbers(0) == Numbers(1, 1)
        session.begin_input(0, info()).write(result(0, [face(4, track=17)]))
        session.end_input(0, "finished")
        assert session.next_numbers(1) == Numbers(5, 18)
        assert session.next_numbers(0) == Numbers(1, 1), "an input that is done again gets the numbers it had at first"


def test_stopped_session_goes_on_with_what_is_missing(log: SessionLog) -> None:
    with begin(log, FILM, OTHER_FILM, PlannedInput("third.mp4", "3" * 32)) as session:
        session.begin_input(0, info()).write(result(0, [face(1)]))
        session.end_input(0, "finished")
        session.begin_input(1, info("other.mp4")).write(result(0, [face(2)]))
        session.end_input(1, "stopped")
    assert list_sessions(log)[0].state == "interrupted"
    assert log.resume([FILM], PROVENANCE) is None, "other inputs"
    assert log.resume([OTHER_FILM, FILM, PlannedInput("third.mp4", "3" * 32)], PROVENANCE) is None, "another order"
    resumed = log.resume([FILM, OTHER_FILM, PlannedInput("third.mp4", "3" * 32)], PROVENANCE)
    assert resumed is not None
    with resumed:
        assert resumed.id == session.id
        assert [r.state for r in resumed.inputs()] == ["finished", "stopped", "pending"]
        for position in (1, 2):
            resumed.begin_input(position, info()).write(result(0, [face(position + 1)]))
            resumed.end_input(position, "finished")
    assert [s.state for s in list_sessions(log)] == ["finished"]
    assert log.resume([FILM, OTHER_FILM, PlannedInput("third.mp4", "3" * 32)], PROVENANCE) is None, "nothing is left to do"


def test_failed_input_does_not_leave_the_session_open(log: SessionLog) -> None:
    with begin(log, FILM, OTHER_FILM) as session:
        session.end_input(0, "failed")
        session.begin_input(1, info()).write(result(0, [face(1)]))
        session.end_input(1, "finished")
    (summary,) = list_sessions(log)
    assert (summary.state, [r.state for r in summary.inputs]) == ("finished", ["failed", "finished"])


def test_camera_is_never_done_again(log: SessionLog) -> None:
    camera = PlannedInput("Webcam", None)
    with begin(log, camera) as session:
        session.begin_input(0, info("Webcam", live=True)).write(result(0, [face(1)]))
        session.end_input(0, "stopped")
    assert list_sessions(log)[0].state == "finished"
    session = begin(log, camera, FILM)
    session.finish()
    assert log.resume([camera, FILM], PROVENANCE) is None


def test_error_in_the_middle_keeps_what_was_recorded_and_is_the_error_that_is_seen(log: SessionLog) -> None:
    def fail() -> None:
        with begin(log) as session:
            session.begin_input(0, info()).write(result(0, [face(1)]))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    (summary,) = list_sessions(log)
    assert (summary.state, summary.observations) == ("interrupted", 1)


def test_finished_input_is_taken_over_under_new_numbers(log: SessionLog) -> None:
    record_film(log, frames=4, persons=(1, 2))
    with begin(log, OTHER_FILM, FILM) as session:
        session.begin_input(0, info("other.mp4")).write(result(0, [face(1), face(2), face(3, track=8)]))
        session.end_input(0, "finished")
        earlier = log.finished_input(FILM.fingerprint, PROVENANCE)
        assert earlier is not None
        assert session.adopt(1, earlier)
    rows = [(o.source, o.frame, o.person, o.track) for o in observations(log, [session.id])]
    assert rows[3:] == [("film.mp4", i, 4 + k, 9 + k) for i in range(4) for k in (0, 1)]
    summary = list_sessions(log)[-1]
    assert (summary.state, summary.observations, summary.persons) == ("finished", 11, 5)


def test_nothing_is_taken_over_from_other_settings_a_deleted_or_an_unfinished_input(log: SessionLog) -> None:
    other = replace(PROVENANCE, settings=Settings(tracker=TrackerSettings(keep_s=2.0)))
    record_film(log)
    assert log.finished_input(FILM.fingerprint, other) is None
    assert log.finished_input(None, PROVENANCE) is None
    earlier = log.finished_input(FILM.fingerprint, PROVENANCE)
    assert earlier is not None
    delete_sessions(log, [1])
    with begin(log) as session:
        assert not session.adopt(0, earlier)
        assert session.inputs()[0].state == "pending"
        session.begin_input(0, info())
        session.end_input(0, "stopped")
    assert log.finished_input(FILM.fingerprint, PROVENANCE) is None


def test_window_records_one_input_and_marks_it_by_its_end(log: SessionLog) -> None:
    for complete in (True, False):
        with Recording(log, FILM, Settings(), "0.1.0") as recording:
            recording.open_sink(info(), ENGINE).write(result(0, [face(1)]))
            recording.complete = complete
    with Recording(log, FILM, Settings(), "0.1.0"):
        pass
    sessions = list_sessions(log)
    assert [(s.kind, s.state, s.inputs[0].state) for s in sessions] == [
        ("window", "finished", "finished"),
        ("window", "finished", "stopped"),
    ], "a source that never opened leaves nothing"
    assert log.finished_input(FILM.fingerprint, PROVENANCE) is None, "a window may drop frames"


# Fingerprints.


def test_fingerprint_tells_files_and_their_changes(tmp_path: Path) -> None:
    film, copy = tmp_path / "film.mp4", tmp_path / "copy.mp4"
    for each in (film, copy):
        each.write_bytes(b"same")
    first = input_fingerprint(str(film))
    assert first is not None
    assert first == input_fingerprint(str(tmp_path / "." / "film.mp4"))
    assert first != input_fingerprint(str(copy))
    os.utime(film, ns=(1, 1))
    assert input_fingerprint(str(film)) != first
    folder = input_fingerprint(str(tmp_path))
    assert folder is not None
    copy.unlink()
    assert input_fingerprint(str(tmp_path)) != folder


@pytest.mark.parametrize("spec", ["0", "Webcam", "rtsp://user:secret@host/live", "no-such-film.mp4", "bad\0name.mp4"])
def test_what_cannot_be_read_again_has_no_fingerprint(spec: str) -> None:
    assert input_fingerprint(spec) is None


def test_provenance_counts_what_changes_numbers_and_nothing_else() -> None:
    same = replace(PROVENANCE, settings=Settings(view=ViewSettings(show_gender=True)), engine=replace(ENGINE, reason="asked for"))
    assert same.fingerprint == PROVENANCE.fingerprint
    others = [
        replace(PROVENANCE, settings=Settings(tracker=TrackerSettings(keep_s=2.0))),
        replace(PROVENANCE, engine=replace(ENGINE, precision="fp16")),
        replace(PROVENANCE, engine=replace(ENGINE, model_sha256="cd" * 32)),
        replace(PROVENANCE, app_version="0.2.0"),
        replace(PROVENANCE, duration_s=5.0),
    ]
    assert len({p.fingerprint for p in [*others, PROVENANCE]}) == len(others) + 1


# Privacy.


def test_no_credentials_no_folders_no_embeddings(tmp_path: Path, path: Path) -> None:
    film = tmp_path / "private-folder" / "film.mp4"
    film.parent.mkdir()
    film.write_bytes(b"film")
    with SessionLog.open(path) as log:
        stream = "rtsp://admin:s3cret@camera.local/live"
        with begin(log, PlannedInput.of(str(film)), PlannedInput.of(stream)) as session:
            session.begin_input(0, info()).write(result(0, [face(1)]))
            session.begin_input(1, info(stream, live=True)).write(result(0, [face(2)], source=stream))
        assert [o.source for o in observations(log, [session.id])] == ["film.mp4", "rtsp://camera.local/live"]
    content = path.read_bytes()
    assert b"camera.local" in content
    for secret in (b"s3cret", b"admin", b"private-folder"):
        assert secret not in content
    with closing(sqlite3.connect(path)) as db:
        kinds = {
            row[2].split()[0]
            for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE sql LIKE '%CREATE TABLE%'").fetchall()
            if not name.startswith("sqlite_")
            for row in db.execute(f"PRAGMA table_info({name})")
        }
    assert kinds == {"INTEGER", "REAL", "TEXT"}, "no column could hold a picture or an embedding"


def test_name_that_is_no_utf8_is_kept_readable(log: SessionLog) -> None:
    name = os.fsdecode(b"caf\xe9.mp4")
    record_film(log, name=name)
    assert {o.source for o in observations(log, [1])} <= {"caf\\udce9.mp4", "café.mp4"}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a user's files from others by the folder")
def test_new_log_is_its_owners_only(log: SessionLog, path: Path) -> None:
    record_film(log)
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file.name


def test_deleted_rows_are_gone_from_the_bytes(path: Path) -> None:
    with SessionLog.open(path) as log:
        record_film(log, frames=400, name="keep-me.mp4")
        secret = record_film(log, frames=4000, name="forget-me.mp4")
        size = path.stat().st_size + path.with_name(path.name + "-wal").stat().st_size
        assert delete_sessions(log, [secret])
        for file in path.parent.iterdir():
            assert b"forget-me" not in file.read_bytes(), file.name
        assert path.stat().st_size < size / 3, "the space is given back"
        assert [s.id for s in list_sessions(log)] == [1]
        assert sum(1 for _ in observations(log, [1])) == 800
        assert record_film(log) == 3, "a number is not given again"


# Refusals.


def test_delete_refuses_unknown_and_running_sessions_and_deletes_nothing(log: SessionLog) -> None:
    record_film(log)
    with begin(log) as running:
        with pytest.raises(LogError, match=f"Session {running.id} is still being recorded"):
            delete_sessions(log, [1, running.id])
        with pytest.raises(LogError, match="There is no session 77"):
            delete_sessions(log, [1, 77])
    assert [s.id for s in list_sessions(log)] == [1, 2]


def test_text_file_is_no_log_and_stays_as_it_is(path: Path) -> None:
    path.write_text("dear diary, " * 500)
    with pytest.raises(LogError, match="is not a session log") as caught, SessionLog.open(path):
        pass
    assert "--log" in caught.value.hint
    assert path.read_text() == "dear diary, " * 500


def test_other_programs_database_is_no_log_and_stays_as_it_is(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE bookmarks (url TEXT)")
    before = path.read_bytes()
    with pytest.raises(LogError, match="is not a session log"), SessionLog.open(path):
        pass
    assert path.read_bytes() == before


def test_log_of_a_newer_version_is_refused(path: Path) -> None:
    with SessionLog.open(path) as log:
        record_film(log)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(LogError, match="newer version") as caught, SessionLog.open(path):
        pass
    assert "Update the program" in caught.value.hint


def test_log_of_an_older_version_is_brought_up_to_date(path: Path) -> None:
    with SessionLog.open(path) as log:
        record_film(log)
    steps = {**MIGRATIONS, SCHEMA_VERSION: ("ALTER TABLE sessions ADD COLUMN note TEXT NOT NULL DEFAULT ''",)}
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        migrate(db, steps)
        assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION + 1,)
        assert db.execute("SELECT kind, note FROM sessions").fetchall() == [("analyze", "")]


def test_failing_migration_changes_nothing(path: Path) -> None:
    with SessionLog.open(path) as log:
        record_film(log)
    failing = ("ALTER TABLE sessions ADD COLUMN note TEXT", "ALTER TABLE nowhere ADD COLUMN note TEXT")
    steps = {**MIGRATIONS, SCHEMA_VERSION: failing}
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        with pytest.raises(sqlite3.OperationalError):
            migrate(db, steps)
        assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        assert "note" not in [row[1] for row in db.execute("PRAGMA table_info(sessions)")]


def test_damaged_log(path: Path) -> None:
    with SessionLog.open(path) as log:
        record_film(log, frames=2000)
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(LogError, match="is damaged") as caught, SessionLog.open(path) as log:
        list_sessions(log)
    assert "recover" in caught.value.hint


def test_folder_in_place_of_a_log(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="is a folder"), SessionLog.open(tmp_path):
        pass


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="There is no folder"), SessionLog.open(tmp_path / "nowhere" / "log.sqlite"):
        pass


def test_file_in_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LogError, match="cannot be opened for writing"), SessionLog.open(tmp_path / "file" / "log.sqlite"):
        pass


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_unwritable_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(LogError, match="cannot be opened for writing"), SessionLog.open(tmp_path / "log.sqlite"):
        pass


def test_looking_makes_no_log(path: Path) -> None:
    with pytest.raises(LogError, match="There is no session log"), SessionLog.open(path, create=False):
        pass
    assert list(path.parent.iterdir()) == []


def test_lock_that_no_session_names_is_cleared_away_once_it_is_old(path: Path) -> None:
    fresh, old, strange = (path.with_name(name) for name in (f"{path.name}-live-1", f"{path.name}-live-2", "notes-live-3"))
    for each in (fresh, old, strange):
        each.touch()
    os.utime(old, (0, 0))
    os.utime(strange, (0, 0))
    with SessionLog.open(path):
        pass
    assert {p.name for p in path.parent.iterdir()} == {path.name, fresh.name, strange.name}


def test_empty_file_becomes_a_log(path: Path) -> None:
    path.touch()
    with SessionLog.open(path) as log:
        assert list_sessions(log) == []


def test_disk_full_is_one_error_and_the_rest_is_safe(path: Path) -> None:
    with SessionLog.open(path) as log:
        session = begin(log)
        sink = session.begin_input(0, info())
        pages = log.db.rows("PRAGMA page_count")[0][0]
        log.db.rows(f"PRAGMA max_page_count = {pages + 6}")
        committed = 0

        def fill() -> None:
            nonlocal committed
            for index in range(10_000):
                sink.write(result(index, [face(1)]))
                if index % 20 == 19:
                    sink.flush()
                    committed = index + 1

        with pytest.raises(LogError, match="disk is full") as caught:
            fill()
        assert "Free some space" in caught.value.hint
        assert committed > 0
        sink.close()
        with pytest.raises(LogError, match="disk is full"), session:
            raise caught.value
    with SessionLog.open(path) as log:
        (summary,) = list_sessions(log)
        assert (summary.state, summary.inputs[0].frames, summary.observations) == ("interrupted", committed, committed)


def test_log_that_another_program_keeps_locked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.2)
    with SessionLog.open(path) as log, closing(sqlite3.connect(path, isolation_level=None)) as browser:
        session = begin(log)
        sink = session.begin_input(0, info())
        sink.write(result(0, [face(1)]))
        browser.execute("BEGIN IMMEDIATE")
        with pytest.raises(LogError, match="locked by another program"):
            sink.flush()
        browser.execute("ROLLBACK")
        session.finish()


def test_log_belongs_to_its_thread(log: SessionLog) -> None:
    caught: list[Exception] = []

    def intrude() -> None:
        try:
            list_sessions(log)
        except LogError as error:
            caught.append(error)

    intruder = threading.Thread(target=intrude)
    intruder.start()
    intruder.join()
    assert "thread" in str(caught[0])


def test_reader_in_another_thread_sees_what_is_committed(log: SessionLog, path: Path) -> None:
    """As the window exports while it records; its closing must not let go of the recorder's lock."""
    session = begin(log)
    sink = session.begin_input(0, info())
    sink.write(result(0, [face(1)]))
    sink.flush()
    seen: list[tuple[str, int]] = []

    def read() -> None:
        for _ in range(2):
            with SessionLog.open(path) as other:
                seen.extend((s.state, s.observations) for s in list_sessions(other))

    reader = threading.Thread(target=read)
    reader.start()
    reader.join()
    assert seen == [("running", 1), ("running", 1)]
    session.finish()


def test_database_streams_from_one_state(log: SessionLog, path: Path) -> None:
    record_film(log, frames=5)
    with closing(Database(path)) as other, log.db.snapshot():
        before = log.db.rows("SELECT count(*) FROM observations")
        other.change("DELETE FROM sessions", ())
        assert log.db.rows("SELECT count(*) FROM observations") == before
    assert log.db.rows("SELECT count(*) FROM observations") == [(0,)]
