"""Raw photos: those with one face are kept upright with id and age, all others are listed with the reason."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.align import TEMPLATE
from pipeline.errors import OutputError, SourceError
from pipeline.types import Box, Detection, UInt8Array
from training.crops import CROP_MARGIN
from training.data import list_named
from training.faces import DISCARDED_FILE, SAVED_PX, extract, main, only_face
from training.labels import list_samples

DEMO = Path(__file__).resolve().parents[2] / "assets/demo"


class Told:
    """Finds as many faces as the photo's first pixel says, side by side, 100 pixels wide."""

    def scan(self, image: UInt8Array) -> list[Detection]:
        count = int(image[0, 0, 0]) // 40
        points = [(TEMPLATE * 100 + [20 + 110 * i, 30]).astype(np.float32) for i in range(count)]
        return [Detection(Box(20 + 110 * i, 30, 120 + 110 * i, 130), 0.9, points[i]) for i in range(count)]


def write(path: Path, faces: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((200, 400, 3), faces * 40 + 10, np.uint8))


def portrait(name: str) -> UInt8Array:
    picture = cv2.imread(str(DEMO / name), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture, np.uint8)


def test_one_face_is_kept_and_the_rest_is_listed(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    write(raw / "3999_1924-11-20_2010.png", 1)
    write(raw / "more" / "3999_1924-11-20_1990.png", 1)
    write(raw / "again" / "3999_1924-11-20_2009-12-01.png", 1)
    write(raw / "34_1_0_2017.png", 1)
    write(raw / "35_1_0_2018.png", 2)
    write(raw / "36_1_0_2019.png", 0)
    write(raw / "1_2015-03-01_2010.png", 1)
    (raw / "37_1_0_2020.jpg").write_bytes(b"no picture")
    made = extract(list_named([raw]), tmp_path / "out", threads=2, new_detector=Told)
    assert made.kept == 4
    reasons = dict(made.discarded)
    assert reasons["35_1_0_2018.png"] == "2 faces were found"
    assert reasons["36_1_0_2019.png"] == "no face was found"
    assert "is no picture" in reasons["37_1_0_2020.jpg"]
    assert "an age of -5 is impossible" in reasons["1_2015-03-01_2010.png"]
    with (tmp_path / "out" / DISCARDED_FILE).open(encoding="utf-8", newline="") as file:
        assert [tuple(row) for row in csv.reader(file)][1:] == list(made.discarded)
    samples = {sample.name: sample for sample in list_samples([tmp_path / "out"]).samples}
    assert sorted(samples) == ["000001_34.jpg", "3999-2_85.jpg", "3999_65.jpg", "3999_85.jpg"]
    assert (samples["000001_34.jpg"].age, samples["000001_34.jpg"].male) == (34, False)
    assert samples["3999_65.jpg"].person == samples["3999_85.jpg"].person == "3999_1924-11-20"
    picture = cv2.imread(str(tmp_path / "out" / "3999_65.jpg"))
    assert picture is not None
    assert picture.shape == (SAVED_PX, SAVED_PX, 3)


def test_small_faces_and_large_photos() -> None:
    photo = np.full((200, 400, 3), 50, np.uint8)
    assert only_face(Told(), photo, smallest_px=101) == "the face is 100 pixels wide, less than 101"
    face = only_face(Told(), np.full((2000, 4000, 3), 50, np.uint8), smallest_px=240)  # found at 1600 pixels, 250 in the photo
    assert isinstance(face, np.ndarray)
    assert face.shape == (SAVED_PX, SAVED_PX, 3)


def test_nothing_is_left_behind_where_it_fails(tmp_path: Path) -> None:
    write(tmp_path / "raw" / "35_1_0_2018.png", 3)
    with pytest.raises(SourceError, match=r"not one of 1 photos shows exactly one face; of 35_1_0_2018\.png: 3 faces were found"):
        extract(list_named([tmp_path / "raw"]), tmp_path / "out", threads=1, new_detector=Told)
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]
    (tmp_path / "out").mkdir()
    with pytest.raises(OutputError, match="is there already"):
        extract(list_named([tmp_path / "raw"]), tmp_path / "out", threads=1, new_detector=Told)


def test_real_portraits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    collins, hopper = portrait("collins.webp"), portrait("hopper.webp")
    height = min(len(collins), len(hopper))
    cv2.imwrite(str(raw / "a.png"), collins)
    cv2.imwrite(str(raw / "b.png"), np.hstack([collins[:height], hopper[:height]]))
    (raw / "labels.csv").write_text("file,age,gender\na.png,42,female\nb.png,50,female\n")
    assert main([str(raw), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "1 faces in" in said
    assert "1 skipped: 2 faces were found (b.png)" in said
    face = cv2.imread(str(tmp_path / "out" / "000001_42.jpg"))
    assert face is not None
    assert face.shape == (SAVED_PX, SAVED_PX, 3)
    assert CROP_MARGIN < 0.5  # the room that training.crops needs is in the picture
    assert main([str(raw), "--out", str(tmp_path / "out")]) == 1
