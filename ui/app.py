"""Starts the window and sees to it that the process ends well: on closing, on Ctrl-C, and after errors that nobody expected."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import FrameType, TracebackType

import platformdirs
from PySide6.QtCore import QObject, QSettings, QSocketNotifier, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from pipeline.errors import AppError
from pipeline.protocols import FrameAnalyzer
from pipeline.settings import Settings
from pipeline.settings_file import SettingsStore
from pipeline.sources import list_cameras, open_source
from pipeline.store import default_path
from ui.main_window import MainWindow, Services
from ui.memory import use_one_heap
from ui.theme import Theme, program_icon

_log = logging.getLogger(__name__)


def run_window(
    initial_source: str | None,
    open_analyzer: Callable[[Settings], AbstractContextManager[FrameAnalyzer]],
    store: SettingsStore,
    log_path: Path | None,
    app_version: str = "",
    *,
    release: Callable[[], None] = lambda: None,
    problem: AppError | None = None,
    script: Callable[[MainWindow], object] | None = None,
) -> int:
    """Shows the window until it is closed.

    Args:
        initial_source: opened at once; None greets.
        open_analyzer: called in the analysis thread, once per run, with the settings in force.
        store: the settings.
        log_path: of the session log; None takes the user's.
        app_version: for the log and the About box.
        release: closes what `open_analyzer` has kept for the next run; called once, in the same thread, at the end.
        problem: shown at once: the window is there all the same.
        script: drives the window in place of a person, to measure it or to take pictures of it.

    Returns:
        The exit code of the process.

    Raises:
        LogError: the folder of the user's log cannot be made.
    """
    use_one_heap()
    QGuiApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    application = QApplication(sys.argv[:1])
    application.setApplicationName("AgeLens")
    application.setApplicationDisplayName("AgeLens")
    application.setApplicationVersion(app_version)
    application.setDesktopFileName("agelens")
    application.setWindowIcon(program_icon())
    services = Services(
        open_source=lambda spec, stop: open_source(spec, stop, store.current.source),
        open_analyzer=lambda: open_analyzer(store.current),
        list_cameras=list_cameras,
        log_path=log_path or default_path(),
        app_version=app_version,
        release=release,
    )
    window = MainWindow(services, store, user_preferences(), Theme(application))
    with unexpected_errors_shown(window.show_error), signals_close(window.close):
        window.show()
        if problem is not None:
            window.show_error(problem)
        if script is not None:
            script(window)
        else:
            window.help.show_notice_once()
        if initial_source is not None:
            # Once the event loop runs: the window is there before anything is opened.
            QTimer.singleShot(0, lambda: window.open_source(initial_source))
        code = application.exec()
        window.close()
    if not window.clean_exit:
        # A driver that hangs in a read cannot be ended in any other way. The log is committed, nothing else is open.
        _log.warning("a thread did not end in time; leaving without it")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def user_preferences() -> QSettings:
    """Where this user's window geometry and appearance are remembered: one small file beside the settings."""
    folder = platformdirs.user_config_path("agelens", appauthor=False)
    return QSettings(str(folder / "window.ini"), QSettings.Format.IniFormat)


class _ErrorCourier(QObject):
    """Brings errors of any thread to the window's thread."""

    raised = Signal(Exception)

    def __init__(self, show: Callable[[Exception], None]) -> None:
        super().__init__()
        self._show = show
        self.raised.connect(self._on_raised, Qt.ConnectionType.QueuedConnection)

    @Slot(Exception)
    def _on_raised(self, error: Exception) -> None:
        self._show(error)


@contextmanager
def unexpected_errors_shown(show: Callable[[Exception], None]) -> Iterator[None]:
    """Shows exceptions that nobody catches: of slots (Qt goes on after them) and of threads. They are logged, too.

    Args:
        show: called in the thread that entered this context.
    """
    courier = _ErrorCourier(show)

    def report(error: BaseException | None) -> None:
        _log.error("unexpected error", exc_info=error)
        if isinstance(error, Exception):
            courier.raised.emit(error)

    def on_exception(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
        report(error)

    def on_thread_exception(arguments: threading.ExceptHookArgs) -> None:
        report(arguments.exc_value)

    previous, previous_of_threads = sys.excepthook, threading.excepthook
    sys.excepthook, threading.excepthook = on_exception, on_thread_exception
    try:
        yield
    finally:
        sys.excepthook, threading.excepthook = previous, previous_of_threads


@contextmanager
def signals_close(close: Callable[[], object]) -> Iterator[None]:
    """Lets Ctrl-C and SIGTERM close the window.

    Python runs signal handlers between its own instructions: not at all while Qt waits for events, or else in the middle of
    whatever the window is doing, such as painting. So the handlers do nothing. The signal's number is also written into a
    socket, which Qt watches: the window closes from the event loop, like on any other event.
    """
    numbers = (signal.SIGINT, signal.SIGTERM)
    reader, writer = socket.socketpair()
    for end in (reader, writer):
        end.setblocking(False)

    def on_readable() -> None:
        if set(reader.recv(64)) & set(numbers):
            close()

    notifier = QSocketNotifier(reader.fileno(), QSocketNotifier.Type.Read)
    notifier.activated.connect(on_readable)
    previous = [signal.signal(number, _leave_to_the_event_loop) for number in numbers]
    previous_fd = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(previous_fd)
        for number, handler in zip(numbers, previous, strict=True):
            signal.signal(number, handler)
        notifier.setEnabled(False)
        reader.close()
        writer.close()


def _leave_to_the_event_loop(_number: int, _frame: FrameType | None) -> None:
    """Only there because Python writes to the wakeup socket for handled signals only."""
