"""Recognising people through the whole analysis and into the log: painted films, real detector of paint, real log."""

from __future__ import annotations

import csv
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from pipeline.analyzer import Analyzer
from pipeline.batch import Batch, BatchOptions
from pipeline.hindsight import Conclusion
from pipeline.observations import persons
from pipeline.protocols import EngineInfo
from pipeline.recall import Recalling
from pipeline.sessions import list_sessions
from pipeline.settings import IdentitySettings, Settings
from pipeline.store import Numbers, SessionLog
from pipeline.types import AgeEstimate, Float32Array, FrameResult, UInt8Array
from tests.pipeline.clips import write_film
from tests.pipeline.painted import Painted, PaintedDetector, PaintedEngine, frame, paint, room
from tests.pipeline.test_batch import Diary

ROOM = room(0)
FPS = 10
Scene = Callable[[float], Sequence[Painted]]
ROOT = Path(__file__).resolve().parents[2]


def leaves_and_returns(time_s: float) -> list[Painted]:
    """A child who stays; an adult who is away for five seconds, and in between somebody else at the same place."""
    adult = [] if 2 < time_s < 7 else [Painted(400, 200, age=45)]
    other = [Painted(400, 200, age=70)] if 3.5 < time_s < 5.5 else []
    return [Painted(150, 120, age=8), *adult, *other]


def play(
    scene: Scene, seconds: float, settings: Settings | None = None, live: bool = False
) -> tuple[Analyzer, list[FrameResult]]:
    analyzer = Analyzer(PaintedDetector(), PaintedEngine(embeds=True), settings or Settings(), live=live)
    frames = [frame(paint(ROOM, scene(i / FPS)), i / FPS, i) for i in range(round(seconds * FPS))]
    return analyzer, [analyzer.process(each) for each in frames]


def painted_persons(results: Sequence[FrameResult]) -> dict[int, set[int]]:
    """Age that is painted (who it is) → numbers of persons."""
    found: dict[int, set[int]] = {}
    for result in results:
        for face in result.faces:
            x, y = face.detection.box.center
            who = int(result.frame.image[int(y), int(x), 1]) // 2
            found.setdefault(who, set()).add(face.person)
    return found


def test_everybody_has_one_number_however_often_they_leave() -> None:
    _, results = play(leaves_and_returns, 9)
    assert painted_persons(results) == {8: {1}, 45: {2}, 70: {3}}
    assert len({face.track for result in results for face in result.faces}) == 4
    assert all(result.joins == () for result in results)


def test_switched_off_a_person_is_a_track() -> None:
    _, results = play(leaves_and_returns, 9, Settings(identity=IdentitySettings(rejoin=False)))
    assert painted_persons(results) == {8: {1}, 45: {2, 4}, 70: {3}}


def test_the_window_has_the_last_word_of_the_command_line() -> None:
    """The same film, in real time and gone back in, and read from its beginning to its end."""
    read, _ = play(leaves_and_returns, 9)
    watched = Recalling(Analyzer(PaintedDetector(), PaintedEngine(embeds=True), Settings(), live=True))
    watched.look_back()
    frames = [frame(paint(ROOM, leaves_and_returns(i / FPS)), i / FPS, i) for i in range(9 * FPS)]
    for each in frames:
        watched.process(each)
    for_now = watched.conclude_for_now()
    assert watched.process(frames[30]).recalled
    assert watched.conclude_for_now() == for_now

    def ages(conclusion: Conclusion) -> dict[tuple[int, int], float]:
        return {(age.person, age.track): age.belief.years for age in conclusion.ages}

    assert ages(for_now) == pytest.approx(ages(read.conclude()), abs=0.5)
    assert ages(watched.conclude()) == ages(for_now)


def test_same_face_after_a_cut_is_the_same_person_and_another_one_at_its_place_is_not() -> None:
    analyzer, before = play(lambda _: [Painted(200, 200, age=30), Painted(450, 200, age=60)], 2)
    other_room = room(7)
    after = [
        analyzer.process(frame(paint(other_room, [Painted(200, 200, age=60), Painted(450, 200, age=20)]), 2 + i / FPS))
        for i in range(5)
    ]
    assert after[0].cut
    assert painted_persons([*before, *after]) == {30: {1}, 60: {2}, 20: {3}}


def test_seeking_back_finds_the_same_person() -> None:
    analyzer, _ = play(lambda _: [Painted(200, 200, age=30)], 3)
    again = [analyzer.process(frame(paint(ROOM, [Painted(420, 200, age=30)]), 0.5 + i / FPS)) for i in range(12)]
    assert again[0].cut
    assert {face.person for result in again for face in result.faces} == {1}
    assert sum(face.raw is not None for result in again for face in result.faces) >= 2, "they are still looked at"


def test_pictures_of_a_folder_stand_on_their_own() -> None:
    analyzer = Analyzer(PaintedDetector(), PaintedEngine(embeds=True), Settings())
    image = paint(ROOM, [Painted(200, 200, age=30)])
    results = [analyzer.process(frame(image, i, i, f"{i}.jpg", independent=True)) for i in range(3)]
    assert [face.person for result in results for face in result.faces] == [1, 2, 3]
    assert analyzer.conclude().ages == ()


