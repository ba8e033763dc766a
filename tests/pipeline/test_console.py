"""Progress and tables: in a terminal, in a log file, and with names that want to be markup."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline import console
from pipeline.console import MOST_ROWS, Progressing, print_persons, print_sessions
from pipeline.errors import SourceError
from pipeline.observations import PersonSummary
from pipeline.protocols import EngineInfo, SourceInfo
from pipeline.run import RunSummary
from pipeline.session import InputRecord
from pipeline.sessions import SessionSummary
from pipeline.types import Join
from tests.pipeline.log_scenes import face, result

FILM = SourceInfo("[bold]film[/].mp4", live=False, fps=25.0, duration_s=2.0, frame_count=50)
CAMERA = SourceInfo("camera", live=True, fps=30.0)
ENGINE = EngineInfo("cpu", "int8", "m", "r")


def summary(source: SourceInfo, frames: int = 5, stopped: bool = False, dropped: int = 0) -> RunSummary:
    return RunSummary(source, ENGINE, frames, dropped, faces=frames, seconds=0.5, stopped=stopped)


def play(report: Progressing, source: SourceInfo, frames: int = 5) -> None:
    report.began(source)
    for number in range(frames):
        report.advanced(result(number, [face(1), face(2)]))


@pytest.mark.parametrize("source", [FILM, CAMERA])
def test_a_terminal_gets_a_bar_that_leaves_one_line(
    source: SourceInfo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    report = Progressing(count=2, quiet=False)
    with report.shown():
        play(report, source)
        report.ended(source.name, summary(source))
        report.recognised([Join(2, 1)])
        report.ended(source.name, summary(source))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"1/2 {source.name}" in captured.err
    assert f"{source.name}: 5 frames at 10.0 fps, 2 persons" in captured.err
    assert f"{source.name}: 5 frames at 10.0 fps, 1 person" in captured.err


def test_a_log_file_gets_plain_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(console, "LINE_EVERY_S", 0.0)
    report = Progressing(count=1, quiet=False)
    with report.shown():
        play(report, FILM, frames=2)
        report.ended(FILM.name, summary(FILM, frames=2, stopped=True))
        report.skipped("other.mp4", "finished before the interruption")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert lines[1].startswith(f"{FILM.name}: 2 frames, 2%")
    assert lines[2] == f"{FILM.name}: stopped after 2 frames at 4.0 fps, 2 persons"
    assert lines[3] == "other.mp4: skipped, finished before the interruption"


def test_dropped_frames_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    report = Progressing(count=1, quiet=False)
    report.began(CAMERA)
    report.ended("camera", summary(CAMERA, dropped=7, stopped=True))
    assert "7 dropped to keep up" in capsys.readouterr().err


def test_errors_and_warnings_are_shown_even_when_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    report = Progressing(count=2, quiet=True)
    with report.shown():
        play(report, FILM)
        logging.getLogger("pipeline.test").warning("%d pictures are damaged", 3)
        report.failed("b.mp4", SourceError("It cannot be read.", "Copy it again."))
    assert capsys.readouterr().err.splitlines() == [
        "Warning: 3 pictures are damaged",
        "Error: b.mp4: It cannot be read.",
        "Copy it again.",
    ]
    assert not [handler for handler in logging.getLogger().handlers if type(handler).__module__ == "pipeline.console"]


def person(number: int, source: str = "film.mp4", frames: int = 40) -> PersonSummary:
    return PersonSummary(source, number, 61.0, 61.0 if frames == 1 else 3725.5, 12.34, frames, 33.6, 27.8, 40.2, 1)


def test_the_table_of_persons(capsys: pytest.CaptureFixture[str]) -> None:
    print_persons([person(1), person(2, "=[b]x.jpg", frames=1)._replace(age=None, low=None, high=None)])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["1", "film.mp4", "1:01.0–1:02:05", "12.3", "s", "40", "34", "28–40"] in lines
    assert ["2", "=[b]x.jpg", "1", "–", "–"] in lines


def test_a_long_table_ends_with_where_to_find_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    print_persons([person(number) for number in range(1, MOST_ROWS + 4)])
    out = capsys.readouterr().out
    assert "and 3 more" in out
    assert "film.mp4" not in out, "one source needs no column"


def test_the_list_of_sessions(capsys: pytest.CaptureFixture[str]) -> None:
    record = InputRecord(1, 0, "a.mp4", None, "finished", False, 250, 400, 3, 9.96)
    session = SessionSummary(
        7, "analyze", "interrupted", datetime.now(UTC), datetime.now(UTC), "cpu int8", "m", "1", "{}", (record, record)
    )
    print_sessions([session], Path("log.sqlite"))
    out = capsys.readouterr().out
    assert "a.mp4 and 1 more" in out
    assert "0:19.9" in out
    assert "interrupted" in out
