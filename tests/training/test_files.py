"""Files appear whole or not at all, also on a disk without room."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from pipeline.errors import OutputError
from tests.training.disk import room_for
from training.checkpoint import Position, write_checkpoint
from training.crops import load_crops, make_crops
from training.data import list_named
from training.files import keep_array, kept_array, reserved_array, whole_text, write_together
from training.history import History
from training.plots import plot_history


@pytest.fixture
def small_disk() -> Iterator[None]:
    with room_for(50_000):
        yield


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


def test_crops_and_their_index_change_together_or_not_at_all(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for name in ("34_1_2_2017.jpg", "35_1_2_2018.jpg"):
        (data / name).write_bytes(cv2.imencode(".jpg", np.full((200, 200, 3), 90, np.uint8))[1].tobytes())
    samples = list_named([data]).samples
    make_crops(samples[:1], tmp_path / "crops", threads=1)
    before = {path.name: path.read_bytes() for path in (tmp_path / "crops").iterdir()}
    long = [replace(samples[1], person="somebody " * 50_000)]
    with room_for(200_000), pytest.raises(OutputError, match="crops cannot be written"):
        make_crops(long, tmp_path / "crops", threads=1)  # the pixels have room, the index has not
    assert {path.name: path.read_bytes() for path in (tmp_path / "crops").iterdir()} == before


def test_files_that_belong_together(tmp_path: Path) -> None:
    small, large = tmp_path / "models" / "small", tmp_path / "models" / "large"
    write_together({small: b"one", large: b"one"})
    with room_for(50_000), pytest.raises(OutputError, match=r"large cannot be written"):
        write_together({small: b"two", large: bytes(100_000)})
    assert (small.read_bytes(), large.read_bytes()) == (b"one", b"one")
    assert sorted(path.name for path in small.parent.iterdir()) == ["large", "small"]
    write_together({small: b"two", large: b"two"})
    assert (small.read_bytes(), large.read_bytes()) == (b"two", b"two")


def test_arrays_are_kept_while_their_source_is_older(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, path, array = tmp_path / "source", tmp_path / "kept.npy", np.arange(20_000, dtype=np.float32)
    source.write_bytes(b"")
    assert kept_array(path, source, array.shape, array.dtype) is None
    with room_for(50_000):
        keep_array(path, array)
    assert "is not kept" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == [source]
    keep_array(path, array)
    kept = kept_array(path, source, array.shape, array.dtype)
    assert kept is not None
    np.testing.assert_array_equal(kept, array)
    assert kept_array(path, source, (3,), array.dtype) is None
    assert kept_array(path, source, array.shape, np.float16) is None
    os.utime(source, (2e9, 2e9))
    assert kept_array(path, source, array.shape, array.dtype) is None
    os.utime(source, (0, 0))
    path.write_bytes(path.read_bytes()[:-1])
    assert kept_array(path, source, array.shape, array.dtype) is None


def test_a_checkpoint_on_a_full_disk_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    write_checkpoint(path, {"average": {"weight": torch.zeros(10)}})
    before = path.read_bytes()
    with room_for(50_000), pytest.raises(OutputError, match=r"checkpoint\.pt cannot be written.*disk is full"):
        write_checkpoint(path, {"average": {"weight": torch.zeros(100_000)}})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_history_on_a_full_disk_has_whole_rows(tmp_path: Path) -> None:
    with History(tmp_path, append=False) as history:
        history.write(Position(0, 10), 100, 1e-4)
        before = (tmp_path / "history.csv").read_text(encoding="utf-8")
        with room_for(len(before) + 10), pytest.raises(OutputError, match=r"history\.csv cannot be written"):
            history.write(Position(0, 20), 100, 1e-4)
    assert (tmp_path / "history.csv").read_text(encoding="utf-8") == before


def test_plots_on_a_full_disk_leave_nothing(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with History(tmp_path / "run", append=False) as history:
        history.write(Position(0, 10), 100, 1e-4)
    with room_for(5_000), pytest.raises(OutputError, match=r"history\.png cannot be written"):
        plot_history(tmp_path / "run" / "history.csv", tmp_path / "history.png")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_pictures_without_crops_leave_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "34_1_2_2017.jpg").write_bytes(b"no picture")
    with pytest.raises(Exception, match="not one of 1 pictures gave a crop"):
        make_crops(list_named([tmp_path / "data"]).samples, tmp_path / "crops", threads=1)
    with pytest.raises(Exception, match="no crops can be read"):
        load_crops(tmp_path / "crops")
