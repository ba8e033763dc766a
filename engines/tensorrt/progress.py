"""How far a build is: TensorRT's nested phases as one number."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

Progress = Callable[[float], None]
"""Takes the share that is done, 0 … 1, never less than before."""


class PhaseProgress:
    """Nested phases → one share that only grows. Called from several threads of TensorRT's."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._phases: dict[str, _Phase] = {}
        self._share = 0.0

    def start(self, name: str, parent: str | None, steps: int) -> None:
        with self._lock:
            self._phases[name] = _Phase(parent, max(1, steps))

    def step(self, name: str) -> None:
        with self._lock:
            if name in self._phases:
                self._phases[name].done += 1
            self._tell()

    def finish(self, name: str) -> None:
        with self._lock:
            self._phases.pop(name, None)
            if not self._phases:
                self._share = 1.0
            self._tell()

    def _tell(self) -> None:
        roots = [name for name, phase in self._phases.items() if phase.parent is None]
        share = min((self._within(name) for name in roots), default=self._share)
        if share >= self._share:
            self._share = min(share, 1.0)
            self._progress(self._share)

    def _within(self, name: str) -> float:
        phase = self._phases[name]
        children = [child for child, other in self._phases.items() if other.parent == name]
        inner = max((self._within(child) for child in children), default=0.0)
        return min(1.0, (phase.done + inner) / phase.steps)


@dataclass(slots=True)
class _Phase:
    parent: str | None
    steps: int
    done: int = 0
