"""A recording process is killed at any moment: the log opens, is whole, and lacks less than a second."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from pipeline.export import export_csv
from pipeline.sessions import list_sessions
from pipeline.store import SessionLog
from tests.pipeline.log_scenes import FILM, PROVENANCE, face, info, result

FRAMES_PER_S = 30.0
LOSES_LESS_THAN_S = 1.0
ROOT = Path(__file__).resolve().parents[2]


def start_recorder(path: Path, frames_per_s: float = FRAMES_PER_S) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.pipeline.log_scenes", str(path), str(frames_per_s)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def wait_until_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"


def wait_for_frames(process: subprocess.Popen[str], count: int) -> list[float]:
    """The times of the next frames, as soon as there are so many."""
    assert process.stdout is not None
    return [float(process.stdout.readline()) for _ in range(count)]


def kill(process: subprocess.Popen[str]) -> list[float]:
    """SIGKILL (TerminateProcess on Windows); the times of the frames that were not waited for, as the process said them."""
    process.kill()
    # With what came together with an earlier line: that is in the buffer of the stream.
    assert process.stdout is not None
    with process.stdout as output:
        *lines, _cut_through = output.read().split("\n")
    process.wait()
    return [float(line) for line in lines]


def frames_in(path: Path) -> int:
    """What has been committed."""
    with closing(sqlite3.connect(path)) as db:
        ((frames,),) = db.execute("SELECT frames FROM inputs")
    return int(frames)


def check_integrity(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []


def test_kill_at_random_moments_loses_less_than_a_second(tmp_path: Path) -> None:
    path = tmp_path / "sessions.sqlite"
    moments = random.Random(20261120)
    written = []
    for step in range(3):
        process = start_recorder(path)
        wait_until_ready(process)
        given = wait_for_frames(process, moments.randint(12, 24) + 12 * step)
        time.sleep(moments.uniform(0.0, 1 / FRAMES_PER_S))
        written.append(given + kill(process))
    with SessionLog.open(path) as log:
        sessions = list_sessions(log)
        assert [s.state for s in sessions] == ["interrupted"] * 3
        assert [s.inputs[0].state for s in sessions] == ["interrupted"] * 3
        for session, given in zip(sessions, written, strict=True):
            committed = session.inputs[0].frames
            lost = given[committed:]
            assert committed <= len(given)
            assert not lost or lost[-1] - lost[0] < LOSES_LESS_THAN_S
            rows = log.db.rows("SELECT n, frame, person FROM observations WHERE input_id = ? ORDER BY n", (session.inputs[0].id,))
            assert rows == [(2 * i + k, i, k + 1) for i in range(committed) for k in (0, 1)]
        export_csv(log, [s.id for s in sessions], tmp_path / "ages.csv")
    check_integrity(path)
    # Locks of the dead are cleared away; only the log remains.
    assert {p.name for p in tmp_path.iterdir()} == {"sessions.sqlite", "ages.csv", "ages.persons.csv"}


def test_kill_under_load_leaves_a_whole_file(tmp_path: Path) -> None:
    """Many commits a second in several processes: a kill falls into the middle of one."""
    path = tmp_path / "sessions.sqlite"
    moments = random.Random(7)
    for _ in range(2):
        processes = [start_recorder(path, frames_per_s=3000.0) for _ in range(2)]
        for process in processes:
            wait_until_ready(process)
        time.sleep(moments.uniform(0.3, 0.9))
        for process in processes:
            kill(process)
        check_integrity(path)
    with SessionLog.open(path) as log:
        assert [s.state for s in list_sessions(log)] == ["interrupted"] * 4


def test_a_living_recorder_is_running_and_its_session_cannot_be_taken(tmp_path: Path) -> None:
    path = tmp_path / "sessions.sqlite"
    process = start_recorder(path)
    try:
        wait_until_ready(process)
        with SessionLog.open(path) as log:
            assert [s.state for s in list_sessions(log)] == ["running"]
            assert log.resume([FILM], PROVENANCE) is None
    finally:
        kill(process)
    with SessionLog.open(path) as log:
        resumed = log.resume([FILM], PROVENANCE)
        assert resumed is not None
        resumed.finish()


def test_killed_session_is_resumed_and_keeps_its_rows_until_the_new_ones_are_complete(tmp_path: Path) -> None:
    path = tmp_path / "sessions.sqlite"
    process = start_recorder(path)
    wait_until_ready(process)
    # Every second something is committed.
    wait_for_frames(process, 20)
    while frames_in(path) <= 10:
        wait_for_frames(process, 1)
    kill(process)
    with SessionLog.open(path) as log:
        session = log.resume([FILM], PROVENANCE)
        assert session is not None
        recorded = session.inputs()[0].frames
        assert recorded > 10
        with session:
            sink = session.begin_input(0, info())
            sink.write(result(0, [face(1)]))
            sink.flush()
            assert session.inputs()[0].frames == recorded, "the attempt that got further counts"
            for index in range(1, recorded + 5):
                sink.write(result(index, [face(1)]))
            session.end_input(0, "finished")
        (summary,) = list_sessions(log)
        assert (summary.state, summary.inputs[0].frames, summary.observations) == ("finished", recorded + 5, recorded + 5)
        assert log.db.rows("SELECT count(*) FROM observations") == [(recorded + 5,)], "the broken attempt's rows are gone"


def test_processes_that_start_together_make_one_schema(tmp_path: Path) -> None:
    path = tmp_path / "sessions.sqlite"
    processes = [start_recorder(path) for _ in range(4)]
    try:
        for process in processes:
            wait_until_ready(process)
        with SessionLog.open(path) as log:
            assert [s.state for s in list_sessions(log)] == ["running"] * 4
    finally:
        for process in processes:
            kill(process)
