"""Times as people read them."""

from __future__ import annotations

STEPS_S = (0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400)
"""Between the marks of an axis of time."""


def step_s(least_s: float) -> float:
    """The shortest usual step between marks that is not shorter than this."""
    return next((step for step in STEPS_S if step >= least_s), STEPS_S[-1])


def clock_text(time_s: float) -> str:
    """Time within a source: 0:07.4, 12:31.0, 1:02:03.5."""
    tenths = round(time_s * 10)
    minutes, rest = divmod(max(0, tenths), 600)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest // 10:02d}.{rest % 10}"
    return f"{hours}:{minutes:02d}:{seconds}" if hours else f"{minutes}:{seconds}"


def duration_text(seconds: float) -> str:
    """A length of time: 7.4 s, 2:31, 1:02:03."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
