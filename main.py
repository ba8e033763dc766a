"""AgeLens on the command line: the window, and everything that works without one. The only module that knows all the others.

Imports are inside the functions that need them: the window's toolkit is not loaded for `analyze`, models are not loaded for a
question about sessions, and `--help` answers at once.

Exit codes: 0 done; 1 something failed; 2 the command or a setting is wrong; 130 (128 + signal) interrupted before every film or
folder was read to its end. A camera or stream has no end: stopping it with Ctrl-C is success.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from pipeline.arguments import parse
from pipeline.errors import AppError, LogError, SettingsError
from pipeline.kept import Kept

if TYPE_CHECKING:
    from engines.choose import LiveAgeEngine
    from engines.mtcnn import MtcnnDetector
    from pipeline.analyzer import Analyzer
    from pipeline.intervals import IntervalTable
    from pipeline.protocols import EngineInfo, FrameAnalyzer
    from pipeline.settings import Settings
    from pipeline.settings_file import SettingsStore
    from pipeline.store import Numbers
    from ui.main_window import MainWindow

VERSION = "0.1.0"

OK, FAILED, WRONG_USE, SIGNALLED = 0, 1, 2, 128


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; the exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character shows a question mark; it is no reason to fail.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    arguments = parse(sys.argv[1:] if argv is None else argv, VERSION)
    try:
        return COMMANDS[f"{arguments.command} {getattr(arguments, 'action', '')}".strip()](arguments)
    except AppError as error:
        from pipeline.console import print_error

        print_error(error)
        return WRONG_USE if isinstance(error, SettingsError) else FAILED
    except KeyboardInterrupt:
        return SIGNALLED + signal.SIGINT
    except BrokenPipeError:
        # The reader of a pipe went away (`| head`). Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


@dataclass(frozen=True, slots=True)
class Models:
    """The loaded detector and age engine (see `pipeline.batch.Models`)."""

    detector: MtcnnDetector
    age_engine: LiveAgeEngine
    settings: Settings
    intervals: IntervalTable | None = None

    @property
    def engine(self) -> EngineInfo:
        return self.age_engine.info

    def analyzer(self, live: bool, first: Numbers) -> Analyzer:
        from pipeline.analyzer import Analyzer

        tracks, persons = count(first.track), count(first.person)
        return Analyzer(
            self.detector,
            self.age_engine,
            self.settings,
            live=live,
            intervals=self.intervals,
            track_ids=tracks,
            person_ids=persons,
        )


@contextmanager
def open_models(settings: Settings, folder: Path | None = None, serve_while_building: bool = False) -> Iterator[Models]:
    """Loads the detector and the age engine for the thread that enters.

    Args:
        folder: with models.toml and the files; None takes the ones that come with the program.
        serve_while_building: the CPU serves while a TensorRT engine is built; otherwise this waits for it.

    Raises:
        EngineError: the engine that was asked for cannot run here.
        ModelFileError: a model file is missing or damaged.
        SettingsError: there is no such model.
    """
    from engines.choose import open_age_engine, open_detector
    from engines.intervals import load_intervals
    from engines.models import MODELS_FOLDER

    folder = folder or MODELS_FOLDER
    with (
        closing(open_age_engine(settings.age, folder, serve_while_building=serve_while_building)) as age_engine,
        open_detector(settings, age_engine.info.name, folder) as detector,
    ):
        yield Models(detector, age_engine, settings, load_intervals(age_engine.info.model_sha256, folder))


@contextmanager
def open_analyzer(settings: Settings, folder: Path | None = None) -> Iterator[FrameAnalyzer]:
    """An analyzer for one run in the window, where frames come in real time. Raises as `open_models`."""
    from pipeline.store import Numbers

    with open_models(settings, folder, serve_while_building=True) as models:
        yield models.analyzer(live=True, first=Numbers(person=1, track=1))


class WindowModels:
    """The models of the window: loaded for the first run and kept for the next ones, so that another film opens at once.

    They are loaded anew where the settings of detection or age estimation have changed, after an error, and where TensorRT
    could not be built: then it is tried again. All methods are for the analysis thread.

    Args:
        folder: with models.toml and the files; None takes the ones that come with the program.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._kept: Kept[Models] = Kept(_worth_keeping)

    @contextmanager
    def open_analyzer(self, settings: Settings) -> Iterator[FrameAnalyzer]:
        """An analyzer for one run, as the function of that name gives it. Raises as `open_models`."""
        from pipeline.store import Numbers

        key = settings.detector, settings.age
        with self._kept.lend(key, lambda: open_models(settings, self._folder, serve_while_building=True)) as models:
            yield replace(models, settings=settings).analyzer(live=True, first=Numbers(person=1, track=1))

    def close(self) -> None:
        """Frees the models; safe to call twice."""
        self._kept.close()


