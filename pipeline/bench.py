"""Measures the real program from the outside: `python -m pipeline.bench [SOURCE] [--runs R] [--frames N] [--json FILE]`.

Each run starts `main.py analyze` as a process of its own, so that start-up, imports, model loading and memory are those that a
user gets. Of several runs the one with the median rate is shown, and written as JSON:

    fps           frames per second from the first frame's arrival to the last one's end
    startup_s     from the start of the process to the first result
    peak_rss_mb   largest resident memory of the process, in MB (null on Windows)
    frames, faces_mean, engine
    stages        name → p50_ms, p95_ms per frame; `read` runs beside the others in its own thread
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pipeline.errors import AppError
from pipeline.outputs import check_output, replaced_file
from pipeline.timing import STAGES, TimingReport

PROGRAM = Path(__file__).resolve().parent.parent / "main.py"


@dataclass(frozen=True, slots=True)
class Run:
    """One measured run.

    Attributes:
        startup_s: from the start of the process to its first result.
    """

    startup_s: float
    timing: TimingReport

    def to_json(self) -> dict[str, object]:
        timing = self.timing
        return {
            "fps": timing.fps,
            "peak_rss_mb": timing.peak_rss_mb,
            "startup_s": self.startup_s,
            "frames": timing.frames,
            "faces_mean": timing.faces_mean,
            "engine": timing.engine,
            "stages": {name: {"p50_ms": stage.p50_ms, "p95_ms": stage.p95_ms} for name, stage in timing.stages.items()},
        }


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes as those of main.py."""
    parser = argparse.ArgumentParser("python -m pipeline.bench", description="Milliseconds per stage of the real program.")
    parser.add_argument("source", nargs="?", default="demo", help="as for `main.py analyze` (default: demo)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures of the median run")
    parser.add_argument("--frames", metavar="N", help="only the first N frames of the source")
    parser.add_argument("--runs", type=int, default=3, metavar="R", help="runs; the one with the median rate counts (default: 3)")
    arguments, passed_on = parser.parse_known_args(argv)
    if arguments.runs < 1:
        parser.error("--runs must be at least 1")
    if arguments.frames is not None:
        passed_on += ["--frames", arguments.frames]
    try:
        if arguments.json is not None:
            check_output(arguments.json)
        runs = []
        for number in range(arguments.runs):
            runs.append(measure(arguments.source, passed_on))
            print(f"run {number + 1}/{arguments.runs}: {runs[-1].timing.fps:.1f} fps", file=sys.stderr)
        median = sorted(runs, key=lambda run: run.timing.fps)[(len(runs) - 1) // 2]
        print(table(arguments.source, median, len(runs)))
        if arguments.json is not None:
            with replaced_file(arguments.json, "utf-8") as file:
                json.dump(median.to_json(), file, indent=2)
    except AppError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        # It has said on stderr what is wrong and what to do.
        return error.returncode
    return 0


def measure(source: str, arguments: Sequence[str] = ()) -> Run:
    """One run of `main.py analyze` with a log of its own, which is thrown away.

    Args:
        source: as for `main.py analyze`.
        arguments: further ones, such as "--engine", "cpu".

    Raises:
        AppError: the source gave no frame.
        subprocess.CalledProcessError: the program failed; its own words went to stderr.
    """
    with tempfile.TemporaryDirectory(prefix="agelens-bench-") as folder:
        stats = Path(folder) / "stats.json"
        log = Path(folder) / "log.sqlite"
        command = [
            sys.executable,
            str(PROGRAM),
            "analyze",
            source,
            "--stats",
            str(stats),
            "--log",
            str(log),
            "--quiet",
            *arguments,
        ]
        begun = time.time()
        subprocess.run(command, check=True)
        timing = _read(stats)
    if timing.first_result_at is None:
        raise AppError(f"{source} gave no frame to measure.", "Choose another source.")
    return Run(round(timing.first_result_at - begun, 2), timing)


def table(source: str, run: Run, runs: int) -> str:
    """The figures of one run, for people."""
    timing = run.timing
    lines = [
        f"{source}, {timing.frames} frames, {timing.faces_mean:.1f} faces per frame, engine {timing.engine}, "
        f"{_cores()} cores of {_processor()}",
        "",
        f"{'stage':<10}{'p50 ms':>10}{'p95 ms':>10}",
        *(f"{name:<10}{timing.stages[name].p50_ms:>10.2f}{timing.stages[name].p95_ms:>10.2f}" for name in STAGES),
        "",
        f"{'fps':<12}{timing.fps:>8.1f}   (median of {runs})" if runs > 1 else f"{'fps':<12}{timing.fps:>8.1f}",
        f"{'start-up':<12}{run.startup_s:>8.2f} s to the first result",
        f"{'memory':<12}{timing.peak_rss_mb:>8.0f} MB at most" if timing.peak_rss_mb is not None else "",
    ]
    return "\n".join(lines).rstrip()


def _read(stats: Path) -> TimingReport:
    try:
        return TypeAdapter(TimingReport).validate_json(stats.read_bytes())
    except (OSError, ValidationError) as error:
        raise AppError(f"main.py left no usable measurements: {error}", "Run `main.py analyze SOURCE` to see why.") from error


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    """The processor's name: platform.processor() is empty on Linux."""
    try:
        names = [
            line.partition(":")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")
        ]
    except OSError:
        names = []
    return names[0].strip() if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main())
