"""The figures of an evaluation, on predictions whose errors are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import ModelFileError, OutputError
from pipeline.types import AGE_BINS, Float32Array
from training.calibrate import Fit
from training.evaluate import Evaluation, as_json, main
from training.figures import Predictions, calibrated, report, table
from training.files import write_json
from training.runtimes import open_engine


def predictions(truth: list[float], error: list[float], male: list[float], male_truth: list[bool]) -> Predictions:
    ages = np.array(truth, np.float32)
    said = ages + np.array(error, np.float32)
    return Predictions(said, ages, bells(said), np.array(male, np.float32), np.array(male_truth), missed=1)


def bells(ages: Float32Array) -> Float32Array:
    """Gaussian distributions of 5 years around the ages."""
    said = np.exp(-((np.arange(AGE_BINS) - ages[:, None]) ** 2) / 50)
    return np.asarray(said / said.sum(axis=1, keepdims=True), np.float32)


def test_figures_of_known_errors() -> None:
    figures = report(
        predictions([5, 5, 25, 95, 110], [1, -1, 4, -6, -20], [0.9, 0.2, 0.6, 0.4, 0.1], [True, False, False, False, False])
    )
    assert figures.n == 5
    assert figures.mae == pytest.approx(32 / 5)
    assert figures.bias == pytest.approx(-22 / 5)
    assert figures.median == pytest.approx(4)
    assert figures.rmse == pytest.approx(np.sqrt((1 + 1 + 16 + 36 + 400) / 5))
    # 90 % of these distributions lie within 8.2 years around their middle, half of that at a temperature of a quarter.
    assert figures.coverage90 == pytest.approx(4 / 5)
    assert (figures.cs3, figures.cs5) == pytest.approx((0.4, 0.6))
    assert {age: decade.n for age, decade in figures.by_decade.items()} == {"0-9": 2, "20-29": 1, "90+": 2}
    assert figures.by_decade["90+"].bias == pytest.approx(-13)
    assert figures.macro_mae == pytest.approx((1 + 4 + 13) / 3)
    assert figures.gender_accuracy == pytest.approx(0.8)
    assert figures.missed == 1


def test_empty_classes_are_told() -> None:
    text = table(report(predictions([5, 25, 95], [1, -1, 4], [0.9, 0.2, 0.6], [True, True, True])))
    assert "mean of decades 2.00 (no picture of 10-19, 30-39, 40-49, 50-59, 60-69, 70-79, 80-89)" in text
    assert "gender 66.7% (of male only)" in text
    every = predictions([10 * i for i in range(10)], [1] * 10, [0.9] * 10, [True, False] * 5)
    assert "mean of decades 1.00   gender 50.0%   no face" in table(report(every))


def test_interval_covers_the_mean_and_narrows_with_n() -> None:
    rng = np.random.default_rng(0)
    widths = []
    for n in (50, 5000):
        figures = report(predictions([30.0] * n, list(rng.normal(0, 6, n)), [0.5] * n, [True] * n))
        low, high = figures.mae_ci
        assert low < figures.mae < high
        widths.append(high - low)
    # The interval's width goes with 1/√n: a hundred times the pictures, a tenth of the width.
    assert widths[1] == pytest.approx(widths[0] / 10, rel=0.35)
    # Mean of |N(0, 6)| is 6·√(2/π) = 4.79.
    assert low < 4.79 < high


def test_table_and_json_tell_the_same(tmp_path: Path) -> None:
    figures = report(predictions([20, 30], [2, -4], [0.9, 0.1], [True, False]))
    assert "MAE 3.00" in table(figures)
    content = as_json(Evaluation(figures, None, None, {}, None))
    write_json(tmp_path / "figures.json", content)
    written = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert written["mae"] == pytest.approx(3)
    assert written["by_decade"]["20-29"] == {"n": 1, "mae": 2.0, "bias": 2.0}
    assert len(written["mae_ci"]) == 2
    with pytest.raises(OutputError, match="cannot be written"):
        write_json(tmp_path / "none" / "figures.json", content)


def test_broken_model_is_one_clear_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelFileError, match=r"none\.onnx cannot be read"):
        open_engine(tmp_path / "none.onnx", 1)
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    with pytest.raises(ModelFileError, match=r"cannot load the model 'bad\.onnx'"):
        open_engine(tmp_path / "bad.onnx", 1)
    assert main(["--model", str(tmp_path / "bad.onnx"), "--data", str(tmp_path)]) == 1
    assert "no labelled picture" in capsys.readouterr().err


def test_calibrated_predictions_are_sharper_and_their_ages_follow() -> None:
    before = predictions([40, 40], [6, 1], [0.9, 0.9], [True, True])
    after = calibrated(before, Fit(0.25))
    assert (report(before).coverage90, report(after).coverage90) == pytest.approx((1.0, 0.5))
    assert report(after).width90 == pytest.approx(report(before).width90 / 2, rel=0.02)
    np.testing.assert_allclose(after.age, [46, 41], atol=0.01)
