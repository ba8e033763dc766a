"""Photos with labels.csv: ages, ranges, and clear words about what cannot be used."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

from pipeline.errors import SourceError
from training.data import Pictures
from training.labels import list_labelled, list_samples, parse_age, parse_range

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"


def make_zip(path: Path, table: str | bytes, *pictures: str) -> Path:
    with ZipFile(path, "w") as archive:
        archive.writestr("set/labels.csv", table)
        for name in pictures:
            archive.writestr(f"set/{name}", b"bytes of " + name.encode())
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [("34", (34, 34)), ("34.9", (34, 34)), ("0", (0, 0)), ("120", (120, 120))]
    + [(bad, None) for bad in ("121", "-1", "", "old", "nan", "inf")],
)
def test_ages(text: str, expected: tuple[int, int] | None) -> None:
    assert parse_age(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0-2", (0, 2)), ("10 – 19", (10, 19)), ("70+", (70, 120))] + [(bad, None) for bad in ("19-10", "40", "", "1-2-3", "130+")],
)
def test_ranges(text: str, expected: tuple[int, int] | None) -> None:
    assert parse_range(text) == expected


def test_zip_and_folder_give_the_same_samples(tmp_path: Path) -> None:
    table = "\ufefffile,age,gender\nb.jpg,7,M\na.jpg,61,female\nsub/c.png,30,\n"
    archive = make_zip(tmp_path / "a.zip", table, "a.jpg", "b.jpg", "sub/c.png")
    with ZipFile(archive) as file:
        file.extractall(tmp_path / "folder")
    listing = list_labelled(archive)
    assert [(s.name, s.low, s.high, s.age, s.male, s.chip) for s in listing.samples] == [
        ("a.jpg", 61, 61, 61.0, False, False),
        ("b.jpg", 7, 7, 7.0, True, False),
        ("sub/c.png", 30, 30, 30.0, None, False),
    ]
    assert listing.skipped == ()
    again = list_labelled(tmp_path / "folder").samples
    assert [(s.name, s.low, s.male) for s in again] == [(s.name, s.low, s.male) for s in listing.samples]
    with Pictures() as pictures, pytest.raises(SourceError, match="is no picture"):
        pictures.read(listing.samples[2])


def test_persons_and_other_columns(tmp_path: Path) -> None:
    table = "file,age,person,camera\na.jpg,7,p1,x\nb.jpg,9,,y\n"
    assert [sample.person for sample in list_labelled(make_zip(tmp_path / "a.zip", table, "a.jpg", "b.jpg")).samples] == [
        "p1",
        None,
    ]


def test_a_table_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is no table"):
        list_labelled(make_zip(tmp_path / "a.zip", 'file,age\na.jpg,"' + "x" * 200_000 + '"\n', "a.jpg"))


def test_ranges_without_gender(tmp_path: Path) -> None:
    samples = list_labelled(make_zip(tmp_path / "a.zip", "file,age_range\na.jpg,70+\nb.jpg,3-9\n", "a.jpg", "b.jpg")).samples
    assert [(s.low, s.high, s.male) for s in samples] == [(70, 120, None), (3, 9, None)]


def test_appa_reals_columns_are_understood(tmp_path: Path) -> None:
    table = "file_name,real_age,apparent_age_avg\na.jpg,4,5.2\n"
    assert list_labelled(make_zip(tmp_path / "a.zip", table, "a.jpg")).samples[0].low == 4


def test_what_cannot_be_used_is_listed_with_its_reason(tmp_path: Path) -> None:
    table = "file,age,gender\na.jpg,20,f\na.jpg,30,f\ngone.jpg,40,m\nb.jpg,old,m\nc.jpg,150,m\n"
    listing = list_labelled(make_zip(tmp_path / "a.zip", table, "a.jpg", "b.jpg", "c.jpg", "unlabelled.jpg"))
    assert [(sample.name, sample.low) for sample in listing.samples] == [("a.jpg", 20)]
    reasons = dict(listing.skipped)
    assert "more than one row" in reasons["a.jpg"]
    assert "no such picture" in reasons["gone.jpg"]
    assert '"old" is no age from 0 to 120' in reasons["b.jpg"]
    assert '"150" is no age' in reasons["c.jpg"]
    assert "no row" in reasons["unlabelled.jpg"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("file,gender\na.jpg,f\n", r"has the columns file, gender, but none named age or real_age or age_range"),
        ("name,age\na.jpg,3\n", r"none named file or file_name"),
        ("", r"has the columns \(none\)"),
        ("file,age\n", r"labels not one picture"),
        ("file,age\ngone.jpg,3\n", r"labels not one picture"),
        (b"file,age\n\xff\xfe.jpg,3\n", r"labels\.csv in .* cannot be read"),
    ],
)
def test_unusable_tables_are_one_clear_error(tmp_path: Path, table: str | bytes, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        list_labelled(make_zip(tmp_path / "a.zip", table, "a.jpg"))


def test_two_tables_are_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "labels.csv").write_text("file,age\n")
    with pytest.raises(SourceError, match=r"holds 2 files labels\.csv"):
        list_samples([tmp_path])


def test_sets_of_both_kinds_are_told_apart(tmp_path: Path) -> None:
    chips = tmp_path / "chips"
    chips.mkdir()
    (chips / "34_1_2_2017.jpg").write_bytes(b"")
    photos = make_zip(tmp_path / "a.zip", "file,age\na.jpg,20\n", "a.jpg")
    assert [(s.name, s.chip) for s in list_samples([chips, photos]).samples] == [("a.jpg", False), ("34_1_2_2017.jpg", True)]
    with pytest.raises(SourceError, match="neither a folder nor a zip file"):
        list_samples([tmp_path / "none.zip"])


@pytest.mark.skipif(not (SHARED / "fairface.zip").exists(), reason="the data sets are not beside the repository")
def test_the_real_files() -> None:
    faces, fair = list_labelled(SHARED / "allagefaces.zip"), list_labelled(SHARED / "fairface.zip")
    assert (len(faces.samples), len(fair.samples)) == (6460, 8414)
    assert not faces.skipped
    assert not fair.skipped
    assert len({(sample.low, sample.high) for sample in fair.samples}) == 9
