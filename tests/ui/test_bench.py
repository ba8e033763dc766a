"""The benchmark of the window: what it measures, on a window whose slowness is known, and the command itself."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from pytestqt.qtbot import QtBot

from tests.ui.doubles import World
from ui.bench import GOALS, main
from ui.main_window import MainWindow
from ui.measure import Measurement

WAIT_MS = 60_000
STALL_S = 0.3


def test_a_stall_of_the_window_and_a_slow_analysis_are_seen(
    qtbot: QtBot, window: MainWindow, world: World, tmp_path: Path
) -> None:
    world.analyzer.delay_s = 0.15
    path = tmp_path / "report.json"
    measurement = Measurement(window, path, seconds=1.5)
    stall = QTimer(window, singleShot=True)
    stall.timeout.connect(lambda: time.sleep(STALL_S))
    measurement.began.connect(lambda: stall.start(200))
    qtbot.waitUntil(path.exists, timeout=WAIT_MS)
    report = json.loads(path.read_text(encoding="utf-8"))
    assert report["gap_max_ms"] >= 1000 * STALL_S
    assert report["gap_p99_ms"] < report["gap_max_ms"]
    assert report["latency_p95_ms"] >= 150, "the analysis alone takes as long"
    assert 0 < report["fps"] < 10
    assert report["dropped"] > 0
    assert report["frames"] > 0
    assert window.isHidden(), "it closes when it is done"


def test_a_source_that_ends_is_played_again(qtbot: QtBot, window: MainWindow, world: World, tmp_path: Path) -> None:
    Measurement(window, tmp_path / "report.json", seconds=600.0, source="short")
    qtbot.waitUntil(lambda: len(world.opened) > 2, timeout=WAIT_MS)


def test_the_command_measures_the_real_window(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "figures.json"
    assert main(["--seconds", "1", "--json", str(path)]) == 0
    report = json.loads(path.read_text(encoding="utf-8"))
    assert set(GOALS) | {"fps"} <= set(report)
    assert report["engine"] == "cpu int8"
    assert "gap_p99_ms" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--seconds", "0"], ["--minutes", "-1"], ["--seconds", "inf"]])
def test_a_time_that_is_none_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert "more than 0" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_said_before_minutes_are_spent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--json", str(tmp_path / "nowhere" / "figures.json")]) == 1
    assert "nowhere" in capsys.readouterr().err
