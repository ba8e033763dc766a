"""Measures the real window: `python -m ui.bench [--json FILE] [--minutes M | --seconds S]`.

Starts `main.py window` as a process of its own, with settings and a log of its own, on the screen if there is one and else in
memory (QT_QPA_PLATFORM=offscreen), and lets it play the demo at 30 pictures a second with analysis running. What the figures
mean: `ui/measure.py`. Goals on two cores: gap p99 under 25 ms, no gap over 100 ms, latency p95 under 100 ms, memory growth under
20 MB in 10 minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import AppError, OutputError
from pipeline.outputs import check_output, replaced_file

PROGRAM = Path(__file__).resolve().parents[1] / "main.py"
START_S = 120.0
"""Added to the time measured before the window counts as hung."""

GOALS = {"gap_p99_ms": 25.0, "gap_max_ms": 100.0, "latency_p95_ms": 100.0, "rss_growth_mb": 20.0}
"""Largest values on two cores that do nothing else."""


def main(argv: Sequence[str] | None = None) -> int:
    """0: measured; 1: something failed. Whether goals are met is said, and no reason to fail."""
    parser = argparse.ArgumentParser("python -m ui.bench", description="How smoothly the window runs.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    parser.add_argument("--minutes", type=float, default=10.0, metavar="M", help="measured after the warm-up (default: 10)")
    parser.add_argument("--seconds", type=float, metavar="S", help="the same in seconds")
    parser.add_argument("--source", default="demo", help="what is played (default: demo)")
    arguments = parser.parse_args(argv)
    seconds = arguments.seconds if arguments.seconds is not None else 60 * arguments.minutes
    if not 0 < seconds < float("inf"):
        parser.error("the time must be more than 0")
    try:
        if arguments.json is not None:
            check_output(arguments.json)
        report = measure(seconds, arguments.source)
        if arguments.json is not None:
            with replaced_file(arguments.json, "utf-8") as file:
                json.dump(report, file, indent=2)
    except AppError as error:
        print(error, file=sys.stderr)
        return 1
    for name, value in report.items():
        goal = GOALS.get(name)
        verdict = "" if goal is None or value is None else f"   goal {goal:g}: {'met' if float(str(value)) < goal else 'MISSED'}"
        print(f"{name:<16}{value!s:>12}{verdict}")
    return 0


def measure(seconds: float, source: str = "demo") -> dict[str, object]:
    """The report of one run, see `ui.measure.WindowReport`.

    Raises:
        OutputError: the window ended without one.
    """
    with tempfile.TemporaryDirectory(prefix="agelens-bench-") as name:
        folder = Path(name)
        report = folder / "report.json"
        own = dict.fromkeys(("XDG_CONFIG_HOME", "XDG_DATA_HOME", "APPDATA", "LOCALAPPDATA"), str(folder))
        environment = os.environ | own
        if sys.platform == "linux" and not any(os.environ.get(n) for n in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
            environment["QT_QPA_PLATFORM"] = "offscreen"
        command = [sys.executable, str(PROGRAM), "window", source, "--log", str(folder / "log.sqlite")]
        command += ["--settings", str(folder / "settings.toml"), "--measure", str(report), "--measure-s", str(seconds)]
        try:
            ended = subprocess.run(
                command, env=environment, stderr=subprocess.PIPE, text=True, timeout=2 * seconds + START_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise OutputError("The window did not end.", "See whether it shows an error.") from error
        if ended.returncode != 0 or not report.exists():
            raise OutputError(
                f"The window ended with exit code {ended.returncode} and without figures.",
                ended.stderr.strip() or "No reason given.",
            )
        found: dict[str, object] = json.loads(report.read_text(encoding="utf-8"))
        return found


if __name__ == "__main__":
    sys.exit(main())
