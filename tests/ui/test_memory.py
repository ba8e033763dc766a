"""Opening film after film leaves nothing behind. Things are counted, not megabytes: those depend on the machine."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.pipeline.clips import plain, write_film
from tests.ui.doubles import World
from ui.main_window import MainWindow

WAIT_MS = 60_000
SETTLING, OPENINGS = 5, 15
OURS = ("pipeline.", "engines.", "ui.", "tests.")
FOREIGN = ("sqlite3.Connection", "PySide6.QtCore.QTimer", "PySide6.QtWidgets.QWidget", "threading.Thread", "numpy.ndarray")

HEAPS = """
import ctypes, sys, threading
from ui.memory import use_one_heap
if sys.argv[1] == "one":
    use_one_heap()
together = threading.Barrier(4)
def work():
    held = [ctypes.create_string_buffer(20_000 + number) for number in range(50)]
    together.wait()
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(sys.argv[2].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""


def open_and_stop(qtbot: QtBot, window: MainWindow, spec: str) -> None:
    window.open_source(spec)
    qtbot.waitUntil(lambda: window.session.progress.frames > 0 or not window.session.state.active, timeout=WAIT_MS)
    window.session.stop()
    qtbot.waitUntil(lambda: not window.session.state.active, timeout=WAIT_MS)
    if window._error_dialog is not None:
        window._error_dialog.reject()
    # The log's last word on ages is read in a thread of its own.
    qtbot.waitUntil(lambda: not window.people._reading.busy, timeout=WAIT_MS)


def things() -> Counter[str]:
    """How many objects there are of each type of this program, and of some that hold much memory."""
    gc.collect()
    names = (f"{type(thing).__module__}.{type(thing).__qualname__}" for thing in gc.get_objects())
    return Counter(name for name in names if name.startswith(OURS) or name in FOREIGN)


def open_files() -> int | None:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None


def check_nothing_is_left(qtbot: QtBot, window: MainWindow, spec: str) -> None:
    for _ in range(SETTLING):
        open_and_stop(qtbot, window, spec)
    before, threads, files = things(), set(threading.enumerate()), open_files()
    for _ in range(OPENINGS):
        open_and_stop(qtbot, window, spec)
    qtbot.waitUntil(lambda: set(threading.enumerate()) <= threads, timeout=WAIT_MS)
    assert open_files() == files
    # Which of two persons was seen in the last picture may differ, but nothing may be left of every opening.
    assert {name: more for name, more in (things() - before).items() if more >= OPENINGS} == {}


@pytest.mark.parametrize("spec", ["demo", "folder", "bug"])
def test_sources_that_are_opened_one_after_the_other_leave_nothing(
    qtbot: QtBot, window: MainWindow, world: World, spec: str
) -> None:
    check_nothing_is_left(qtbot, window, spec)
    assert world.opened == world.closed == [spec] * (SETTLING + OPENINGS)


def test_real_films_leave_nothing(qtbot: QtBot, film_window: MainWindow, tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", [plain(number) for number in range(50)], [40 * number for number in range(50)])
    check_nothing_is_left(qtbot, film_window, str(film))


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc has many heaps")
def test_all_threads_share_one_heap(tmp_path: Path) -> None:
    def heaps(which: str) -> int:
        told = tmp_path / which
        subprocess.run([sys.executable, "-c", HEAPS, which, str(told)], check=True, cwd=Path(__file__).resolve().parents[2])
        return told.read_text(encoding="utf-8").count("<heap nr=")

    if heaps("many") == 1:
        pytest.skip("the C library has one heap in any case")
    assert heaps("one") == 1
