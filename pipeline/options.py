"""Settings from the command line: `section.field=value`, checked by the settings model itself."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from pipeline.errors import SettingsError
from pipeline.settings import Settings

LIST_HINT = "`main.py settings` lists all of them with their ranges."


@dataclass(frozen=True, slots=True)
class Option:
    """One setting, as the command line and the documentation show it.

    Attributes:
        name: section.field.
        default: as text.
        allowed: range or choices in words, empty where anything goes.
    """

    name: str
    default: str
    allowed: str
    description: str


def options() -> Iterator[Option]:
    """All settings, in the order of the model."""
    for section_name, section in Settings.model_fields.items():
        model = section.annotation
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        for name, field in model.model_fields.items():
            default = "(empty)" if field.default == "" else str(field.default)
            yield Option(f"{section_name}.{name}", default, _allowed(field), field.description or "")


def settings_from(assignments: Sequence[str]) -> Settings:
    """The default settings with some changed.

    Args:
        assignments: texts `section.field=value`; of two for one field the later one counts.

    Raises:
        SettingsError: no assignment, no such setting, or a value that it cannot take.
    """
    chosen: dict[str, dict[str, str]] = {}
    known = {option.name: option for option in options()}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        name = name.strip()
        if not equals:
            raise SettingsError(f"{assignment!r} is no setting.", "Write it as section.field=value. " + LIST_HINT)
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise SettingsError(f"There is no setting {name!r}.", hint + LIST_HINT)
        section, field = name.split(".")
        chosen.setdefault(section, {})[field] = value.strip()
    try:
        return Settings.model_validate(chosen)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        allowed = known[name].allowed
        raise SettingsError(
            f"The setting {name} cannot be {first['input']!r}: {_lower_first(first['msg'])}.",
            f"Allowed: {allowed}." if allowed else LIST_HINT,
        ) from error


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
