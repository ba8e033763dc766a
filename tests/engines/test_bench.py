"""The benchmark: its table, its JSON, and what it says of engines that do not run here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engines.bench import GFLOP_PER_FACE, candidates, main
from engines.bench_film import made_film, measure_film
from engines.gpu import find_gpu
from pipeline.errors import EngineError
from tests.model_double import NAME, write_models


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return write_models(tmp_path / "models")


def test_an_engine_is_measured(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bench.json"
    assert main(["--models", str(models), "--batches", "1,4", "--seconds", "0.05", "--json", str(path)]) == 0
    assert f"cpu fp32, {NAME}" in capsys.readouterr().out
    content = json.loads(path.read_text(encoding="utf-8"))
    (engine,) = content["engines"]
    assert [row["batch"] for row in engine["batches"]] == [1, 4]
    for row in engine["batches"]:
        assert 0 < row["p50_ms"] <= row["p95_ms"]
        assert row["runs"] >= 5
        assert row["faces_per_s"] == pytest.approx(1e3 * row["batch"] / row["p50_ms"])
        assert row["gflop_per_s"] == pytest.approx(GFLOP_PER_FACE * row["faces_per_s"])
    assert content["machine"]["cores"] >= 1


def test_what_does_not_run_is_said(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        find_gpu()
    except EngineError as error:
        reason = error.message
    else:
        pytest.skip("this machine has a GPU")
    path = tmp_path / "bench.json"
    assert main(["--engine", "tensorrt", "--models", str(models), "--json", str(path)]) == 1
    assert f"tensorrt fp16: not measured. {reason}" in capsys.readouterr().out
    assert json.loads(path.read_text(encoding="utf-8"))["not_measured"]["tensorrt fp32"] == reason


def test_all_is_all(models: Path) -> None:
    names = [str(candidate) for candidate in candidates("all", "", models)]
    assert names == [f"cpu {NAME}", f"cuda {NAME}", "tensorrt fp16", "tensorrt fp32"]


def test_a_whole_film(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engines.bench_film.FRAMES", 8)
    with made_film() as path:
        assert path.stat().st_size > 10_000
        speed = measure_film("cpu", models, path)
    assert not path.exists()
    assert speed.frames == 8
    assert speed.faces_mean > 7, "eight faces in every frame"
    assert speed.fps > 0


@pytest.mark.parametrize("text", ["0", "a", "1,", "-4"])
def test_batches_that_are_none(text: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--batches", text])
    assert caught.value.code == 2
