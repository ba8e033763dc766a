"""A report of an error says what is needed to mend it, and nothing about whoever passes it on."""

from __future__ import annotations

import getpass
import platform
from pathlib import Path

import pytest

from pipeline.errors import AppError, LogError, SourceError
from ui.report import error_report, without_personal_data


def report_of(error: BaseException, *private: str) -> str:
    return error_report(error, "1.2.3", "cpu int8, age-facenet: no NVIDIA GPU", private)


def test_it_says_what_happened_on_what_system() -> None:
    text = report_of(SourceError("The film has no pictures in it.", "Choose another film."))
    for part in ("AgeLens 1.2.3", platform.system(), "Qt ", "numpy ", "cpu int8", "no pictures in it", "Choose another film"):
        assert part in text


@pytest.mark.parametrize(
    ("message", "secret"),
    [
        ("Anna Smith birthday.mp4 is no film: it holds text.", "Anna"),
        ("/home/anna/Videos/birthday.mp4 cannot be read: gone.", "anna"),
        ("The file /media/Anna's disk/My films/at the sea.mkv is empty.", "sea"),
        ("C:\\Users\\Anna\\films\\sea.avi is empty.", "Anna"),
        ("'/mnt/private/films' is an empty folder.", "private"),
        ("rtsp://anna:secret@10.0.0.7:554/cam1 did not answer.", "10.0.0.7"),
        ("https://cam.anna.example/mjpeg did not answer.", "anna"),
        ("sea.webm breaks off.", "sea"),
    ],
)
def test_names_of_the_users_are_left_out(message: str, secret: str) -> None:
    text = report_of(SourceError(message, "Try again."), "/somewhere/Anna Smith birthday.mp4", "Anna Smith birthday.mp4", "0")
    assert secret not in text
    assert "AgeLens 1.2.3" in text, "a camera's number takes no digits out"
    assert "Try again." in text


def test_home_user_and_computer_are_left_out() -> None:
    user, node = getpass.getuser(), platform.node()
    text = report_of(LogError(f"{Path.home()}/log of {user} on {node} cannot be opened.", "Check its rights."))
    assert str(Path.home()) not in text
    for name in (user, node):
        assert len(name) < 3 or name not in text


def test_causes_are_scrubbed_too() -> None:
    try:
        try:
            raise OSError(13, "Permission denied", "/srv/anna/film.mp4")
        except OSError as cause:
            raise SourceError("The film cannot be opened.", "Check its rights.") from cause
    except AppError as error:
        text = report_of(error)
    assert "Permission denied" in text
    assert "anna" not in text


def test_a_bug_still_says_where_it_happened() -> None:
    try:
        without_personal_data(None)  # type: ignore[arg-type]
    except (TypeError, AttributeError) as error:
        text = report_of(error)
    assert "ui/report.py" in text
    assert "in without_personal_data" in text
    assert str(Path(__file__).resolve().parents[2]) not in text
