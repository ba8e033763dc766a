"""The line at the bottom: what is going on, what runs, and how fast."""

from __future__ import annotations

import re

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QProgressBar, QSizePolicy, QStatusBar, QToolButton, QWidget

from pipeline.clock import clock_text
from pipeline.protocols import EngineInfo, SourceInfo
from ui.newest import Progress

BEHIND = 0.9
"""Below this share of the film's rate, the status says that frames are left out."""

ACTIVITY_WIDTH_PX = 120
BUILD_WIDTH_PX, BUILD_HEIGHT_PX = 80, 12


class ElidedLabel(QLabel):
    """A label that gives way: what does not fit ends in "…" and is in the tool tip.

    Args:
        horizontal: Ignored takes what is left; Maximum takes its text's width where there is room.
    """

    def __init__(self, horizontal: QSizePolicy.Policy = QSizePolicy.Policy.Ignored, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(horizontal, QSizePolicy.Policy.Preferred)

    def minimumSizeHint(self) -> QSize:
        return QSize(40, super().minimumSizeHint().height())

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        room = self.contentsRect()
        text = QFontMetrics(self.font()).elidedText(self.text(), Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
        painter.end()


class StatusBar(QStatusBar):
    """Left: what is going on. Right: engine, rates, faces, log."""

    engine_clicked = Signal()
    """Somebody wants to know more about what runs."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self.activity = ElidedLabel()
        self.engine = QToolButton()
        self.engine.setAutoRaise(True)
        self.engine.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.engine.clicked.connect(self.engine_clicked)
        self.rates = ElidedLabel(QSizePolicy.Policy.Maximum)
        self.faces = QLabel()
        self.build = QProgressBar()
        self.build.setRange(0, 100)
        self.build.setTextVisible(False)
        self.build.setFixedWidth(BUILD_WIDTH_PX)
        self.build.setMaximumHeight(BUILD_HEIGHT_PX)
        self.build.setAccessibleName("Build of the faster engine")
        self.log = ElidedLabel(QSizePolicy.Policy.Maximum)
        for label, name in (
            (self.activity, "Activity"),
            (self.rates, "Speed"),
            (self.faces, "Faces in the picture"),
            (self.log, "Log"),
        ):
            label.setAccessibleName(name)
        self.addWidget(self.activity, 1)  # the first to give way, but for this much:
        self.activity.setMinimumWidth(ACTIVITY_WIDTH_PX)
        parts: tuple[QWidget, ...] = (self.faces, self.rates, self.engine, self.build, self.log)
        for part in parts:
            self.addPermanentWidget(part)
            part.hide()

    def show_activity(self, text: str) -> None:
        """Says what is going on."""
        self.activity.setText(text)
        self.activity.setToolTip(text)

    def show_engine(self, engine: EngineInfo | None) -> None:
        """What runs; the reason is in the tool tip."""
        self.engine.setVisible(engine is not None)
        self.build.hide()
        if engine is not None:
            self.engine.setText(f"Engine: {engine.label}")
            self.engine.setToolTip(f"{engine.reason}\nModel: {engine.model}")
            self.engine.setAccessibleDescription(engine.reason)

    def show_engine_in_use(self, label: str, note: str) -> None:
        """What analysed the newest frame: a GPU engine takes over once it is built, and the note says how far it is."""
        text = f"Engine: {label} · {note}" if note else f"Engine: {label}"
        if label and self.engine.text() != text:
            self.engine.setText(text)
            share = re.search(r"(\d+)%", note)
            self.build.setVisible(share is not None)
            if share is not None:
                self.build.setValue(int(share[1]))

    def show_log(self, name: str, tool_tip: str) -> None:
        """Where the run is recorded."""
        self.log.setVisible(bool(name))
        self.log.setText(name)
        self.log.setToolTip(tool_tip)

    def hide_figures(self) -> None:
        """Nothing runs: there is no speed, and nobody is in the picture."""
        self.faces.hide()
        self.rates.hide()

    def show_progress(self, source: SourceInfo, progress: Progress, shown_rate: float, late_ms: float | None = None) -> None:
        """Where the film is, how many pictures a second are analysed and shown, how late, and how many faces there are.

        Args:
            late_ms: from reading a picture to its painting, lately.
        """
        self.faces.setVisible(True)
        self.faces.setText("1 face" if progress.faces == 1 else f"{progress.faces} faces")
        self.rates.setVisible(progress.rate > 0)
        self.rates.setText(" · ".join(rates(source, progress, shown_rate, late_ms)))
        self.rates.setToolTip(
            f"{self.rates.text()}.\n{progress.frames} frames analysed, {progress.dropped} left out to stay in real time.\n"
            "Late: from reading a picture to its appearance on the screen. F12 shows more."
        )
        self.show_activity(activity_text(source, progress))


def rates(source: SourceInfo, progress: Progress, shown_rate: float, late_ms: float | None) -> list[str]:
    """Parts such as "30 fps", "28 analysed", "28 shown", "42 ms late", "12 dropped"."""
    parts = [f"{source.fps:.0f} fps", f"{progress.rate:.0f} analysed"] if source.fps else [f"{progress.rate:.0f} fps analysed"]
    parts.append(f"{shown_rate:.0f} shown")
    if late_ms is not None:
        parts.append(f"{late_ms:.0f} ms late")
    if progress.dropped:
        parts.append(f"{progress.dropped} dropped")
    return parts


def activity_text(source: SourceInfo, progress: Progress) -> str:
    """One line such as "crossing.mp4 · 0:02.1 of 0:04.2 · analysing 14 of 25 frames a second to stay in real time"."""
    parts = [source.name]
    if source.duration_s:
        parts.append(f"{clock_text(progress.time_s)} of {clock_text(source.duration_s)}")
    elif source.frame_count and source.fps is None:
        parts.append(f"picture {progress.frames} of {source.frame_count}")
    else:
        parts.append(clock_text(progress.time_s))
    if source.fps and progress.dropped and progress.rate and progress.rate < BEHIND * source.fps:
        parts.append(f"analysing {progress.rate:.0f} of {source.fps:.0f} frames a second to stay in real time")
    return " · ".join(parts)
