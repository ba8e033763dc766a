"""The settings one by one, by name: for the command line (`section.field=value`), the settings file, the dialog and the README.

What a setting may be is checked by the settings model itself, here and nowhere else.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from pipeline.errors import SettingsError
from pipeline.settings import AT_ONCE, Settings

LIST_HINT = "`main.py settings` lists all of them with their ranges."


Value = bool | int | float | str
"""Of a setting."""

UNITS = {"px": "px", "fps": "fps", "s": "s", "ms": "ms", "mb": "MB", "years": "years"}
"""The last part of a field's name → how people write that unit."""


@dataclass(frozen=True, slots=True)
class Option:
    """One setting, as the command line, the dialog and the documentation show it.

    Attributes:
        name: section.field.
        section: title of its section, for people.
        title: a word or two, for people.
        value: the default.
        default: the default as text.
        choices: the texts that it may be; empty where it is no choice.
        allowed: range or choices in words, empty where anything goes.
        unit: such as "px"; empty where it has none.
        description: one or two sentences.
    """

    name: str
    section: str
    title: str
    value: Value
    default: str
    choices: tuple[str, ...]
    allowed: str
    unit: str
    description: str

    @property
    def at_once(self) -> bool:
        """Counts at once in a running window, and not only when the next source is started."""
        return self.name.partition(".")[0] in AT_ONCE


def options() -> Iterator[Option]:
    """All settings, in the order of the model."""
    for section_name, section in Settings.model_fields.items():
        model = section.annotation
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        for name, field in model.model_fields.items():
            yield Option(
                name=f"{section_name}.{name}",
                section=section.title or section_name,
                title=field.title or name,
                value=field.default,
                default="(empty)" if field.default == "" else str(field.default),
                choices=tuple(map(str, getattr(field.annotation, "__args__", ()))),
                allowed=_allowed(field),
                unit=UNITS.get(name.rpartition("_")[2], "") if "_" in name else "",
                description=field.description or "",
            )


def settings_from(assignments: Sequence[str], base: Settings | None = None) -> Settings:
    """Settings with some changed.

    Args:
        assignments: texts `section.field=value`; of two for one field the later one counts.
        base: what is changed; the defaults if not given.

    Raises:
        SettingsError: no assignment, no such setting, or a value that it cannot take.
    """
    return changed_settings(base or Settings(), assigned(assignments))


def assigned(assignments: Sequence[str]) -> dict[str, str]:
    """Names and values of texts `section.field=value`; whether there are such settings is not looked at.

    Raises:
        SettingsError: no assignment.
    """
    chosen = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise SettingsError(f"{assignment!r} is no setting.", "Write it as section.field=value. " + LIST_HINT)
        chosen[name.strip()] = value.strip()
    return chosen


def changed_settings(base: Settings, changes: Mapping[str, Value]) -> Settings:
    """Settings with some changed.

    Args:
        changes: section.field → value, or text that stands for one.

    Raises:
        SettingsError: no such setting, or a value that it cannot take.
    """
    known = {option.name: option for option in options()}
    sections = base.model_dump()
    for name, value in changes.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise SettingsError(f"There is no setting {name!r}.", hint + LIST_HINT)
        section, field = name.split(".")
        sections[section][field] = value
    try:
        return Settings.model_validate(sections)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        allowed = known[name].allowed if name in known else ""
        raise SettingsError(
            f"The setting {name} cannot be {first['input']!r}: {_lower_first(first['msg'])}.",
            f"Allowed: {allowed}." if allowed else LIST_HINT,
        ) from error


def value_of(settings: Settings, name: str) -> Value:
    """The value of one setting by its name."""
    section, field = name.split(".")
    value: Value = getattr(getattr(settings, section), field)
    return value


def _allowed(field: FieldInfo) -> str:
    choices = getattr(field.annotation, "__args__", ())
    if choices:
        return ", ".join(map(str, choices))
    if field.annotation is bool:
        return "true, false"
    low = next((str(m.ge if isinstance(m, Ge) else f"more than {m.gt}") for m in field.metadata if isinstance(m, Ge | Gt)), "")
    high = next((str(m.le if isinstance(m, Le) else f"less than {m.lt}") for m in field.metadata if isinstance(m, Le | Lt)), "")
    return " to ".join(part for part in (low, high) if part)


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
