"""What is passed on: the desktop entry, and the standalone bundle, built and used."""

from __future__ import annotations

import configparser
import csv
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SPEC = ROOT / "packaging" / "agelens.spec"
INSTALL = ROOT / "packaging" / "install_desktop.py"
BUILDS_WITHIN_S = 900.0
PATIENCE_S = 240.0
"""For one step on a busy machine."""


def install(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(INSTALL), *arguments],
        env=os.environ | {"XDG_DATA_HOME": str(data)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def entry_of(data: Path) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(data / "applications" / "agelens.desktop", encoding="utf-8")
    return parser["Desktop Entry"]


def test_the_desktop_entry_starts_a_program_that_exists(tmp_path: Path) -> None:
    program = tmp_path / "my programs" / "agelens"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    answer = install(tmp_path / "data", str(program))
    assert answer.returncode == 0, answer.stderr
    entry = entry_of(tmp_path / "data")
    assert shlex.split(entry["Exec"]) == [str(program), "window", "%f"]
    assert entry["Type"] == "Application"
    icons = {path.name for path in (tmp_path / "data" / "icons").rglob("*") if path.is_file()}
    assert {f"{entry['Icon']}.svg", f"{entry['Icon']}.png"} == icons
    assert install(tmp_path / "data", "--remove").returncode == 0
    assert [path for path in (tmp_path / "data").rglob("*") if path.is_file()] == []


def test_the_desktop_entry_starts_the_source_folder(tmp_path: Path) -> None:
    assert install(tmp_path).returncode == 0
    words = shlex.split(entry_of(tmp_path)["Exec"])
    assert words[-3:] == [str(ROOT / "main.py"), "window", "%f"]
    assert words[1] == "run"


def test_a_program_that_is_not_there_is_said(tmp_path: Path) -> None:
    answer = install(tmp_path, str(tmp_path / "nothing"))
    assert answer.returncode == 1
    assert "nothing" in answer.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("desktop-file-validate") is None, reason="desktop-file-validate is not installed")
def test_the_desktop_entry_is_valid() -> None:
    entry = ROOT / "packaging" / "agelens.desktop"
    answer = subprocess.run(["desktop-file-validate", "--no-hints", str(entry)], capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout) == (0, "")


@pytest.mark.skipif(sys.platform != "linux", reason="tried on Linux only")
@pytest.mark.timeout(2 * BUILDS_WITHIN_S)
def test_the_bundle_is_built_and_used(tmp_path: Path) -> None:
    """Takes about a minute, nearly all of it for the build."""
    build = [sys.executable, "-m", "PyInstaller", str(SPEC), "--noconfirm", "--log-level", "WARN"]
    subprocess.run(
        [*build, "--distpath", str(tmp_path / "dist"), "--workpath", str(tmp_path / "build")],
        capture_output=True,
        timeout=BUILDS_WITHIN_S,
        check=True,
        cwd=tmp_path,
    )
    shutil.rmtree(tmp_path / "build")
    program = tmp_path / "dist" / "agelens" / "agelens"
    # Neither Python nor the source folder may be found from where it runs.
    surroundings = {
        "HOME": str(tmp_path / "home"),
        "PATH": "/usr/bin:/bin",
        "QT_QPA_PLATFORM": "offscreen",
        "LANG": "C.UTF-8",
    }

    def bundle(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *arguments], env=surroundings, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )

    try:
        analyzed = bundle("analyze", "demo", "--frames", "60", "--csv", tmp_path / "ages.csv")
        assert analyzed.returncode == 0, analyzed.stderr
        with (tmp_path / "ages.csv").open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert rows
        assert rows[-1]["engine"] == "cpu int8"

        reported = bundle("sessions", "report", "1", "--out", tmp_path / "report.html")
        assert reported.returncode == 0, reported.stderr
        assert "<svg" in (tmp_path / "report.html").read_text(encoding="utf-8"), "plots"

        shown = bundle("window", "demo", "--measure", tmp_path / "window.json", "--measure-s", "3")
        assert shown.returncode == 0, shown.stderr
        assert json.loads((tmp_path / "window.json").read_text(encoding="utf-8"))["frames"] > 0
        assert not any((tmp_path / "dist").rglob("torch*")), "nothing for making models"
    finally:
        shutil.rmtree(tmp_path / "dist")
