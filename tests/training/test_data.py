"""Readers of labelled pictures: names, zip files, folders, broken input."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import cv2
import numpy as np
import pytest

from pipeline.errors import SourceError
from training.data import Pictures, list_named, read_names, select, skip_report

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"

GOOD = "34_1_2_20170112213500903.jpg.chip.jpg"


def picture(value: int = 90) -> bytes:
    return bytes(cv2.imencode(".jpg", np.full((20, 30, 3), value, np.uint8))[1])


def make_zip(path: Path, files: dict[str, bytes]) -> Path:
    with ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def test_labels_come_from_names(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {f"utkface/{GOOD}": picture(), "utkface/1_0_0_2017.jpg": picture()})
    young, older = list_named([archive]).samples
    assert (young.age, young.male) == (1, True)
    assert (older.age, older.male, older.name) == (34, False, GOOD)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("61_1_20170109142408075.jpg.chip.jpg", "not"),
        ("x_1_2_2017.jpg", "not"),
        ("30_7_2_2017.jpg", "not"),
        ("121_1_2_2017.jpg", "above 120"),
    ],
)
def test_malformed_names_are_reported_and_skipped(tmp_path: Path, name: str, reason: str) -> None:
    listing = list_named([make_zip(tmp_path / "a.zip", {name: picture(), GOOD: picture()})])
    assert [sample.name for sample in listing.samples] == [GOOD]
    assert listing.skipped[0][0] == name
    assert reason in listing.skipped[0][1]


def test_sloppy_dates_keep_their_labels(tmp_path: Path) -> None:
    names = ["24_0_1_20170116220224657 .jpg.chip.jpg", "55_0_0_20170116232725357jpg.chip.jpg"]
    listing = list_named([make_zip(tmp_path / "a.zip", {name: picture() for name in names})])
    assert [sample.age for sample in listing.samples] == [24, 55]


def test_skipped_files_are_counted_by_reason(tmp_path: Path) -> None:
    names = ["1_1824-11-20_2010.jpg", "2_1824-11-20_2010.jpg", "holiday.jpg", GOOD]
    skipped = list_named([make_zip(tmp_path / "a.zip", {name: picture() for name in names})]).skipped
    first, second = skip_report(skipped, most=1)
    assert first == "2 skipped: an age of 185 is impossible: born 1824-11-20, photographed 2010 (1_1824-11-20_2010.jpg, …)"
    assert second.startswith("1 skipped: the name is not")


def test_damaged_members_are_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        archive.writestr(GOOD, bytes(range(256)) * 40)
    data = bytearray(path.read_bytes())
    start = data.index(GOOD.encode()) + len(GOOD)
    data[start : start + 40] = bytes(40)
    path.write_bytes(bytes(data))
    with Pictures() as pictures, pytest.raises(SourceError, match="cannot be read"):
        pictures.read(list_named([path]).samples[0])


def test_folder_and_zip_give_the_same_picture_and_none_twice(tmp_path: Path) -> None:
    folder = tmp_path / "folder" / "deep"
    folder.mkdir(parents=True)
    (folder / GOOD).write_bytes(picture())
    (folder / "notes.txt").write_text("not a picture")
    archive = make_zip(tmp_path / "a.zip", {GOOD: picture()})
    from_folder = list_named([tmp_path / "folder"]).samples
    from_zip = list_named([archive]).samples
    assert len(list_named([tmp_path / "folder", archive]).samples) == 1
    with Pictures() as pictures:
        np.testing.assert_array_equal(pictures.read(from_folder[0]), pictures.read(from_zip[0]))
        assert pictures.read(from_zip[0]).shape == (20, 30, 3)


@pytest.mark.parametrize("data", [b"", b"not a picture"])
def test_broken_picture_names_the_file(tmp_path: Path, data: bytes) -> None:
    sample = list_named([make_zip(tmp_path / "a.zip", {GOOD: data})]).samples[0]
    with Pictures() as pictures, pytest.raises(SourceError, match="34_1_2_20170112213500903"):
        pictures.read(sample)


@pytest.mark.parametrize("content", [b"", b"not a zip"])
def test_broken_archive_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.zip"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"broken\.zip is neither a folder nor a zip file"):
        list_named([path])


def test_nothing_labelled_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no labelled picture"):
        list_named([tmp_path])


def test_selection_must_be_complete(tmp_path: Path) -> None:
    samples = list_named([make_zip(tmp_path / "a.zip", {GOOD: picture()})]).samples
    names = tmp_path / "val.txt"
    names.write_text(f"{GOOD}\nother.jpg\n")
    assert read_names(names) == {GOOD, "other.jpg"}
    with pytest.raises(SourceError, match=r"1 of the 2 pictures of the list are not in the data, other\.jpg for one"):
        select(samples, read_names(names))
    with pytest.raises(SourceError, match="cannot be read"):
        read_names(tmp_path / "none.txt")


@pytest.mark.skipif(not (SHARED / "utkface-1.zip").exists(), reason="UTKFace is not beside the repository")
def test_the_real_files() -> None:
    listing = list_named([SHARED / "utkface-1.zip", SHARED / "utkface-2.zip"])
    assert len(listing.samples) == 18732
    assert len(listing.skipped) == 3
    held_back = select(listing.samples, read_names(SHARED / "utkface_val.txt"))
    assert len(held_back) == 1874
