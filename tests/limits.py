"""Limits of wall time: a promise in seconds is checked where the machine has time for us."""

from __future__ import annotations

import os
import time
from itertools import pairwise

PATIENCE_S = 60.0
"""For whatever is only to end, on a machine that is busy with something else."""

QUIET_LOAD = 0.5
"""Processes that want to run per core, in the last minute: above this the machine has no time to promise."""

_PIECES, _PIECE = 60, 20_000
_UNEVEN = 1.25
"""Equal pieces of work take this much longer than the quickest of them, on the average, where somebody else runs in between."""


def assert_within(took_s: float, limit_s: float) -> None:
    """What took longer than `limit_s` fails, unless the machine is busy; then it fails after `PATIENCE_S`."""
    if took_s >= limit_s:
        assert took_s < PATIENCE_S, f"it took {took_s:.1f} s; the limit is {limit_s} s"
        assert is_busy(), f"it took {took_s:.2f} s on a quiet machine; the limit is {limit_s} s"


def is_busy() -> bool:
    """Whether the machine is or was just now busy with something else. Takes about a tenth of a second."""
    load = os.getloadavg()[0] / (os.cpu_count() or 1) if hasattr(os, "getloadavg") else 0.0
    return load > QUIET_LOAD or _unevenness() > _UNEVEN


def _unevenness() -> float:
    """Mean time of equal pieces of work as a multiple of the shortest; containers may not tell of other work in any other way."""
    moments = [time.perf_counter()]
    for _ in range(_PIECES):
        sum(range(_PIECE))
        moments.append(time.perf_counter())
    times = [later - earlier for earlier, later in pairwise(moments)]
    return sum(times) / len(times) / min(times)
