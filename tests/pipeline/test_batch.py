"""Many inputs in one command: order, broken ones, interruption and going on, reuse, recordings. Real films, no models."""

from __future__ import annotations

import contextlib
import csv
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.batch import Batch, BatchOptions, BatchSummary, annotated_targets, check
from pipeline.errors import AppError, OutputError, SettingsError
from pipeline.hindsight import Conclusion
from pipeline.protocols import EngineInfo, SourceInfo
from pipeline.run import RunSummary
from pipeline.sessions import list_sessions
from pipeline.settings import DetectorSettings, Settings
from pipeline.store import Numbers, SessionLog
from pipeline.types import AgeBelief, Box, Detection, Face, Frame, FrameResult, Join
from tests.pipeline.clips import plain, write_film
from tests.pipeline.loopback import LoopbackServer, talk_mjpeg

FRAMES = 6


class OneFace:
    """Sees one person per input, in every frame, as old as the picture is bright."""

    engine = EngineInfo("cpu", "int8", "double", "a test double")

    def __init__(self, first: Numbers, explode_at: str | None) -> None:
        self._first = first
        self._explode_at = explode_at

    def conclude(self) -> Conclusion:
        return Conclusion()

    def process(self, frame: Frame) -> FrameResult:
        if frame.source == self._explode_at and frame.index == 2:
            raise ZeroDivisionError("a bug")
        detection = Detection(Box(10, 10, 40, 40), 0.99, np.zeros((5, 2), np.float32))
        years = float(frame.image.mean())
        face = Face(
            self._first.person, self._first.track, detection, 0.9, None, AgeBelief(years, years - 5, years + 5, 3.0, True)
        )
        return FrameResult(frame, (face,), engine="cpu int8")


@dataclass
class DoubleModels:
    explode_at: str | None = None
    engine: EngineInfo = OneFace.engine

    def analyzer(self, live: bool, first: Numbers) -> OneFace:
        self.was_live = live
        return OneFace(first, self.explode_at)


@dataclass
class Diary:
    """A report that remembers; stops the batch after a number of frames of one input."""

    stop: threading.Event = field(default_factory=threading.Event)
    stop_at: tuple[str, int] | None = None
    lines: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.lines.append(text)

    def began(self, info: SourceInfo) -> None:
        self.lines.append(f"began {info.name}")

    def advanced(self, result: FrameResult) -> None:
        if self.stop_at == (result.frame.source, result.frame.index):
            self.stop.set()

    def recognised(self, joins: Sequence[Join]) -> None:
        pass

    def ended(self, name: str, summary: RunSummary) -> None:
        self.lines.append(f"ended {name} after {summary.frames}")

    def skipped(self, name: str, reason: str) -> None:
        self.lines.append(f"skipped {name}: {reason}")

    def failed(self, name: str, error: AppError) -> None:
        self.lines.append(f"failed {name}: {error.message}")