def _worth_keeping(models: Models) -> bool:
    from engines.swap import SwappingAgeEngine

    return not (isinstance(models.age_engine, SwappingAgeEngine) and models.age_engine.failed)


# The commands. Each takes the parsed arguments and returns the exit code.


def _window(arguments: argparse.Namespace) -> int:
    if sys.platform == "linux" and not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
        source = arguments.source or "demo"
        raise AppError(
            "There is no display to show the window on (neither DISPLAY nor WAYLAND_DISPLAY is set).",
            f"Without a window, use: main.py analyze {source} --csv ages.csv",
        )
    from pipeline.settings import Settings
    from pipeline.settings_file import SettingsStore
    from ui.app import run_window

    models = WindowModels(arguments.models)
    problem = None
    try:
        store = _settings_store(arguments)
    except SettingsError as error:
        # Where a flag is wrong, this raises the same again. A settings file that cannot be used must not keep the window away:
        # it starts from the defaults and says so.
        store, problem = SettingsStore(_settings_path(arguments), Settings(), arguments.set or []), error
    script: Callable[[MainWindow], object] | None = None
    if arguments.pictures is not None:
        from ui.album import Album

        script = partial(Album, folder=arguments.pictures)
    elif arguments.measure is not None:
        from ui.measure import Measurement

        source = arguments.source or "demo"
        arguments.source = None
        script = partial(Measurement, path=arguments.measure, seconds=arguments.measure_s, source=source)
    return run_window(
        arguments.source,
        models.open_analyzer,
        store,
        arguments.log,
        app_version=VERSION,
        release=models.close,
        problem=problem,
        script=script,
    )


def _analyze(arguments: argparse.Namespace) -> int:
    from pipeline.batch import Batch, BatchOptions, check
    from pipeline.outputs import check_output

    settings = _settings(arguments)
    options = BatchOptions(
        csv=arguments.csv,
        jsonl=arguments.jsonl,
        srt=arguments.srt,
        ass=arguments.ass,
        annotated=arguments.annotated,
        duration_s=arguments.duration,
        most_frames=arguments.frames,
        fresh=arguments.fresh,
        reuse=arguments.resume,
    )
    check(arguments.sources, options)
    if arguments.stats is not None:
        check_output(arguments.stats)
    from pipeline.console import Progressing, print_persons
    from pipeline.observations import persons
    from pipeline.store import SessionLog
    from pipeline.timing import Timing

    report = Progressing(len(arguments.sources), arguments.quiet)
    timing = Timing() if arguments.stats is not None else None
    with _stop_on_signals() as stop, open_models(settings, arguments.models) as models, SessionLog.open(arguments.log) as log:
        report.say(f"Engine: {models.engine.label}, model {models.engine.model}: {models.engine.reason}.")
        batch = Batch(
            arguments.sources,
            settings,
            models,
            log,
            options=options,
            report=report,
            stop=stop.event,
            app_version=VERSION,
            timing=timing,
        )
        with report.shown():
            summary = batch.analyze()
        if timing is not None:
            timing.report().write(arguments.stats)
        if summary.session is not None and not arguments.quiet:
            print_persons(persons(log, [summary.session]))
        if summary.files:
            report.say(f"Written: {', '.join(map(str, summary.files))}")
        if summary.interrupted:
            report.say("Interrupted. The same command goes on with what is left; --fresh starts over.")
            return SIGNALLED + (stop.signal or signal.SIGINT)
    return FAILED if summary.failed else OK


def _cameras(_: argparse.Namespace) -> int:
    from pipeline.console import print_table
    from pipeline.sources import list_cameras

    cameras = list_cameras()
    if cameras:
        print_table(("Index", "Name", "System"), [(str(camera.index), camera.name, camera.backend) for camera in cameras])
    else:
        print("No camera was found.")
    return OK


def _sessions_list(arguments: argparse.Namespace) -> int:
    from pipeline.console import print_sessions
    from pipeline.sessions import list_sessions
    from pipeline.store import SessionLog

    with SessionLog.open(arguments.log) as log:
        print_sessions(list_sessions(log), log.path)
    return OK


