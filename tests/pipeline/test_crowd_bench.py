"""The films of the crowd benchmark, and what it makes of the runs."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline import crowd_bench
from pipeline.bench import Run
from pipeline.errors import SourceError
from pipeline.timing import STAGES, StageReport, TimingReport


def test_twenty_people_are_in_the_picture_and_two_are_a_part_of_them(tmp_path: Path) -> None:
    portraits = crowd_bench.read_portraits([])
    pictures = []
    for people in (2, 20):
        with av.open(str(crowd_bench.compose(tmp_path / f"{people}.mp4", portraits, people, 2))) as film:
            frames = [frame.to_ndarray(format="bgr24") for frame in film.decode(video=0)]
        assert [frame.shape for frame in frames] == [(1080, 1920, 3)] * 2
        pictures.append(frames[0].astype(int))
    wall = crowd_bench._wall().astype(int)
    differs = [np.abs(picture - wall).mean(axis=2) > 40 for picture in pictures]
    assert 5 * differs[0].sum() < differs[1].sum() < 20 * differs[0].sum()
    assert (np.abs(pictures[0] - pictures[1]).mean(axis=2)[differs[0]] < 40).mean() > 0.95


def test_no_picture_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SourceError, match=r"missing\.jpg"):
        crowd_bench.read_portraits([tmp_path / "missing.jpg"])
    assert crowd_bench.main([str(tmp_path / "missing.jpg")]) == 1
    assert "missing.jpg" in capsys.readouterr().err


def test_medians_and_their_share_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = {"2.mp4": [50.0, 90.0, 60.0], "20.mp4": [30.0, 48.0, 52.0]}

    def measured(film: str, _: object) -> Run:
        stages = {name: StageReport(1.0, 2.0) for name in STAGES}
        name = Path(film).name
        return Run(1.0, TimingReport(10, rates[name].pop(0), float(name.removesuffix(".mp4")), 0.0, 100.0, "cpu int8", stages))

    monkeypatch.setattr(crowd_bench, "measure", measured)
    monkeypatch.setattr(crowd_bench, "compose", lambda path, *_: path)
    target = tmp_path / "crowd.json"
    assert crowd_bench.main(["--json", str(target)]) == 0
    figures = json.loads(target.read_text(encoding="utf-8"))
    assert figures == {"fps_few": 60.0, "fps_many": 48.0, "faces_few": 2.0, "faces_many": 20.0, "share": 0.8}
