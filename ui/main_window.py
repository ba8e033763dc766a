"""The main window: a frame that holds the parts together. What they do is in the controls, one module each.

A control (`ui.control`) is made once with the window, adds its actions to `menus`, connects itself to the window's and the
session's signals, and is closed with the window. To add one, write its module and name it in `_make_controls`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import QByteArray, QEvent, QSettings, QSize, QTimer, Signal, Slot
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QPalette
from PySide6.QtWidgets import QMainWindow

from pipeline.settings import Settings
from pipeline.settings_file import SettingsStore
from pipeline.store import PlannedInput, Recording, SessionLog
from ui.actions import Actions
from ui.control import Control
from ui.dialogs import ErrorDialog
from ui.export_control import ExportControl
from ui.figures_control import FiguresControl
from ui.full_screen import FullScreenControl
from ui.help_control import HelpControl
from ui.hud import Hud
from ui.keys_dialog import KeysControl
from ui.labelling import Labelling, person_color
from ui.menus import Menus
from ui.opening_control import OpeningControl
from ui.people import PeopleController
from ui.people_control import PeopleControl
from ui.picture_control import PictureControl
from ui.playback_control import PlaybackControl
from ui.record_control import RecordControl
from ui.report import error_report
from ui.run_control import RunControl, short_name
from ui.services import Services
from ui.session import Session, State
from ui.sessions_control import SessionsControl
from ui.settings_control import SettingsControl
from ui.source_menu import CameraMenu
from ui.stage import Stage
from ui.status_bar import StatusBar
from ui.theme import Theme
from ui.video_view import VideoView
from ui.view_control import ViewControl
from ui.welcome import Welcome

__all__ = ["MainWindow", "Services"]

REFRESH_MS = 200
"""People and figures are read by people: five times a second is as often as they can be."""

CLOSE_TIMEOUT_S = 2.0
"""For the run; with what may be left of the controls' work, the process ends within three seconds."""
CLOSE_HELPERS_TIMEOUT_S = 0.8
"""For all controls together."""

DEFAULT_SIZE = QSize(1280, 760)