@dataclass
class Desk:
    """A folder with films, and a log."""

    folder: Path

    def film(self, name: str, frames: int = FRAMES) -> str:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        write_film(path, [plain(number) for number in range(frames)], [40 * number for number in range(frames)])
        return str(path)

    def analyze(
        self,
        specs: Sequence[str],
        *,
        stop_at: tuple[str, int] | None = None,
        models: DoubleModels | None = None,
        settings: Settings | None = None,
        csv: bool = True,
        annotated: Path | None = None,
        fresh: bool = False,
        reuse: bool = False,
        duration_s: float | None = None,
    ) -> tuple[BatchSummary, list[str]]:
        diary = Diary(stop_at=stop_at)
        options = BatchOptions(
            csv=self.csv if csv else None, annotated=annotated, fresh=fresh, reuse=reuse, duration_s=duration_s
        )
        check(specs, options)
        with SessionLog.open(self.folder / "log.sqlite") as log:
            batch = Batch(
                specs,
                settings or Settings(),
                models or DoubleModels(),
                log,
                options=options,
                report=diary,
                stop=diary.stop,
                app_version="1",
            )
            return batch.analyze(), diary.lines

    @property
    def csv(self) -> Path:
        return self.folder / "ages.csv"

    def rows(self) -> list[tuple[str, int, int]]:
        """Source, frame, person of every row of the CSV."""
        with self.csv.open(encoding="utf-8-sig", newline="") as file:
            return [(row["source"], int(row["frame"]), int(row["person"])) for row in csv.DictReader(file)]

    def states(self) -> list[str]:
        with SessionLog.open(self.folder / "log.sqlite") as log:
            return [session.state for session in list_sessions(log)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def rows_of(*films: tuple[str, int], frames: int = FRAMES) -> list[tuple[str, int, int]]:
    return [(name, number, person) for name, person in films for number in range(frames)]


def test_inputs_are_done_in_order_and_persons_have_numbers_of_their_own(desk: Desk) -> None:
    summary, lines = desk.analyze([desk.film("b.mkv"), desk.film("a.mkv")])
    assert desk.rows() == rows_of(("b.mkv", 1), ("a.mkv", 2))
    assert lines == ["began b.mkv", f"ended b.mkv after {FRAMES}", "began a.mkv", f"ended a.mkv after {FRAMES}"]
    assert (summary.failed, summary.interrupted) == (0, False)
    assert summary.files == (desk.csv, desk.folder / "ages.persons.csv")
    assert desk.states() == ["finished"]


def test_a_broken_input_is_reported_and_the_others_are_done(desk: Desk) -> None:
    broken = desk.folder / "broken.mp4"
    broken.write_text("no film at all")
    summary, lines = desk.analyze([desk.film("a.mkv"), str(broken), str(desk.folder / "missing.mp4"), desk.film("b.mkv")])
    assert summary.failed == 2
    assert not summary.interrupted
    assert [line.split(":")[0] for line in lines if line.startswith("failed")] == ["failed broken.mp4", "failed missing.mp4"]
    assert desk.rows() == rows_of(("a.mkv", 1), ("b.mkv", 2))


def test_inputs_that_give_nothing_leave_neither_session_nor_table(desk: Desk) -> None:
    summary, _ = desk.analyze([str(desk.folder / "missing.mp4")])
    assert summary == BatchSummary(session=None, failed=1, interrupted=False, files=())
    assert not desk.csv.exists()
    assert desk.states() == []


def test_an_interrupted_command_goes_on_where_it_was(desk: Desk) -> None:
    films = [desk.film(name) for name in ("a.mkv", "b.mkv", "c.mkv")]
    first, lines = desk.analyze(films, stop_at=("b.mkv", 1))
    assert first.interrupted
    assert not any("c.mkv" in line for line in lines)
    assert desk.states() == ["interrupted"]
    recorded = desk.rows()
    assert recorded[:FRAMES] == rows_of(("a.mkv", 1))
    assert 2 <= len(recorded) - FRAMES < FRAMES, "what was recorded of the second film is exported"

    second, lines = desk.analyze(films)
    assert lines[:3] == [
        f"Going on with session {first.session}, which was interrupted.",
        "skipped a.mkv: finished before the interruption",
        "began b.mkv",
    ]
    assert not second.interrupted
    assert second.session == first.session
    assert desk.rows() == rows_of(("a.mkv", 1), ("b.mkv", 2), ("c.mkv", 3))
    assert desk.states() == ["finished"]

    third, lines = desk.analyze(films)
    assert third.session != first.session
    assert not any(line.startswith("skipped") for line in lines), "a completed command analyses again"


@pytest.mark.parametrize("change", ["settings", "inputs", "order", "fresh", "touched", "duration"])
def test_what_would_give_other_rows_begins_anew(desk: Desk, change: str) -> None:
    films = [desk.film("a.mkv"), desk.film("b.mkv")]
    first, _ = desk.analyze(films, stop_at=("b.mkv", 1))
    settings = Settings(detector=DetectorSettings(smallest_face_px=60)) if change == "settings" else None
    if change == "inputs":
        films.append(desk.film("c.mkv"))
    if change == "order":
        films.reverse()
    if change == "touched":
        desk.film("a.mkv", FRAMES + 1)
    second, lines = desk.analyze(
        films, settings=settings, fresh=change == "fresh", duration_s=9.0 if change == "duration" else None
    )
    assert second.session != first.session
    assert not any(line.startswith("skipped") for line in lines)


def test_resume_takes_over_what_any_session_finished(desk: Desk) -> None:
    a, b = desk.film("a.mkv"), desk.film("b.mkv")
    desk.analyze([a])
    summary, lines = desk.analyze([b, a], reuse=True)
    assert [line.split(":")[0] for line in lines] == ["began b.mkv", f"ended b.mkv after {FRAMES}", "skipped a.mkv"]
    assert desk.rows() == rows_of(("b.mkv", 1), ("a.mkv", 2))
    assert summary.failed == 0


def test_an_error_of_the_program_itself_still_exports_what_was_recorded(desk: Desk) -> None:
    with pytest.raises(ZeroDivisionError):
        desk.analyze([desk.film("a.mkv"), desk.film("b.mkv")], models=DoubleModels(explode_at="b.mkv"))
    assert desk.rows() == [*rows_of(("a.mkv", 1)), ("b.mkv", 0, 2), ("b.mkv", 1, 2)]


def test_a_stream_ends_with_its_duration_and_is_no_interruption(desk: Desk) -> None:
    models = DoubleModels()
    with LoopbackServer(talk_mjpeg) as server:
        summary, _ = desk.analyze([f"http://me:secret@127.0.0.1:{server.port}/cam.mjpg"], models=models, duration_s=0.5)
    assert models.was_live
    assert (summary.failed, summary.interrupted) == (0, False)
    text = desk.csv.read_text(encoding="utf-8-sig")
    assert "127.0.0.1" in text
    assert "secret" not in text
    assert desk.states() == ["finished"]


def test_films_and_pictures_are_recorded_into_a_folder(desk: Desk) -> None:
    cv2.imwrite(str(desk.folder / "me.png"), plain(3))
    film = desk.film("a.mkv")
    out = desk.folder / "out"
    desk.analyze([film, str(desk.folder / "me.png")], annotated=out)
    assert {path.name for path in out.iterdir()} == {"a-annotated.mp4", "me-annotated.png"}


def test_a_recording_that_was_not_made_makes_the_input_be_read_again(desk: Desk) -> None:
    films = [desk.film("a.mkv"), desk.film("b.mkv")]
    desk.analyze(films, stop_at=("b.mkv", 1))
    _, lines = desk.analyze(films, annotated=desk.folder / "out")
    assert not any(line.startswith("skipped") for line in lines)
    assert len(list((desk.folder / "out").iterdir())) == 2
    assert [row[:2] for row in desk.rows()] == [row[:2] for row in rows_of(("a.mkv", 1), ("b.mkv", 2))]


def test_a_recording_that_fails_is_that_inputs_failure(desk: Desk) -> None:
    out = desk.folder / "out"
    (out / "a-annotated.mp4").mkdir(parents=True)
    summary, lines = desk.analyze([desk.film("a.mkv"), desk.film("b.mkv")], annotated=out)
    assert summary.failed == 1
    assert (out / "b-annotated.mp4").is_file()
    assert any(line.startswith("failed a.mkv") and "a-annotated.mp4" in line for line in lines)


def test_names_of_recordings(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    out = tmp_path / "out"
    specs = [
        "x/a.mp4",
        "y/a.mkv",
        str(tmp_path / "pictures"),
        "me.jpg",
        "0",
        "demo",
        "rtsp://user:pw@cam.local:554/live?channel=2",
    ]
    assert [str(path.relative_to(out)) for path in annotated_targets(out, specs)] == [
        "a-annotated.mp4",
        "a-annotated-2.mp4",
        "pictures",
        "me-annotated.jpg",
        "camera-0-annotated.mp4",
        "demo-annotated.mp4",
        "rtsp-cam.local-554-live-channel-2-annotated.mp4",
    ]
    assert annotated_targets(out, [str(tmp_path / "pictures")]) == [out]
    assert annotated_targets(tmp_path / "new.mkv", ["a.mp4"]) == [tmp_path / "new.mkv"]


@pytest.mark.parametrize(
    ("specs", "options", "kind", "words"),
    [
        (["a.mp4", "b.mp4"], BatchOptions(annotated=Path("out.mp4")), SettingsError, "one file for 2 inputs"),
        (["a.mp4"], BatchOptions(annotated=Path("out.webm")), SettingsError, "does not fit a.mp4"),
        (["a.mp4"], BatchOptions(annotated=Path("out.jpg")), SettingsError, "does not fit a.mp4"),
        (["a.jpg"], BatchOptions(annotated=Path("out.mp4")), SettingsError, "does not fit a.jpg"),
        (["a.mp4", "0"], BatchOptions(), SettingsError, "has no end"),
        (["a.mp4"], BatchOptions(fresh=True, reuse=True), SettingsError, "exclude"),
        (["a.mp4"], BatchOptions(csv=Path("a.csv"), jsonl=Path("a.csv")), SettingsError, "same file"),
        (["a.mp4"], BatchOptions(csv=Path("a.mp4")), OutputError, "one of the inputs"),
        (["a.mp4"], BatchOptions(csv=Path("missing/a.csv")), OutputError, "cannot be written"),
        (["a.mp4"], BatchOptions(annotated=Path("missing/a.mp4")), OutputError, "cannot be written"),
        (["a.mp4"], BatchOptions(annotated=Path("a.mp4/out")), OutputError, "cannot be made"),
    ],
)
def test_what_cannot_work_is_known_at_once(
    tmp_path: Path, specs: list[str], options: BatchOptions, kind: type[AppError], words: str
) -> None:
    with contextlib.chdir(tmp_path):
        Path("a.mp4").write_text("in the way")
        with pytest.raises(kind, match=words) as caught:
            check(specs, options)
    assert caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"], "a check leaves nothing behind"
