"""The report on labelled pictures: what is wrong is found, said, and put into corrections that training understands."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.align import TEMPLATE
from pipeline.types import Box, Detection, Float32Array, UInt8Array
from training.crops import STORED_PX
from training.duplicates import groups, same_photo
from training.explore import main, titled
from training.explore_page import write_page
from training.findings import Findings, analyse, corrections_of, summary, write_tables
from training.labels import list_samples
from training.scan import UNREADABLE, scan
from training.suspects import judge, out_of_fold

AGES = [5, 20, 35, 50, 65]


class OneFace:
    """Two faces in dark pictures, none in bright ones, else one."""

    def scan(self, image: UInt8Array) -> list[Detection]:
        grey = float(image[image.shape[0] // 2, image.shape[1] // 2].mean())
        count = 2 if grey < 20 else 0 if grey > 240 else 1
        points = (TEMPLATE * 60 + 60).astype(np.float32)
        return [Detection(Box(60, 60, 120, 120), 0.9, points) for _ in range(count)]


def photo(seed: int) -> UInt8Array:
    small = np.random.default_rng(seed).integers(60, 200, (12, 12, 3), np.uint8)
    return np.asarray(cv2.resize(small, (120, 120), interpolation=cv2.INTER_CUBIC), np.uint8)


def write(path: Path, picture: UInt8Array) -> None:
    cv2.imwrite(str(path), picture)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "faces"
    folder.mkdir()
    for i in range(20):
        write(folder / f"{AGES[i % 5]}_{i % 2}_{i % 5}_{100 + i}.png", photo(i))
    write(folder / "30_0_0_200.png", photo(0))  # a copy of 5_0_0_100: too far apart for a mean
    write(folder / "26_0_0_201.png", photo(1))  # a copy of 20_1_1_101
    write(folder / "40_0_0_202.png", np.full((120, 120, 3), 5, np.uint8))
    write(folder / "41_0_0_203.png", np.full((120, 120, 3), 250, np.uint8))
    (folder / "42_0_0_204.png").write_bytes(b"no picture")
    write(folder / "61_1_20170109142408075.png", photo(50))
    return folder


def found_in(data: Path) -> Findings:
    listing = list_samples([data])

    def embed(crops: UInt8Array) -> Float32Array:
        return np.asarray(crops.reshape(len(crops), -1)[:, :8], np.float32)

    looked = scan(listing.samples, 2, embed, OneFace)
    assert looked.features is not None
    pairs = same_photo(looked.thumbs)
    labels = np.array([sample.age for sample in listing.samples])
    judged = judge(looked.features, labels, labels, groups(len(labels), pairs))
    return analyse(looked, {"faces": listing}, {"5_0_0_100.png"}, judged, pairs)


def test_everything_that_is_wrong_is_found(data: Path, tmp_path: Path) -> None:
    found = found_in(data)
    samples = found.scan.samples
    row = {sample.name: i for i, sample in enumerate(samples)}
    assert [name for name, _ in found.skipped] == ["61_1_20170109142408075.png"]
    assert found.scan.faces[row["42_0_0_204.png"]] == UNREADABLE
    assert found.scan.faces[row["40_0_0_202.png"]] == 2
    assert found.scan.faces[row["41_0_0_203.png"]] == 0
    copies = {tuple(sorted((samples[a].name, samples[b].name))) for a, b in found.contradicting}
    assert copies == {("30_0_0_200.png", "5_0_0_100.png"), ("20_1_1_101.png", "26_0_0_201.png")}
    assert samples[found.contradicting[0][0]].age in {5, 30}  # the furthest apart comes first
    assert found.exact == 2
    assert found.held_back.sum() == 1
    write_tables(tmp_path, found)
    with (tmp_path / "corrections.csv").open(encoding="utf-8", newline="") as file:
        fixed = {line["name"]: line["age"] for line in csv.DictReader(file)}
    assert (fixed["5_0_0_100.png"], fixed["30_0_0_200.png"]) == ("", "")
    assert (fixed["20_1_1_101.png"], fixed["26_0_0_201.png"]) == ("23.00", "23.00")
    assert fixed["42_0_0_204.png"] == ""
    assert "41_0_0_203.png" not in fixed  # a tight chip shows a face even where none is found
    with (tmp_path / "anomalies.csv").open(encoding="utf-8", newline="") as file:
        kinds = [line["kind"] for line in csv.DictReader(file)]
    assert {kind: kinds.count(kind) for kind in ("label", "unreadable", "faces", "copy")} == {
        "label": 1,
        "unreadable": 1,
        "faces": 2,
        "copy": 2,
    }
    assert any("2 pairs of copies (2 exact), 2 with different ages, 2 by five years or more" in line for line in summary(found))


def test_the_page_stands_alone_and_leaves_pictures_out_if_asked(data: Path, tmp_path: Path) -> None:
    found = found_in(data)
    page = write_page(tmp_path / "report.html", found, summary(found), True, 10).read_text(encoding="utf-8")
    assert "data:image/jpeg" in page
    assert "By decade" in page
    assert "61_1_20170109142408075.png" in page
    assert "copies with different ages</td><td>left out</td><td>2</td>" in page
    assert not re.search(r"(?:src|href)=\"(?!data:|#)|url\(|@import", page)
    page = write_page(tmp_path / "report.html", found, summary(found), False, 10).read_text(encoding="utf-8")
    assert "data:image/jpeg" not in page
    assert "data:image/png" in page  # the plots


def test_a_wrong_label_is_suspect_and_copies_do_not_vouch_for_it() -> None:
    rng = np.random.default_rng(0)
    ages = rng.uniform(0, 90, 400)
    features = np.stack([ages, rng.standard_normal(400), rng.standard_normal(400)], axis=1).astype(np.float32)
    features += rng.standard_normal(features.shape).astype(np.float32)
    ages[7] += 60 if ages[7] < 30 else -60 if ages[7] > 60 else 40
    judged = judge(features, ages, ages, np.arange(400))
    assert judged is not None
    assert judged.suspects().tolist() == [7]
    assert abs(judged.off[7]) > 35
    # Features that tell the picture but not the age: only a copy on the other side could know the label.
    own = np.repeat(np.eye(100, dtype=np.float32), 2, axis=0)
    labels = np.repeat(rng.uniform(0, 90, 100), 2)
    assert np.abs(out_of_fold(own, labels, np.repeat(np.arange(100), 2)) - labels).mean() > 15
    assert np.abs(out_of_fold(own, labels, np.arange(200)) - labels).mean() < 12
    assert judge(features[:8], ages[:8], ages[:8], np.arange(8)) is None


def test_labels_that_an_age_model_agrees_with_are_kept_and_come_last(data: Path) -> None:
    found = found_in(data)
    assert found.judged is not None
    names = [sample.name for sample in found.scan.samples]
    rows = [names.index(name) for name in ("50_1_3_103.png", "65_0_4_104.png", "35_0_2_102.png")]
    nothing = np.zeros(len(names))
    judged = replace(found.judged, off=nothing.copy(), spreads=nothing.copy(), model_off=np.full(len(names), np.nan))
    judged.off[rows], judged.spreads[rows] = (-50.0, 45.0, 40.0), (-6.0, 6.0, 6.0)
    judged.model_off[rows] = (-3.0, 30.0, np.nan)  # it agrees, it does not, it was not asked
    assert judged.suspects().tolist() == [rows[1], rows[2], rows[0]]
    fixed = corrections_of(found.scan, found.group, judged)
    assert [fixed.get(names[row], ("kept",))[0] for row in rows] == ["kept", None, None]
    assert "an age model vouches for 1 of them" in "\n".join(summary(replace(found, judged=judged)))


def test_ranges_are_off_only_outside() -> None:
    features = np.linspace(0, 1, 200, dtype=np.float32)[:, None]
    low = np.floor(np.linspace(0, 89, 200) / 10) * 10
    judged = judge(features, low, low + 9, np.arange(200))
    assert judged is not None
    assert (judged.off == 0).mean() > 0.5


def test_parts_of_a_set_share_a_title() -> None:
    paths = [Path("a/utkface-1.zip"), Path("a/utkface-2.zip"), Path("b/fairface.zip"), Path("7")]
    assert {title: len(some) for title, some in titled(paths).items()} == {"utkface": 2, "fairface": 1, "7": 1}


def test_command(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "report"
    assert main([str(data), "--out", str(out), "--no-predict", "--threads", "1"]) == 0
    said = capsys.readouterr().out
    assert "1 skipped: the name is not" in said
    assert "2 pairs of copies" in said
    assert sorted(path.name for path in out.iterdir()) == ["anomalies.csv", "corrections.csv", "report.html"]
    assert main([str(tmp_path / "none"), "--out", str(out)]) == 1


def test_crops_spare_the_search_for_faces(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["5_0_0_100.png", "20_1_1_101.png"]
    rows = [f"{name},{name.split('_')[0]},1,{int(name == names[0])}" for name in names]
    crops = tmp_path / "crops"
    crops.mkdir()
    np.save(crops / "crops.npy", np.zeros((2, STORED_PX, STORED_PX, 3), np.uint8))
    (crops / "index.csv").write_text("\n".join(["name,age,male,found", *rows, ""]))
    command = [str(data), "--out", str(tmp_path / "report"), "--no-predict", "--threads", "1", "--no-faces"]
    assert main([*command, "--crops", str(crops)]) == 0
    assert "1 cannot be read; no face found in 23" in capsys.readouterr().out
    assert main(command) == 1
    assert "Give --crops" in capsys.readouterr().err
