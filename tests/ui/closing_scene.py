"""The real program, closed at a chosen moment: `python -m tests.ui.closing_scene MOMENT LOG [SOURCE]`, run by test_closing.

Prints a line when the moment has come, just before the window is told to close.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, QTimer

import main
from pipeline.hindsight import Conclusion
from pipeline.protocols import EngineInfo, FrameAnalyzer
from pipeline.settings import Settings
from pipeline.settings_file import SettingsStore
from pipeline.types import Frame, FrameResult
from tests.limits import PATIENCE_S
from ui import main_window
from ui.app import run_window
from ui.export_dialog import ExportDialog
from ui.main_window import MainWindow
from ui.session import State

LINE = "closing"
PATIENT = "AGELENS_TEST_PATIENT"
"""Variable of the environment: not empty where the machine is busy, and the window is to wait until everything has ended."""
POLL_MS = 10
ENOUGH = 5
"""Frames: a busy machine analyses few."""
MANY_ROWS = 400_000


class Closer(QObject):
    """Closes the window as soon as something holds."""

    def __init__(self, window: MainWindow, holds: Callable[[], bool]) -> None:
        super().__init__(window)
        self._window, self._holds = window, holds
        timer = QTimer(self, interval=POLL_MS)
        timer.timeout.connect(self._look)
        timer.start()
        self._timer = timer

    def _look(self) -> None:
        if self._holds():
            self._timer.stop()
            print(LINE, flush=True)  # noqa: T201
            self._window.close()


def greeting(window: MainWindow, _source: str) -> None:
    """Nothing was opened."""
    Closer(window, window.isVisible)


def opening(window: MainWindow, source: str) -> None:
    """The source has just been asked for."""
    window.open_source(source)
    Closer(window, lambda: True)


def loading(window: MainWindow, source: str) -> None:
    """The models are being loaded, or the source does not answer."""
    window.open_source(source)
    begun_s = time.monotonic()
    Closer(window, lambda: time.monotonic() - begun_s > 0.3)


def playing(window: MainWindow, source: str) -> None:
    """Pictures have been written to the log."""
    window.open_source(source)
    Closer(window, lambda: window.session.progress.frames > ENOUGH)


def building(window: MainWindow, source: str) -> None:
    """A faster engine is being built while the CPU serves."""
    window.open_source(source)
    Closer(window, lambda: window.view.result is not None and "building" in window.view.result.engine_note)


def in_a_dialog(window: MainWindow, source: str) -> None:
    """A dialog is open."""
    window.open_source(source)
    window.settings_control.action.trigger()
    Closer(window, lambda: window.session.progress.frames > 5)


def exporting(window: MainWindow, source: str) -> None:
    """A long export is being written."""
    window.open_source(source)

    def begin() -> None:
        session_id = window.session.log_session
        assert session_id is not None
        lengthen(window.services.log_path, session_id)
        window.preferences.setValue("folder", str(window.services.log_path.parent))
        window.preferences.setValue("export_kinds", "csv,jsonl,report")
        window.exporting.open(session_id, "long").start()

    def look() -> bool:
        if window.session.state is State.RUNNING and window.session.progress.frames > ENOUGH and window.session.progress.faces:
            window.session.stop()
        return any(dialog.job.busy and dialog.bar.value() > 0 for dialog in window.findChildren(ExportDialog))

    window.run_ended.connect(begin)
    Closer(window, look)


def lengthen(log: Path, session_id: int) -> None:
    """Makes hours of a few seconds: its rows again and again."""
    with closing(sqlite3.connect(log)) as db, db:
        names = [name for _, name, *_ in db.execute("PRAGMA table_info(observations)")]
        (rows,) = db.execute("SELECT max(n) + 1 FROM observations").fetchone()
        columns = ", ".join(f"n + copy * {rows}" if name == "n" else name for name in names)
        db.execute(
            f"WITH RECURSIVE copies(copy) AS (SELECT 1 UNION ALL SELECT copy + 1 FROM copies WHERE copy < {MANY_ROWS // rows})"
            f" INSERT INTO observations SELECT {columns} FROM copies, observations"
            " WHERE input_id IN (SELECT id FROM inputs WHERE session_id = ?)",
            (session_id,),
        )


def recording(window: MainWindow, source: str) -> None:
    """A film is being recorded."""
    target = window.services.log_path.with_name("recorded.mp4")
    window.open_source(source)
    window.recording.start(target)
    Closer(window, lambda: window.recording.lamp.endswith(tuple("0123456789")) and window.session.progress.frames > ENOUGH)


CANNOT_WAIT = ("opening", "loading")
"""What goes on then cannot be interrupted."""

MOMENTS = {scene.__name__: scene for scene in (greeting, opening, loading, playing, building, in_a_dialog, exporting, recording)}


@contextmanager
def building_analyzer(settings: Settings) -> Iterator[FrameAnalyzer]:
    """The real analysis on the CPU, beside a process that builds for ever."""
    from engines.tensorrt.background import BuildProcess  # noqa: PLC0415

    never_ends = "import time; print('{\"share\": 0.4}', flush=True); time.sleep(600)"
    with main.open_analyzer(settings) as analyzer:
        build = BuildProcess([sys.executable, "-c", never_ends])
        try:
            yield Building(analyzer, build)
        finally:
            build.cancel()


class Building:
    """Adds to every result how far the build is."""

    def __init__(self, analyzer: FrameAnalyzer, build: object) -> None:
        self._analyzer, self._build = analyzer, build

    @property
    def engine(self) -> EngineInfo:
        return self._analyzer.engine

    def process(self, frame: Frame) -> FrameResult:
        share = getattr(self._build, "state").share  # noqa: B009
        return replace(self._analyzer.process(frame), engine_note=f"building TensorRT {share:.0%}")

    def conclude(self) -> Conclusion:
        return self._analyzer.conclude()


def run(moment: str, log: Path, source: str) -> int:
    if os.environ.get(PATIENT) and moment not in CANNOT_WAIT:
        main_window.CLOSE_TIMEOUT_S = main_window.CLOSE_HELPERS_TIMEOUT_S = PATIENCE_S
    store = SettingsStore(log.with_name("settings.toml"), Settings())
    open_analyzer = building_analyzer if moment == "building" else main.open_analyzer
    return run_window(None, open_analyzer, store, log, "0.0-test", script=lambda window: MOMENTS[moment](window, source))


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "demo"))
