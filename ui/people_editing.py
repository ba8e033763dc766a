"""Edits of persons as the user makes them: which edits an action means, and what undo takes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.edits import Edit, Exempt, Hide, Merge, Rename, Split, split_off
from pipeline.roster import PersonRow


@dataclass(frozen=True, slots=True)
class Step:
    """One action of the user's: one or several edits that are taken back together.

    Attributes:
        text: for "Undo: …".
    """

    text: str
    edits: tuple[Edit, ...]


def rename(person: PersonRow, name: str) -> Step:
    """Gives a name, or takes it away."""
    return Step(f"name {name}" if name else f"no name for {person.label}", (Rename(person.person, name),))


def merge(chosen: Sequence[PersonRow]) -> Step:
    """All of them become one: the one that has a name, or else the one that was seen first."""
    kept = min(chosen, key=lambda row: (not row.name, row.first_s, row.person))
    others = [row for row in chosen if row is not kept]
    return Step(f"merge into {kept.label}", tuple(Merge(row.person, kept.person) for row in others))


def split(person: PersonRow, tracks: Sequence[int], before: Sequence[Edit]) -> Step:
    """Tracks that are somebody else, each a person of its own.

    Args:
        before: all edits of the session so far.
    """
    edits: list[Edit] = []
    for track in tracks:
        edits.append(split_off(person.person, track, [*before, *edits]))
    return Step(f"split {person.label}", tuple(edits))


def hide(chosen: Sequence[PersonRow]) -> Step:
    """Takes them out of tables, picture and exports."""
    who = chosen[0].label if len(chosen) == 1 else f"{len(chosen)} people"
    return Step(f"hide {who}", tuple(Hide(row.person) for row in chosen))


def show(person: int, label: str) -> Step:
    """Brings somebody hidden back."""
    return Step(f"show {label}", (Hide(person, hidden=False),))


def exempt(chosen: Sequence[PersonRow], wanted: bool) -> Step:
    """They are not blurred, or are again."""
    who = chosen[0].label if len(chosen) == 1 else f"{len(chosen)} people"
    edits = tuple(Exempt(row.person, wanted) for row in chosen)
    return Step(f"do not blur {who}" if wanted else f"blur {who}", edits)


def step_of(edit: Edit) -> Step:
    """An edit of an earlier run of the program as a step of its own."""
    match edit:
        case Rename(_, name):
            text = f"name {name}" if name else "name"
        case Merge():
            text = "merge"
        case Split():
            text = "split"
        case Hide(_, hidden):
            text = "hide" if hidden else "show"
        case Exempt(_, wanted):
            text = "do not blur" if wanted else "blur"
    return Step(text, (edit,))
