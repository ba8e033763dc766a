"""Many inputs in one command: one loaded model, one session of the log, one input after the other.

An interrupted command that is given again goes on where it was: inputs that were finished are skipped, the one that was broken
off is read again from its start (a film's persons are not known halfway), and what was recorded of it counts until then.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Protocol

from pipeline.annotate import FILM_SUFFIXES, PICTURE_SUFFIXES, Annotator
from pipeline.errors import AppError, OutputError, SettingsError, SourceError
from pipeline.exporting import Targets, export_all
from pipeline.outputs import check_output
from pipeline.protocols import EngineInfo, FrameAnalyzer, Sink, SourceInfo, VideoSource
from pipeline.run import OpenSink, OpenSource, RunSummary, run
from pipeline.sessions import delete_sessions
from pipeline.settings import Settings
from pipeline.sources import is_live, names, open_source, safe_name
from pipeline.sources.names import SourceKind
from pipeline.store import InputRecord, Numbers, PlannedInput, Provenance, Session, SessionLog
from pipeline.timing import Timing
from pipeline.types import FrameResult, Join

STILLS = (SourceKind.PICTURE, SourceKind.FOLDER)


class Models(Protocol):
    """The loaded detector and age engine, ready for any number of inputs."""

    @property
    def engine(self) -> EngineInfo: ...

    def analyzer(self, live: bool, first: Numbers) -> FrameAnalyzer:
        """A fresh analyzer for one input, which counts its persons and tracks from the given numbers."""
        ...


class Report(Protocol):
    """Tells the person in front of the program how it goes."""

    def say(self, text: str) -> None: ...

    def began(self, info: SourceInfo) -> None: ...

    def advanced(self, result: FrameResult) -> None: ...

    def recognised(self, joins: Sequence[Join]) -> None:
        """Persons who turned out to be others at the end of an input."""
        ...

    def ended(self, name: str, summary: RunSummary) -> None: ...

    def skipped(self, name: str, reason: str) -> None: ...

    def failed(self, name: str, error: AppError) -> None: ...


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """What one `analyze` was asked for.

    Attributes:
        srt, ass: subtitles.
        annotated: a file for one input, a folder for any number.
        duration_s, most_frames: how much of each input.
        fresh: begin a new session even where an interrupted one could be continued.
        reuse: take over inputs that any earlier session finished with the same settings and model.
    """

    csv: Path | None = None
    jsonl: Path | None = None
    srt: Path | None = None
    ass: Path | None = None
    annotated: Path | None = None
    duration_s: float | None = None
    most_frames: int | None = None
    fresh: bool = False
    reuse: bool = False

    @property
    def exports(self) -> Targets:
        """What is to be written of the session in the end."""
        return Targets(csv=self.csv, jsonl=self.jsonl, srt=self.srt, ass=self.ass)


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """How it ended.

    Attributes:
        session: number in the log; None where no input gave a single frame, which leaves no session behind.
        failed: number of inputs that could not be opened, read to the end or recorded.
        interrupted: stopped before every film and folder was read to its end.
        files: what was exported.
    """

    session: int | None
    failed: int
    interrupted: bool
    files: tuple[Path, ...]


def check(specs: Sequence[str], options: BatchOptions) -> None:
    """Finds out what cannot work before anything is loaded. Makes the folder for recordings.

    Raises:
        SettingsError: the options contradict each other or the inputs.
        OutputError: an output cannot be written.
    """
    if options.fresh and options.reuse:
        raise SettingsError("--fresh and --resume exclude each other.", "Leave out one of them.")
    endless = options.duration_s is None and options.most_frames is None
    if len(specs) > 1 and endless and (live := [spec for spec in specs if is_live(spec)]):
        raise SettingsError(
            f"{safe_name(live[0])} has no end, so the other inputs would not have their turn.",
            "Give --duration SECONDS, or analyze it in a command of its own.",
        )
    outputs = options.exports.files()
    if outputs:
        options.exports.check()
    if (options.srt or options.ass) and all(names.kind_of(spec) in STILLS for spec in specs):
        raise SettingsError("Subtitles belong to films, and these are pictures.", "Leave out --srt and --ass, or add a film.")
    inputs = {Path(spec).resolve() for spec in specs}
    for path in outputs:
        if path.resolve() in inputs:
            raise OutputError(f"{path} is one of the inputs.", "Choose another name for the table.")
        check_output(path)
    if options.annotated is not None:
        targets = annotated_targets(options.annotated, specs)
        if targets != [options.annotated] or options.annotated.is_dir():
            _make_folder(options.annotated)
        else:
            check_output(options.annotated)


def annotated_targets(out: Path, specs: Sequence[str]) -> list[Path]:
    """Where the recording of each input goes.

    A name with the suffix of a film or picture is the file for the only input. Any other name is a folder: films go into it as
    NAME-annotated.mp4, pictures as NAME-annotated with their own suffix, a folder of pictures, where it is not the only
    input, into a folder of its own. Equal names get numbers in the order of the inputs: a resumed command finds the same ones.

    Raises:
        SettingsError: one file for several inputs or for a folder of pictures, or a suffix that does not fit.
    """
    names_file = out.suffix.lower() in names.FILM_SUFFIXES | names.PICTURE_SUFFIXES and not out.is_dir()
    if not names_file:
        taken: set[Path] = set()
        return [_free(_place_in(out, spec, alone=len(specs) == 1), taken) for spec in specs]
    if len(specs) > 1:
        raise SettingsError(f"--annotated {out} names one file for {len(specs)} inputs.", "Give it the name of a folder.")
    match names.kind_of(specs[0]):
        case SourceKind.FOLDER:
            fitting: frozenset[str] = frozenset()
        case SourceKind.PICTURE:
            fitting = PICTURE_SUFFIXES
        case _:
            fitting = FILM_SUFFIXES
    if out.suffix.lower() not in fitting:
        wanted = f"a name that ends in {', '.join(sorted(fitting))}, or that of a folder" if fitting else "the name of a folder"
        raise SettingsError(f"--annotated {out} does not fit {safe_name(specs[0])}.", f"Give it {wanted}.")
    return [out]


class Batch:
    """One `analyze`. Call `check` first: it finds what can be known to fail before the models are loaded.

    Args:
        specs: the inputs, as for `open_source`.
        models: loaded for the settings.
        log: open; used by this thread only.
        stop: set by Ctrl-C: the current input ends, the others are left for the next time.
        timing: where to collect times per stage, if wanted.
    """

    def __init__(
        self,
        specs: Sequence[str],
        settings: Settings,
        models: Models,
        log: SessionLog,
        *,
        options: BatchOptions,
        report: Report,
        stop: threading.Event,
        app_version: str,
        timing: Timing | None = None,
    ) -> None:
        self._specs = specs
        self._settings = settings
        self._models = models
        self._log = log
        self._options = options
        self._report = report
        self._stop = stop
        self._timing = timing
        self._provenance = Provenance(settings, models.engine, app_version, options.duration_s, options.most_frames)
        out = options.annotated
        self._targets = [None] * len(specs) if out is None else list(annotated_targets(out, specs))

    def analyze(self) -> BatchSummary:
        """Analyses the inputs in order and exports what was recorded, also after an interruption or an error.

        An input that cannot be read or recorded is reported, and the others are still done.

        Raises:
            AppError: the log, the engine or an export failed.
        """
        planned = [PlannedInput.of(spec) for spec in self._specs]
        resumed = None if self._options.fresh else self._log.resume(planned, self._provenance)
        if resumed is not None:
            self._report.say(f"Going on with session {resumed.id}, which was interrupted.")
        session = resumed or self._log.begin("analyze", planned, self._provenance)
        failed = 0
        try:
            with session:
                for record in session.inputs():
                    if not self._stop.is_set() and not self._do(session, record):
                        failed += 1
        except BaseException:
            # What was recorded is exported all the same; the first error is the one to show.
            with suppress(AppError):
                self._export(session)
            raise
        left = [record for record in session.inputs() if record.state not in ("finished", "failed")]
        recorded, files = self._export(session)
        return BatchSummary(session.id if recorded else None, failed, interrupted=bool(left), files=files)

    def _do(self, session: Session, record: InputRecord) -> bool:
        """One input; False where it failed, which was reported then."""
        spec = self._specs[record.position]
        if (reason := self._done_before(session, record)) is not None:
            self._report.skipped(record.name, reason)
            return True
        try:
            summary = self._run(session, record.position, spec)
        except (SourceError, OutputError) as error:
            session.end_input(record.position, "failed")
            self._report.failed(record.name, error)
            return False
        # A camera has no end of its own: ending it is how one is done with it.
        done = not summary.stopped or (summary.source is not None and summary.source.live)
        session.end_input(record.position, "finished" if done else "stopped")
        self._report.ended(record.name, summary)
        return True

    def _done_before(self, session: Session, record: InputRecord) -> str | None:
        """Why the input need not be read; None where it must be."""
        target = self._targets[record.position]
        if target is not None and not _holds_something(target):
            # A recording that was not made then can only be made by looking again.
            return None
        if record.state == "finished":
            return "finished before the interruption"
        if self._options.reuse:
            earlier = self._log.finished_input(record.fingerprint, self._provenance)
            if earlier is not None and session.adopt(record.position, earlier):
                return "taken over from an earlier session with the same settings and model"
        return None

    def _run(self, session: Session, position: int, spec: str) -> RunSummary:
        analyzer = self._models.analyzer(is_live(spec), session.next_numbers(position))

        def source(ending: threading.Event) -> AbstractContextManager[VideoSource]:
            return open_source(spec, ending, self._settings.source)

        def open_log(info: SourceInfo, _: EngineInfo) -> Sink:
            return session.begin_input(position, info)

        def open_report(info: SourceInfo, _: EngineInfo) -> Sink:
            return _ReportSink(self._report, info)

        sinks: list[OpenSink] = [open_log, open_report]
        target = self._targets[position]
        if target is not None:
            sinks.append(lambda info, _: Annotator(target, info, self._settings.view))
        opened: OpenSource = source
        if self._timing is not None:
            opened, sinks[0] = self._timing.source(source), self._timing.sink("log", open_log)
        summary = run(
            opened,
            lambda: nullcontext(analyzer),
            sinks,
            self._stop,
            duration_s=self._options.duration_s,
            most_frames=self._options.most_frames,
        )
        conclusion = analyzer.conclude()
        session.conclude(position, conclusion)
        self._report.recognised(conclusion.joins)
        return summary

    def _export(self, session: Session) -> tuple[bool, tuple[Path, ...]]:
        """Writes the tables. A session without a single frame is not worth a line in the list: it is taken out again."""
        if not any(record.frames for record in session.inputs()):
            delete_sessions(self._log, [session.id])
            return False, ()
        return True, tuple(written.path for written in export_all(self._log, [session.id], self._options.exports))


class _ReportSink:
    def __init__(self, report: Report, info: SourceInfo) -> None:
        self._report = report
        report.began(info)

    def write(self, result: FrameResult) -> None:
        self._report.advanced(result)

    def close(self) -> None:
        """The report hears of the end from the batch, which knows how it came."""


def _place_in(folder: Path, spec: str, alone: bool) -> Path:
    name = re.sub(r"[^\w.-]+", "-", safe_name(spec)).strip("-.") or "input"
    match names.kind_of(spec):
        case SourceKind.FOLDER:
            return folder if alone else folder / name
        case SourceKind.PICTURE:
            suffix = Path(name).suffix if Path(name).suffix.lower() in PICTURE_SUFFIXES else ".jpg"
            return folder / f"{Path(name).stem}-annotated{suffix}"
        case SourceKind.FILM:
            return folder / f"{Path(name).stem}-annotated.mp4"
        case kind:
            return folder / f"{name if kind is not SourceKind.CAMERA else f'camera-{name}'}-annotated.mp4"


def _free(path: Path, taken: set[Path]) -> Path:
    """The path, or with the first number behind its name that no earlier input has."""
    tries = chain([path], (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(2)))
    free = next(candidate for candidate in tries if candidate not in taken)
    taken.add(free)
    return free


def _holds_something(target: Path) -> bool:
    return target.is_file() or (target.is_dir() and any(target.iterdir()))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {folder} cannot be made: {error.strerror or error}.", "Choose another one with --annotated."
        ) from error
    check_output(folder / "probe")
