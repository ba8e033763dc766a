"""What a text means as a source, and names that are safe to show."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.sources import is_live, safe_name
from pipeline.sources.names import SourceKind, kind_of, natural_key


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ("demo", SourceKind.DEMO),
        ("Demo", SourceKind.DEMO),
        ("0", SourceKind.CAMERA),
        (" 12 ", SourceKind.CAMERA),
        ("Logitech C920", SourceKind.CAMERA),
        ("", SourceKind.CAMERA),
        ("rtsp://host/live", SourceKind.STREAM),
        ("HTTP://host:8080/video", SourceKind.STREAM),
        ("https://host/film.mp4?x=1", SourceKind.FILM),
        ("rtsp://host/film.mp4", SourceKind.STREAM),
        ("no such film.mp4", SourceKind.FILM),
        ("./demo", SourceKind.FILM),
        ("no/such/file", SourceKind.FILM),
        ("C:\\films\\a.mkv", SourceKind.FILM),
        ("photo.JPG", SourceKind.PICTURE),
    ],
)
def test_kinds(spec: str, kind: SourceKind) -> None:
    assert kind_of(spec) is kind
    assert is_live(spec) == (kind in {SourceKind.CAMERA, SourceKind.STREAM})


def test_what_exists_comes_before_a_camera_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Logitech").mkdir()
    (tmp_path / "recording").write_bytes(b"x")
    assert kind_of("Logitech") is SourceKind.FOLDER
    assert kind_of("recording") is SourceKind.FILM


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("/home/anna/films/party.mp4", "party.mp4"),
        ("rtsp://user:secret@host:554/live", "rtsp://host:554/live"),
        ("RTSP://user@host/live", "rtsp://host/live"),
        ("rtsp://user:sec@ret@host/live", "rtsp://host/live"),
        ("rtsp://user:sec/ret@host/live", "rtsp://host/live"),
        ("rtsp://user:sec?ret#x@host/live", "rtsp://host/live"),
        ("http://host/cgi?user=anna&password=secret", "http://host/cgi"),
        ("rtsp://host/cam/realmonitor?channel=1&subtype=0&token=secret", "rtsp://host/cam/realmonitor?channel=1&subtype=0"),
        ("rtsp://host/user=anna_password=secret_channel=1_stream=0.sdp", "rtsp://host"),
        ("http://[fe80::1]:81/video", "http://[fe80::1]:81/video"),
    ],
)
def test_safe_names(spec: str, name: str) -> None:
    assert safe_name(spec) == name


def test_natural_order() -> None:
    names = ["z.jpg", "10.jpg", "Über.jpg", "9.jpg", "a10b.jpg", "A9b.jpg", "a9b.jpg", "unter.jpg", "009.jpg"]
    expected = ["009.jpg", "9.jpg", "10.jpg", "A9b.jpg", "a9b.jpg", "a10b.jpg", "Über.jpg", "unter.jpg", "z.jpg"]
    assert sorted(names, key=natural_key)[:6] == expected[:6]
    assert sorted(names, key=natural_key)[-1] == "z.jpg"
    assert set(sorted(names, key=natural_key)[6:8]) == {"Über.jpg", "unter.jpg"}
