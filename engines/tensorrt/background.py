"""Building in a process of its own, so that pictures go on meanwhile and a build can be given up at any moment.

The process (`engines.tensorrt.worker`) writes one JSON object a line: {"share": 0.4} while it builds, at the end {"built": true}
or {"message": …, "hint": …}.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from engines.swap import BuildState
from engines.tensorrt.build import BuildCancelledError
from pipeline.errors import AppError, EngineError

ENDS_WITHIN_S = 2.0
"""A process that was asked to end is killed after this time."""

PROGRAM_FOLDER = Path(__file__).resolve().parent.parent.parent


class BuildProcess:
    """A build in its own process. `state` may be asked from any thread, the rest belongs to the thread that started it.

    Args:
        command: program and arguments that write the lines described above.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._state = BuildState()
        self._cancelled = False
        self._process = subprocess.Popen(
            command,
            cwd=PROGRAM_FOLDER,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # on Windows a console would open beside the window
        )
        self._reader = threading.Thread(target=self._read, name="TensorRT build", args=(self._process.stdout,))
        self._reader.start()

    @property
    def state(self) -> BuildState:
        return self._state

    def cancel(self) -> None:
        """Ends the process if it still runs, and waits until it is gone."""
        self._cancelled = True
        self._process.terminate()
        try:
            self._process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._reader.join()

    def _read(self, lines: IO[str]) -> None:
        with lines:
            for line in lines:
                self._take(line)
        code = self._process.wait()
        if self._state.built or self._state.error is not None:
            return
        error: AppError = BuildCancelledError()
        if not self._cancelled:
            error = EngineError(
                f"The process that builds the TensorRT engine ended with code {code}.",
                "Try main.py engine build, which shows why.",
            )
        self._state = BuildState(self._state.share, error=error)

    def _take(self, line: str) -> None:
        try:
            told = json.loads(line)
        except json.JSONDecodeError:
            return  # TensorRT's own libraries may print
        if not isinstance(told, dict):
            return
        if "share" in told:
            self._state = BuildState(float(told["share"]))
        elif told.get("built"):
            self._state = BuildState(1.0, built=True)
        elif "message" in told:
            self._state = BuildState(self._state.share, error=EngineError(str(told["message"]), str(told.get("hint", ""))))


def worker_command(model: str, models: Path, precision: str, cache: Path, cache_mb: int) -> list[str]:
    """What `BuildProcess` runs to build the engine for the GPU of this machine. It works in another folder than this process."""
    return [
        *(sys.executable, "-m", "engines.tensorrt.worker"),
        *("--model", model, "--models", str(models.absolute()), "--precision", precision),
        *("--cache", str(cache.absolute()), "--cache-mb", str(cache_mb)),
    ]
