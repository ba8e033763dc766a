"""Files appear whole or not at all: a disk without room is played by the limit on file sizes, which fails in the same place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import OutputError
from training.crops import load_crops, make_crops
from training.data import list_named
from training.files import reserved_array, whole_text

resource = pytest.importorskip("resource", reason="only Unix can limit file sizes")


@pytest.fixture
def small_disk() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_text_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with whole_text(path) as file:
        file.write("one\n")

    def fail() -> None:
        with whole_text(path) as file:
            file.write("two\n")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_text() == "one\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("small_disk")
def test_text_on_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"a\.csv cannot be written"), whole_text(tmp_path / "a.csv") as file:
        file.write("x" * 100_000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("small_disk")
def test_an_array_takes_its_place_beforehand(tmp_path: Path) -> None:
    assert reserved_array(tmp_path / "small.npy", np.uint8, (100, 100)).shape == (100, 100)
    with pytest.raises(OSError):
        reserved_array(tmp_path / "large.npy", np.uint8, (1000, 1000))
    assert [path.name for path in tmp_path.iterdir()] == ["small.npy"]


@pytest.mark.usefixtures("small_disk")
def test_crops_on_a_full_disk_leave_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "34_1_2_2017.jpg").write_bytes(b"")
    with pytest.raises(OutputError, match="crops cannot be written"):
        make_crops(list_named([data]).samples, tmp_path / "crops", threads=1)
    assert list((tmp_path / "crops").iterdir()) == []


def test_pictures_without_crops_leave_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "34_1_2_2017.jpg").write_bytes(b"no picture")
    with pytest.raises(Exception, match="not one of 1 pictures gave a crop"):
        make_crops(list_named([tmp_path / "data"]).samples, tmp_path / "crops", threads=1)
    with pytest.raises(Exception, match="no crops can be read"):
        load_crops(tmp_path / "crops")
