"""Persons with the committed models on clips whose people were counted by eye. The clips are not part of the project."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

import pytest

from engines.choose import open_age_engine, open_detector
from pipeline.analyzer import Analyzer
from pipeline.edits import apply_edits
from pipeline.identity_bench import Score, by_appearances, score
from pipeline.identity_truth import CLIPS
from pipeline.observations import Observation
from pipeline.settings import Settings
from pipeline.sources import open_source
from pipeline.types import FrameResult

FOLDER = Path(__file__).resolve().parents[1] / "../shared/data/videos"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the sample clips are not here")


def measured(clip: str) -> Score:
    settings = Settings()
    results: list[FrameResult] = []
    with closing(open_age_engine(settings.age)) as engine, open_detector(settings, engine.info.name) as detector:
        analyzer = Analyzer(detector, engine, settings)
        with open_source(str(FOLDER / clip), threading.Event()) as source:
            for frame in source.frames():
                result = analyzer.process(frame)
                if any(face.raw is not None and face.raw.embedding is None for face in result.faces):
                    pytest.skip("the committed model gives no face embeddings")
                results.append(result)
        joins = [join for result in results for join in result.joins] + list(analyzer.conclude().joins)
    who = apply_edits([], joins)
    seen = []
    for result in results:
        for face in result.faces:
            box = face.detection.box
            place = (box.x1, box.y1, box.x2, box.y2)
            final = who.person(face.person, face.track)
            time_s = result.frame.time_s
            row = Observation(clip, time_s, 0, 0, final, face.track, *place, 1, face.quality, None, None, None, None, "", 1)
            seen.append((row, face.person))
    return score(clip, seen, by_appearances(CLIPS[clip]))


def test_three_children_are_three_rows() -> None:
    found = measured("children.mp4")
    assert (found.persons, found.rows, found.wrong) == (3, 3, 0), found


def test_nobody_is_two_people_across_cuts() -> None:
    found = measured("stage-cuts.mp4")
    assert found.wrong == 0, found
    assert found.rows_per_person < 1.2, found