def test_threshold_is_the_settings_then_the_models() -> None:
    def numbers(setting: float, model: float | None) -> set[int]:
        engine = PaintedEngine(embeds=True, info=EngineInfo("cpu", "int8", "painted", "a double", identity_threshold=model))
        analyzer = Analyzer(PaintedDetector(), engine, Settings(identity=IdentitySettings(threshold=setting)))
        for i in range(40):
            faces = [] if 10 < i < 25 else [Painted(200, 200, age=30)]
            result = analyzer.process(frame(paint(ROOM, faces), i / FPS, i))
        return {face.person for face in result.faces}

    assert numbers(0, None) == numbers(0, 0.5) == numbers(0.5, 0.99) == {1}
    assert numbers(0, 0.99) == numbers(0.99, 0.5) == {2}


# Into the log.


class RememberingEngine(PaintedEngine):
    """Remembers every embedding that it gave."""

    def __init__(self) -> None:
        super().__init__(embeds=True)
        self.given: list[Float32Array] = []

    def estimate(self, image: UInt8Array, landmarks: Sequence[Float32Array]) -> list[AgeEstimate]:
        found = super().estimate(image, landmarks)
        self.given += [each.embedding for each in found if each.embedding is not None]
        return found


@dataclass
class PaintedModels:
    """As main's, with doubles."""

    settings: Settings
    age_engine: RememberingEngine = field(default_factory=RememberingEngine)

    @property
    def engine(self) -> EngineInfo:
        return self.age_engine.info

    def analyzer(self, live: bool, first: Numbers) -> Analyzer:
        tracks, people = count(first.track), count(first.person)
        return Analyzer(PaintedDetector(), self.age_engine, self.settings, live=live, track_ids=tracks, person_ids=people)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    pictures = [paint(ROOM, leaves_and_returns(i / FPS)) for i in range(9 * FPS)]
    times_ms = [100 * i for i in range(9 * FPS)]
    return write_film(tmp_path / "film.mkv", pictures, times_ms, codec="ffv1", pix_fmt="bgr0")


def analyze(film: Path, folder: Path, rejoin: bool = True) -> RememberingEngine:
    settings = Settings(identity=IdentitySettings(rejoin=rejoin))
    models = PaintedModels(settings)
    options = BatchOptions(csv=folder / "ages.csv", jsonl=folder / "ages.jsonl", annotated=folder / "seen.mp4", fresh=True)
    with SessionLog.open(folder / "log.sqlite") as log:
        batch = Batch(
            [str(film)], settings, models, log, options=options, report=Diary(), stop=threading.Event(), app_version="1"
        )
        batch.analyze()
    return models.age_engine


def test_persons_table_has_one_row_per_person_with_the_final_age(film: Path, tmp_path: Path) -> None:
    analyze(film, tmp_path)
    with SessionLog.open(tmp_path / "log.sqlite") as log:
        found = persons(log, [1])
        (summary,) = list_sessions(log)
        final = dict(log.db.rows("SELECT person, age FROM person_ages WHERE track = 0"))
    assert [(person.person, person.tracks) for person in found] == [(1, 1), (2, 2), (3, 1)]
    assert [person.age for person in found] == pytest.approx([8, 45, 70], abs=1.5)
    assert [person.age for person in found] == [final[1], final[2], final[3]]
    assert found[1].dwell_s == pytest.approx(4, abs=0.5)
    assert summary.persons == 3
    rows = list(csv.DictReader((tmp_path / "ages.persons.csv").read_text(encoding="ascii").splitlines()))
    assert [(row["person"], row["tracks"]) for row in rows] == [("1", "1"), ("2", "2"), ("3", "1")]


def test_without_rejoin_the_table_has_one_row_per_track(film: Path, tmp_path: Path) -> None:
    analyze(film, tmp_path, rejoin=False)
    with SessionLog.open(tmp_path / "log.sqlite") as log:
        assert [person.tracks for person in persons(log, [1])] == [1, 1, 1, 1]


def test_no_embedding_reaches_any_file(film: Path, tmp_path: Path) -> None:
    """Neither as numbers of any width nor as text; of each embedding four values in a row are looked for."""
    (tmp_path / "out").mkdir()
    given = analyze(film, tmp_path / "out").given
    assert len(given) > 20
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"log.sqlite", "ages.csv", "ages.persons.csv", "ages.jsonl", "seen.mp4"} <= {path.name for path in written}
    content = b"".join(path.read_bytes() for path in written)
    for vector in given:
        for start in (0, 100, 508):
            part = vector[start : start + 4]
            for kind in (np.float16, np.float32, np.float64):
                assert part.astype(kind).tobytes() not in content
                assert part.astype(kind)[::-1].byteswap().tobytes() not in content
            assert not any(f"{value:.5f}"[:7].encode() in content for value in part.tolist() if abs(value) > 0.05)


def test_the_program_pickles_nothing() -> None:
    for folder in ("pipeline", "engines", "ui"):
        for path in (ROOT / folder).rglob("*.py"):
            assert not re.search(
                r"^\s*(import|from) (pickle|shelve|marshal|joblib|dill)\b", path.read_text("utf-8"), re.MULTILINE
            ), path
