"""Every error that the program shows to a person.

AppError            what happened, and what to do about it
├── SettingsError   a setting, flag or settings file that cannot be used
├── SourceError     a camera, stream, film or picture that cannot be opened or read
├── ModelFileError  a model file that is missing, damaged or not the one described in models.toml
├── EngineError     an inference engine that was asked for and cannot run here
├── LogError        the session log cannot be opened, read or written
└── OutputError     a file or folder that cannot be written

Raised once, at the place that knows the reason; shown once, by the command line or the window, as two lines.
"""

from __future__ import annotations


class AppError(Exception):
    """An error for the person in front of the program.

    Args:
        message: what happened, naming the thing, what was found and what was expected.
        hint: what to do about it.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}"


class SettingsError(AppError):
    """A setting, flag or settings file that cannot be used."""


class SourceError(AppError):
    """A camera, stream, film or picture that cannot be opened or read."""


class ModelFileError(AppError):
    """A model file that is missing, damaged or not the one described in models.toml."""


class EngineError(AppError):
    """An inference engine that was asked for and cannot run here."""


class LogError(AppError):
    """The session log cannot be opened, read or written."""


class OutputError(AppError):
    """A file or folder that cannot be written."""
