"""A recorded session as a whole, for browser, report and subtitles: who was seen, when, and ages over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.age_series import EMPTY, AgeSeries, Curve
from pipeline.edits import Edit, apply_edits, edits_of, no_such_session
from pipeline.observations import VISIBLE_GAP_S, Observation, PersonSummary, PersonTally, joins_of, rows
from pipeline.progress import Watch, unwatched, watched
from pipeline.roster import PersonRow, TrackRow
from pipeline.sessions import SessionSummary, list_sessions
from pipeline.spans import Spans
from pipeline.store import SessionLog
from pipeline.types import AgeBelief


@dataclass(frozen=True, slots=True, eq=False)
class InputHistory:
    """One film, camera, stream or folder of a session.

    Attributes:
        pictures: a folder of pictures (or one picture): no time passes in it.
        length_s: of the film; where it is not known, up to the last frame that was analysed.
        people: in order of appearance.
        hidden: persons whom the user hid.
        curves: of the ages of persons, by their number.
    """

    name: str
    pictures: bool
    live: bool
    width: int
    height: int
    fps: float | None
    length_s: float
    frames: int
    people: tuple[PersonRow, ...]
    hidden: tuple[int, ...]
    curves: dict[int, Curve]

    def curve(self, person: int) -> Curve:
        """Ages over time; empty where nothing is known."""
        return self.curves.get(person, EMPTY)


@dataclass(frozen=True, slots=True, eq=False)
class SessionHistory:
    """All of a session."""

    session: SessionSummary
    inputs: tuple[InputHistory, ...]
    edits: tuple[Edit, ...]

    @property
    def people(self) -> list[PersonRow]:
        """Everybody, by input, in order of appearance."""
        return [row for one in self.inputs for row in one.people]


def read_history(log: SessionLog, session_id: int, watch: Watch = unwatched) -> SessionHistory:
    """Reads a session with the user's edits applied.

    Raises:
        LogError: there is no session of that number, or the log cannot be read.
    """
    session = next((one for one in list_sessions(log) if one.id == session_id), None)
    if session is None:
        raise no_such_session(log, session_id)
    gathered: dict[int, _Gathered] = {}
    with log.db.snapshot():
        tally = PersonTally()
        for row in watched(rows(log, [session_id]), session.observations, watch):
            tally.add(row)
            gathered.setdefault(row.input_id, _Gathered()).add(row.observation)
        summaries = tally.persons(log)
        edits = tuple(edits_of(log, session_id))
        inputs = tuple(
            _input(log, input_id, gathered.get(input_id, _Gathered()), summaries, edits)
            for (input_id,) in log.db.rows("SELECT id FROM best_inputs WHERE session_id = ? ORDER BY position", (session_id,))
        )
    return SessionHistory(session, inputs, edits)


@dataclass(slots=True)
class _Track:
    spans: Spans = field(default_factory=lambda: Spans(VISIBLE_GAP_S))
    frames: int = 0
    calls: int = 0


class _Gathered:
    """What goes by of one input."""

    def __init__(self) -> None:
        self.tracks: dict[tuple[str, int], dict[int, _Track]] = {}
        self.ages: AgeSeries[int] = AgeSeries()

    def add(self, seen: Observation) -> None:
        track = self.tracks.setdefault((seen.source, seen.person), {}).setdefault(seen.track, _Track())
        track.spans.add(seen.media_time_s)
        track.frames += 1
        track.calls += seen.raw_age is not None
        if seen.age is not None and seen.low is not None and seen.high is not None:
            self.ages.add(seen.person, seen.media_time_s, seen.age, seen.low, seen.high)


def _input(
    log: SessionLog, input_id: int, gathered: _Gathered, summaries: Sequence[PersonSummary], edits: Sequence[Edit]
) -> InputHistory:
    ((name, live, width, height, fps, duration_s, frames, last_time_s),) = log.db.rows(
        "SELECT name, live, width, height, fps, duration_s, frames, last_time_s FROM inputs WHERE id = ?", (input_id,)
    )
    pictures = not live and fps is None and duration_s is None
    people = tuple(
        _person(summary, gathered.tracks[summary.source, summary.person], pictures)
        for summary in summaries
        if (summary.source, summary.person) in gathered.tracks
    )
    who = apply_edits(edits, joins_of(log, input_id))
    numbers = log.db.rows("SELECT DISTINCT person, track FROM observations WHERE input_id = ?", (input_id,))
    hidden = {person for person in (who.person(*number) for number in numbers) if who.is_hidden(person)}
    curves = {} if pictures else {person: gathered.ages.curve(person) for person in gathered.ages}
    length_s = max([duration_s or 0.0, last_time_s or 0.0, *(row.last_s for row in people)])
    return InputHistory(name, pictures, bool(live), width, height, fps, length_s, frames, people, tuple(sorted(hidden)), curves)


def _person(summary: PersonSummary, tracks: dict[int, _Track], pictures: bool) -> PersonRow:
    belief = None
    if summary.age is not None and summary.low is not None and summary.high is not None:
        # The log's last word: whatever evidence there was is in it.
        belief = AgeBelief(summary.age, summary.low, summary.high, 0.0, settled=True)
    picture = summary.source if pictures else None
    made_of = sorted(
        (
            TrackRow(summary.person, number, tuple(track.spans), track.frames, track.calls, belief, picture=picture)
            for number, track in tracks.items()
        ),
        key=lambda row: (row.first_s, row.track),
    )
    spans = Spans(VISIBLE_GAP_S, sorted(span for row in made_of for span in row.spans))
    return PersonRow(
        person=summary.person,
        name=summary.name or "",
        tracks=tuple(made_of),
        spans=tuple(spans),
        dwell_s=summary.dwell_s,
        frames=summary.frames,
        calls=sum(row.calls for row in made_of),
        belief=belief,
        picture=picture,
    )