class MainWindow(QMainWindow):
    """The window.

    Args:
        services: what it works with.
        store: the settings; those of the analysis are taken when a source is started.
        preferences: where geometry and choices are remembered.
        theme: takes the user's choice of appearance.
    """

    run_began = Signal()
    """Another source is being opened: forget the last run."""
    run_ended = Signal()
    """The run has finished or failed; the last `refreshed` came just before."""
    refreshed = Signal()
    """A few times a second while something runs, and once at its end: time to look at the session's figures."""
    updated = Signal()
    """What can be done may have changed: actions are to be enabled or disabled."""

    def __init__(self, services: Services, store: SettingsStore, preferences: QSettings, theme: Theme) -> None:
        super().__init__()
        self.services, self.store, self.preferences, self.theme = services, store, preferences, theme
        self._error_dialog: ErrorDialog | None = None
        self._closed = False
        self.clean_exit = True

        self.session = Session(services.open_source, services.open_analyzer, self._open_recording, self, release=services.release)
        self.session.state_changed.connect(self._on_state)
        self.session.opened.connect(self.updated)
        self.session.failed.connect(self.show_error)

        self.labelling = Labelling(store.current.view)
        self.view = VideoView(self.labelling.face_text, person_color)
        self.hud = Hud(self.view)
        self.people = PeopleController(services.log_path, self.labelling.age_text, person_color, self.show_error, self)
        self.labelling.name_of = self.people.name
        self.panel = self.people.panel
        self.status = StatusBar()
        self.setStatusBar(self.status)

        self.camera_menu = CameraMenu(services.list_cameras, self)
        self.actions_ = Actions(self.camera_menu, self)
        self.menus = Menus(self.menuBar())
        self.addToolBar(self.actions_.make_toolbar())
        self.welcome = Welcome(
            [self.actions_.open_file, self.camera_menu.menuAction(), self.actions_.open_folder, self.actions_.demo]
        )
        self.stage = Stage(self.welcome, self.view, self.panel)
        self.setCentralWidget(self.stage)

        self._refresh_timer = QTimer(self, interval=REFRESH_MS)
        self._refresh_timer.timeout.connect(self.refreshed)
        self._make_controls()
        self.actions_.tint(self.palette().color(QPalette.ColorRole.ButtonText))
        self.setWindowTitle("AgeLens")
        self.setAcceptDrops(True)
        self._restore()
        self._update()
        self.welcome.setFocus()

    def _make_controls(self) -> None:
        # In the order of what they add to a menu.
        self.opening = OpeningControl(self)
        self.running = RunControl(self)
        self.picture = PictureControl(self)
        self.recording = RecordControl(self)
        self.playback = PlaybackControl(self)
        self.exporting = ExportControl(self)
        self.sessions = SessionsControl(self)
        self.figures = FiguresControl(self)
        self.viewing = ViewControl(self, self.theme)
        self.full_screen = FullScreenControl(self)
        self.people_control = PeopleControl(self)
        self.settings_control = SettingsControl(self)
        self.help = HelpControl(self)
        self.keys = KeysControl(self)
        self._controls: tuple[Control, ...] = (
            self.opening,
            self.running,
            self.picture,
            self.recording,
            self.playback,
            self.exporting,
            self.sessions,
            self.figures,
            self.viewing,
            self.full_screen,
            self.people_control,
            self.settings_control,
            self.help,
            self.keys,
        )
        self.menus.file.addAction(self.actions_.quit)
        self.actions_.quit.triggered.connect(self.close)
        self.menus.hide_empty()

    @property
    def settings(self) -> Settings:
        """In force now."""
        return self.store.current

    @property
    def engine_sentence(self) -> str:
        """What runs or ran, and why; empty before anything did."""
        engine = self.session.engine
        return f"{engine.label}, {engine.model}: {engine.reason}" if engine else ""

    # What a person can do.

    @Slot(str)
    def open_source(self, spec: str) -> None:
        """Opens and runs a source; what runs now ends first.

        Args:
            spec: demo, a camera's number or name, a file, a folder or an address.
        """
        self.session.start(spec)

    @Slot()
    def toggle_run(self) -> None:
        """Stops the run, or starts the last source again."""
        if self.session.state.active:
            self.session.stop()
        elif self.session.spec is not None:
            self.session.start(self.session.spec)

    @Slot(Exception)
    def show_error(self, error: Exception) -> None:
        """Two lines about an error. Errors that come while one is shown would hide it: they are only logged."""
        self._update()
        self.status.clearMessage()
        if self._error_dialog is not None or self._closed:
            return
        self._error_dialog = ErrorDialog(error, self, self._report(error))
        self._error_dialog.finished.connect(self._forget_error)
        self._error_dialog.open()

    def _report(self, error: Exception) -> str:
        spec, source = self.session.spec, self.session.source
        names = [name for name in (spec, short_name(spec), source.name if source else None) if name and name != "demo"]
        return error_report(error, self.services.app_version, self.engine_sentence, names)

    @Slot()
    def _forget_error(self) -> None:
        self._error_dialog = None

    # Following the session.

    @Slot(State)
    def _on_state(self, state: State) -> None:
        # Connected before the controls' own slots: by then the people of the last frame are known.
        match state:
            case State.OPENING:
                self.labelling.restart()
                self.run_began.emit()
            case State.RUNNING:
                self._refresh_timer.start()
            case State.ENDED:
                self.refreshed.emit()
            case State.FINISHED | State.FAILED:
                self.refreshed.emit()
                self._refresh_timer.stop()
                self.run_ended.emit()
        self._update()

    def _update(self) -> None:
        state = self.session.state
        self.actions_.show_running(state.active, enabled=self.session.spec is not None and state is not State.STOPPING)
        self.updated.emit()

    @contextmanager
    def _open_recording(self, spec: str) -> Iterator[Recording]:
        # In the analysis thread: touches nothing of the window but immutable values.
        with (
            SessionLog.open(self.services.log_path) as log,
            Recording(log, PlannedInput.of(spec), self.settings, self.services.app_version) as recording,
        ):
            yield recording

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.actions_.tint(self.palette().color(QPalette.ColorRole.ButtonText))

    def _restore(self) -> None:
        geometry = self.preferences.value("geometry")
        if not (isinstance(geometry, QByteArray) and self.restoreGeometry(geometry)):
            self.resize(DEFAULT_SIZE)
        self.stage.restore(self.preferences, self.width())

    # Dropping and closing.

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self.opening.accepts(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.opening.open_dropped(event.mimeData())

    def closeEvent(self, event: QCloseEvent) -> None:
        """Hides at once, then ends whatever is under way: the log is complete when this returns."""
        event.accept()
        if self._closed:
            return
        self._closed = True
        self.full_screen.set_on(False)
        self.preferences.setValue("geometry", self.saveGeometry())
        self.stage.save(self.preferences)
        self.preferences.sync()
        self._refresh_timer.stop()
        self.hide()
        ended = [self.session.close(CLOSE_TIMEOUT_S)]
        deadline_s = time.monotonic() + CLOSE_HELPERS_TIMEOUT_S
        for control in reversed(self._controls):
            ended.append(control.close(max(0.0, deadline_s - time.monotonic())))
        self.clean_exit = all(ended)
