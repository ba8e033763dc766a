"""How much memory this process holds, and how it is kept from growing."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_M_ARENA_MAX = -8
"""Of glibc's malloc.h."""


def resident_mb() -> float | None:
    """Resident memory in MB (10⁶ bytes) now; None where the system does not tell without further packages (only Linux does)."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def use_one_heap() -> None:
    """Lets all threads of this process share one heap (glibc). To be called before they start.

    Else glibc gives every thread a heap of its own, and keeps up to 64 MB free at the end of each: `malloc_trim` hands back
    what is free in between, but not that. A window that opens film after film would collect such heaps.
    """
    if (libc := _glibc()) is not None:
        libc.mallopt(_M_ARENA_MAX, 1)


def give_back_memory() -> None:
    """Hands what was freed back to the system, where the C library must be asked to (glibc)."""
    if (libc := _glibc()) is not None:
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "gnu_get_libc_version") else None
