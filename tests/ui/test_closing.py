"""Closing at any moment, as real processes: ended within three seconds, exit code 0, and what was recorded is in the log."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import av
import psutil
import pytest

from tests.limits import PATIENCE_S, assert_within, is_busy
from tests.ui.closing_scene import ENOUGH, LINE, MOMENTS, PATIENT

ROOT = Path(__file__).resolve().parents[2]
CLOSES_WITHIN_S = 3.0
STARTS_WITHIN_S = 120.0


def close_at(moment: str, folder: Path, source: str = "demo") -> float:
    """Seconds from closing the window to the end of the process; everything about the end is checked."""
    log = folder / "log.sqlite"
    own = dict.fromkeys(("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "APPDATA", "LOCALAPPDATA"), str(folder))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.ui.closing_scene", moment, str(log), source],
        cwd=ROOT,
        env=os.environ | own | {"QT_QPA_PLATFORM": "offscreen", PATIENT: "yes" if is_busy() else ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(STARTS_WITHIN_S, process.kill)
    try:
        assert process.stdout is not None
        watchdog.start()
        assert process.stdout.readline().strip() == LINE, process.stderr.read() if process.stderr else ""
        watchdog.cancel()
        children = children_of(process.pid)
        begun_s = time.monotonic()
        _, errors = process.communicate(timeout=STARTS_WITHIN_S)
        took_s = time.monotonic() - begun_s
    finally:
        watchdog.cancel()
        watchdog.join()
        process.kill()
        process.communicate()
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert "QThread" not in errors
    assert_within(took_s, CLOSES_WITHIN_S)
    _, left = psutil.wait_procs(children, timeout=PATIENCE_S)
    assert not left, "a process that it started lives on"
    return took_s


def children_of(pid: int) -> list[psutil.Process]:
    """Processes that it started; none where it has ended already."""
    try:
        return psutil.Process(pid).children()
    except psutil.NoSuchProcess:
        return []


def log_of(folder: Path) -> tuple[list[str], int]:
    """States of the sessions, and frames."""
    path = folder / "log.sqlite"
    if not path.exists():
        return [], 0
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        states = [state for (state,) in db.execute("SELECT state FROM sessions")]
        (frames,) = db.execute("SELECT coalesce(sum(frames), 0) FROM inputs").fetchone()
    return states, frames


@contextmanager
def silent_server() -> Iterator[str]:
    """Takes connections and never says anything."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/cam.mjpg"


@pytest.mark.parametrize("moment", ["greeting", "opening", "loading"])
def test_before_the_first_picture(tmp_path: Path, moment: str) -> None:
    close_at(moment, tmp_path)
    states, _ = log_of(tmp_path)
    # Loading models cannot be interrupted. Where that took longer than the window waits, the process has left, and whoever opens
    # the log next settles the session.
    assert set(states) <= {"finished", "running"}


def test_while_a_camera_does_not_answer(tmp_path: Path) -> None:
    with silent_server() as address:
        close_at("loading", tmp_path, address)


@pytest.mark.parametrize("moment", ["playing", "building", "in_a_dialog"])
def test_while_it_plays(tmp_path: Path, moment: str) -> None:
    close_at(moment, tmp_path)
    states, frames = log_of(tmp_path)
    assert states == ["finished"]
    assert frames > 0


def test_while_a_long_export_is_written(tmp_path: Path) -> None:
    close_at("exporting", tmp_path)
    states, frames = log_of(tmp_path)
    assert states == ["finished"]
    assert frames > ENOUGH
    left = {path.name for path in tmp_path.iterdir() if path.name.startswith("long")}
    assert left <= {"long.csv", "long.persons.csv"}, "whole files or none"


def test_while_a_film_is_recorded(tmp_path: Path) -> None:
    close_at("recording", tmp_path)
    states, frames = log_of(tmp_path)
    # On a busy machine the encoder may not be done in time. Then the film is left as far as it is written.
    assert states == ["finished"] or (states == ["running"] and is_busy())
    with av.open(str(tmp_path / "recorded.mp4")) as film:
        pictures = sum(1 for _ in film.decode(video=0))
    assert 0 < pictures <= frames, "the film is whole"
    assert not list(tmp_path.glob("*.part*")), "nothing is left beside it"


def test_every_moment_is_tried() -> None:
    tried = {"greeting", "opening", "loading", "playing", "building", "in_a_dialog", "exporting", "recording"}
    assert set(MOMENTS) == tried
