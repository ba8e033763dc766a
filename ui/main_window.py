"""The main window: puts the parts together, and turns what the session says into what is shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QByteArray, QDir, QEvent, QSettings, QSize, Qt, QTimer, Slot
from PySide6.QtGui import QCloseEvent, QColor, QDragEnterEvent, QDropEvent, QPalette
from PySide6.QtWidgets import QFileDialog, QMainWindow, QSplitter, QStackedWidget

from pipeline.export import ExportedFiles
from pipeline.labels import LabelHysteresis, color_rgb
from pipeline.settings import Settings
from pipeline.sources.names import FILM_SUFFIXES, PICTURE_SUFFIXES, safe_name
from pipeline.store import PlannedInput, Recording, SessionLog
from pipeline.types import AgeBelief, Face, FrameResult
from ui.actions import Actions
from ui.background import BackgroundCall
from ui.dialogs import AboutDialog, ErrorDialog, StreamDialog
from ui.exporting import export_session
from ui.people_panel import PeopleModel, PeoplePanel
from ui.session import OpenAnalyzer, OpenSource, Session, State
from ui.source_menu import CameraMenu, ListCameras
from ui.status_bar import StatusBar
from ui.theme import Appearance, Theme
from ui.video_view import VideoView
from ui.welcome import Welcome

REFRESH_MS = 200
"""People and figures are read by people: five times a second is as often as they can be."""

CLOSE_TIMEOUT_S = 2.0
"""For the run; with what may be left of an export or a search for cameras, the process ends within three seconds."""
CLOSE_HELPERS_TIMEOUT_S = 0.4

MESSAGE_MS = 8000
DEFAULT_SIZE = QSize(1280, 760)


@dataclass(frozen=True, slots=True)
class Services:
    """What the window needs from outside. The callables are used in other threads than the window's.

    Attributes:
        log_path: the session log; other processes may use it at the same time.
        app_version: for the log and the About box.
    """

    open_source: OpenSource
    open_analyzer: OpenAnalyzer
    list_cameras: ListCameras
    log_path: Path
    app_version: str


class MainWindow(QMainWindow):
    """The window.

    Args:
        services: what it works with.
        settings: of the analysis, for the log; and of the view.
        preferences: where geometry and appearance are remembered.
        theme: takes the user's choice of appearance.
    """

    def __init__(self, services: Services, settings: Settings, preferences: QSettings, theme: Theme) -> None:
        super().__init__()
        self._services = services
        self._settings = settings
        self._preferences = preferences
        self._theme = theme
        self._labels = LabelHysteresis()
        self._error_dialog: ErrorDialog | None = None
        self._closed = False
        self.clean_exit = True

        self.session = Session(services.open_source, services.open_analyzer, self._open_recording, self)
        self.session.state_changed.connect(self._on_state)
        self.session.opened.connect(self._on_opened)
        self.session.result_ready.connect(self._on_result)
        self.session.failed.connect(self.show_error)
        self._export: BackgroundCall[ExportedFiles] = BackgroundCall("export", self._on_exported, self.show_error)

        self.view = VideoView(self._face_text, _person_color)
        self._people = PeopleModel(self._age_text, _person_color)
        self.panel = PeoplePanel(self._people)
        self.view.person_clicked.connect(self._select_person)
        self.panel.person_selected.connect(self._highlight_person)
        self._status = StatusBar()
        self.setStatusBar(self._status)

        self.camera_menu = CameraMenu(services.list_cameras, self)
        self.actions_ = Actions(self.camera_menu, self)
        self._connect_actions()
        self.actions_.fill_menu_bar(self.menuBar())
        self.addToolBar(self.actions_.make_toolbar())
        self.actions_.tint(self.palette().color(QPalette.ColorRole.ButtonText))
        self.welcome = Welcome(
            [self.actions_.open_file, self.camera_menu.menuAction(), self.actions_.open_folder, self.actions_.demo]
        )
        self._pages = QStackedWidget()
        self._pages.addWidget(self.welcome)
        self._pages.addWidget(self.view)
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.addWidget(self._pages)
        self._splitter.addWidget(self.panel)
        self._splitter.setStretchFactor(0, 1)
        self._splitter.setCollapsible(0, False)
        self._splitter.setHandleWidth(1)
        self.setCentralWidget(self._splitter)

        self._refresh_timer = QTimer(self, interval=REFRESH_MS)
        self._refresh_timer.timeout.connect(self._refresh)
        self.setWindowTitle("AgeLens")
        self.setAcceptDrops(True)
        self._restore()
        self._on_state(self.session.state)
        self.welcome.setFocus()

    # What a person can do.

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

    def export_csv(self, path: Path) -> None:
        """Writes what is logged of the current or last run so far; without keeping the window waiting."""
        session_id = self.session.log_session
        if session_id is None:
            return
        if self._export.start(partial(export_session, self._services.log_path, session_id, path)):
            self._status.showMessage(f"Exporting to {path.name}…")
            self._update_actions()

    @Slot(Exception)
    def show_error(self, error: Exception) -> None:
        """Two lines about an error. Errors that come while one is shown would hide it: they are only logged."""
        self._update_actions()
        self._status.clearMessage()
        if self._error_dialog is not None or self._closed:
            return
        self._error_dialog = ErrorDialog(error, self)
        self._error_dialog.finished.connect(self._forget_error)
        self._error_dialog.open()

    # Opening: one slot per way.

    @Slot()
    def _open_demo(self) -> None:
        self.open_source("demo")

    @Slot()
    def _ask_file(self) -> None:
        films = " ".join(f"*{suffix}" for suffix in sorted(FILM_SUFFIXES))
        pictures = " ".join(f"*{suffix}" for suffix in sorted(PICTURE_SUFFIXES))
        dialog = self._file_dialog("Open film or picture", QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters(
            [f"Films and pictures ({films} {pictures})", f"Films ({films})", f"Pictures ({pictures})", "All files (*)"]
        )
        dialog.fileSelected.connect(self.open_source)
        dialog.open()

    @Slot()
    def _ask_folder(self) -> None:
        dialog = self._file_dialog("Open folder of pictures", QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self.open_source)
        dialog.open()

    @Slot()
    def _ask_stream(self) -> None:
        dialog = StreamDialog(self)
        dialog.chosen.connect(self.open_source)
        dialog.open()

    @Slot()
    def _ask_export(self) -> None:
        dialog = self._file_dialog("Export CSV", QFileDialog.FileMode.AnyFile)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(["CSV files (*.csv)"])
        dialog.setDefaultSuffix("csv")
        dialog.selectFile("ages.csv")
        dialog.fileSelected.connect(lambda name: self.export_csv(Path(name)))
        dialog.open()

    def _file_dialog(self, title: str, mode: QFileDialog.FileMode) -> QFileDialog:
        dialog = QFileDialog(self, title, str(self._preferences.value("folder", QDir.homePath())))
        dialog.setFileMode(mode)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self._preferences.setValue("folder", str(Path(name).parent)))
        return dialog

    @Slot()
    def _show_about(self) -> None:
        engine = self.session.engine
        sentence = f"{engine.label}, {engine.model}: {engine.reason}" if engine else ""
        AboutDialog(self._services.app_version, sentence, str(self._services.log_path), self).open()

    # What the session says.

    @Slot(State)
    def _on_state(self, state: State) -> None:
        name = _short_name(self.session.spec)
        match state:
            case State.IDLE:
                self._status.show_activity("Ready")
            case State.OPENING:
                self._begin_run()
                self.view.set_banner(f"Opening {name}…", busy=True)
                self._status.show_activity(f"Opening {name}…")
                self._pages.setCurrentWidget(self.view)
            case State.RUNNING:
                self.view.set_banner("")
                self._refresh_timer.start()
            case State.STOPPING:
                self._status.show_activity("Stopping…")
            case State.FINISHED:
                self._end_run()
                self._show_end(name)
            case State.FAILED:
                self._end_run()
                self.view.set_banner(f"{name} could not be played")
                self._status.show_activity(f"{name} could not be played")
        self._update_actions()

    def _begin_run(self) -> None:
        self.view.clear()
        self.view.setFocus()
        self._people.clear()
        self.view.set_selected(None)
        self._labels = LabelHysteresis()
        self._status.show_engine(None)
        self._status.show_log("", "")
        self._status.hide_figures()
        self.setWindowTitle(f"{_short_name(self.session.spec)} – AgeLens")

    def _end_run(self) -> None:
        self._refresh()
        self._refresh_timer.stop()

    def _show_end(self, name: str) -> None:
        summary = self.session.summary
        self._status.hide_figures()
        if summary is None or summary.frames == 0:
            self.view.set_banner("Stopped before the first picture")
            self._status.show_activity(f"{name} stopped")
            return
        count = self._people.rowCount()
        persons = "1 person" if count == 1 else f"{count} people"
        ended = "stopped" if summary.stopped else "finished"
        self.view.set_banner("")
        self._status.show_activity(f"{name} {ended} · {persons} in {summary.frames} frames · Space plays it again")

    @Slot()
    def _on_opened(self) -> None:
        source = self.session.source
        self._status.show_engine(self.session.engine)
        self._status.show_log(f"Log: session {self.session.log_session}", f"Recorded in {self._services.log_path}")
        if source is not None:
            self.setWindowTitle(f"{source.name} – AgeLens")
        self._update_actions()

    @Slot(FrameResult)
    def _on_result(self, result: FrameResult) -> None:
        self.view.show_result(result)

    @Slot()
    def _refresh(self) -> None:
        progress = self.session.progress
        self._people.update_people(self.session.take_people(), progress.time_s)
        if self.session.source is not None and self.session.state is State.RUNNING:
            self._status.show_progress(self.session.source, progress, self.view.shown_rate)
            if self.view.result is not None:
                self._status.show_engine_in_use(self.view.result.engine, self.view.result.engine_note)

    @Slot(int)
    def _select_person(self, person: int) -> None:
        self.panel.select(None if person < 0 else person)

    @Slot(int)
    def _highlight_person(self, person: int) -> None:
        self.view.set_selected(None if person < 0 else person)

    @Slot()
    def _forget_error(self) -> None:
        self._error_dialog = None

    def _on_exported(self, files: ExportedFiles) -> None:
        folder = files.observations.parent
        self._status.showMessage(f"Exported {files.observations.name} and {files.persons.name} to {folder}", MESSAGE_MS)
        self._update_actions()

    @contextmanager
    def _open_recording(self, spec: str) -> Iterator[Recording]:
        # In the analysis thread: touches nothing of the window but immutable values.
        with (
            SessionLog.open(self._services.log_path) as log,
            Recording(log, PlannedInput.of(spec), self._settings, self._services.app_version) as recording,
        ):
            yield recording

    def _face_text(self, face: Face) -> str:
        return self._labels.text(face, self._settings.view.show_gender)

    def _age_text(self, person: int, belief: AgeBelief | None) -> str:
        return self._labels.age_text(person, belief)

    # Building.

    def _connect_actions(self) -> None:
        actions = self.actions_
        actions.open_file.triggered.connect(self._ask_file)
        actions.open_folder.triggered.connect(self._ask_folder)
        actions.open_stream.triggered.connect(self._ask_stream)
        actions.camera_menu.camera_chosen.connect(self.open_source)
        actions.demo.triggered.connect(self._open_demo)
        actions.run.triggered.connect(self.toggle_run)
        actions.export.triggered.connect(self._ask_export)
        actions.quit.triggered.connect(self.close)
        actions.about.triggered.connect(self._show_about)
        actions.connect_appearances(self._choose_appearance, self._appearance())

    def _update_actions(self) -> None:
        state = self.session.state
        self.actions_.show_running(state.active, enabled=self.session.spec is not None and state is not State.STOPPING)
        self.actions_.export.setEnabled(self.session.log_session is not None and not self._export.busy)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.actions_.tint(self.palette().color(QPalette.ColorRole.ButtonText))

    # What is remembered.

    def _appearance(self) -> Appearance:
        try:
            return Appearance(self._preferences.value("appearance", Appearance.SYSTEM.value))
        except ValueError:
            return Appearance.SYSTEM

    def _choose_appearance(self, choice: Appearance) -> None:
        self._preferences.setValue("appearance", choice.value)
        self._theme.apply(choice)

    def _restore(self) -> None:
        self._theme.apply(self._appearance())
        geometry, splitter = self._preferences.value("geometry"), self._preferences.value("splitter")
        if not (isinstance(geometry, QByteArray) and self.restoreGeometry(geometry)):
            self.resize(DEFAULT_SIZE)
        if not (isinstance(splitter, QByteArray) and self._splitter.restoreState(splitter)):
            self._splitter.setSizes([DEFAULT_SIZE.width() - self.panel.sizeHint().width(), self.panel.sizeHint().width()])

    # Dropping and closing.

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        files = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if files:
            event.acceptProposedAction()
            self.open_source(files[0])

    def closeEvent(self, event: QCloseEvent) -> None:
        """Hides at once, then ends whatever is under way: the log is complete when this returns."""
        event.accept()
        if self._closed:
            return
        self._closed = True
        self._preferences.setValue("geometry", self.saveGeometry())
        self._preferences.setValue("splitter", self._splitter.saveState())
        self._preferences.sync()
        self._refresh_timer.stop()
        self.hide()
        run_ended = self.session.close(CLOSE_TIMEOUT_S)
        helpers_ended = [self._export.close(CLOSE_HELPERS_TIMEOUT_S), self.camera_menu.close_search(CLOSE_HELPERS_TIMEOUT_S)]
        self.clean_exit = run_ended and all(helpers_ended)


def _person_color(person: int) -> QColor:
    return QColor(*color_rgb(person))


def _short_name(spec: str | None) -> str:
    if spec is None:
        return ""
    return f"Camera {spec}" if spec.isdecimal() else safe_name(spec)
