"""Timings of every stage over the picture, on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot

from pipeline.protocols import SourceInfo
from pipeline.types import Frame
from ui.control import Control
from ui.hud import Facts
from ui.memory import resident_mb
from ui.session import State
from ui.status_bar import rates

if TYPE_CHECKING:
    from ui.main_window import MainWindow


class FiguresControl(Control):
    """Counts the pictures that were painted, and feeds the figures over the picture while they are shown."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        window.menus.view.addAction(window.actions_.timings)
        window.actions_.timings.toggled.connect(self._show)
        window.view.frame_painted.connect(self._on_painted)
        window.run_began.connect(self._begin_run)
        window.refreshed.connect(self._refresh)

    @Slot()
    def _begin_run(self) -> None:
        self.window.hud.show_figures({}, Facts())

    @Slot(bool)
    def _show(self, shown: bool) -> None:
        self.window.hud.setVisible(shown)
        self._refresh()

    @Slot(Frame, float)
    def _on_painted(self, frame: Frame, paint_ms: float) -> None:
        self.window.session.figures.add_painted(frame, paint_ms)

    @Slot()
    def _refresh(self) -> None:
        session = self.window.session
        if self.window.hud.isVisible() and session.source is not None and session.state is State.RUNNING:
            self.window.hud.show_figures(session.figures.report(), self._facts(session.source))

    def _facts(self, source: SourceInfo) -> Facts:
        session, result, memory = self.window.session, self.window.view.result, resident_mb()
        progress, engine = session.progress, session.engine
        return Facts(
            source=" · ".join(rates(source, progress, self.window.view.shown_rate, None)),
            dropped=f"{progress.dropped} of {progress.frames + progress.dropped} pictures left out",
            engine=f"engine {result.engine or (engine.label if engine else '')}" if result else "",
            reason=engine.reason if engine else "",
            memory="" if memory is None else f"memory {memory:.0f} MB",
        )
