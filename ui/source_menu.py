"""The menu of cameras by name. Cameras are looked for away from the window's thread: drivers take seconds over it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu, QWidget

from pipeline.sources import Camera
from ui.background import BackgroundCall

ListCameras = Callable[[], Sequence[Camera]]


class CameraMenu(QMenu):
    """Cameras to choose from; looked for anew each time the menu is about to show."""

    camera_chosen = Signal(str)
    """The camera's index, as `open_source` takes it."""

    def __init__(self, list_cameras: ListCameras, parent: QWidget | None = None) -> None:
        super().__init__("&Camera", parent)
        self._list_cameras = list_cameras
        self._search: BackgroundCall[Sequence[Camera]] = BackgroundCall("camera-search", self._show_cameras, self._show_failure)
        self._show_note("Looking for cameras…")
        self.aboutToShow.connect(self.search)

    def search(self) -> None:
        """Looks for cameras in the background; what was found before stays until then."""
        self._search.start(self._list_cameras)

    def close_search(self, timeout_s: float) -> bool:
        """Waits for a search under way; False where it has not ended in time."""
        return self._search.close(timeout_s)

    def _show_cameras(self, cameras: Sequence[Camera]) -> None:
        if not cameras:
            self._show_note("No camera found")
            return
        self.clear()
        for camera in cameras:
            action = self.addAction(camera.name or f"Camera {camera.index}")
            action.triggered.connect(lambda _checked=False, spec=str(camera.index): self.camera_chosen.emit(spec))

    def _show_failure(self, error: Exception) -> None:
        self._show_note(f"Cameras cannot be listed: {error}")

    def _show_note(self, text: str) -> None:
        self.clear()
        self.addAction(text).setEnabled(False)
