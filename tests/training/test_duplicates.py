"""Copies of one photograph: found through compression and small shifts, joined in chains, on one side of every split."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.types import UInt8Array
from training.crops import STORED_PX
from training.data import Sample
from training.duplicates import corrections, groups, main, same_photo, thumbnail, thumbnails
from training.split import held_back
from training.split import main as split


def photo(seed: int) -> UInt8Array:
    rng = np.random.default_rng(seed)
    return np.asarray(
        cv2.resize(rng.integers(0, 255, (12, 12, 3), np.uint8), (200, 200), interpolation=cv2.INTER_CUBIC), np.uint8
    )


def jpeg(picture: UInt8Array, quality: int = 95) -> bytes:
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


def recompressed(picture: UInt8Array) -> UInt8Array:
    brighter = np.clip(picture.astype(int) * 0.9 + 20, 0, 255).astype(np.uint8)
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg(brighter, 30), np.uint8), cv2.IMREAD_COLOR), np.uint8)


def test_copies_are_found_and_strangers_are_not() -> None:
    pictures = [photo(0), photo(1), recompressed(photo(0)), photo(2)]
    assert same_photo(thumbnails(pictures)).tolist() == [[0, 2]]
    assert not thumbnail(np.full((50, 50, 3), 7, np.uint8)).any()


def test_more_pictures_than_a_block() -> None:
    thumbs = np.random.default_rng(0).standard_normal((2500, 256)).astype(np.float32)
    thumbs /= np.linalg.norm(thumbs, axis=1, keepdims=True)
    thumbs[2400], thumbs[1030], thumbs[1025] = thumbs[3], thumbs[1024], thumbs[1024]
    assert sorted(map(tuple, same_photo(thumbs).tolist())) == [(3, 2400), (1024, 1025), (1024, 1030), (1025, 1030)]


def test_chains_are_one_group() -> None:
    group = groups(5, np.array([[0, 2], [2, 4]]))
    assert group[0] == group[2] == group[4]
    assert len(set(group.tolist())) == 3


def test_contradicting_copies_get_their_mean() -> None:
    def sample(name: str, low: int, high: int) -> Sample:
        return Sample(name, low, high, True, Path("a.zip"), name)

    samples = [sample("a", 20, 20), sample("b", 31, 31), sample("c", 40, 40), sample("d", 40, 40), sample("e", 10, 19)]
    assert corrections(samples, np.array([0, 0, 1, 1, 0])) == {"a": 25.5, "b": 25.5}


def test_command_writes_corrections(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, data in {
        "20_0_0_1.jpg": jpeg(photo(0)),
        "26_0_0_2.jpg": jpeg(photo(0), 40),
        "50_0_0_3.jpg": jpeg(photo(1)),
    }.items():
        (tmp_path / name).write_bytes(data)
    out = tmp_path / "corrections.csv"
    assert main([str(tmp_path), "--out", str(out)]) == 0
    assert "1 pairs of copies, 1 with different ages, 1 by five years or more" in capsys.readouterr().out
    with out.open(encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["name", "age"], ["20_0_0_1.jpg", "23.00"], ["26_0_0_2.jpg", "23.00"]]
    assert main([str(tmp_path / "none"), "--out", str(out)]) == 1


def test_held_back_part_is_stable_and_keeps_copies_together() -> None:
    names = [f"{i}.jpg" for i in range(2000)]
    group = np.arange(2000)
    group[1000:1100] = group[:100]
    held = held_back(names, group, 0.1)
    assert 140 < len(held) < 260
    assert held == sorted(held_back(names[::-1], group[::-1], 0.1))
    inside = set(held)
    assert all((names[i] in inside) == (names[1000 + i] in inside) for i in range(100))
    more = held_back([*names, "new.jpg"], np.append(group, 5000), 0.1)
    assert inside <= set(more)


def test_split_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = np.stack([cv2.resize(photo(i % 30), (STORED_PX, STORED_PX)) for i in range(40)])
    np.save(tmp_path / "crops.npy", pixels)
    rows = [f"{i}.jpg,20,1,1,20,20" for i in range(40)]
    (tmp_path / "index.csv").write_text("\n".join(["name,age,male,found,low,high", *rows, ""]))
    out = tmp_path / "val.txt"
    assert split([str(tmp_path), "--part", "0.4", "--out", str(out)]) == 0
    assert "10 pairs of copies kept together" in capsys.readouterr().out
    held = {int(name.removesuffix(".jpg")) for name in out.read_text(encoding="utf-8").split()}
    assert held
    assert all((i in held) == (i + 30 in held) for i in range(10))
    assert split([str(tmp_path), "--part", "1.5", "--out", str(out)]) == 1
    assert split([str(tmp_path), "--out", str(tmp_path / "none" / "val.txt")]) == 1
