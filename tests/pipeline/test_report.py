"""The report tells what is in the log, and needs and shows nothing else."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pipeline.edits import Hide, Rename, add_edit
from pipeline.errors import OutputError
from pipeline.observations import persons
from pipeline.progress import Cancelled
from pipeline.report import export_report, model_facts
from pipeline.store import SessionLog
from tests.pipeline.session_scenes import record, record_pictures

VOID = {"meta", "br"}


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SessionLog]:
    with SessionLog.open(tmp_path / "log.sqlite") as log:
        yield log


class Page(HTMLParser):
    """What is in a page; elements must be closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[list[str]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.cells.append([])
        if tag == "td":
            self.cells[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "td" in self.open:
            self.cells[-1][-1] += data


def report(log: SessionLog, session: int, path: Path) -> tuple[str, Page]:
    export_report(log, session, path)
    text = path.read_text(encoding="utf-8")
    return text, Page(text)


def test_it_refers_to_nothing_outside_and_runs_nothing(log: SessionLog, tmp_path: Path) -> None:
    text, page = report(log, record(log), tmp_path / "report.html")
    assert not re.search(r"https?:|//\w|@import|url\((?!#)", text)
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "img", "link", "iframe", "object", "embed", "image", "video", "base", "form"}
    for _, attributes in page.tags:
        for key, value in attributes.items():
            assert not key.startswith("on")
            if key in ("src", "href", "xlink:href", "data", "action"):
                assert value is not None
                assert value.startswith("#")


def test_the_table_is_the_logs(log: SessionLog, tmp_path: Path) -> None:
    session = record(log)
    add_edit(log, session, Rename(2, "Ada <i>"))
    _, page = report(log, session, tmp_path / "report.html")
    rows = [cells for cells in page.cells if cells]
    table = persons(log, [session])
    assert [cells[0] for cells in rows] == ["1", "Ada <i>", "3"]
    assert [cells[1] for cells in rows] == ["–" if p.age is None else f"{p.age:.1f}" for p in table]
    assert [cells[7] for cells in rows] == [str(p.frames) for p in table]
    assert rows[0][2] == "30 – 42"


def test_plots_are_drawings_with_letters(log: SessionLog, tmp_path: Path) -> None:
    session = record(log)
    add_edit(log, session, Rename(2, "$x^{2 & <Ada>"))
    text, _ = report(log, session, tmp_path / "report.html")
    drawings = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(drawings) == 2
    for drawing in drawings:
        ET.fromstring(drawing.replace("xlink:href", "href"))
    assert "Ada" in drawings[1]
    assert "years" in drawings[0]


def test_it_says_what_the_numbers_mean_and_how_they_were_made(log: SessionLog, tmp_path: Path) -> None:
    session = record(log)
    add_edit(log, session, Hide(3))
    text, _ = report(log, session, tmp_path / "report.html")
    assert "90 % interval" in text
    assert "least of all whether somebody is of age" in text.replace("\n", " ")
    assert "cpu int8" in text
    assert "One person was hidden by the user" in text
    assert "visits.mp4, 640 × 360 pixels, 25 frames a second" in text


def test_pictures_have_a_table_without_times(log: SessionLog, tmp_path: Path) -> None:
    text, page = report(log, record_pictures(log), tmp_path / "report.html")
    assert text.count("<svg") == 1
    assert [cells[1] for cells in page.cells if cells] == ["picture0.jpg", "picture1.jpg", "picture2.jpg"]


def test_nobody_at_all(log: SessionLog, tmp_path: Path) -> None:
    text, _ = report(log, record(log, lambda _: [], seconds=1), tmp_path / "report.html")
    assert "Nobody was seen in 25 analysed pictures." in text
    assert "<svg" not in text


def test_the_shipped_models_have_facts() -> None:
    facts = dict(model_facts("age-facenet-int8"))
    assert facts["Precision"] == "int8"
    assert facts["Licence"]
    assert model_facts("no-such-model") == []


@pytest.mark.parametrize("after", [0, 1, 3])
def test_breaking_off_leaves_nothing(log: SessionLog, tmp_path: Path, after: int) -> None:
    calls = 0

    def watch(_: float) -> None:
        nonlocal calls
        calls += 1
        if calls > after:
            raise Cancelled

    session = record(log, seconds=2)
    with pytest.raises(Cancelled):
        export_report(log, session, tmp_path / "report.html", watch)
    assert not [file.name for file in tmp_path.iterdir() if "log.sqlite" not in file.name]


def test_a_place_that_cannot_be_written(log: SessionLog, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="there is no folder"):
        export_report(log, record(log, seconds=1), tmp_path / "nowhere" / "report.html")
