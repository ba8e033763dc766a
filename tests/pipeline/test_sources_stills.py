"""Pictures and folders of pictures."""

from __future__ import annotations

import struct
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pipeline.errors import SourceError
from pipeline.sources import open_source
from pipeline.sources.stills import read_picture
from tests.pipeline.clips import HEIGHT_PX, WIDTH_PX, corner_colours, plain, quarters


def save(path: Path, image: np.ndarray[tuple[int, ...], np.dtype[np.integer[Any]]]) -> Path:
    # Written by Python, as OpenCV's own writer fails on some names.
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())
    return path


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """Puts EXIF data with nothing but the orientation behind a JPEG's first marker."""
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    segment = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


# EXIF 2.32, tag 274: where row 0 and column 0 of the stored picture are to be seen.
@pytest.mark.parametrize(
    ("orientation", "corners"),
    [(1, "rgwb"), (2, "grbw"), (3, "wbrg"), (4, "bwgr"), (5, "rbwg"), (6, "brgw"), (7, "wgrb"), (8, "gwbr")],
)
def test_exif_orientation(tmp_path: Path, orientation: int, corners: str) -> None:
    path = tmp_path / "phone.jpg"
    path.write_bytes(with_orientation(cv2.imencode(".jpg", quarters())[1].tobytes(), orientation))
    image = read_picture(path)
    assert image.shape == ((HEIGHT_PX, WIDTH_PX, 3) if orientation < 5 else (WIDTH_PX, HEIGHT_PX, 3))
    assert corner_colours(image) == corners


@pytest.mark.parametrize("ending", ["png", "tif", "bmp", "jpg", "webp"])
def test_colours_of_every_format(tmp_path: Path, ending: str) -> None:
    assert corner_colours(read_picture(save(tmp_path / f"Gruppe 年.{ending}", quarters()))) == "rgwb"


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_grey_and_deep_pictures(tmp_path: Path, ending: str) -> None:
    grey = np.full((5, 7), 100, np.uint8)
    assert (read_picture(save(tmp_path / f"grey.{ending}", grey)) == 100).all()
    deep = np.full((5, 7), 100 * 257, np.uint16)
    assert (read_picture(save(tmp_path / f"deep.{ending}", deep)) == 100).all()
    colours = np.full((5, 7, 3), (10 * 257, 20 * 257, 30 * 257), np.uint16)
    assert (read_picture(save(tmp_path / f"colours.{ending}", colours)) == (10, 20, 30)).all()


@pytest.mark.parametrize(("ending", "depth"), [("png", np.uint8), ("png", np.uint16), ("webp", np.uint8), ("tif", np.uint8)])
def test_transparent_parts_are_white(tmp_path: Path, ending: str, depth: type[np.uint8 | np.uint16]) -> None:
    full = np.iinfo(depth).max
    image = np.full((16, 16, 4), (0, 0, full, full), depth)
    image[:, :8, 3] = 0
    shown = read_picture(save(tmp_path / f"cut out.{ending}", image))
    assert (shown[:, :7] > 250).all()
    assert shown[8, 12].tolist() == pytest.approx([0, 0, 255], abs=4)


def test_folder_skips_and_reports_what_cannot_be_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    save(tmp_path / "2.png", plain(1))
    save(tmp_path / "10.png", plain(2))
    (tmp_path / "1.jpg").write_bytes(b"no picture at all")
    (tmp_path / "5.png").write_bytes(b"")
    (tmp_path / "._2.png").write_bytes(b"leftover of a Mac")
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "folder.jpg").mkdir()
    with open_source(str(tmp_path), threading.Event()) as source:
        assert (source.info.width, source.info.height, source.info.fps) == (0, 0, None)
        frames = list(source.frames())
    assert [(frame.source, frame.time_s, frame.index) for frame in frames] == [("2.png", 1.0, 1), ("10.png", 3.0, 3)]
    assert [record.message.split(" ")[1] for record in caplog.records] == ["1.jpg", "5.png"]


def test_pictures_of_a_folder_may_differ_in_size(tmp_path: Path) -> None:
    save(tmp_path / "1.png", plain(1, 30, 20))
    save(tmp_path / "2.png", plain(1, 20, 40))
    with open_source(str(tmp_path), threading.Event()) as source:
        assert [(frame.width, frame.height) for frame in source.frames()] == [(30, 20), (20, 40)]


def test_refusals(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def refusal(path: Path) -> str:
        with pytest.raises(SourceError) as caught, open_source(str(path), threading.Event()):
            pass
        assert caught.value.hint
        return caught.value.message

    whole = save(tmp_path / "whole.png", quarters()).read_bytes()
    cases = {
        "text.jpg": b"Dear diary",
        "empty.png": b"",
        "cut.png": whole[:40],
        "half.jpg": cv2.imencode(".jpg", quarters(400, 400))[1].tobytes()[:3000],
        "new.heic": b"\0\0\0\x18ftypheic" + bytes(40),
    }
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        assert refusal(tmp_path / name).startswith(name)
    assert str(tmp_path / "gone.jpg") in refusal(tmp_path / "gone.jpg")

    empty = tmp_path / "empty folder"
    empty.mkdir()
    assert "is empty" in refusal(empty)
    (empty / "notes.txt").write_bytes(b"z")
    assert "holds no pictures, only other files" in refusal(empty)
    (empty / "a.jpg").write_bytes(b"x")
    (empty / "b.jpg").write_bytes(b"y")
    assert "Not one of the 2 pictures" in refusal(empty)
    assert capfd.readouterr().err == ""
