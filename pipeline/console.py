"""What `analyze` says in a terminal: progress on stderr, the table of persons on stdout."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from pipeline.errors import AppError
from pipeline.observations import PersonSummary
from pipeline.protocols import SourceInfo
from pipeline.run import RunSummary
from pipeline.sessions import SessionSummary
from pipeline.types import FrameResult, Join

LINE_EVERY_S = 10.0
"""Between two lines of progress where there is no terminal to draw a bar in: a log file is to stay readable."""

REDRAWS_PER_S = 5.0
"""Enough to look alive; every redraw takes time from the analysis."""

RATE_MEMORY_S = 5.0
"""The rate is that of the last seconds: crowded and empty scenes differ."""

MOST_ROWS = 40
"""A terminal shows about as many; the files hold all."""

WIDTH_WITHOUT_TERMINAL = 140
"""In a file or pipe there is no width to keep to, and a wrapped table is unreadable."""


class Progressing:
    """Reports a batch (see `pipeline.batch.Report`): a bar in a terminal, plain lines elsewhere, errors only when quiet."""

    def __init__(self, count: int, quiet: bool) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._quiet = quiet
        self._count = count
        self._number = 0
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._info = SourceInfo(name="", live=False)
        self._frames = 0
        self._said_s = self._begun_s = 0.0
        self._persons: set[int] = set()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """While this is open, progress is drawn, and warnings of the program appear above it."""
        handler = _ConsoleHandler(self._console)
        logging.getLogger().addHandler(handler)
        try:
            if self._quiet or not self._console.is_terminal:
                yield
                return
            columns: list[ProgressColumn] = [
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(bar_width=28),
                _Position(),
                _Rate(),
                _Remaining(),
            ]
            with Progress(
                *columns,
                console=self._console,
                transient=True,
                refresh_per_second=REDRAWS_PER_S,
                speed_estimate_period=RATE_MEMORY_S,
            ) as self._progress:
                yield
        finally:
            self._progress = self._task = None
            logging.getLogger().removeHandler(handler)

    def say(self, text: str) -> None:
        """One line, above the bar."""
        if not self._quiet:
            self._console.print(escape(text), soft_wrap=True)

    def began(self, info: SourceInfo) -> None:
        self._number += 1
        self._info, self._frames = info, 0
        self._persons = set()
        self._begun_s = self._said_s = time.monotonic()
        if self._progress is not None:
            self._task = self._progress.add_task(escape(self._title), total=_total(info), frames=0)

    def advanced(self, result: FrameResult) -> None:
        self._frames += 1
        self._persons.update(face.person for face in result.faces)
        self.recognised(result.joins)
        done = self._frames if result.frame.independent else result.frame.time_s
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done, frames=self._frames)
        elif self._progress is None and time.monotonic() - self._said_s >= LINE_EVERY_S:
            self._said_s = time.monotonic()
            total = _total(self._info)
            share = "" if not total else f", {min(1.0, done / total):.0%}"
            rate = self._frames / (self._said_s - self._begun_s)
            left = "" if not total or not done else f", about {_clock((total / done - 1) * (self._said_s - self._begun_s))} left"
            self.say(f"{self._title}: {_many(self._frames, 'frame')}{share}, {rate:.1f} fps{left}")

    def recognised(self, joins: Sequence[Join]) -> None:
        self._persons -= {join.person for join in joins}

    def ended(self, name: str, summary: RunSummary) -> None:
        self._end_task()
        if summary.source is None:
            return
        rate = f" at {summary.frames / summary.seconds:.1f} fps" if summary.seconds > 0 else ""
        dropped = f", {summary.dropped} dropped to keep up" if summary.dropped else ""
        unit = "picture" if summary.source.fps is None and not summary.source.live else "frame"
        how = "stopped after " if summary.stopped and not summary.source.live else ""
        self.say(f"{name}: {how}{_many(summary.frames, unit)}{rate}{dropped}, {_many(len(self._persons), 'person')}")

    def skipped(self, name: str, reason: str) -> None:
        self._number += 1
        self.say(f"{name}: skipped, {reason}")

    def failed(self, name: str, error: AppError) -> None:
        if self._task is None:
            self._number += 1
        self._end_task()
        # Also when quiet: an error is never kept back.
        message = error.message if name in error.message else f"{name}: {error.message}"
        print_error(AppError(message, error.hint), self._console)

    def _end_task(self) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.remove_task(self._task)
        self._task = None

    @property
    def _title(self) -> str:
        return f"{self._number}/{self._count} {self._info.name}" if self._count > 1 else self._info.name


def print_error(error: AppError, console: Console | None = None) -> None:
    """The two lines of an error, on stderr: what happened, what to do."""
    console = console or Console(stderr=True, highlight=False)
    console.print(Text(f"Error: {error.message}", style="bold red"), soft_wrap=True)
    console.print(Text(error.hint), soft_wrap=True)


def print_persons(persons: Sequence[PersonSummary]) -> None:
    """The table of persons, on stdout."""
    console = _table_console()
    if not persons:
        console.print("No face was found.")
        return
    table = Table(box=box.SIMPLE_HEAD)
    several = len({person.source for person in persons}) > 1
    table.add_column("Person", justify="right")
    if several:
        table.add_column("Source", overflow="fold")
    for title in ("Seen", "Dwell", "Frames", "Age", "90 % interval"):
        table.add_column(title, justify="right", no_wrap=True)
    for person in persons[:MOST_ROWS]:
        still = person.frames == 1 and person.first_seen_s == person.last_seen_s
        cells = [
            str(person.person),
            "" if still else f"{_clock(person.first_seen_s)}–{_clock(person.last_seen_s)}",
            "" if still else f"{person.dwell_s:.1f} s",
            str(person.frames),
            "–" if person.age is None else f"{person.age:.0f}",
            "–" if person.low is None or person.high is None else f"{person.low:.0f}–{person.high:.0f}",
        ]
        if several:
            cells.insert(1, escape(person.source))
        table.add_row(*cells)
    console.print(table)
    if len(persons) > MOST_ROWS:
        console.print(f"… and {len(persons) - MOST_ROWS} more: write all of them to a file with --csv FILE.")


def print_sessions(sessions: Sequence[SessionSummary], log_path: Path) -> None:
    """The list of sessions, on stdout, in local time."""
    if not sessions:
        _table_console().print(f"There is no session in {log_path}.", soft_wrap=True)
        return
    print_table(
        ("Session", "Started", "By", "Inputs", "Length", "Persons", "Rows", "Engine", "State"),
        [
            (
                str(session.id),
                session.started_at.astimezone().strftime("%Y-%m-%d %H:%M"),
                session.kind,
                _inputs([record.name for record in session.inputs]),
                _clock(session.duration_s),
                str(session.persons),
                str(session.observations),
                session.engine,
                session.state,
            )
            for session in sessions
        ],
    )


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on stdout."""
    table = Table(*columns, box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(*map(escape, row))
    _table_console().print(table)


def _table_console() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL)


