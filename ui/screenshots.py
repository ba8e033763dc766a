"""Makes the README's pictures again: `python -m ui.screenshots [FOLDER]`.

Starts `main.py window` as a process of its own, with settings and a log of its own, drawn in memory. Only the demo is shown: its
two people are in the public domain.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "assets" / "screenshots"
ENDS_WITHIN_S = 600.0


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code of the window."""
    parser = argparse.ArgumentParser("python -m ui.screenshots", description="Pictures of the window.")
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, help="where they go (assets/screenshots)")
    folder = parser.parse_args(argv).folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="agelens-") as name:
        # Paths are in the pictures: somebody's home, but nobody's own.
        home = Path(name) / "home"
        own = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "XDG_DATA_HOME": str(home / ".local" / "share")}
        home.mkdir()
        command = [sys.executable, str(ROOT / "main.py"), "window", "--pictures", str(folder.resolve())]
        environment = os.environ | own | {"QT_QPA_PLATFORM": "offscreen"}
        return subprocess.run(command, env=environment, timeout=ENDS_WITHIN_S, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
