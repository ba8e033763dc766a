"""What the status bar says of the engine."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from tests.ui.doubles import ENGINE
from ui.status_bar import StatusBar


def test_a_faster_engine_is_announced_and_takes_over(qtbot: QtBot) -> None:
    bar = StatusBar()
    qtbot.addWidget(bar)
    bar.show_engine(ENGINE)
    bar.show_engine_in_use("cpu int8", "building TensorRT 43%")
    assert bar.engine.text() == "Engine: cpu int8 · building TensorRT 43%"
    bar.show_engine_in_use("tensorrt fp16", "")
    assert bar.engine.text() == "Engine: tensorrt fp16"
    bar.show_engine_in_use("", "")
    assert bar.engine.text() == "Engine: tensorrt fp16", "a result without estimates says nothing new"
