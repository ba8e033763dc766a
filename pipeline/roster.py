"""Who has been seen in a run, track by track, and the persons that they are after the user's edits.

The window keeps a `People` beside a running session: tracks come in as they change, edits whenever the user makes one. Persons
follow from both at once, the same way as the log's tables follow from rows and edits (`pipeline.observations`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from pipeline.edits import Edit, EditedPersons, apply_edits, as_shown, person_label
from pipeline.observations import VISIBLE_GAP_S
from pipeline.spans import Span, Spans
from pipeline.types import AgeBelief, FrameResult, Join

TrackKey = tuple[int, int]
"""Person and track as the analysis numbered them."""


@dataclass(frozen=True, slots=True)
class TrackRow:
    """One track of one person, as the analysis saw it.

    Attributes:
        spans: when it was in sight, in presentation time.
        frames: in which the face was found.
        calls: how often the age engine looked at it.
        belief: the person's newest; None before the first estimate.
        picture: file name of the picture, for persons of a folder of pictures; there a person is seen in one picture only.
    """

    person: int
    track: int
    spans: tuple[Span, ...]
    frames: int
    calls: int
    belief: AgeBelief | None
    male: float | None = None
    picture: str | None = None

    @property
    def key(self) -> TrackKey:
        return self.person, self.track

    @property
    def first_s(self) -> float:
        return self.spans[0][0]

    @property
    def last_s(self) -> float:
        return self.spans[-1][1]


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One person as lists show them. Units and meaning as in `TrackRow`.

    Attributes:
        name: the user's; empty without one.
        dwell_s: time in sight; absences of up to `VISIBLE_GAP_S` count as in sight.
        tracks: what the person is made of, in order of appearance.
    """

    person: int
    name: str
    tracks: tuple[TrackRow, ...]
    spans: tuple[Span, ...]
    dwell_s: float
    frames: int
    calls: int
    belief: AgeBelief | None
    picture: str | None = None

    @property
    def label(self) -> str:
        """Name, or number."""
        return self.name or person_label(self.person)

    @property
    def first_s(self) -> float:
        return self.spans[0][0]

    @property
    def last_s(self) -> float:
        return self.spans[-1][1]


@dataclass(frozen=True, slots=True)
class PeopleChanges:
    """What an analysis has to tell since it was last asked.

    Attributes:
        tracks: new or changed.
        joins: persons that were recognised as earlier ones.
    """

    tracks: Sequence[TrackRow] = ()
    joins: Sequence[Join] = ()


class People:
    """Persons made of tracks, joins and edits. Belongs to one thread."""

    def __init__(self) -> None:
        self._tracks: dict[TrackKey, TrackRow] = {}
        self._joins: list[Join] = []
        self._edits: list[Edit] = []
        self._who = apply_edits(())
        self._members: dict[int, set[TrackKey]] = {}

    @property
    def edits(self) -> Sequence[Edit]:
        """In the order in which they were made."""
        return self._edits

    @property
    def who(self) -> EditedPersons:
        """Who is who by now."""
        return self._who

    def take(self, changes: PeopleChanges) -> set[int] | None:
        """Takes news of the analysis.

        Returns:
            The persons concerned; None where anybody may be, because numbers were joined.
        """
        for row in changes.tracks:
            self._tracks[row.key] = row
        if changes.joins:
            self._joins += changes.joins
            self._regroup()
            return None
        touched = set()
        for row in changes.tracks:
            person = self._who.person(*row.key)
            self._members.setdefault(person, set()).add(row.key)
            touched.add(person)
        return touched

    def set_edits(self, edits: Iterable[Edit]) -> None:
        """These edits hold from now on."""
        self._edits = list(edits)
        self._regroup()

    def person(self, person: int) -> PersonRow | None:
        """One person by the number that is shown; None for somebody who is not there (any more) or is hidden."""
        keys = self._members.get(person)
        if not keys or self._who.is_hidden(person):
            return None
        tracks = sorted(_by_track([self._tracks[key] for key in keys]), key=lambda row: (row.first_s, row.track))
        spans = Spans(VISIBLE_GAP_S, sorted(span for row in tracks for span in row.spans))
        newest = max(tracks, key=attrgetter("last_s"))
        known = max((row for row in tracks if row.belief is not None), key=attrgetter("last_s"), default=newest)
        return PersonRow(
            person=person,
            name=self._who.name(person) or "",
            tracks=tuple(tracks),
            spans=tuple(spans),
            dwell_s=spans.total_s,
            frames=sum(row.frames for row in tracks),
            calls=sum(row.calls for row in tracks),
            belief=known.belief,
            picture=newest.picture,
        )

    def persons(self) -> list[PersonRow]:
        """Everybody but the hidden, in order of appearance."""
        rows = [row for person in self._members if (row := self.person(person)) is not None]
        return sorted(rows, key=lambda row: (row.first_s, row.person))

    def hidden(self) -> list[int]:
        """Whom the user hid, by the number that would be shown."""
        return sorted(person for person in self._members if self._who.is_hidden(person))

    def label(self, person: int) -> str:
        """Name or number of anybody."""
        return self._who.name(person) or person_label(person)

    def apply(self, result: FrameResult) -> FrameResult:
        """A result as the user sees it: with the numbers that are shown, without the hidden."""
        if not self._edits:
            return result
        return as_shown(result, self._who)

    def _regroup(self) -> None:
        self._who = apply_edits(self._edits, self._joins)
        self._members = {}
        for key in self._tracks:
            self._members.setdefault(self._who.person(*key), set()).add(key)


def _by_track(rows: Sequence[TrackRow]) -> list[TrackRow]:
    """One row per track: a person who was recognised in the middle of a track has it under two numbers."""
    tracks: dict[int, list[TrackRow]] = {}
    for row in rows:
        tracks.setdefault(row.track, []).append(row)
    return [_joined(parts) if len(parts) > 1 else parts[0] for parts in tracks.values()]


def _joined(parts: Sequence[TrackRow]) -> TrackRow:
    newest = max(parts, key=attrgetter("last_s"))
    known = max((row for row in parts if row.belief is not None), key=attrgetter("last_s"), default=newest)
    spans = Spans(VISIBLE_GAP_S, sorted(span for row in parts for span in row.spans))
    return replace(
        newest,
        spans=tuple(spans),
        frames=sum(row.frames for row in parts),
        calls=sum(row.calls for row in parts),
        belief=known.belief,
    )
