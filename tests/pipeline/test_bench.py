"""The benchmark measures the real program and writes what it promises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline import bench
from pipeline.protocols import EngineInfo, SourceInfo
from pipeline.timing import STAGES, StageReport, Timing, TimingReport
from pipeline.types import FrameResult, StageTimes
from tests.model_double import write_models
from tests.pipeline.log_scenes import face, result


def test_a_run_of_the_real_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = write_models(tmp_path / "models")
    target = tmp_path / "bench.json"
    code = bench.main(["demo", "--runs", "1", "--frames", "10", "--json", str(target), "--models", str(models)])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    figures = json.loads(target.read_text(encoding="utf-8"))
    assert set(figures) >= {"fps", "peak_rss_mb", "startup_s", "frames", "faces_mean", "stages"}
    assert figures["frames"] == 10
    assert 0 < figures["startup_s"] < 60
    assert figures["fps"] > 0
    assert set(figures["stages"]) == set(STAGES)
    assert all(set(stage) == {"p50_ms", "p95_ms"} for stage in figures["stages"].values())
    assert all(name in captured.out for name in STAGES)


def test_an_error_of_the_program_is_passed_on(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    models = write_models(tmp_path / "models")
    assert bench.main([str(tmp_path / "missing.mp4"), "--runs", "1", "--models", str(models)]) == 1
    error = capfd.readouterr().err
    assert error.count("Error: ") == 1
    assert "Traceback" not in error


def test_a_target_that_cannot_be_written_is_known_before_the_first_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "measure", lambda *_: pytest.fail("ran"))
    assert bench.main(["demo", "--json", str(tmp_path / "nowhere" / "b.json")]) == 1
    assert "nowhere" in capsys.readouterr().err


@pytest.mark.parametrize(("rates", "median"), [([30.0], 30.0), ([30.0, 10.0, 20.0], 20.0), ([10.0, 20.0], 10.0)])
def test_the_median_run_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rates: list[float], median: float) -> None:
    left = list(rates)

    def measured(*_: object) -> bench.Run:
        stages = {name: StageReport(1.0, 2.0) for name in STAGES}
        return bench.Run(1.5, TimingReport(10, left.pop(0), 2.0, 0.0, 100.0, "cpu int8", stages))

    monkeypatch.setattr(bench, "measure", measured)
    assert bench.main(["demo", "--runs", str(len(rates)), "--json", str(tmp_path / "b.json")]) == 0
    assert json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))["fps"] == median


def test_times_are_taken_where_the_work_is_done() -> None:
    class Silent:
        def write(self, result: FrameResult) -> None: ...

        def close(self) -> None: ...

    timing = Timing()
    sink = timing.sink("log", lambda _info, _engine: Silent())(
        SourceInfo("film", live=False), EngineInfo("cpu", "int8", "m", "r")
    )
    for number in range(4):
        seen = result(number, [face(1), face(2)])
        times = StageTimes(detect_ms=10.0 + number, track_ms=1.0, estimate_ms=5.0, fuse_ms=0.5)
        sink.write(FrameResult(seen.frame, seen.faces, times=times))
    report = timing.report()
    assert (report.frames, report.faces_mean, report.engine) == (4, 2.0, "cpu int8")
    assert report.stages["detect"] == StageReport(11.5, 12.85)
    assert report.stages["estimate"].p50_ms == 5.0
    assert report.first_result_at is not None
