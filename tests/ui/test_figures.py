"""Where the time goes: measured per stage, and shown over the picture on demand."""

from __future__ import annotations

import mmap

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from pipeline.protocols import EngineInfo, SourceInfo
from pipeline.timing import StageReport
from pipeline.types import Frame
from tests.ui.doubles import World, picture
from ui.figures import KEPT, LATE, STAGES, Figures
from ui.hud import Facts, Hud, hud_lines
from ui.main_window import MainWindow
from ui.memory import resident_mb
from ui.newest import Progress
from ui.status_bar import StatusBar, rates

WAIT_MS = 60_000


def test_lateness_is_from_reading_to_painting() -> None:
    figures = Figures()
    figures.add_painted(Frame(picture(0), 0.0, 0, "film", wall_time_s=100.0), paint_ms=3.0, now_s=100.05)
    figures.add_painted(Frame(picture(0), 0.0, 0, "film", wall_time_s=100.0), paint_ms=3.0, now_s=99.0)
    assert figures.values(LATE) == [pytest.approx(50.0), 0.0], "a clock that was set back is not a picture from the future"
    assert figures.report()["paint"].p50_ms == 3.0


def test_only_the_newest_values_are_kept() -> None:
    figures = Figures()
    for number in range(5 * KEPT):
        figures.add("read", float(number))
    assert figures.values("read") == [float(number) for number in range(4 * KEPT, 5 * KEPT)]
    assert "detect" not in figures.report(), "what was not measured is not shown as 0"


def test_lines_of_figures_are_aligned() -> None:
    stages = {stage: StageReport(1.25, 120.5) for stage in STAGES}
    lines = hud_lines(stages, Facts(source="30 fps", reason="no NVIDIA driver was found " * 5))
    table = lines[: len(STAGES) + 1]
    assert len({len(line) for line in table}) == 1
    assert all(f"{1.25:.1f}" in line and "120.5" in line for line in table[1:])
    assert max(map(len, lines)) < 70


def test_the_figures_let_the_mouse_through_and_fit_their_text(qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    parent.resize(600, 400)
    hud = Hud(parent)
    hud.show_figures({"read": StageReport(1, 2)}, Facts(engine="engine cpu int8"))
    hud.show()
    parent.show()
    assert hud.size() == hud.sizeHint()
    assert parent.childAt(hud.geometry().center()) is None
    assert "engine cpu int8" in hud.accessibleDescription()


def test_a_key_shows_every_stage_over_the_picture(qtbot: QtBot, window: MainWindow) -> None:
    window.actions_.demo.trigger()
    qtbot.waitUntil(lambda: bool(window.session.figures.values(LATE)), timeout=WAIT_MS)
    assert not window.hud.isVisible()
    QTest.keyClick(window, Qt.Key.Key_F12)
    qtbot.waitUntil(lambda: window.hud.isVisible() and all(stage in window.hud.text for stage in STAGES), timeout=WAIT_MS)
    assert "cpu int8" in window.hud.text
    assert "A double needs no engine." in window.hud.text
    QTest.keyClick(window, Qt.Key.Key_F12)
    assert not window.hud.isVisible()


def test_dropped_pictures_and_lateness_are_told(qtbot: QtBot, window: MainWindow, world: World) -> None:
    world.analyzer.delay_s = 0.1
    window.actions_.demo.trigger()
    rates_label = window.status.rates
    qtbot.waitUntil(lambda: all(part in rates_label.text() for part in ("dropped", "ms late")), timeout=WAIT_MS)
    text = rates_label.text()
    assert text.startswith("25 fps · ")
    (late,) = [part for part in text.split(" · ") if "late" in part]
    assert int(late.split()[0]) >= 90, "the analysis alone takes 100 ms"


def test_rates_say_what_is_known() -> None:
    progress = Progress(frames=100, dropped=3, rate=27.6)
    film, folder = SourceInfo("film", live=False, fps=29.97), SourceInfo("folder", live=False)
    assert rates(film, progress, 27.1, 41.7) == ["30 fps", "28 analysed", "27 shown", "42 ms late", "3 dropped"]
    assert rates(folder, Progress(rate=1.0), 1.0, None) == ["1 fps analysed", "1 shown"]


def test_a_build_is_shown_as_progress_and_then_vanishes(qtbot: QtBot) -> None:
    bar = StatusBar()
    qtbot.addWidget(bar)
    bar.show()
    bar.show_engine(EngineInfo("cpu", "int8", "double", "A double."))
    assert not bar.build.isVisible()
    bar.show_engine_in_use("cpu int8", "building TensorRT 43%")
    assert (bar.build.isVisible(), bar.build.value()) == (True, 43)
    bar.show_engine_in_use("tensorrt fp16", "")
    assert not bar.build.isVisible()


def test_memory_is_what_the_process_holds() -> None:
    before = resident_mb()
    if before is None:
        pytest.skip("this system does not tell")
    # A mapping of its own: what the allocator had at hand from earlier tests would not show.
    with mmap.mmap(-1, 400_000_000) as block:
        block.write(b"x" * len(block))
        held = resident_mb()
    assert held is not None
    assert 300 < held - before < 900
