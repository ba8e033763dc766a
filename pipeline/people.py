"""The people of one source: which person a track belongs to, and what is known of each.

A new track is a new person until its pictures agree with somebody who was here before (`pipeline.identity`). If that is so in the
very first frame, the older number shows at once; if it comes later, the younger number ends in a `Join`, and the older person
takes in all that was learned meanwhile. A number is never given twice.

Where pictures of a track agree among themselves and with nothing that its person ever looked like, the tracker has slipped on to
another face: the track goes on under another person. Until that is sure those pictures count for neither.

With `rejoin` off, or with a model that gives no embeddings, a person is a track, and no embedding is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from pipeline.cohort import Cohort, similarity
from pipeline.hindsight import Conclusion, FinalBelief, PersonAge, Sights
from pipeline.identity import MOST_PERSONS, Known, best_match, is_good_enough, next_pair, pairs
from pipeline.reasons import SteadyReason
from pipeline.scheduling import LookTimes
from pipeline.smoothing import BayesianAgeFilter, Look
from pipeline.types import Float32Array, Join, Track

STRANGER_BELOW = 0.25
"""Below the threshold by this much, a picture is none of the person: people who turn their heads stay above."""

SURE_OF = 1.0
"""Evidence (sum of qualities) of a face from which on a picture can be strange to it."""

STRANGE_LOOKS = 3
"""Pictures in a row that must agree on somebody else."""

MAY_OVERLAP = 0.1
"""Overlap (IoU) of two boxes from which on they may be one face that was found twice."""


class Person:
    """What is kept of one person.

    Attributes:
        first_s: since when the track is followed that the person is on.
        estimated_s: time of the newest estimate, None before the first.
        known: the face.
        sights: looks for the last word, None where there will be none.
    """

    def __init__(
        self, ids: Iterator[int], time_s: float, age: BayesianAgeFilter, sights: Sights | None, cohort: Cohort | None
    ) -> None:
        self._ids = ids
        self._number: int | None = None
        self.first_s = time_s
        self.estimated_s: float | None = None
        self.age = age
        self.looks = LookTimes()
        self.reason = SteadyReason()
        self.known = Known(time_s, cohort)
        self.sights = sights

    @property
    def id(self) -> int:
        """The person's number; given when it is first asked for, that is, shown."""
        if self._number is None:
            self._number = next(self._ids)
        return self._number

    @property
    def shown_as(self) -> int | None:
        """The number, if there is one yet."""
        return self._number

    def take_in(self, other: Person) -> None:
        """The other one is the same person and will not be used any more."""
        self.age.merge(other.age)
        self.known.take_in(other.known)
        self.known.age = self.age.belief
        if self.sights is not None and other.sights is not None:
            self.sights.take_in(other.sights)

    def go_on(self, here: Person) -> None:
        """Takes over what belongs to the track that the other one is on."""
        here.looks.take_over(self.looks)
        self.first_s, self.estimated_s, self.looks, self.reason = here.first_s, here.estimated_s, here.looks, here.reason


class _Segment:
    """A track, or what is left of it since it went on to another person.

    Attributes:
        strange: newest pictures that are none of the person.
        was_hidden: since the newest picture the face was hidden: somebody else may have come out on the other side.
    """

    __slots__ = ("person", "strange", "was_hidden")

    def __init__(self, person: Person) -> None:
        self.person = person
        self.was_hidden = False
        self.strange: list[tuple[Look, Float32Array]] = []


