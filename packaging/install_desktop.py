"""Puts AgeLens into the menu of a Linux desktop: `python packaging/install_desktop.py [PROGRAM] [--remove]`.

PROGRAM is the bundle's `dist/agelens/agelens`; without it, the source folder is started through uv. Only files in the user's own
folders are written (the freedesktop.org places for entries and icons), so no rights are needed.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENTRY = ROOT / "packaging" / "agelens.desktop"
ICONS = ROOT / "assets" / "icons"


def main(argv: Sequence[str] | None = None) -> int:
    """0: done; 1: there is no such program."""
    parser = argparse.ArgumentParser("install_desktop.py", description="AgeLens in the desktop's menu.")
    parser.add_argument("program", nargs="?", type=Path, metavar="PROGRAM", help="of the bundle; without it, uv run main.py")
    parser.add_argument("--remove", action="store_true", help="take it out again")
    arguments = parser.parse_args(argv)
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    entry = data / "applications" / ENTRY.name
    icons = {
        data / "icons" / "hicolor" / "scalable" / "apps" / "agelens.svg": ICONS / "agelens.svg",
        data / "icons" / "hicolor" / "256x256" / "apps" / "agelens.png": ICONS / "agelens.png",
    }
    if arguments.remove:
        for path in (entry, *icons):
            path.unlink(missing_ok=True)
        return 0
    if arguments.program is not None and not arguments.program.is_file():
        print(f"There is no program {arguments.program}.", file=sys.stderr)
        return 1
    entry.parent.mkdir(parents=True, exist_ok=True)
    entry.write_text(_with_command(ENTRY.read_text(encoding="utf-8"), _command(arguments.program)), encoding="utf-8")
    for target, source in icons.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    print(f"Written: {entry}")
    return 0


def _command(program: Path | None) -> str:
    if program is not None:
        return shlex.join([str(program.resolve()), "window"])
    uv = shutil.which("uv") or "uv"
    return shlex.join([uv, "run", "--project", str(ROOT), str(ROOT / "main.py"), "window"])


def _with_command(entry: str, command: str) -> str:
    """The entry with its Exec line replaced; a percent sign has a meaning there and is doubled."""
    lines = [f"Exec={command.replace('%', '%%')} %f" if line.startswith("Exec=") else line for line in entry.splitlines()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
