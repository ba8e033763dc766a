"""The demo: its pictures are always the same, and its truth is what is to be seen in them."""

from __future__ import annotations

import itertools
import threading

import cv2
import numpy as np
import pytest

from engines.mtcnn import MtcnnDetector
from pipeline.sources import open_source
from pipeline.sources.demo import DURATION_S, FPS, FRAME_COUNT, Scene, Studio, truth
from pipeline.sources.demo_people import COLLINS, HOPPER, Actor, pose
from pipeline.sources.stills import read_picture

TIMES_S = [index / FPS for index in range(FRAME_COUNT)]


@pytest.fixture(scope="module")
def studio() -> Studio:
    return Studio()


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


def appearances(scene: Scene, name: str, longest_gap_s: float) -> list[tuple[float, float]]:
    """Stretches of time in which a face is visible, gaps up to a length not counted."""
    seen_s = [time_s for time_s in TIMES_S for person in scene.truth(time_s) if person.name == name and person.visible]
    begins = [seen_s[0], *(b for a, b in itertools.pairwise(seen_s) if b - a > longest_gap_s)]
    ends = [*(a for a, b in itertools.pairwise(seen_s) if b - a > longest_gap_s), seen_s[-1]]
    return list(zip(begins, ends, strict=True))


def test_the_same_picture_every_time(studio: Studio) -> None:
    assert np.array_equal(studio.picture(250), Studio().picture(250))
    with open_source("demo", threading.Event()) as source:
        frame = next(source.frames())
    assert np.array_equal(frame.image, studio.picture(0))


def test_pictures_differ_by_noise_where_nobody_moves(studio: Studio) -> None:
    corner = [studio.picture(index)[660:, :200].astype(np.float32) for index in (0, 1, 2)]
    for a, b in itertools.pairwise(corner):
        assert 3 < float((a - b).std()) < 8


@pytest.mark.parametrize("actor", [COLLINS, HOPPER], ids=lambda actor: actor.name)
@pytest.mark.parametrize("time_s", [10.0, 17.9])
def test_the_portrait_is_where_the_truth_says(studio: Studio, actor: Actor, time_s: float) -> None:
    portrait = Scene().portraits[actor.name]
    original = read_picture(portrait.path)
    to_frame = pose(actor, time_s).to_frame
    size = (original.shape[1], original.shape[0])
    found = cv2.warpAffine(studio.picture(round(time_s * FPS)), to_frame, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    face = np.s_[int(actor.face.y1) : int(actor.face.y2), int(actor.face.x1) : int(actor.face.x2)]
    # What is cut away of the portrait says nothing; a little inside of its edge nothing of the room is left.
    solid = cv2.erode(portrait.alpha, np.ones((15, 15), np.uint8))[face] > 250
    a, b = (cv2.GaussianBlur(image, (0, 0), 2)[face][solid].astype(np.float32).ravel() for image in (found, original))
    assert float(np.corrcoef(a, b)[0, 1]) > 0.97


def test_who_appears_when(scene: Scene) -> None:
    # A second is how long the tracker waits for a hidden face.
    collins = appearances(scene, "Eileen Collins", longest_gap_s=1.0)
    hopper = appearances(scene, "Grace Hopper", longest_gap_s=1.0)
    assert len(collins) == 2, "leaves the picture and returns"
    assert len(hopper) == 2, "hides behind the pillar and returns"
    assert collins[1][0] - collins[0][1] > 3
    assert hopper[1][0] - hopper[0][1] > 1.5
    crossing = appearances(scene, "Grace Hopper", longest_gap_s=1 / FPS + 1e-6)
    assert len(crossing) == 3, "is hidden for a moment while Collins passes in front"
    assert crossing[2][0] - crossing[1][1] < 0.8
    assert collins[0][0] < 2
    assert hopper[1][1] == collins[1][1] == pytest.approx(DURATION_S, abs=0.05)


def test_sizes_and_ages(scene: Scene) -> None:
    widths = [person.box.width for time_s in TIMES_S for person in scene.truth(time_s) if person.visible]
    assert min(widths) == pytest.approx(90, abs=3)
    assert max(widths) == pytest.approx(220, abs=3)
    assert [(person.name, person.age) for person in truth(0.0)] == [("Eileen Collins", 42), ("Grace Hopper", 77)]


def test_people_move_smoothly() -> None:
    for actor in (COLLINS, HOPPER):
        centres = np.array([pose(actor, time_s).face.center for time_s in TIMES_S])
        # 25 pixels between two frames are the fastest walk of this clip, at 30 frames a second.
        assert np.abs(np.diff(centres, axis=0)).max() < 25


def test_the_detector_finds_who_is_visible_and_nobody_else(studio: Studio, scene: Scene) -> None:
    detector = MtcnnDetector.load(smallest_face_px=60, threads=1)
    expected = found = 0
    for index in range(0, FRAME_COUNT, 12):
        people = [person for person in scene.truth(index / FPS) if person.visible]
        detections = [detection for detection in detector.scan(studio.picture(index)) if detection.score > 0.9]
        expected += len(people)
        found += sum(max((d.box.iou(person.box) for d in detections), default=0.0) > 0.5 for person in people)
        # Faces at the border of being visible may be found as well.
        assert len(detections) <= 2
    assert expected > 60
    assert found >= expected - 2
