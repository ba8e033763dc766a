"""Opening: dialogs for files, folders and addresses, cameras, the demo, what is dropped on the window."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QDir, QMimeData, Qt, Slot
from PySide6.QtWidgets import QFileDialog

from pipeline.sources.names import FILM_SUFFIXES, PICTURE_SUFFIXES, SourceKind, kind_of
from ui.control import Control
from ui.dialogs import STREAM_SCHEMES, StreamDialog
from ui.source_menu import RecentMenu

if TYPE_CHECKING:
    from ui.main_window import MainWindow


MESSAGE_MS = 8000


class OpeningControl(Control):
    """Everything by which a source is chosen; `MainWindow.open_source` opens it."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        actions, menu = window.actions_, window.menus.file
        menu.addActions([actions.open_file, actions.open_folder])
        menu.addMenu(window.camera_menu)
        menu.addActions([actions.open_stream, actions.demo])
        self.recent = RecentMenu(window.preferences, window)
        menu.addMenu(self.recent)
        menu.addSeparator()
        actions.open_file.triggered.connect(self._ask_file)
        actions.open_folder.triggered.connect(self._ask_folder)
        actions.open_stream.triggered.connect(lambda _checked=False: self._ask_stream())
        actions.demo.triggered.connect(self._open_demo)
        window.camera_menu.camera_chosen.connect(window.open_source)
        window.camera_menu.format_chosen.connect(self._choose_format)
        window.camera_menu.appeared.connect(lambda name: self._say(f"{name} was connected"))
        window.camera_menu.vanished.connect(lambda name: self._say(f"{name} was disconnected"))
        window.camera_menu.aboutToShow.connect(self._show_format)
        window.camera_menu.watch()
        self._show_format()
        self.recent.chosen.connect(self._open_recent)
        window.session.opened.connect(self._remember)

    def close(self, timeout_s: float) -> bool:
        """Waits for a search for cameras; False where it has not ended in time."""
        return self.window.camera_menu.close_search(timeout_s)

    def accepts(self, dropped: QMimeData) -> bool:
        """Whether something that can be opened is held over the window."""
        return bool(_openable(dropped))

    def open_dropped(self, dropped: QMimeData) -> None:
        """Opens what was dropped; of several files the first one, and says so."""
        specs = _openable(dropped)
        if specs:
            self.window.open_source(specs[0])
        if len(specs) > 1:
            self._say(f"Of {len(specs)} files the first one is opened; for several pictures, drop their folder")

    @Slot()
    def _remember(self) -> None:
        spec = self.window.session.spec
        if spec is not None:
            self.recent.add(spec)

    @Slot(str)
    def _open_recent(self, spec: str) -> None:
        if kind_of(spec) is SourceKind.STREAM:
            # It may have had a password, which is not kept.
            self._ask_stream(spec)
        else:
            self.window.open_source(spec)

    @Slot(int, int, float)
    def _choose_format(self, width_px: int, height_px: int, rate: float) -> None:
        self.window.store.change(
            {"source.camera_width_px": width_px, "source.camera_height_px": height_px, "source.camera_fps": rate}
        )
        self._show_format()
        self._say(f"Cameras are asked for {width_px} × {height_px} at {rate:g} pictures a second from the next start on")

    @Slot()
    def _show_format(self) -> None:
        self.window.camera_menu.show_format(self.window.settings.source)

    def _say(self, text: str) -> None:
        self.window.status.showMessage(text, MESSAGE_MS)

    @Slot()
    def _open_demo(self) -> None:
        self.window.open_source("demo")

    @Slot()
    def _ask_file(self) -> None:
        films = " ".join(f"*{suffix}" for suffix in sorted(FILM_SUFFIXES))
        pictures = " ".join(f"*{suffix}" for suffix in sorted(PICTURE_SUFFIXES))
        dialog = file_dialog(self.window, "Open film or picture", QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters(
            [f"Films and pictures ({films} {pictures})", f"Films ({films})", f"Pictures ({pictures})", "All files (*)"]
        )
        dialog.fileSelected.connect(self.window.open_source)
        dialog.open()

    @Slot()
    def _ask_folder(self) -> None:
        dialog = file_dialog(self.window, "Open folder of pictures", QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self.window.open_source)
        dialog.open()

    def _ask_stream(self, address: str = "") -> None:
        dialog = StreamDialog(self.window)
        dialog.address.setText(address)
        dialog.chosen.connect(self.window.open_source)
        dialog.open()


def _openable(dropped: QMimeData) -> list[str]:
    """Files, folders, and addresses of streams."""
    specs = []
    for url in dropped.urls():
        if url.isLocalFile():
            specs.append(url.toLocalFile())
        elif url.toString().lower().startswith(STREAM_SCHEMES):
            specs.append(url.toString())
    return specs


def file_dialog(window: MainWindow, title: str, mode: QFileDialog.FileMode) -> QFileDialog:
    """A dialog that begins in the folder of the last one."""
    preferences = window.preferences
    dialog = QFileDialog(window, title, str(preferences.value("folder", QDir.homePath())))
    dialog.setFileMode(mode)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.fileSelected.connect(lambda name: preferences.setValue("folder", str(Path(name).parent)))
    return dialog
