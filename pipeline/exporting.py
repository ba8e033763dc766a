"""Everything that can be written of sessions, in one go: tables, subtitles, the report. For the command line and the window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from pipeline.errors import SettingsError
from pipeline.export import ExportedFiles, export_csv, export_jsonl, persons_path
from pipeline.progress import Watch, part, unwatched
from pipeline.report import export_report
from pipeline.store import SessionLog
from pipeline.subtitles import export_ass, export_srt


@dataclass(frozen=True, slots=True)
class Targets:
    """Where each kind goes; None: not wanted.

    Attributes:
        csv, jsonl: of the observations; the persons go beside them.
        report: of one session.
    """

    csv: Path | None = None
    jsonl: Path | None = None
    srt: Path | None = None
    ass: Path | None = None
    report: Path | None = None

    def chosen(self) -> Iterator[tuple[str, Path]]:
        """Name of the kind and its file, of those that are wanted."""
        for field in fields(self):
            path = getattr(self, field.name)
            if path is not None:
                yield field.name, path

    def files(self) -> list[Path]:
        """What will be written at least; several films have more than one file of subtitles."""
        tables = {"csv", "jsonl"}
        return [file for kind, path in self.chosen() for file in ([path, persons_path(path)] if kind in tables else [path])]

    def check(self) -> None:
        """Finds two kinds with one name.

        Raises:
            SettingsError: there are such two, or nothing is wanted at all.
        """
        files = self.files()
        if not files:
            raise SettingsError("Nothing to export to.", "Name a file with --csv, --jsonl, --srt or --ass.")
        if len({path.resolve() for path in files}) < len(files):
            kinds = " and ".join(f"--{kind}" for kind, _ in self.chosen())
            raise SettingsError(f"{kinds} name the same file.", "Give each its own name.")


@dataclass(frozen=True, slots=True)
class Written:
    """One file that an export made; `rows` is None for what has no rows."""

    path: Path
    rows: int | None = None


def export_all(log: SessionLog, session_ids: Sequence[int], targets: Targets, watch: Watch = unwatched) -> list[Written]:
    """Writes what is wanted, one kind after the other; each file appears complete or not at all.

    Raises:
        SettingsError: subtitles of pictures.
        LogError: there is no session of that number, or the log cannot be read.
        OutputError: a file cannot be written.
        Cancelled: by `watch`; files that were complete by then are left.
    """
    chosen = list(targets.chosen())
    written: list[Written] = []
    for number, (kind, path) in enumerate(chosen):
        here = part(watch, number / len(chosen), (number + 1) / len(chosen))
        match kind:
            case "csv":
                written += _tables(export_csv(log, session_ids, path, here))
            case "jsonl":
                written += _tables(export_jsonl(log, session_ids, path, here))
            case "srt":
                written += map(Written, export_srt(log, session_ids, path, here))
            case "ass":
                written += map(Written, export_ass(log, session_ids, path, here))
            case "report":
                written.append(Written(export_report(log, session_ids[0], path, here)))
    return written


def _tables(files: ExportedFiles) -> list[Written]:
    return [Written(files.observations, files.observation_rows), Written(files.persons, files.person_rows)]
