"""A session read back as a whole agrees with the log's own tables, also after edits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.edits import Hide, Merge, Rename, add_edit, edits_of, split_off
from pipeline.errors import LogError
from pipeline.history import SessionHistory, read_history
from pipeline.observations import persons
from pipeline.progress import Cancelled
from pipeline.store import SessionLog
from tests.pipeline.session_scenes import record, record_pictures


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SessionLog]:
    with SessionLog.open(tmp_path / "log.sqlite") as log:
        yield log


def test_persons_presence_and_curves(log: SessionLog) -> None:
    history = read_history(log, record(log))
    (film,) = history.inputs
    assert (film.name, film.pictures, film.live, film.length_s, film.frames) == ("visits.mp4", False, False, 20, 500)
    first, second, third = film.people
    assert [row.person for row in film.people] == [1, 2, 3]
    assert [(round(start, 2), round(end, 2)) for start, end in first.spans] == [(0, 9.96), (15, 19.96)]
    assert [row.track for row in first.tracks] == [1, 4]
    assert (first.frames, first.calls) == (375, 375)
    assert second.belief is not None
    assert (second.belief.years, second.belief.low, second.belief.high) == (8, 2, 14)
    assert third.belief is None
    assert third.calls == 0
    curve = film.curve(1)
    assert curve.years[curve.time_s < 10].tolist() == [34.0] * 50
    assert curve.years[-1] == 36
    assert len(film.curve(3)) == 0


def same_as_the_table(log: SessionLog, history: SessionHistory) -> None:
    table = [
        (p.person, p.name or "", p.first_seen_s, p.last_seen_s, p.dwell_s, p.frames, p.tracks)
        for p in persons(log, [history.session.id])
    ]
    shown = [(r.person, r.name, r.first_s, r.last_s, r.dwell_s, r.frames, len(r.tracks)) for r in history.people]
    assert shown == table
    for row in history.people:
        # Presence and time in sight are two ways to count one thing.
        assert sum(end - start for start, end in row.spans) == pytest.approx(row.dwell_s, abs=1e-6)


def test_edits_change_both_alike(log: SessionLog) -> None:
    session = record(log)
    same_as_the_table(log, read_history(log, session))
    add_edit(log, session, Rename(2, "Ada"))
    add_edit(log, session, Merge(3, 2))
    add_edit(log, session, split_off(1, 4, edits_of(log, session)))
    history = read_history(log, session)
    same_as_the_table(log, history)
    assert [row.label for row in history.people] == ["1", "Ada", "track 4"]
    assert len(history.edits) == 3
    add_edit(log, session, Hide(2))
    history = read_history(log, session)
    same_as_the_table(log, history)
    assert history.inputs[0].hidden == (2,)


def test_pictures_have_no_time(log: SessionLog) -> None:
    (folder,) = read_history(log, record_pictures(log)).inputs
    assert folder.pictures
    assert [row.picture for row in folder.people] == ["picture0.jpg", "picture1.jpg", "picture2.jpg"]
    assert folder.curves == {}


def test_reading_tells_how_far_it_is_and_can_be_broken_off(log: SessionLog) -> None:
    session = record(log)
    shares: list[float] = []
    read_history(log, session, shares.append)
    assert shares[0] == 0
    assert shares[-1] == 1
    assert shares == sorted(shares)

    def never(_: float) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        read_history(log, session, never)
    assert read_history(log, session).people


def test_a_session_that_is_not_there(log: SessionLog) -> None:
    with pytest.raises(LogError, match="no session 7"):
        read_history(log, 7)
