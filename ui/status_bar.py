"""The line at the bottom: what is going on, what runs, and how fast."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QStatusBar, QWidget

from pipeline.protocols import EngineInfo, SourceInfo
from ui.newest import Progress
from ui.people_panel import clock_text

BEHIND = 0.9
"""Below this share of the film's rate, the status says that frames are left out."""


class ElidedLabel(QLabel):
    """A label that gives way: what does not fit ends in "…" and is in the tool tip."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

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

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self.activity = ElidedLabel()
        self.engine = QLabel()
        self.rates = QLabel()
        self.faces = QLabel()
        self.log = QLabel()
        for label, name in (
            (self.activity, "Activity"),
            (self.engine, "Engine"),
            (self.rates, "Speed"),
            (self.faces, "Faces in the picture"),
            (self.log, "Log"),
        ):
            label.setAccessibleName(name)
        self.addWidget(self.activity, 1)
        for label in (self.faces, self.rates, self.engine, self.log):
            self.addPermanentWidget(label)
            label.hide()

    def show_activity(self, text: str) -> None:
        """Says what is going on."""
        self.activity.setText(text)
        self.activity.setToolTip(text)

    def show_engine(self, engine: EngineInfo | None) -> None:
        """What runs; the reason is in the tool tip."""
        self.engine.setVisible(engine is not None)
        if engine is not None:
            self.engine.setText(f"Engine: {engine.label}")
            self.engine.setToolTip(f"{engine.reason}\nModel: {engine.model}")

    def show_engine_in_use(self, label: str, note: str) -> None:
        """What analysed the newest frame: a GPU engine takes over once it is built, and the note says how far it is."""
        text = f"Engine: {label} · {note}" if note else f"Engine: {label}"
        if label and self.engine.text() != text:
            self.engine.setText(text)

    def show_log(self, name: str, tool_tip: str) -> None:
        """Where the run is recorded."""
        self.log.setVisible(bool(name))
        self.log.setText(name)
        self.log.setToolTip(tool_tip)

    def hide_figures(self) -> None:
        """Nothing runs: there is no speed, and nobody is in the picture."""
        self.faces.hide()
        self.rates.hide()

    def show_progress(self, source: SourceInfo, progress: Progress, shown_rate: float) -> None:
        """Where the film is, how many pictures a second are analysed and shown, and how many faces there are."""
        self.faces.setVisible(True)
        self.faces.setText("1 face" if progress.faces == 1 else f"{progress.faces} faces")
        self.rates.setVisible(progress.rate > 0)
        self.rates.setText(f"{progress.rate:.0f} fps analysed · {shown_rate:.0f} shown")
        self.rates.setToolTip(f"{progress.frames} frames analysed, {progress.dropped} left out to stay in real time")
        self.show_activity(activity_text(source, progress))


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
