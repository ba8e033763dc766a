"""Takes the README's pictures of the window from the inside: `python -m ui.screenshots` starts it with this."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from pipeline.errors import OutputError
from pipeline.types import UInt8Array
from ui.session import State
from ui.settings_dialog import SettingsDialog
from ui.theme import Appearance

if TYPE_CHECKING:
    from ui.main_window import MainWindow

SIZE_PX = (1280, 800)
POLL_MS = 50
SETTLES_MS = 700
"""After a change: lists and figures are drawn anew five times a second."""

QUALITY = 82
"""Of WebP: text stays crisp, and the largest picture is well below the limit."""
MOST_BYTES = 150_000

BOTH_S = 10.0
"""A moment of the demo at which both are in the picture."""
NAMES = ("Eileen Collins", "Grace Hopper")
"""By age."""

Holds = Callable[[], bool]


class Album(QObject):
    """Plays the demo, takes one picture after the other, closes the window.

    Args:
        folder: where they go.
    """

    def __init__(self, window: MainWindow, folder: Path) -> None:
        super().__init__(window)
        self._window, self._folder = window, folder
        self._steps = self._scenes()
        self._awaited: Holds = lambda: True
        self._timer = QTimer(self, interval=POLL_MS)
        self._timer.timeout.connect(self._look)
        self._timer.start()

    def _look(self) -> None:
        if not self._awaited():
            return
        try:
            self._awaited = next(self._steps)
        except StopIteration:
            self._timer.stop()
            self._window.close()

    def _scenes(self) -> Iterator[Holds]:
        """Does something, then yields what is to be waited for."""
        window = self._window
        window.resize(*SIZE_PX)
        window.theme.apply(Appearance.DARK)
        window.actions_.timings.setChecked(True)
        window.open_source("demo")
        yield lambda: window.session.standing.time_s > BOTH_S and self._both()
        self._keep(window, "timings")
        window.actions_.timings.setChecked(False)
        yield lambda: window.session.standing.ended

        window.theme.apply(Appearance.LIGHT)
        window.session.seek(BOTH_S)
        yield self._both
        yield self._settled()
        self._keep(window, "window")

        by_age = sorted(window.people.rows, key=lambda row: row.belief.years if row.belief else 0.0)
        if len(by_age) == len(NAMES):
            for row, name in zip(by_age, NAMES, strict=True):
                window.people.rename(row.person, name)
        window.people.select(by_age[0].person)
        yield self._settled()
        self._keep(window, "people")

        window.theme.apply(Appearance.DARK)
        window.people.select(-1)
        window.picture.blur.setChecked(True)
        yield self._settled()
        self._keep(window, "blurred")
        window.picture.blur.setChecked(False)
        session_id = window.session.log_session
        assert session_id is not None
        window.session.stop()
        yield lambda: window.session.state is State.FINISHED

        window.settings_control.action.trigger()
        (settings,) = window.findChildren(SettingsDialog)
        settings.sections.setCurrentRow(3)
        yield self._settled()
        self._keep(settings, "settings")
        settings.close()

        window.theme.apply(Appearance.LIGHT)
        sessions = window.sessions.open()
        yield lambda: sessions.select(session_id)
        yield self._settled()
        self._keep(sessions, "sessions")
        sessions.close()

    def _both(self) -> bool:
        result = self._window.view.result
        return result is not None and len([face for face in result.faces if face.belief and face.belief.settled]) == len(NAMES)

    def _settled(self) -> Holds:
        done: list[bool] = []
        QTimer.singleShot(SETTLES_MS, self, lambda: done.append(True))
        return lambda: bool(done)

    def _keep(self, widget: QWidget, name: str) -> None:
        path = self._folder / f"{name}.webp"
        done, data = cv2.imencode(".webp", _pixels(widget.grab().toImage()), [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
        if not done or len(data) > MOST_BYTES:
            raise OutputError(f"{path.name} would have {len(data)} bytes.", "Lower the quality of the pictures.")
        path.write_bytes(data.tobytes())


def _pixels(image: QImage) -> UInt8Array:
    """(H, W, 3) uint8 BGR."""
    image = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return np.ascontiguousarray(rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3)[..., ::-1])
