"""Blurring, recordings, snapshots and the switch of the log, as a person uses them; what is written is read back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from pipeline.drawing import Caption, Painter
from pipeline.recorder import Recorder
from pipeline.types import Box, FrameResult, UInt8Array, as_readonly
from tests.pipeline.clips import write_film
from tests.ui.doubles import FPS, HEIGHT, WIDTH, face_box
from ui.dialogs import ErrorDialog
from ui.main_window import MainWindow
from ui.session import State

WAIT_MS = 60_000
COUNT = 75
FIRST = 26
BUSY = 20.0
"""Standard deviation of grey values within a part with detail; a pixelated one has far less from pixel to pixel."""


class TellingRecorder(Recorder):
    """Tells the number of the picture that it got last, once it has dealt with it."""

    had = -1

    def write(self, result: FrameResult) -> None:
        super().write(result)
        self.had = result.frame.index


@pytest.fixture
def window(film_window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> MainWindow:
    monkeypatch.setattr("ui.session_run.Recorder", TellingRecorder)
    return film_window


def striped(_: int) -> UInt8Array:
    """Fine stripes everywhere: any part that is hidden has none."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[:, ::4] = image[:, 1::4] = 220
    return as_readonly(image)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Three seconds with sound; the doubles see two persons in it."""
    return write_film(tmp_path / "film.mp4", [striped(n) for n in range(COUNT)], codec_options={"g": "25"}, with_sound=True)


def shows(window: MainWindow, index: int) -> bool:
    return window.view.result is not None and window.view.result.frame.index == index


def wait_until(qtbot: QtBot, condition: Callable[[], bool]) -> None:
    qtbot.waitUntil(condition, timeout=WAIT_MS)


def detail(image: UInt8Array, box: Box) -> float:
    """Mean difference of neighbouring pixels within a box, without its rim."""
    x1, y1, x2, y2 = (round(v) for v in (box.x1 + 8, box.y1 + 8, box.x2 - 8, box.y2 - 8))
    return float(np.abs(np.diff(image[y1:y2, x1:x2].astype(int), axis=1)).mean())


def open_paused(qtbot: QtBot, window: MainWindow, film: Path, index: int) -> None:
    window.open_source(str(film))
    wait_until(qtbot, lambda: window.session.can_seek)
    window.session.set_playing(False)
    go_to(qtbot, window, index)


def go_to(qtbot: QtBot, window: MainWindow, index: int) -> None:
    """The window shows a picture a moment before the recorder gets it: both are waited for."""

    def arrived() -> bool:
        recorder = window.session._run.recorder if window.session._run is not None else None
        return shows(window, index) and isinstance(recorder, TellingRecorder) and recorder.had == index

    window.session.seek_frame(index)
    wait_until(qtbot, arrived)


def on_screen(window: MainWindow, person: int, index: int) -> float:
    """Detail of a face on the screen."""
    rect = window.view.face_rect(face_box(person, index / FPS)).toRect()
    picture = window.view.grab(QRect(rect)).toImage()
    pixels = np.array(picture.convertToFormat(picture.Format.Format_RGB32).constBits(), np.uint8)
    image = pixels.reshape(picture.height(), picture.bytesPerLine() // 4, 4)[:, : picture.width(), :3]
    height, width = image.shape[:2]
    return detail(image, Box(width * 0.15, height * 0.3, width * 0.85, height * 0.85))


def read_film(path: Path) -> tuple[list[float], list[UInt8Array], float]:
    """Times and pictures of a film, and how many seconds of sound it has."""
    with av.open(str(path)) as container:
        pictures = [(frame.time, frame.to_ndarray(format="bgr24")) for frame in container.decode(video=0)]
        sound = container.streams.audio[0] if container.streams.audio else None
        seconds = float(sound.duration * sound.time_base) if sound is not None and sound.duration and sound.time_base else 0.0
    return [time_s or 0.0 for time_s, _ in pictures], [np.asarray(image, np.uint8) for _, image in pictures], seconds


def test_blur_hides_faces_on_the_screen_at_once(qtbot: QtBot, window: MainWindow, film: Path) -> None:
    open_paused(qtbot, window, film, 10)
    before = on_screen(window, 2, 10)
    QTest.keyClick(window.view, Qt.Key.Key_M)
    assert window.picture.blur.isChecked()
    assert on_screen(window, 2, 10) < before / 4
    QTest.keyClick(window.view, Qt.Key.Key_M)
    assert on_screen(window, 2, 10) == pytest.approx(before)


def test_whoever_is_exempt_is_not_blurred(qtbot: QtBot, window: MainWindow, film: Path) -> None:
    open_paused(qtbot, window, film, 10)
    window.picture.blur.trigger()
    wait_until(qtbot, lambda: window.people.model.rowCount() == 2)
    hidden = on_screen(window, 2, 10)
    window.people.select(2)
    window.people.actions.exempt.trigger()
    assert on_screen(window, 2, 10) > 4 * hidden
    assert on_screen(window, 1, 10) < 4 * hidden + 1


def test_a_snapshot_is_the_picture_in_its_own_size_and_blurred_if_that_is(
    qtbot: QtBot, window: MainWindow, film: Path, tmp_path: Path
) -> None:
    open_paused(qtbot, window, film, 20)
    QTest.keyClick(window.view, Qt.Key.Key_S)
    dialog = window.findChild(QFileDialog)
    assert dialog is not None
    dialog.fileSelected.emit(str(tmp_path / "plain.png"))
    dialog.close()
    wait_until(qtbot, (tmp_path / "plain.png").exists)
    window.picture.blur.trigger()
    wait_until(qtbot, lambda: "Saved" in window.status.currentMessage())
    window.picture.save_snapshot(tmp_path / "blurred.png")
    wait_until(qtbot, (tmp_path / "blurred.png").exists)
    plain, blurred = (cv2.imread(str(tmp_path / name)) for name in ("plain.png", "blurred.png"))
    assert plain is not None
    assert blurred is not None
    assert plain.shape == (HEIGHT, WIDTH, 3)
    assert detail(np.asarray(plain, np.uint8), face_box(2, 0)) > BUSY
    assert detail(np.asarray(blurred, np.uint8), face_box(2, 0)) < BUSY / 4


def test_a_recording_has_the_time_the_sound_and_the_blur(qtbot: QtBot, window: MainWindow, film: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    window.picture.blur.trigger()
    open_paused(qtbot, window, film, 25)
    window.recording.labels.setChecked(False)
    window.recording.start(target)
    assert "REC" in window.recording.lamp
    # The first picture of the recording, also where a busy machine drops some.
    go_to(qtbot, window, FIRST)
    window.session.set_playing(True)
    wait_until(qtbot, lambda: window.session.state is State.ENDED)
    QTest.keyClick(window.view, Qt.Key.Key_R)
    wait_until(qtbot, lambda: not window.recording.active and target.exists())
    wait_until(qtbot, lambda: window.recording.lamp == "")
    times, pictures, sound_s = read_film(target)
    assert times[0] == pytest.approx(0, abs=0.01)
    assert times[-1] == pytest.approx((COUNT - 1 - FIRST) / FPS, abs=0.01)
    assert sound_s > 0
    for image in pictures:
        assert detail(image, face_box(2, 0)) < BUSY / 4
        assert detail(image, Box(520, 20, 620, 90)) > BUSY


def test_a_jump_while_recording_leaves_no_hole(qtbot: QtBot, window: MainWindow, film: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mkv"
    open_paused(qtbot, window, film, 60)
    window.recording.start(target)
    for index in (5, 6, 7, 70, 71):
        go_to(qtbot, window, index)
    window.recording.stop()
    wait_until(qtbot, target.exists)
    times, _, _ = read_film(target)
    assert len(times) == 5
    assert np.diff(times) == pytest.approx([0.04] * 4, abs=0.002)


def test_a_recording_has_the_labels_that_the_picture_has(
    qtbot: QtBot, window: MainWindow, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[set[str]] = []
    draw = Painter.draw

    def spied(painter: Painter, image: UInt8Array, captions: Sequence[Caption]) -> UInt8Array:
        drawn.append({caption.text for caption in captions})
        return draw(painter, image, captions)

    monkeypatch.setattr("pipeline.drawing.Painter.draw", spied)

    def seen(index: int) -> tuple[set[str], set[str]]:
        """What the film says of this picture, and what the window says."""
        count = len(drawn)
        window.session.seek_frame(index)
        wait_until(qtbot, lambda: len(drawn) > count and shows(window, index))
        assert window.view.result is not None
        return drawn[-1], {window.view.text_of(face) for face in window.view.result.faces}

    open_paused(qtbot, window, film, 20)
    wait_until(qtbot, lambda: window.people.model.rowCount() == 2)
    window.recording.start(tmp_path / "out.mkv")
    assert seen(21) == ({"34 (28–41)", "9 (3–16)"},) * 2
    window.people.rename(1, "Ada")
    window.viewing.overlays["track"].setChecked(True)
    assert seen(22) == ({"Ada 34 (28–41) · #1", "9 (3–16) · #2"},) * 2
    window.people.select(2)
    window.people.hide_chosen()
    assert seen(23) == ({"Ada 34 (28–41) · #1"},) * 2
    window.people.undo()
    window.panel.table.selectAll()
    window.people.merge_chosen()
    merged, _ = seen(24)
    assert {text.split()[0] for text in merged} == {"Ada"}


def test_closing_the_window_finishes_the_film(qtbot: QtBot, window: MainWindow, film: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    open_paused(qtbot, window, film, 0)
    window.recording.start(target)
    window.session.set_playing(True)
    wait_until(qtbot, lambda: "0:00" in window.recording.lamp and window.session.standing.index > 10)
    window.close()
    times, _, _ = read_film(target)
    assert times


def test_an_error_of_the_source_keeps_what_was_recorded(
    qtbot: QtBot, window: MainWindow, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.mp4"
    open_paused(qtbot, window, film, 0)
    window.recording.start(target)
    window.session.seek_frame(1)
    wait_until(qtbot, lambda: "0:00" in window.recording.lamp)

    def fails(*_: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr("pipeline.sources.film.FilmSource.seek", fails)
    window.session.seek_frame(50)
    wait_until(qtbot, lambda: window.session.state is State.FAILED)
    times, _, _ = read_film(target)
    assert times
    wait_until(qtbot, lambda: not window.recording.active)
    for dialog in window.findChildren(ErrorDialog):
        dialog.close()


def test_a_recording_that_cannot_be_written_does_not_end_the_film(
    qtbot: QtBot, window: MainWindow, film: Path, tmp_path: Path
) -> None:
    open_paused(qtbot, window, film, 0)
    window.recording.start(tmp_path / "nowhere" / "out.mp4")
    window.session.seek_frame(1)
    wait_until(qtbot, lambda: window.findChild(ErrorDialog) is not None)
    dialog = window.findChild(ErrorDialog)
    assert dialog is not None
    assert "does not exist" in dialog.message_label.text()
    dialog.close()
    assert not window.recording.active
    go_to(qtbot, window, 2)


def test_what_is_watched_while_the_log_is_off_is_not_logged(qtbot: QtBot, window: MainWindow, film: Path, tmp_path: Path) -> None:
    window.recording.log.trigger()
    open_paused(qtbot, window, film, 10)
    wait_until(qtbot, lambda: window.status.log.text() == "Log: off")
    assert window.session.log_session is None
    window.recording.log.trigger()
    window.session.seek_frame(40)
    wait_until(qtbot, lambda: window.status.log.text() == "Log: session 1")
    window.session.stop()
    wait_until(qtbot, lambda: window.session.state is State.FINISHED)
    with closing(sqlite3.connect(tmp_path / "log.sqlite")) as log:
        assert log.execute("SELECT DISTINCT frame FROM observations").fetchall() == [(40,)]


def test_a_film_waits_while_its_recording_gets_a_name(qtbot: QtBot, window: MainWindow, film: Path, tmp_path: Path) -> None:
    open_paused(qtbot, window, film, 10)
    window.session.set_playing(True)
    QTest.keyClick(window.view, Qt.Key.Key_R)
    assert not window.session.orders.playing
    dialog = window.findChild(QFileDialog)
    assert dialog is not None
    dialog.fileSelected.emit(str(tmp_path / "out.mp4"))
    dialog.close()
    assert window.session.orders.playing
    assert window.recording.active
    wait_until(qtbot, lambda: window.session.state is State.ENDED)
    window.recording.stop()
    wait_until(qtbot, (tmp_path / "out.mp4").exists)
