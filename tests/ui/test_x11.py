"""The program on a real screen, used with mouse and keys from outside. Pictures of each step are kept in artifacts/x11."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.mtcnn import MtcnnDetector
from pipeline.types import Box, UInt8Array
from tests.ui.screen import Screen, Window, available, changed, wait_until
from tests.ui.test_app import frames_in
from tests.ui.test_closing import log_of

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "artifacts" / "x11"
ENDS_WITHIN_S = 60.0
DARK = 120
"""Mean level: menus are light here, and what surrounds a picture is dark."""

pytestmark = [
    pytest.mark.x11,
    pytest.mark.skipif(not os.environ.get("DISPLAY"), reason="no X server"),
    pytest.mark.skipif(not available(), reason="xdotool and ImageMagick are not installed"),
]


@pytest.fixture
def screen() -> Screen:
    return Screen(PICTURES)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    own = dict.fromkeys(("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"), str(tmp_path))
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), "window", "--log", str(tmp_path / "log.sqlite")],
        env=os.environ | own | {"QT_QPA_PLATFORM": "xcb"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def detector() -> MtcnnDetector:
    return MtcnnDetector.load(60, 1)


def largest_face(picture: UInt8Array, detector: MtcnnDetector) -> Box | None:
    """What a person sees on the screen and points at."""
    found = detector.scan(picture)
    return max((face.box for face in found), key=lambda box: box.area, default=None)


def is_still(screen: Screen, part: Window) -> bool:
    """Whether the picture stands."""
    before = crop(screen.picture(), part)
    time.sleep(0.5)
    return changed(before, crop(screen.picture(), part)) == 0


def seek(screen: Screen, part: Window) -> None:
    """Goes five seconds on in a film that is paused."""
    before = crop(screen.picture(), part)
    screen.key("Right")
    wait_until(lambda: changed(before, crop(screen.picture(), part)) > 0.01, "another place of the film")
    wait_until(lambda: is_still(screen, part), "a picture that stands")


def crop(picture: UInt8Array, part: Window) -> UInt8Array:
    return picture[part.y : part.y + part.height, part.x : part.x + part.width]


def test_a_session_with_mouse_and_keys(
    screen: Screen, program: subprocess.Popen[str], detector: MtcnnDetector, tmp_path: Path
) -> None:
    log = tmp_path / "log.sqlite"
    screen.wait_for("^Welcome to AgeLens$")
    screen.keep("notice")
    screen.key("Return")
    screen.wait_gone("^Welcome to AgeLens$")

    screen.wait_for("^AgeLens$")
    screen.keep("greeting")
    screen.key("ctrl+d")
    window = screen.wait_for("demo – AgeLens")
    wait_until(lambda: frames_in(log) > 0, "frames in the log")
    menu = Window("", window.x, window.y, window.width, 16)
    picture = Window("", window.x, window.y + 80, window.width // 2, window.height // 2)
    wait_until(lambda: not is_still(screen, picture), "a picture that moves")
    screen.keep("playing")

    screen.key("space")
    wait_until(lambda: is_still(screen, picture), "a picture that stands")
    for _ in range(4):
        seek(screen, picture)
        if largest_face(screen.picture(), detector) is not None:
            break
    screen.keep("paused-and-sought")

    face = largest_face(screen.picture(), detector)
    assert face is not None, "nobody in the demo"
    before = screen.picture()
    screen.click(*face.center)
    # The list is at the right of the picture: the row of the person lights up.
    people = Window("", window.x + window.width * 7 // 10, window.y + 80, window.width * 3 // 10, window.height // 2)
    wait_until(lambda: changed(crop(before, people), crop(screen.picture(), people)) > 0.005, "a selected row in the list")
    screen.keep("selected")

    screen.key("F12")
    wait_until(lambda: changed(crop(before, picture), crop(screen.picture(), picture)) > 0.05, "timings over the picture")
    screen.keep("timings")
    screen.key("F12")

    # Without a window manager nothing makes the window larger; that the picture has it for itself shows all the same.
    screen.key("f")
    wait_until(lambda: crop(screen.picture(), menu).mean() < DARK, "the picture alone, without the menus")
    screen.keep("full-screen")
    screen.key("Escape")
    wait_until(lambda: crop(screen.picture(), menu).mean() > DARK, "the menus")

    screen.key("ctrl+comma")
    screen.wait_for("^Settings$")
    screen.type("smallest")
    screen.keep("settings")
    screen.key("Escape", "Escape")
    screen.wait_gone("^Settings$")

    screen.wait_for("demo – AgeLens")
    screen.key("ctrl+q")
    output, errors = program.communicate(timeout=ENDS_WITHIN_S)
    assert program.returncode == 0, errors
    assert "Traceback" not in errors + output
    states, frames = log_of(tmp_path)
    assert states == ["finished"]
    assert frames > 0
