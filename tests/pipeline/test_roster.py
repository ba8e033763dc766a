"""The persons that the window shows are those that the log's tables will show, whatever is seen, recognised and corrected."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.edits import Edit, Hide, Merge, Rename, add_edit, split_off
from pipeline.observations import persons
from pipeline.roster import People, PersonRow
from pipeline.store import PlannedInput, SessionLog
from pipeline.types import Face, FrameResult, Join
from tests.pipeline.log_scenes import PROVENANCE, face, info, result
from ui.newest import Ledger

FPS = 25


def random_film(rng: random.Random, seconds: int = 12) -> list[FrameResult]:
    """Persons who come and go on tracks of their own; some turn out to be earlier ones."""
    stays = []
    for track in range(1, 8):
        start = rng.uniform(0, seconds - 1)
        stays.append((track, start, start + rng.uniform(0.1, 6)))
    joined: dict[int, int] = {}
    results = []
    for index in range(seconds * FPS):
        time_s = index / FPS
        joins: list[Join] = []
        faces: list[Face] = []
        for track, start, end in stays:
            if start <= time_s < end and rng.random() < 0.9:
                known = rng.random() < 0.8
                person = joined.get(track, track)
                faces.append(face(person, 20.0 + track if known else None, 30.0 if rng.random() < 0.3 else None, track))
                if track > 2 and track not in joined and rng.random() < 0.01:
                    joined[track] = rng.randrange(1, 3)
                    joins.append(Join(track, joined[track]))
                    faces[-1] = face(joined[track], 20.0 + track, None, track)
        made = result(index, faces, time_s)
        results.append(FrameResult(made.frame, made.faces, engine=made.engine, joins=tuple(joins)))
    return results


def random_edits(rng: random.Random, people: People, count: int = 6) -> list[Edit]:
    edits: list[Edit] = []
    for _ in range(count):
        people.set_edits(edits)
        rows = people.persons()
        if len(rows) < 2:
            break
        one, other = rng.sample(rows, 2)
        match rng.randrange(4):
            case 0:
                edits.append(Rename(one.person, f"name {len(edits)}"))
            case 1:
                edits.append(Merge(one.person, other.person))
            case 2:
                edits.append(split_off(one.person, rng.choice(one.tracks).track, edits))
            case 3:
                edits.append(Hide(one.person))
    people.set_edits(edits)
    return edits


def table(rows: Sequence[PersonRow]) -> list[tuple[object, ...]]:
    return [(r.person, r.name, r.first_s, r.last_s, round(r.dwell_s, 6), r.frames, len(r.tracks)) for r in rows]


@pytest.mark.parametrize("seed", range(12))
def test_list_and_log_agree(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    ledger, people = Ledger(), People()
    with SessionLog.open(tmp_path / "log.sqlite") as log:
        with log.begin("window", [PlannedInput("film.mp4", None)], PROVENANCE) as session:
            sink = session.begin_input(0, info())
            for number, made in enumerate(random_film(rng)):
                sink.write(made)
                ledger.write(made)
                if number % 5 == 0:
                    people.take(ledger.take_changes())
            session.end_input(0, "finished")
        people.take(ledger.take_changes())
        for edit in random_edits(rng, people):
            add_edit(log, session.id, edit)
        in_log = [
            (p.person, p.name or "", p.first_seen_s, p.last_seen_s, round(p.dwell_s, 6), p.frames, p.tracks)
            for p in persons(log, [session.id])
        ]
    shown = table(people.persons())
    assert sorted(shown) == sorted(in_log)
    assert [row[2] for row in shown] == sorted(row[2] for row in shown)  # type: ignore[type-var]


def test_a_result_is_shown_with_the_users_persons() -> None:
    people, ledger = People(), Ledger()
    made = result(0, [face(1), face(2), face(3)])
    assert people.apply(made) is made
    ledger.write(made)
    people.take(ledger.take_changes())
    people.set_edits([Merge(3, 1), Hide(2)])
    assert [shown.person for shown in people.apply(made).faces] == [1, 1]
    assert people.hidden() == [2]
    assert people.person(2) is None
    assert people.label(2) == "2"
    people.set_edits([])
    assert [shown.person for shown in people.apply(made).faces] == [1, 2, 3]


def test_only_those_who_changed_are_told() -> None:
    people, ledger = People(), Ledger()
    ledger.write(result(0, [face(1), face(2)]))
    assert people.take(ledger.take_changes()) == {1, 2}
    ledger.write(result(1, [face(2)]))
    assert people.take(ledger.take_changes()) == {2}
    ledger.write(FrameResult(result(2, []).frame, (face(1, track=3),), joins=(Join(2, 1),)))
    assert people.take(ledger.take_changes()) is None
    assert [row.person for row in people.persons()] == [1]
