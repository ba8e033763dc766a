"""The user's settings: one TOML file, shared by the window's dialog, the command line and whoever edits it by hand.

    [age]
    engine = "cpu"     # a comment, which stays

Only what differs from the defaults needs to be there. Saving changes the named values and nothing else: comments, order and
values that somebody wrote into the file in the meantime stay as they are.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import platformdirs

from pipeline.errors import OutputError, SettingsError
from pipeline.options import Value, assigned, changed_settings, options, settings_from, value_of
from pipeline.outputs import replaced_file
from pipeline.settings import Settings

SETTINGS_FILE = "settings.toml"
HEADER = "Settings of AgeLens. `main.py settings` lists all of them."


def settings_path() -> Path:
    """Where the settings of this user are; neither the file nor its folder need exist."""
    return platformdirs.user_config_path("agelens", appauthor=False) / SETTINGS_FILE


def read_settings(path: Path) -> Settings:
    """The defaults with what the file says; a file that is not there says nothing.

    Raises:
        SettingsError: the file cannot be read, is no TOML, or holds something that is no setting.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(path, str(error)) from error
    try:
        return changed_settings(Settings(), _flat(tomllib.loads(text)))
    except tomllib.TOMLDecodeError as error:
        raise _unusable(path, f"it is no TOML: {error}") from error
    except SettingsError as error:
        raise SettingsError(f"{path}: {error.message}", error.hint) from error


def write_changes(path: Path, changes: Mapping[str, Value]) -> Settings:
    """Changes some values in the file, makes it where there is none, and returns what it says then.

    A value that goes back to its default leaves the file. A file that cannot be used is kept beside the new one, under another
    name: somebody may want to mend it.

    Args:
        changes: section.field → value.

    Raises:
        OutputError: the file cannot be written; it is then as it was.
        SettingsError: no such setting, or a value that it cannot take; the file is then as it was.
    """
    # Reading needs only what Python brings; this is imported when somebody saves.
    import tomlkit  # noqa: PLC0415

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {path.parent} for the settings cannot be made: {error.strerror or error}.", "Check its rights."
        ) from error
    defaults = {option.name: option.value for option in options()}
    try:
        before = read_settings(path)
        document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else None
    except SettingsError:
        changed_settings(Settings(), changes)
        _set_aside(path)
        before, document = Settings(), None
    after = changed_settings(before, changes)
    if document is None:
        document = tomlkit.document()
        document.add(tomlkit.comment(HEADER))
    for name in changes:
        value = value_of(after, name)
        if value == value_of(before, name):
            continue
        section, field = name.split(".")
        if value == defaults[name]:
            document[section].remove(field)
            continue
        if section not in document:
            document.add(section, tomlkit.table())
        document[section][field] = value
    with replaced_file(path, "utf-8") as file:
        file.write(tomlkit.dumps(document))
    return after


class SettingsStore:
    """The settings in force: the file's, with what this start of the program was told on its command line.

    Written by one thread, the window's; others may read `current`, which is replaced as a whole.

    Args:
        path: the file.
        stored: what it says.
        assignments: texts `section.field=value` for this process only.

    Raises:
        SettingsError: as `settings_from`.
    """

    def __init__(self, path: Path, stored: Settings, assignments: Sequence[str] = ()) -> None:
        self.path = path
        self.stored = stored
        self._assignments = tuple(assignments)
        self.pinned = frozenset(assigned(assignments))
        """Names of settings that the command line decides: changes of them count from the next start on."""
        self.current = settings_from(assignments, stored)

    @classmethod
    def open(cls, path: Path, assignments: Sequence[str] = ()) -> SettingsStore:
        """The settings of a file. Raises as `read_settings` and `settings_from`."""
        return cls(path, read_settings(path), assignments)

    def change(self, changes: Mapping[str, Value]) -> Settings:
        """Changes values in the file; what is in force then. Raises as `write_changes`."""
        self.stored = write_changes(self.path, changes)
        self.current = settings_from(self._assignments, self.stored)
        return self.current


def _flat(document: Mapping[str, Any]) -> dict[str, Value]:
    """section.field → value. What does not fit gets a name that no setting has."""
    return {
        f"{section}.{field}" if field else section: value
        for section, fields in document.items()
        for field, value in (fields.items() if isinstance(fields, dict) else [("", fields)])
    }


def _set_aside(path: Path) -> None:
    """Gives a file that cannot be used another name."""
    number = 1
    while (aside := path.with_name(f"{path.stem}.unusable-{number}{path.suffix}")).exists():
        number += 1
    try:
        path.rename(aside)
    except OSError as error:
        raise OutputError(f"{path} cannot be renamed to {aside.name}: {error.strerror or error}.", "Check its rights.") from error


def _unusable(path: Path, reason: str) -> SettingsError:
    return SettingsError(
        f"The settings in {path} cannot be used: {reason}.", "Correct the file, or delete it to start from the defaults."
    )
