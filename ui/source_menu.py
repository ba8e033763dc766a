"""The menus of cameras and of what was opened lately.

Cameras are looked for away from the window's thread: drivers take seconds over it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSettings, QTimer, Signal, Slot
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QMenu, QWidget

from pipeline.settings import SourceSettings
from pipeline.sources import Camera
from pipeline.sources.names import SourceKind, is_address, kind_of, safe_name
from ui.background import BackgroundCall

ListCameras = Callable[[], Sequence[Camera]]

WATCH_MS = 3000
"""How often cameras are looked for while the window is open: one that was plugged in should be there when the menu is opened."""

MOST_RECENT = 8

FORMATS = ((640, 480), (1280, 720), (1920, 1080), (3840, 2160))
RATES = (15.0, 30.0, 60.0)

Format = tuple[int, int, float]
"""Width and height in pixels, pictures a second."""


class CameraMenu(QMenu):
    """Cameras to choose from; looked for anew each time the menu is about to show, and now and then."""

    camera_chosen = Signal(str)
    """The camera's index, as `open_source` takes it."""
    format_chosen = Signal(int, int, float)
    """What is to be asked of cameras from the next one on: width and height in pixels, pictures a second."""
    appeared = Signal(str)
    """Name of a camera that was not there before."""
    vanished = Signal(str)

    def __init__(self, list_cameras: ListCameras, parent: QWidget | None = None) -> None:
        super().__init__("&Camera", parent)
        self._list_cameras = list_cameras
        self._cameras: tuple[Camera, ...] | None = None
        self._search: BackgroundCall[Sequence[Camera]] = BackgroundCall("camera-search", self._show_cameras, self._show_failure)
        self._formats = QMenu("&Resolution and rate", self)
        self._watch = QTimer(self, interval=WATCH_MS)
        self._watch.timeout.connect(self.search)
        self._show_note("Looking for cameras…")
        self.aboutToShow.connect(self.search)

    @property
    def formats(self) -> QMenu:
        """What can be asked of cameras."""
        return self._formats

    def watch(self) -> None:
        """Looks for cameras now and then, from now on."""
        self._watch.start()

    @Slot()
    def search(self) -> None:
        """Looks for cameras in the background; what was found before stays until then."""
        self._search.start(self._list_cameras)

    def close_search(self, timeout_s: float) -> bool:
        """Ends the watch and waits for a search under way; False where it has not ended in time."""
        self._watch.stop()
        return self._search.close(timeout_s)

    def show_format(self, settings: SourceSettings) -> None:
        """Offers sizes and rates, and marks those that are asked for."""
        self._formats.clear()
        size = settings.camera_width_px, settings.camera_height_px
        sizes = QActionGroup(self._formats)
        for width, height in sorted({*FORMATS, size}):
            action = self._formats.addAction(f"{width} × {height}")
            action.setCheckable(True)
            action.setChecked((width, height) == size)
            sizes.addAction(action)
            chosen = (width, height, settings.camera_fps)
            action.triggered.connect(lambda _checked=False, chosen=chosen: self.format_chosen.emit(*chosen))
        self._formats.addSeparator()
        rates = QActionGroup(self._formats)
        for rate in sorted({*RATES, settings.camera_fps}):
            action = self._formats.addAction(f"{rate:g} pictures a second")
            action.setCheckable(True)
            action.setChecked(rate == settings.camera_fps)
            rates.addAction(action)
            chosen = (*size, rate)
            action.triggered.connect(lambda _checked=False, chosen=chosen: self.format_chosen.emit(*chosen))

    def _show_cameras(self, cameras: Sequence[Camera]) -> None:
        before, self._cameras = self._cameras, tuple(cameras)
        if before == self._cameras:
            return
        if not cameras:
            self._show_note("No camera found")
        else:
            self.clear()
            for camera in cameras:
                action = self.addAction(camera.name or f"Camera {camera.index}")
                action.triggered.connect(lambda _checked=False, spec=str(camera.index): self.camera_chosen.emit(spec))
            self.addSeparator()
            self.addMenu(self._formats)
        if before is not None:
            for camera in self._cameras:
                if camera not in before:
                    self.appeared.emit(camera.name or f"Camera {camera.index}")
            for camera in before:
                if camera not in self._cameras:
                    self.vanished.emit(camera.name or f"Camera {camera.index}")

    def _show_failure(self, error: Exception) -> None:
        self._cameras = None
        self._show_note(f"Cameras cannot be listed: {error}")

    def _show_note(self, text: str) -> None:
        self.clear()
        self.addAction(text).setEnabled(False)


class RecentMenu(QMenu):
    """What was opened lately, newest first; remembered. Of addresses no user name and password is kept.

    Args:
        preferences: where it is remembered, under "recent".
    """

    chosen = Signal(str)

    def __init__(self, preferences: QSettings, parent: QWidget | None = None) -> None:
        super().__init__("Open &recent", parent)
        self._preferences = preferences
        self.aboutToShow.connect(self._fill)
        self._fill()

    @property
    def specs(self) -> list[str]:
        """Newest first."""
        stored = self._preferences.value("recent", [])
        # One entry alone comes back as a text.
        texts = [stored] if isinstance(stored, str) else stored if isinstance(stored, list) else []
        return [str(text) for text in texts if text][:MOST_RECENT]

    def add(self, spec: str) -> None:
        """Something was opened; the demo is always at hand and needs no place."""
        if kind_of(spec) is SourceKind.DEMO:
            return
        spec = without_user(spec)
        self._preferences.setValue("recent", [spec, *(other for other in self.specs if other != spec)][:MOST_RECENT])
        self._fill()

    def clear_all(self) -> None:
        """Forgets all of it."""
        self._preferences.remove("recent")
        self._fill()

    @Slot()
    def _fill(self) -> None:
        self.clear()
        specs = self.specs
        for spec in specs:
            name = f"Camera {spec}" if spec.isdecimal() else safe_name(spec)
            # An ampersand would be an access key.
            action = self.addAction(name.replace("&", "&&"))
            action.setToolTip(spec)
            action.triggered.connect(lambda _checked=False, spec=spec: self.chosen.emit(spec))
        if specs:
            self.addSeparator()
            self.addAction("&Clear the list").triggered.connect(self.clear_all)
        else:
            self.addAction("Nothing yet").setEnabled(False)
        self.setToolTipsVisible(True)


def without_user(spec: str) -> str:
    """An address without user name and password; anything else as it is."""
    if not is_address(spec):
        return spec
    scheme, _, rest = spec.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
