"""How much memory this process holds."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path


def resident_mb() -> float | None:
    """Resident memory in MB (10⁶ bytes) now; None where the system does not tell without further packages (only Linux does)."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def give_back_memory() -> None:
    """Hands what was freed back to the system, where the C library must be asked to (glibc).

    Every run has threads of its own, glibc keeps a heap for each, and the networks that were loaded there leave it full of holes.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)