def _sessions_export(arguments: argparse.Namespace) -> int:
    from pipeline.exporting import Targets, export_all
    from pipeline.store import SessionLog

    targets = Targets(csv=arguments.csv, jsonl=arguments.jsonl, srt=arguments.srt, ass=arguments.ass)
    targets.check()
    with SessionLog.open(arguments.log) as log:
        for written in export_all(log, arguments.ids, targets):
            print(written.path if written.rows is None else f"{written.path}: {written.rows} rows")
    return OK


def _sessions_report(arguments: argparse.Namespace) -> int:
    from pipeline.report import export_report
    from pipeline.store import SessionLog

    with SessionLog.open(arguments.log) as log:
        print(f"Written: {export_report(log, arguments.id, arguments.out)}")
    return OK


def _sessions_delete(arguments: argparse.Namespace) -> int:
    from pipeline.sessions import delete_sessions
    from pipeline.store import SessionLog

    ids = ", ".join(map(str, arguments.ids))
    if not arguments.yes:
        if not sys.stdin.isatty():
            raise SettingsError("Deleting asks first, and nobody is there to answer.", "Add --yes.")
        if input(f"Delete session {ids} for good? [y/N] ").strip().lower() not in ("y", "yes"):
            print("Nothing was deleted.")
            return OK
    with SessionLog.open(arguments.log) as log:
        clean = delete_sessions(log, arguments.ids)
        print(f"Deleted: {ids}.")
        if not clean:
            raise LogError(
                f"Another program is reading {log.path}: copies of the deleted rows stay beside it until that ends.",
                "Close the other program.",
            )
    return OK


def _settings_list(arguments: argparse.Namespace) -> int:
    from pipeline.console import print_table
    from pipeline.options import options, value_of

    store = _settings_store(arguments)
    changed = [(o.name, value_of(store.current, o.name)) for o in options() if value_of(store.current, o.name) != o.value]
    values = {name: str(value) for name, value in changed}
    print_table(
        ("Setting", "Value", "Default", "Allowed", "Meaning"),
        [(o.name, values.get(o.name, ""), o.default, o.allowed, o.description) for o in options()],
    )
    there = "" if store.path.exists() else " (not there: all defaults)"
    print(f"Settings file: {store.path}{there}")
    return OK


def _engine(arguments: argparse.Namespace) -> int:
    from engines import commands
    from engines.models import MODELS_FOLDER

    folder = arguments.models if getattr(arguments, "models", None) is not None else MODELS_FOLDER
    match arguments.action:
        case "info":
            commands.info(_settings(arguments).age, folder)
        case "build":
            commands.build(folder, arguments.model, arguments.precision, arguments.targets, arguments.out)
        case "list":
            commands.list_engines()
        case "check":
            commands.check(folder, arguments.model, arguments.precision)
    return OK


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "window": _window,
    "analyze": _analyze,
    "cameras": _cameras,
    "sessions list": _sessions_list,
    "sessions export": _sessions_export,
    "sessions report": _sessions_report,
    "sessions delete": _sessions_delete,
    "settings": _settings_list,
    **dict.fromkeys(("engine info", "engine build", "engine list", "engine check"), _engine),
}


def _settings(arguments: argparse.Namespace) -> Settings:
    return _settings_store(arguments).current


def _settings_store(arguments: argparse.Namespace) -> SettingsStore:
    from pipeline.settings_file import SettingsStore

    return SettingsStore.open(_settings_path(arguments), getattr(arguments, "set", None) or [])


def _settings_path(arguments: argparse.Namespace) -> Path:
    from pipeline.settings_file import settings_path

    return arguments.settings or settings_path()


class _Stop:
    """A stop event that remembers which signal set it."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.signal = 0

    def __call__(self, number: int, _: FrameType | None) -> None:
        if self.event.is_set():
            raise KeyboardInterrupt
        self.signal = number
        self.event.set()
        # Not print: a signal may come in the middle of one, and Python's buffered files cannot be entered twice.
        os.write(2, b"\nStopping: what was recorded is being saved. Ctrl-C again leaves at once.\n")


@contextmanager
def _stop_on_signals() -> Iterator[_Stop]:
    """Ctrl-C, a request to terminate and a closed terminal end the work in good order; a second Ctrl-C is obeyed at once."""
    stop = _Stop()
    signals = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # What the shell told this process to ignore (nohup, a background job) stays ignored.
    before = {number: signal.signal(number, stop) for number in signals if signal.getsignal(number) != signal.SIG_IGN}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
