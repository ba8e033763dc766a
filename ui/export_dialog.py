"""Asks what to write of a session and where to, writes it in the background, and says how far it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QDir, QSettings, QUrl, Signal, Slot
from PySide6.QtGui import QCloseEvent, QDesktopServices, QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from pipeline.export import persons_path
from pipeline.exporting import Targets, Written, export_all
from pipeline.progress import Watch
from pipeline.store import SessionLog
from ui.background import BackgroundJob
from ui.parts import fit_height, paragraph, without_icons

KINDS_KEY, FOLDER_KEY = "export_kinds", "folder"
BAR_STEPS = 1000
WIDTH_PX = 560


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file, as the dialog offers it."""

    name: str
    title: str
    suffix: str
    meaning: str


KINDS = (
    Kind("csv", "&Tables (CSV)", ".csv", "one row per person and frame, and one per person"),
    Kind("jsonl", "Tables (&JSON Lines)", ".jsonl", "the same, numbers unrounded"),
    Kind("srt", "&Subtitles (SRT)", ".srt", "who is in sight and how old; not of pictures"),
    Kind("ass", "Subtitles in c&olours (ASS)", ".ass", "the same in the persons' colours"),
    Kind("report", "&Report (HTML)", ".html", "tables and plots to read or print; no faces"),
)


