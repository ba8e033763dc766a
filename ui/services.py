"""What the window needs from outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ui.session_run import OpenAnalyzer, OpenSource
from ui.source_menu import ListCameras


@dataclass(frozen=True, slots=True)
class Services:
    """What the window needs from outside. The callables are used in other threads than the window's.

    Attributes:
        log_path: the session log; other processes may use it at the same time.
        app_version: for the log and the About box.
        release: closes what `open_analyzer` has kept from one run for the next; called once, in the same thread, at the end.
    """

    open_source: OpenSource
    open_analyzer: OpenAnalyzer
    list_cameras: ListCameras
    log_path: Path
    app_version: str
    release: Callable[[], None] = lambda: None
