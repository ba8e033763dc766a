"""What the user corrects: names, two numbers that are one person, a track that is somebody else, faces that are nobody,
and who is not to be blurred.

The rows of the log stay as they were written; edits are kept beside them, in order, and are applied by whoever shows persons:
exports, tables, the window. So each of them can be taken back. The window applies the same edits to what is on the screen:

    who = apply_edits(edits_of(log, session_id), joins)     # joins: all that came with the session's results so far
    who.person(face.person, face.track)                     # the number to show
    who.name(person), who.is_hidden(person)

An edit holds for the whole session, also for what is recorded after it. An edit that names a person who turns out to be an
earlier one (`pipeline.types.Join`) goes over to that one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.errors import LogError
from pipeline.store import SessionLog
from pipeline.types import AgeBelief, FrameResult, Join

SPLIT_FIRST = 1_000_000
"""Persons that the user splits off are numbered from here by their track: the analysis, which may be running in another thread,
gives its own numbers from 1 on and never gets that far."""


@dataclass(frozen=True, slots=True)
class Rename:
    """The user's name for a person; an empty one takes it away."""

    person: int
    name: str


@dataclass(frozen=True, slots=True)
class Merge:
    """All that is `person` is `into`."""

    person: int
    into: int


@dataclass(frozen=True, slots=True)
class Split:
    """What `person` has on that track is somebody else. Made by `split_off`, which finds the number."""

    person: int
    track: int
    new_person: int


@dataclass(frozen=True, slots=True)
class Hide:
    """The person is left out of tables and exports (a poster, a false alarm); with `hidden` False no longer."""

    person: int
    hidden: bool = True


@dataclass(frozen=True, slots=True)
class Exempt:
    """The person is not blurred where faces are; with `exempt` False again. A merge takes it along, a split does not."""

    person: int
    exempt: bool = True


Edit = Rename | Merge | Split | Hide | Exempt


class EditedPersons:
    """Who is who after the user's edits. Made by `apply_edits`; nothing changes it afterwards, so that threads may share it."""

    def __init__(self, edits: Sequence[Edit], joins: Iterable[Join] = ()) -> None:
        joins = list(joins)
        self._joined = {join.person: join.into for join in joins if not join.track}
        self._joined_tracks = {(join.person, join.track): join.into for join in joins if join.track}
        # An edit whose person was recognised as an earlier one since then is about that one.
        edits = [_with_numbers(edit, self._oldest) for edit in edits]
        self._moves = [edit for edit in edits if isinstance(edit, Merge | Split)]
        self._known: dict[tuple[int, int], int] = {}
        self._names: dict[int, str] = {}
        self._hidden: set[int] = set()
        self._exempt: set[int] = set()
        for edit in edits:
            match edit:
                case Rename(person, name):
                    self._names[person] = name
                case Hide(person, hidden):
                    (self._hidden.add if hidden else self._hidden.discard)(person)
                case Exempt(person, exempt):
                    (self._exempt.add if exempt else self._exempt.discard)(person)
                case Merge(person, into) if person != into:
                    if person in self._exempt:
                        self._exempt.remove(person)
                        self._exempt.add(into)
                    self._names[into] = self._names.get(into) or self._names.pop(person, "")
                    self._names.pop(person, None)
                    self._hidden.discard(person)

    def person(self, person: int, track: int) -> int:
        """The number to show.

        Args:
            person, track: as in a `Face` or in the observations of the log.
        """
        if (person, track) not in self._known:
            self._known[person, track] = self._find(person, track)
        return self._known[person, track]

    def machine_person(self, person: int, track: int) -> int:
        """The number as the program itself sees it: with its own corrections, without the user's."""
        return self._joined_tracks.get((person, track)) or self._oldest(person)

    def name(self, person: int) -> str | None:
        """The user's name for a person, by the number that is shown."""
        return self._names.get(person) or None

    def is_hidden(self, person: int) -> bool:
        """Whether the user wants that person, by the number that is shown, left out."""
        return person in self._hidden

    @property
    def exempt(self) -> frozenset[int]:
        """Who is not to be blurred, by the number that is shown."""
        return frozenset(self._exempt)

    def is_exempt(self, person: int, track: int) -> bool:
        """Whether a face is not to be blurred; arguments as of `person`."""
        return bool(self._exempt) and self.person(person, track) in self._exempt

    def _find(self, person: int, track: int) -> int:
        person = self.machine_person(person, track)
        for edit in self._moves:
            if isinstance(edit, Merge) and person == edit.person:
                person = edit.into
            elif isinstance(edit, Split) and (person, track) == (edit.person, edit.track):
                person = edit.new_person
        return person

    def _oldest(self, person: int) -> int:
        # Joins lead to older numbers; what does not is damage, and must not be followed for ever.
        while (into := self._joined.get(person, person)) < person:
            person = into
        return person


