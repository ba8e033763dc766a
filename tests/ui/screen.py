"""A real X server as a person meets it: looks at the screen, moves the mouse, presses keys (xdotool, ImageMagick)."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pipeline.types import UInt8Array

PATIENCE_S = 120.0
"""For anything to appear on a busy machine."""
POLL_S = 0.2

NEEDED = ("xdotool", "import")


def available() -> bool:
    """Whether the tools are installed."""
    return all(shutil.which(tool) for tool in NEEDED)


@dataclass(frozen=True, slots=True)
class Window:
    """A window on the screen, in pixels of the screen."""

    id: str
    x: int
    y: int
    width: int
    height: int


class Screen:
    """The whole screen.

    Args:
        folder: where pictures of it are kept; those of an earlier time go.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.png"):
            old.unlink()
        self._folder = folder
        self._count = 0

    def picture(self) -> UInt8Array:
        """(H, W, 3) uint8 BGR."""
        png = subprocess.run(["import", "-window", "root", "png:-"], capture_output=True, check=True, timeout=PATIENCE_S).stdout
        return np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR), np.uint8)

    def keep(self, name: str) -> UInt8Array:
        """Writes a picture of the screen to the folder, numbered; returns it."""
        self._count += 1
        picture = self.picture()
        cv2.imwrite(str(self._folder / f"{self._count:02d}-{name}.png"), picture)
        return picture

    def windows(self, title: str) -> list[Window]:
        """Visible windows whose title matches the regular expression, the largest first."""
        found = self._do("search", "--onlyvisible", "--name", title, check=False).split()
        windows = []
        for number in found:
            facts = dict(
                line.split("=", 1)
                for line in self._do("getwindowgeometry", "--shell", number, check=False).splitlines()
                if "=" in line
            )
            if facts:
                windows.append(Window(number, *(int(facts[name]) for name in ("X", "Y", "WIDTH", "HEIGHT"))))
        return sorted(windows, key=lambda window: -window.width * window.height)

    def wait_for(self, title: str) -> Window:
        """The largest window of that title, as soon as it is there; it gets the keys."""
        wait_until(lambda: bool(self.windows(title)), f"a window called {title}")
        window = self.windows(title)[0]
        # Without a window manager nobody else gives it the keys.
        self._do("windowfocus", "--sync", window.id)
        return window

    def wait_gone(self, title: str) -> None:
        wait_until(lambda: not self.windows(title), f"no window called {title}")

    def key(self, *keys: str) -> None:
        """Presses keys one after the other, such as "ctrl+d"."""
        for key in keys:
            self._do("key", key)
            time.sleep(0.05)

    def type(self, text: str) -> None:
        self._do("type", "--delay", "30", text)

    def click(self, x: float, y: float) -> None:
        self._do("mousemove", "--sync", str(round(x)), str(round(y)))
        self._do("click", "1")

    def _do(self, *arguments: str, check: bool = True) -> str:
        ended = subprocess.run(["xdotool", *arguments], capture_output=True, text=True, check=check, timeout=PATIENCE_S)
        return ended.stdout


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Waits until something holds; fails with what was awaited."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > deadline_s:
            raise AssertionError(f"waited {PATIENCE_S:.0f} s in vain for {what}")
        time.sleep(POLL_S)


def changed(before: UInt8Array, after: UInt8Array) -> float:
    """Share of the pixels that differ visibly, 0 … 1."""
    if before.shape != after.shape:
        return 1.0
    return float((cv2.absdiff(before, after).max(axis=2) > 16).mean())