def _inputs(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _total(info: SourceInfo) -> float | None:
    """What "done" is counted in: seconds of a film, pictures of a folder, nothing for what has no end."""
    if info.live:
        return None
    return info.duration_s if info.duration_s is not None else info.frame_count


def _clock(seconds: float) -> str:
    """1:02:03 with hours, 2:03.4 without."""
    minutes, rest = divmod(max(0.0, seconds), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{int(rest):02d}" if hours else f"{minutes}:{rest:04.1f}"


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


class _Position(ProgressColumn):
    """How far: share of the whole, or time and frames of what has no end."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.percentage:>3.0f} %" if task.total else f"{_clock(task.completed)}")


class _Rate(ProgressColumn):
    """Frames per second of wall time since the start of the input."""

    def render(self, task: Task) -> Text:
        frames, elapsed_s = int(task.fields["frames"]), task.elapsed or 0.0
        return Text(f"{frames / elapsed_s:.1f} fps" if frames and elapsed_s > 0 else "", style="cyan")


class _Remaining(TimeRemainingColumn):
    """Remaining time; nothing for what has no end."""

    def render(self, task: Task) -> Text:
        return super().render(task) if task.total else Text("Ctrl-C ends", style="dim")


class _ConsoleHandler(logging.Handler):
    """Warnings as lines of their own, above the bar instead of through it."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.WARNING)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.print(Text(f"{record.levelname.capitalize()}: {record.getMessage()}", style="yellow"), soft_wrap=True)