def apply_edits(edits: Sequence[Edit], joins: Iterable[Join] = ()) -> EditedPersons:
    """Who is who.

    Args:
        edits: in the order in which they were made.
        joins: what the analysis recognised by itself, in any order.
    """
    return EditedPersons(edits, joins)


def as_shown(result: FrameResult, who: EditedPersons) -> FrameResult:
    """A result as the user sees it: with the numbers that are shown, without the hidden."""
    faces = [replace(face, person=who.person(face.person, face.track)) for face in result.faces]
    return replace(result, faces=tuple(face for face in faces if not who.is_hidden(face.person)))


def with_ages(result: FrameResult, ages: Mapping[int, AgeBelief]) -> FrameResult:
    """A result with what is known of persons in the end, by the number that is shown; others stay as they are."""
    if not ages:
        return result
    return replace(result, faces=tuple(replace(face, belief=ages.get(face.person, face.belief)) for face in result.faces))


def split_off(person: int, track: int, edits: Sequence[Edit]) -> Split:
    """The edit that takes a track out of a person, with a number that nobody has.

    Args:
        person: the number that is shown.
        edits: all that were made before.
    """
    number = SPLIT_FIRST + track
    taken = {edit.new_person for edit in edits if isinstance(edit, Split)}
    while number in taken:
        number += SPLIT_FIRST
    return Split(person, track, number)


def person_label(person: int) -> str:
    """Number of a person for people: "7", or "track 12" for somebody whom the user split off."""
    return str(person) if person < SPLIT_FIRST else f"track {person % SPLIT_FIRST}"


def add_edit(log: SessionLog, session_id: int, edit: Edit) -> None:
    """Keeps an edit; the session may still be recorded by another thread or process.

    Raises:
        LogError: there is no session of that number, or the log cannot be written.
        ValueError: a person merged into itself.
    """
    if isinstance(edit, Merge) and edit.person == edit.into:
        raise ValueError(f"person {edit.person} cannot be merged into itself")
    with log.db.transaction():
        if not log.db.rows("SELECT 1 FROM sessions WHERE id = ?", (session_id,)):
            raise no_such_session(log, session_id)
        log.db.insert(
            "INSERT INTO person_edits (session_id, made_at, kind, person, track, other, name) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (session_id, time.time(), *_to_row(edit)),
        )


def edits_of(log: SessionLog, session_id: int) -> list[Edit]:
    """The edits of a session in the order in which they were made.

    Raises:
        LogError: the log cannot be read.
    """
    rows = log.db.rows(
        "SELECT kind, person, track, other, name FROM person_edits WHERE session_id = ? ORDER BY id", (session_id,)
    )
    return [_to_edit(row) for row in rows]


def undo_edit(log: SessionLog, session_id: int) -> Edit | None:
    """Takes the newest edit of a session back and forgets it for good; None where there is none.

    Raises:
        LogError: the log cannot be written.
    """
    with log.db.transaction():
        found = log.db.rows(
            "SELECT id, kind, person, track, other, name FROM person_edits WHERE session_id = ? ORDER BY id DESC LIMIT 1",
            (session_id,),
        )
        if not found:
            return None
        log.db.change("DELETE FROM person_edits WHERE id = ?", found[0][:1])
    return _to_edit(found[0][1:])


def no_such_session(log: SessionLog, session_id: int) -> LogError:
    return LogError(f"There is no session {session_id} in {log.path}.", "The command `sessions list` shows which there are.")


def _with_numbers(edit: Edit, joined: Callable[[int], int]) -> Edit:
    """The edit with the numbers that its persons have by now."""
    match edit:
        case Merge(person, into):
            return Merge(joined(person), joined(into))
        case Rename() | Split() | Hide() | Exempt():
            return replace(edit, person=joined(edit.person))


def _to_row(edit: Edit) -> tuple[str, int, int | None, int | None, str | None]:
    """kind, person, track, other, name."""
    match edit:
        case Rename(person, name):
            return "rename", person, None, None, name.encode("utf-8", "backslashreplace").decode("utf-8")
        case Merge(person, into):
            return "merge", person, None, into, None
        case Split(person, track, new_person):
            return "split", person, track, new_person, None
        case Hide(person, hidden):
            return ("hide" if hidden else "show"), person, None, None, None
        case Exempt(person, exempt):
            return ("exempt" if exempt else "blur"), person, None, None, None


def _to_edit(row: tuple[Any, ...]) -> Edit:
    kind, person, track, other, name = row
    match kind:
        case "rename":
            return Rename(person, name)
        case "merge":
            return Merge(person, other)
        case "split":
            return Split(person, track, other)
        case "exempt" | "blur":
            return Exempt(person, exempt=kind == "exempt")
        case _:
            return Hide(person, hidden=kind == "hide")