class ExportDialog(QDialog):
    """Exports one session while everything else goes on.

    Args:
        log_path: where the session is.
        session_id: its number.
        name: suggested for the files.
        preferences: where folder and kinds are remembered.
    """

    exported = Signal(list)
    """What was `Written`."""
    failed = Signal(Exception)

    def __init__(self, log_path: Path, session_id: int, name: str, preferences: QSettings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._log_path, self._session_id, self._preferences = log_path, session_id, preferences
        self._closing = False
        self.job: BackgroundJob[list[Written]] = BackgroundJob(
            "export", self._on_done, self._on_failed, self._on_progress, self._on_cancelled
        )
        self.setWindowTitle(f"Export session {session_id}")
        self._build(name)
        self._check()
        self.resize(max(WIDTH_PX, self.sizeHint().width()), self.sizeHint().height())
        fit_height(self)

    # What a person can do.

    def start(self) -> None:
        """Writes what is chosen; the dialog goes on showing how far it is."""
        targets = self.targets()
        if not list(targets.chosen()) or not self.job.start(partial(_export, self._log_path, self._session_id, targets)):
            return
        self._preferences.setValue(KINDS_KEY, ",".join(name for name, box in self.boxes.items() if box.isChecked()))
        self._preferences.setValue(FOLDER_KEY, self.folder.text())
        self._show_busy(True)
        self.message.setText("Writing…")

    def targets(self) -> Targets:
        """What is chosen, and where it goes."""
        chosen = {kind.name: self._path(kind) for kind in KINDS if self.boxes[kind.name].isChecked()}
        return Targets(**chosen)

    def close_job(self, timeout_s: float) -> bool:
        """Breaks off what is under way, for good; False where it has not ended in time."""
        return self.job.close(timeout_s)

    def reject(self) -> None:
        """Escape and the closing cross: breaks off what is under way, or closes."""
        if self.job.busy:
            self.job.cancel()
            self.message.setText("Breaking off…")
        else:
            super().reject()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        # Files may have come or gone since the last time.
        self._check()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self.job.busy:
            # The thread still has to end: the dialog goes when it has.
            self._closing = True
            self.job.cancel()
            event.ignore()
            self.hide()
            return
        super().closeEvent(event)

    # How the work goes.

    def _on_progress(self, share: float) -> None:
        self.bar.setValue(round(share * BAR_STEPS))

    def _on_done(self, written: list[Written]) -> None:
        self._show_busy(False)
        names = ", ".join(one.path.name for one in written)
        self.message.setText(f"Written: {names}")
        self.show_folder.setVisible(True)
        self.exported.emit(written)
        self._close_if_wanted()

    def _on_failed(self, error: Exception) -> None:
        self._show_busy(False)
        self.message.setText("Nothing more was written.")
        self.failed.emit(error)
        self._close_if_wanted()

    def _on_cancelled(self) -> None:
        self._show_busy(False)
        self.message.setText("Broken off. Files that were not complete are gone.")
        self._close_if_wanted()

    def _close_if_wanted(self) -> None:
        if self._closing:
            self.close()

    def _show_busy(self, busy: bool) -> None:
        for widget in (*self.boxes.values(), self.folder, self.name, self._browse):
            widget.setEnabled(not busy)
        self.bar.setVisible(busy)
        self.bar.setValue(0)
        self.show_folder.hide()
        self.cancel.setText("Break off" if busy else "Close")
        self._check()

    # What is chosen.

    @Slot()
    def _check(self) -> None:
        chosen = [kind for kind in KINDS if self.boxes[kind.name].isChecked()]
        named = bool(self.name.text().strip()) and bool(self.folder.text().strip())
        self.export.setEnabled(bool(chosen) and named and not self.job.busy)
        if self.job.busy:
            return
        there = [path.name for path in self.targets().files() if path.exists()] if named else []
        text = "Choose what to write." if not chosen else f"Will be replaced: {', '.join(there)}" if there else ""
        self.message.setText(text)

    def _path(self, kind: Kind) -> Path:
        # Not with_suffix: "holiday.2026" has no suffix.
        return Path(self.folder.text().strip()).expanduser() / f"{self.name.text().strip()}{kind.suffix}"

    @Slot()
    def _choose_folder(self) -> None:
        dialog = QFileDialog(self, "Folder for the export", self.folder.text())
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(self.folder.setText)
        dialog.open()

    @Slot()
    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(self.folder.text()))

    # Building.

    def _build(self, name: str) -> None:
        self.bar = QProgressBar()
        self.bar.setRange(0, BAR_STEPS)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress of the export")
        self.bar.hide()
        self.message = QLabel()
        self.message.setObjectName("quietText")
        self.message.setWordWrap(True)
        self.show_folder = QPushButton("Open folder")
        self.show_folder.setObjectName("small")
        self.show_folder.clicked.connect(self._open_folder)
        self.show_folder.hide()
        line = QHBoxLayout()
        line.addWidget(self.message, 1)
        line.addWidget(self.show_folder)
        buttons = QDialogButtonBox()
        self.export = buttons.addButton("Export", QDialogButtonBox.ButtonRole.ActionRole)
        self.cancel = buttons.addButton("Close", QDialogButtonBox.ButtonRole.RejectRole)
        self.export.setDefault(True)
        self.export.clicked.connect(self.start)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(22, 20, 22, 16)
        layout.setSpacing(14)
        layout.addLayout(self._build_kinds())
        layout.addLayout(self._build_place(name))
        layout.addWidget(paragraph("Names, merged and hidden people are written as they are in the list."))
        layout.addWidget(self.bar)
        layout.addLayout(line)
        layout.addWidget(without_icons(buttons))

    def _build_kinds(self) -> QGridLayout:
        remembered = str(self._preferences.value(KINDS_KEY, "csv")).split(",")
        self.boxes: dict[str, QCheckBox] = {}
        kinds = QGridLayout()
        kinds.setHorizontalSpacing(18)
        kinds.setVerticalSpacing(8)
        kinds.setColumnStretch(1, 1)
        for row, kind in enumerate(KINDS):
            box = QCheckBox(kind.title)
            box.setChecked(kind.name in remembered)
            box.setAccessibleDescription(kind.meaning)
            box.toggled.connect(self._check)
            meaning = QLabel(kind.meaning)
            meaning.setObjectName("quietText")
            kinds.addWidget(box, row, 0)
            kinds.addWidget(meaning, row, 1)
            self.boxes[kind.name] = box
        return kinds

    def _build_place(self, name: str) -> QGridLayout:
        self.folder = QLineEdit(str(self._preferences.value(FOLDER_KEY, QDir.homePath())))
        self.name = QLineEdit(file_name(name))
        self._browse = QPushButton("Bro&wse…")
        self._browse.clicked.connect(self._choose_folder)
        place = QGridLayout()
        place.setVerticalSpacing(8)
        for row, (text, edit) in enumerate((("&Folder", self.folder), ("&Name of the files", self.name))):
            label = QLabel(text)
            label.setBuddy(edit)
            edit.textChanged.connect(self._check)
            place.addWidget(label, row, 0)
            place.addWidget(edit, row, 1)
        place.addWidget(self._browse, 0, 2)
        return place


def file_name(name: str) -> str:
    """A name for files after the source's: crossing.mp4 → crossing-ages."""
    stem = re.sub(r"\.\w{2,4}$", "", name)
    stem = re.sub(r"[^\w.-]+", "-", stem).strip("-.") or "session"
    return f"{stem}-ages"


def written_text(written: Sequence[Written]) -> str:
    """One line about what was made, for the status bar."""
    # The persons' table goes without saying beside that of the observations.
    files = [one.path for one in written]
    beside = {persons_path(path) for path in files}
    names = [path.name for path in files if path not in beside] or [path.name for path in files]
    return f"Exported {', '.join(names)} to {files[0].parent}" if files else "Nothing was exported"


def _export(log_path: Path, session_id: int, targets: Targets, watch: Watch) -> list[Written]:
    """In the job's thread: opens the log anew, because a log belongs to the thread that opened it."""
    with SessionLog.open(log_path) as log:
        return export_all(log, [session_id], targets, watch)
