"""Measures the window from the inside while it plays: `python -m ui.bench` starts it with this.

gap_p99_ms, gap_max_ms   time between two turns of the window's event loop. A precise timer of 5 ms takes them, so that a
                         window that does nothing at all has gaps of 5 ms
latency_p95_ms           from reading a picture to the end of its painting
rss_growth_mb            resident memory at the end less that after the warm-up; null where the system does not tell
fps                      pictures painted a second
"""

from __future__ import annotations

import json
import time
from array import array
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication

from pipeline.outputs import replaced_file
from pipeline.types import Frame
from ui.memory import resident_mb
from ui.session import State

if TYPE_CHECKING:
    from ui.main_window import MainWindow

TICK_MS = 5
MEMORY_EVERY_MS = 1000
WARM_UP_S = 75.0
"""Longest; of a short measurement a third. The demo begins anew three times in it: until then memory settles."""
COMPARED = 5
"""Samples of memory at either end; their medians are compared."""


@dataclass(frozen=True, slots=True)
class WindowReport:
    """What was measured, see the head of this file; the other fields say of what."""

    gap_p99_ms: float
    gap_max_ms: float
    latency_p95_ms: float
    rss_growth_mb: float | None
    fps: float
    latency_p50_ms: float
    analysed_fps: float
    dropped: int
    rss_mb: float | None
    seconds: float
    warm_up_s: float
    frames: int
    platform: str
    engine: str


class Measurement(QObject):
    """Plays the source of the window again and again, measures, writes the report and closes the window.

    Args:
        path: of the JSON file.
        seconds: measured after the warm-up.
        source: what is played.
    """

    began = Signal()
    """The warm-up is over."""

    def __init__(self, window: MainWindow, path: Path, seconds: float, source: str = "demo") -> None:
        super().__init__(window)
        self._window = window
        self._path = path
        self._seconds = seconds
        self._warm_up_s = min(WARM_UP_S, seconds / 3)
        self._source = source
        self._began_s = 0.0
        self._last_s = 0.0
        # Plain numbers in one block each: what measures memory must not eat it.
        self._gaps = array("f")
        self._late = array("f")
        self._memory: list[float] = []
        self._analysed = self._dropped = 0
        self._analysed_before = self._dropped_before = 0
        self._tick = QTimer(self, interval=TICK_MS, timerType=Qt.TimerType.PreciseTimer)
        self._tick.timeout.connect(self._on_tick)
        self._sample = QTimer(self, interval=MEMORY_EVERY_MS)
        self._sample.timeout.connect(self._on_sample)
        self._end = QTimer(self, singleShot=True)
        self._end.timeout.connect(self._finish)
        window.view.frame_painted.connect(self._on_first, Qt.ConnectionType.SingleShotConnection)
        window.session.state_changed.connect(self._on_state)
        window.open_source(source)

    @Slot(Frame, float)
    def _on_first(self, _frame: Frame, _paint_ms: float) -> None:
        QTimer.singleShot(round(self._warm_up_s * 1000), self, self._begin)

    @Slot()
    def _begin(self) -> None:
        progress = self._window.session.progress
        self._analysed_before, self._dropped_before = progress.frames, progress.dropped
        self._window.view.frame_painted.connect(self._on_painted)
        self._began_s = self._last_s = time.perf_counter()
        self._tick.start()
        self._sample.start()
        self._on_sample()
        self._end.start(round(self._seconds * 1000))
        self.began.emit()

    @Slot()
    def _on_tick(self) -> None:
        now_s = time.perf_counter()
        self._gaps.append((now_s - self._last_s) * 1000)
        self._last_s = now_s

    @Slot(Frame, float)
    def _on_painted(self, frame: Frame, _paint_ms: float) -> None:
        self._late.append((time.time() - frame.wall_time_s) * 1000)

    @Slot()
    def _on_sample(self) -> None:
        memory = resident_mb()
        if memory is not None:
            self._memory.append(memory)

    @Slot(State)
    def _on_state(self, state: State) -> None:
        if state is State.ENDED:
            # Anew rather than in a loop: what is watched again is not analysed again.
            QTimer.singleShot(0, self._window, self._window.session.stop)
        if state is State.FINISHED:
            if self._end.isActive():
                self._count()
                self._analysed_before = self._dropped_before = 0
            # Not from inside the session's own signal.
            QTimer.singleShot(0, self._window, lambda: self._window.open_source(self._source))

    def _count(self) -> None:
        progress = self._window.session.progress
        self._analysed += progress.frames - self._analysed_before
        self._dropped += progress.dropped - self._dropped_before

    @Slot()
    def _finish(self) -> None:
        self._tick.stop()
        self._sample.stop()
        self._on_sample()
        self._count()
        seconds = time.perf_counter() - self._began_s
        engine = self._window.session.engine
        ends = (self._memory[:COMPARED], self._memory[-COMPARED:]) if self._memory else None
        report = WindowReport(
            gap_p99_ms=_percentile(self._gaps, 99),
            gap_max_ms=_percentile(self._gaps, 100),
            latency_p95_ms=_percentile(self._late, 95),
            rss_growth_mb=round(median(ends[1]) - median(ends[0]), 1) if ends else None,
            fps=round(len(self._late) / seconds, 2),
            latency_p50_ms=_percentile(self._late, 50),
            analysed_fps=round(self._analysed / seconds, 2),
            dropped=self._dropped,
            rss_mb=round(median(ends[1]), 1) if ends else None,
            seconds=round(seconds, 1),
            warm_up_s=self._warm_up_s,
            frames=len(self._late),
            platform=QGuiApplication.platformName(),
            engine=engine.label if engine else "",
        )
        with replaced_file(self._path, "utf-8") as file:
            json.dump(asdict(report), file, indent=2)
        self._window.close()


def _percentile(values: array[float], percent: float) -> float:
    """Rounded to a hundredth; 0 without values."""
    return round(float(np.percentile(np.frombuffer(values, np.float32), percent)), 2) if len(values) else 0.0