class People:
    """Who is on which track.

    Args:
        new_filter: an age filter for a new person.
        ids: where persons get their numbers.
        final_belief: for the last word when the film has ended; None for live sources, which have none.
        cohort: against whom faces are compared; None takes the plain cosine.
    """

    def __init__(
        self,
        new_filter: Callable[[], BayesianAgeFilter],
        ids: Iterator[int],
        rejoin: bool,
        final_belief: FinalBelief | None = None,
        cohort: Cohort | None = None,
    ) -> None:
        self._new_filter = new_filter
        self._ids = ids
        self._rejoin = rejoin
        self._final_belief = final_belief
        self._cohort = cohort
        self._segments: dict[int, _Segment] = {}
        self._absent: list[Person] = []
        self._visible: frozenset[int] = frozenset()
        self._met: frozenset[int] = frozenset()
        self._joins: list[Join] = []
        self._ages: list[PersonAge] = []

    def follow(self, tracks: Sequence[Track], time_s: float) -> None:
        """Takes the living tracks of a frame: new ones begin a person, and those that ended leave theirs among the absent."""
        before, self._segments = self._segments, {}
        for track in tracks:
            segment = before.pop(track.id, None) or _Segment(self._newcomer(track.first_s))
            self._segments[track.id] = segment
            if track.detection is None:
                segment.was_hidden = True
            else:
                segment.person.known.seen_s = time_s
        self._leave(segment.person for segment in before.values())
        # Where nobody looked there may be nobody: a carried face proves nothing.
        self._keep_apart([track for track in tracks if track.detection is not None and not track.carried])

    def on(self, track: int) -> Person:
        """The person on a living track."""
        return self._segments[track].person

    def is_doubtful(self, track: int) -> bool:
        """Whether somebody else may be on the track: the next picture should come soon."""
        segment = self._segments[track]
        return bool(segment.strange) or (segment.was_hidden and len(segment.person.known.gallery) > 0)

    def observe(self, track: int, look: Look, threshold: float) -> None:
        """Adds a picture of the face on a track; afterwards the track may be on another person.

        Args:
            look: its estimate may carry an embedding.
            threshold: similarity from which on two faces are one person, of the model in use.
        """
        segment = self._segments[track]
        segment.was_hidden = False
        embedding = look.estimate.embedding if self._rejoin else None
        if embedding is None or not is_good_enough(look.quality, look.face_px):
            _learn(segment.person, track, look, None)
        elif _is_strange(segment.person, embedding, threshold):
            segment.person.estimated_s = look.time_s
            if not all(similarity(other, embedding, self._cohort) >= threshold for _, other in segment.strange):
                segment.strange.clear()
            segment.strange.append((look, embedding))
            if len(segment.strange) >= STRANGE_LOOKS:
                self._split(track, threshold)
        else:
            segment.strange.clear()
            _learn(segment.person, track, look, embedding)
            self._recognise(segment, threshold)

    def take_joins(self) -> tuple[Join, ...]:
        """What was recognised since the last call."""
        joins, self._joins = tuple(self._joins), []
        return joins

    def end_tracks(self) -> None:
        """A cut: whoever was in view is away, and may be recognised by the face."""
        self._leave(segment.person for segment in self._segments.values())
        self._segments = {}
        self._met = frozenset()

    def forget(self) -> None:
        """Another source: nobody is known any more, and there is no last word on anybody."""
        self._segments = {}
        self._absent, self._joins, self._ages = [], [], []
        self._met = frozenset()

    def look_back(self, final_belief: FinalBelief) -> None:
        """There will be a last word after all; to be called before anybody is there."""
        self._final_belief = final_belief

    def conclude(self, threshold: float, *, going_on: bool = False) -> Conclusion:
        """Looks at everybody once more, then forgets them.

        Args:
            going_on: more may come: nobody is forgotten, and whoever was in view may be recognised by the face.
        """
        self.end_tracks()
        if self._final_belief is None:
            return Conclusion()
        while (pair := next_pair([person.known for person in self._absent], threshold)) is not None:
            one, other = (person for person in self._absent if person.known in pair)
            older, younger = (one, other) if one.id < other.id else (other, one)
            self._joins.append(Join(younger.id, older.id))
            self._absent.remove(younger)
            older.take_in(younger)
        if going_on:
            return Conclusion(self.take_joins(), (*self._ages, *(age for person in self._absent for age in self._last(person))))
        for person in self._absent:
            self._let_go(person)
        conclusion = Conclusion(self.take_joins(), tuple(self._ages))
        self.forget()
        return conclusion

    def _newcomer(self, time_s: float) -> Person:
        sights = None if self._final_belief is None else Sights()
        return Person(self._ids, time_s, self._new_filter(), sights, self._cohort)

    def _recognise(self, segment: _Segment, threshold: float) -> None:
        """Joins the person on a track with an absent one, if there is one with that face."""
        here = segment.person
        absent = {other.known: other for other in self._absent}
        found = best_match(here.known, absent, threshold)
        if found is None:
            return
        other = absent[found]
        self._absent.remove(other)
        # The older number stays. Who has none yet was never shown.
        older, younger = (other, here) if here.shown_as is None or other.id < here.id else (here, other)
        if younger.shown_as is not None:
            self._joins.append(Join(younger.id, older.id))
        older.take_in(younger)
        older.go_on(here)
        segment.person = older

    def _split(self, track: int, threshold: float) -> None:
        """The track goes on under another person."""
        segment = self._segments[track]
        looks, segment.strange = segment.strange, []
        self._leave([segment.person])
        segment.person = self._newcomer(looks[0][0].time_s)
        for look, embedding in looks:
            _learn(segment.person, track, look, embedding)
        for other in self._visible - {track}:
            segment.person.known.keep_apart(self.on(other).known)
        self._recognise(segment, threshold)

    def _leave(self, persons: Iterable[Person]) -> None:
        """Those whose face was seen well enough are remembered, up to a number of people."""
        for person in persons:
            if len(person.known.gallery):
                self._absent.append(person)
            else:
                self._let_go(person)
        if len(self._absent) > MOST_PERSONS:
            self._absent.sort(key=lambda person: person.known.seen_s)
            for person in self._absent[:-MOST_PERSONS]:
                self._let_go(person)
            del self._absent[:-MOST_PERSONS]

    def _let_go(self, person: Person) -> None:
        person.known.forget()
        self._ages += self._last(person)

    def _last(self, person: Person) -> list[PersonAge]:
        """The last word on one person."""
        if self._final_belief is None or person.sights is None or person.shown_as is None:
            return []
        return person.sights.ages(person.id, self._final_belief)

    def _keep_apart(self, visible: Sequence[Track]) -> None:
        """Who is in one frame is not one person."""
        self._visible = frozenset(track.id for track in visible)
        if self._visible <= self._met:
            return
        boxes = {self.on(track.id).known: track.box for track in visible}
        unclear = False
        for one, other in pairs(boxes):
            if boxes[one].iou(boxes[other]) < MAY_OVERLAP:
                one.keep_apart(other)
            else:
                unclear = True
        self._met = frozenset() if unclear else self._visible


def _learn(person: Person, track: int, look: Look, embedding: Float32Array | None) -> None:
    person.age.observe(look.estimate, look.quality, look.time_s, look.pose, look.face_px)
    person.estimated_s = look.time_s
    person.known.age = person.age.belief
    if embedding is not None:
        person.known.gallery.add(embedding, look.quality)
    if person.sights is not None:
        person.sights.add(track, look)


def _is_strange(person: Person, embedding: Float32Array, threshold: float) -> bool:
    gallery = person.known.gallery
    return gallery.evidence >= SURE_OF and gallery.nearest(embedding) < threshold - STRANGER_BELOW
