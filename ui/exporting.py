"""Exports one session of the log while the window goes on."""

from __future__ import annotations

from pathlib import Path

from pipeline.export import ExportedFiles, export_csv
from pipeline.store import SessionLog


def export_session(log_path: Path, session_id: int, target: Path) -> ExportedFiles:
    """Writes what is committed of a session as CSV; opens the log anew, because a log belongs to the thread that opened it.

    Args:
        target: of the observations; the persons go beside it.

    Raises:
        LogError, OutputError: the log cannot be read, the files cannot be written.
    """
    with SessionLog.open(log_path) as log:
        return export_csv(log, [session_id], target)
