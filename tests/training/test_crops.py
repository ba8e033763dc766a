"""Crops: the face of a chip is found behind its border, the crop is the program's own, and files that do not fit are refused."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import cv2
import numpy as np
import pytest

from engines.align import CROP_PX, TEMPLATE, align
from pipeline.errors import SourceError
from pipeline.types import Box, Detection, UInt8Array
from training.augment import augmented, centred
from training.crops import (
    CROP_MARGIN,
    STORED_PX,
    chip_detector,
    chip_landmarks,
    load_crops,
    make_crops,
    photo_landmarks,
    usual_landmarks,
)
from training.data import list_named
from training.labels import list_samples

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"


class FixedDetector:
    """Finds what it is told to, in pixels of the padded picture."""

    def __init__(self, *centres: tuple[float, float]) -> None:
        self._centres = centres
        self.seen: tuple[int, ...] = ()

    def scan(self, image: UInt8Array) -> list[Detection]:
        self.seen = image.shape
        return [
            Detection(Box(x - 40, y - 50, x + 40, y + 50), 0.9, np.full((5, 2), (x, y), np.float32)) for x, y in self._centres
        ]


class SizedDetector:
    """Finds a small face far from the centre, a large one beside it, and a tiny one at it."""

    def scan(self, image: UInt8Array) -> list[Detection]:
        size = np.array([image.shape[1], image.shape[0], image.shape[1], image.shape[0]])
        boxes = [
            Box(*(np.array(part) * size).tolist()) for part in ((0, 0, 0.3, 0.3), (0.35, 0.35, 0.95, 1), (0.45, 0.45, 0.55, 0.55))
        ]
        return [Detection(box, 0.9, np.full((5, 2), box.center, np.float32)) for box in boxes]


def test_landmarks_are_the_central_faces_and_in_the_chips_own_pixels() -> None:
    detector = FixedDetector((90.0, 100.0), (210.0, 205.0))
    landmarks = chip_landmarks(detector, np.zeros((200, 200, 3), np.uint8))
    assert detector.seen == (400, 400, 3)
    assert landmarks is not None
    np.testing.assert_array_equal(landmarks, np.full((5, 2), (110, 105), np.float32))
    assert chip_landmarks(FixedDetector(), np.zeros((200, 200, 3), np.uint8)) is None


def test_the_main_face_of_a_photo_is_large_and_near_the_centre() -> None:
    landmarks = photo_landmarks(SizedDetector(), np.zeros((200, 200, 3), np.uint8))
    assert landmarks is not None
    np.testing.assert_allclose(landmarks[0], [130, 135])


def test_a_photo_gets_a_border_where_nothing_is_found() -> None:
    class Tight(FixedDetector):
        def scan(self, image: UInt8Array) -> list[Detection]:
            return super().scan(image) if image.shape[0] > 200 else []

    landmarks = photo_landmarks(Tight((210.0, 205.0)), np.zeros((200, 200, 3), np.uint8))
    assert landmarks is not None
    np.testing.assert_array_equal(landmarks[0], [110, 105])
    assert photo_landmarks(FixedDetector(), np.zeros((200, 200, 3), np.uint8)) is None


def test_photos_without_a_face_and_broken_files_are_left_out_and_listed(tmp_path: Path) -> None:
    portrait = cv2.imread(str(Path(__file__).resolve().parents[2] / "assets/demo/collins.webp"))
    assert portrait is not None
    data = cv2.imencode(".png", cv2.resize(portrait, (224, 224), interpolation=cv2.INTER_AREA))[1].tobytes()
    noise = cv2.imencode(".jpg", np.random.default_rng(2).integers(0, 255, (200, 200, 3)).astype(np.uint8))[1].tobytes()
    with ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("labels.csv", "file,age_range,gender\n1.jpg,20-29,f\n2.png,40-49,f\n3.png,70+,\n4.jpg,3-9,m\n")
        for name, content in (("1.jpg", noise), ("2.png", data), ("3.png", data), ("4.jpg", b"broken")):
            archive.writestr(name, content)
    made = make_crops(list_samples([tmp_path / "a.zip"]).samples, tmp_path / "crops", threads=2)
    assert (made.count, made.usual) == (2, 0)
    assert [name for name, _ in made.left_out] == ["1.jpg", "4.jpg"]
    assert made.left_out[0][1] == "no face was found"
    assert "is no picture" in made.left_out[1][1]
    crops = load_crops(tmp_path / "crops")
    assert crops.low.tolist() == [40, 70]
    assert crops.high.tolist() == [49, 120]
    assert np.isnan(crops.male).tolist() == [False, True]
    np.testing.assert_array_equal(crops.pixels[0], crops.pixels[1])
    assert crops.pixels[0].std() > 20
    with (tmp_path / "crops" / "left_out.csv").open(encoding="utf-8") as file:
        assert len(file.readlines()) == 3
    assert not list((tmp_path / "crops").glob("*.part"))


def test_not_one_crop_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("file,age\n1.jpg,3\n")
    (tmp_path / "1.jpg").write_bytes(b"broken")
    with pytest.raises(SourceError, match="not one of 1 pictures gave a crop"):
        make_crops(list_samples([tmp_path]).samples, tmp_path / "crops", threads=1)


def test_usual_landmarks_leave_a_chip_as_it_is() -> None:
    chip = np.random.default_rng(0).integers(0, 255, (CROP_PX, CROP_PX, 3), np.uint8)
    np.testing.assert_array_equal(align(chip, usual_landmarks(chip)), chip)


def test_the_middle_of_a_stored_crop_is_the_programs_crop() -> None:
    smooth = np.asarray(cv2.resize(np.random.default_rng(1).integers(0, 255, (30, 40, 3), np.uint8), (400, 300)), np.uint8)
    landmarks = (TEMPLATE * 150 + [120, 60]).astype(np.float32)
    stored = align(smooth, landmarks, STORED_PX, CROP_MARGIN)
    np.testing.assert_allclose(centred(stored).astype(int), align(smooth, landmarks).astype(int), atol=2)


def test_augmentation_is_repeatable_varied_and_keeps_the_face_in_place() -> None:
    crop = np.zeros((STORED_PX, STORED_PX, 3), np.uint8)
    cv2.circle(crop, (STORED_PX // 2, STORED_PX // 2), 40, (200, 180, 160), -1)
    first, again = (augmented(crop, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    rng = np.random.default_rng(6)
    views = [augmented(crop, rng, erased=0) for _ in range(60)]  # a covered part would shift what is bright
    assert all(view.shape == (CROP_PX, CROP_PX, 3) and view.dtype == np.uint8 for view in views)
    assert len({view.tobytes() for view in views}) == 60
    centres = []
    for view in views:
        y, x = np.nonzero(view.max(axis=2) > int(view.max()) * 0.6)
        centres.append((x.mean(), y.mean()))
    # 4 % of 160 pixels is the shift that augmentation may make, mirrored views included.
    assert np.abs(np.array(centres) - (CROP_PX - 1) / 2).max() < 0.04 * CROP_PX + 2


def test_half_of_the_views_are_mirrored() -> None:
    crop = np.zeros((STORED_PX, STORED_PX, 3), np.uint8)
    crop[:, : STORED_PX // 2] = 220
    rng = np.random.default_rng(7)
    left = [int(view[:, :60].mean() > view[:, -60:].mean()) for view in (augmented(crop, rng) for _ in range(100))]
    assert 30 < sum(left) < 70


def test_crops_round_trip(tmp_path: Path) -> None:
    chip = np.random.default_rng(2).integers(0, 255, (200, 200, 3)).astype(np.uint8)
    with ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("20_0_0_1.jpg", "30_1_0_2.jpg", "40_0_0_3.jpg"):
            archive.writestr(name, cv2.imencode(".jpg", chip)[1].tobytes())
    made = make_crops(list_named([tmp_path / "a.zip"]).samples, tmp_path / "crops", threads=2)
    crops = load_crops(tmp_path / "crops")
    assert (made.count, made.usual, made.left_out) == (3, 3, ())  # noise is no face
    assert not crops.found.any()
    assert crops.age.tolist() == [20, 30, 40]
    assert crops.male.tolist() == [1, 0, 1]
    assert crops.pixels.shape == (3, STORED_PX, STORED_PX, 3)
    assert not list((tmp_path / "crops").glob("*.part"))


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no crops can be read"):
        load_crops(tmp_path)
    np.save(tmp_path / "crops.npy", np.zeros((2, STORED_PX, STORED_PX, 3), np.uint8))
    (tmp_path / "index.csv").write_text("name,age,male,found\na.jpg,3,1,1\n")
    with pytest.raises(SourceError, match=r"1 rows in index\.csv"):
        load_crops(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name,age,found\na.jpg,3,1\n", r"index\.csv has no column male"),
        ("age,male,found\n3,1,1\n", r"index\.csv has no column name"),
        ("name,age,male,found\na.jpg,old,1,1\n", r'the age of a\.jpg is "old", no number from 0 to 120'),
        ("name,age,male,found\na.jpg,121,1,1\n", r'the age of a\.jpg is "121", no number from 0 to 120'),
        ("name,age,male,found\na.jpg,-1,1,1\n", r'the age of a\.jpg is "-1", no number'),
        ("name,age,male,found\na.jpg,,1,1\n", r'the age of a\.jpg is "", no number'),
        ("name,age,male,found\na.jpg,nan,1,1\n", r'the age of a\.jpg is "nan", no number'),
        ("name,age,male,found\na.jpg,3,m,1\n", r'the male of a\.jpg is "m", no number from 0 to 1'),
        ("name,age,male,found,low,high\na.jpg,3,1,1,0,130\n", r'the high of a\.jpg is "130", no number'),
        ("name,age,male,found,low,high\na.jpg,3,1,1,9,2\n", r"a\.jpg has ages from 9 to 2"),
    ],
)
def test_labels_that_are_none_are_refused(tmp_path: Path, content: str, message: str) -> None:
    np.save(tmp_path / "crops.npy", np.zeros((1, STORED_PX, STORED_PX, 3), np.uint8))
    (tmp_path / "index.csv").write_text(content)
    with pytest.raises(SourceError, match=message):
        load_crops(tmp_path)


def test_an_unreadable_picture_is_left_out_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "20_0_0_1.jpg").write_bytes(cv2.imencode(".jpg", np.full((200, 200, 3), 90, np.uint8))[1].tobytes())
    (tmp_path / "data" / "30_0_0_2.jpg").write_bytes(b"no picture")
    (tmp_path / "data" / "40_0_0_3.jpg").write_bytes(b"")
    made = make_crops(list_samples([tmp_path / "data"]).samples, tmp_path / "crops", threads=1)
    assert [name for name, _ in made.left_out] == ["30_0_0_2.jpg", "40_0_0_3.jpg"]
    assert load_crops(tmp_path / "crops").names.tolist() == ["20_0_0_1.jpg"]
    assert "is no picture" in (tmp_path / "crops" / "left_out.csv").read_text(encoding="utf-8")


@pytest.mark.skipif(not (SHARED / "utkface-1.zip").exists(), reason="UTKFace is not beside the repository")
def test_faces_of_real_chips_are_found_where_the_template_says(tmp_path: Path) -> None:
    samples = list_named([SHARED / "utkface-1.zip"]).samples[::300]
    assert make_crops(samples, tmp_path, threads=1).usual <= 1
    detector, crops = chip_detector(), load_crops(tmp_path)
    found = [chip_landmarks(detector, np.ascontiguousarray(centred(row)[:, :, ::-1])) for row in crops.pixels]
    off = [np.abs(points / CROP_PX - TEMPLATE).mean() for points in found if points is not None]
    assert len(off) >= len(samples) - 2
    assert np.median(off) < 0.03
