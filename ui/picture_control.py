"""The picture: every result is shown as the user wants it, with faces blurred or not; snapshots of it."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QFileDialog

from pipeline.annotate import beside, unwritable
from pipeline.blur import BlurChoice, HiddenFaces, blurred
from pipeline.drawing import Caption, Painter
from pipeline.errors import OutputError
from pipeline.labels import color_bgr
from pipeline.recorder import LabelChoice
from pipeline.sources.names import safe_name
from pipeline.types import FrameResult, UInt8Array
from ui.background import BackgroundCall
from ui.control import Control
from ui.opening_control import file_dialog

if TYPE_CHECKING:
    from ui.main_window import MainWindow

MESSAGE_MS = 8000


class PictureControl(Control):
    """Feeds the view. Blurring happens before anything is drawn, so that nothing on the screen shows a face first."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._hidden = HiddenFaces()
        self._raw: FrameResult | None = None
        self._save: BackgroundCall[Path] = BackgroundCall("snapshot", self._on_saved, window.show_error)
        make = window.actions_.make
        self.blur: QAction = make("&Blur faces", "blur", QKeySequence(Qt.Key.Key_M))
        self.blur.setCheckable(True)
        self.blur.setChecked(window.preferences.value("blur", False, bool) is True)
        self.snapshot: QAction = make("&Snapshot…", "snapshot", QKeySequence(Qt.Key.Key_S))
        window.menus.view.addAction(self.blur)
        window.menus.file.addAction(self.snapshot)
        self.blur.toggled.connect(self._on_blur)
        self.snapshot.triggered.connect(self._ask_snapshot)
        window.session.result_ready.connect(self._on_result)
        window.run_began.connect(self._begin_run)
        window.people.exempt_changed.connect(self._choose)
        window.updated.connect(self._update)
        self._choose()

    def close(self, timeout_s: float) -> bool:
        """Waits for a snapshot that is being written."""
        return self._save.close(timeout_s)

    def wish(self) -> None:
        """From now on films are recorded as the picture is: the same persons, names and labels, and the same faces blurred."""
        wishes, who = self.window.session.wishes, self.window.people.who
        wishes.labels = LabelChoice(self.window.labelling.extras, who, self.window.people.final_ages)
        wishes.blur = BlurChoice(self.blur.isChecked(), who)

    def show_again(self) -> None:
        """Shows the newest picture anew: persons, or what is to be seen of them, have changed."""
        self.wish()
        if self._raw is not None:
            self._show(self._raw)

    def save_snapshot(self, target: Path) -> None:
        """Writes the picture that is shown, in its own size, with boxes and labels, and with faces blurred if they are."""
        if self.window.view.result is not None:
            self._save_result(self.window.view.result, target)

    def _save_result(self, result: FrameResult, target: Path) -> None:
        captions = [Caption(face.detection.box, self.window.view.text_of(face), color_bgr(face.person)) for face in result.faces]
        if self._save.start(partial(_write_snapshot, result.frame.image, captions, target)):
            self.window.status.showMessage(f"Saving {target.name}…")

    @Slot(FrameResult)
    def _on_result(self, result: FrameResult) -> None:
        self._raw = result
        # Persons may have been recognised as earlier ones since.
        self.wish()
        self._show(result)

    def _show(self, raw: FrameResult) -> None:
        # By the faces that were found: one whose person the user hid from the list must not show through.
        boxes = self._hidden.boxes(raw, self.window.session.wishes.blur)
        self.window.view.show_result(blurred(self.window.people.shown(raw), boxes))

    @Slot()
    def _begin_run(self) -> None:
        self._raw = None
        self._hidden = HiddenFaces()
        self.wish()

    @Slot(bool)
    def _on_blur(self, on: bool) -> None:
        self.window.preferences.setValue("blur", on)
        self._choose()

    @Slot()
    def _choose(self) -> None:
        self.show_again()

    @Slot()
    def _ask_snapshot(self) -> None:
        result = self.window.view.result
        if result is None:
            return
        dialog = file_dialog(self.window, "Save snapshot", QFileDialog.FileMode.AnyFile)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(["PNG pictures (*.png)"])
        dialog.setDefaultSuffix("png")
        dialog.selectFile(f"{file_stem(self.window.session.spec)}-{result.frame.index}.png")
        # The picture of this moment: the film goes on while the dialog is open.
        dialog.fileSelected.connect(lambda name: self._save_result(result, Path(name)))
        dialog.open()

    def _on_saved(self, target: Path) -> None:
        self.window.status.showMessage(f"Saved {target}", MESSAGE_MS)

    @Slot()
    def _update(self) -> None:
        self.snapshot.setEnabled(self.window.session.spec is not None)


def file_stem(spec: str | None) -> str:
    """A name for files about a source: letters, digits and dashes."""
    name = Path(safe_name(spec or "picture")).stem
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name).strip("-") or "picture"


def _write_snapshot(image: UInt8Array, captions: list[Caption], target: Path) -> Path:
    part = beside(target)
    try:
        _, data = cv2.imencode(".png", Painter().draw(image, captions))
        part.write_bytes(data.tobytes())
        os.replace(part, target)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise unwritable(target, error) from error
    except cv2.error as error:
        raise OutputError(
            f"{target.name} cannot be written as a picture: {error.err}.", "Choose a name that ends in .png."
        ) from error
    return target
