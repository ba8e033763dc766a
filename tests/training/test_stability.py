"""The stability benchmark: rules, figures, and the whole of it on a few made people with a model that is known."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engines.intervals import load_intervals
from pipeline import stability as launcher
from pipeline.types import AGE_BINS, Float32Array
from tests.model_double import NAME, write_models
from training import conformal, stability
from training.crops import STORED_PX
from training.rules import RULES, Kalman, MeanOf, Median, Rule, Winsorised, expectation
from training.stability import Series, figures_of, flicker
from training.watch import FilmSpec, held_back


def peak(years: float) -> Float32Array:
    weights = np.exp(-((np.arange(AGE_BINS) - years) ** 2) / 18)
    return np.asarray(weights / weights.sum(), np.float32)


@pytest.mark.parametrize("name", RULES)
def test_every_rule_agrees_with_a_model_that_never_wavers(name: str) -> None:
    rule = RULES[name]()
    for _ in range(40):
        told = rule.add(peak(33))
    assert told.years == pytest.approx(33, abs=0.1)
    assert told.low <= told.years <= told.high


def test_rules_do_what_they_are_called() -> None:
    values = [20.0] * 30 + [50.0]
    last = {}
    rules: dict[str, Rule] = {"mean": MeanOf(24), "median": Median(), "winsorised": Winsorised(), "kalman": Kalman()}
    for name, rule in rules.items():
        for value in values:
            last[name] = rule.add(peak(value)).years
    assert last["mean"] == pytest.approx(20 + 30 / 24, abs=0.1)
    assert last["median"] == pytest.approx(20, abs=0.1)
    assert last["winsorised"] == pytest.approx(20 + 6 / 31, abs=0.1)
    assert 20.5 < last["kalman"] < 22
    assert expectation(peak(40)) == pytest.approx(40, abs=0.01)


def test_figures_of_a_known_series() -> None:
    years = np.array([30.0, 34.0, 31.0, 31.0])
    series = Series(years, years - 5, years + 5, np.array([np.nan, 34.0, 31.0, 31.0]), calls=3)
    figures = figures_of([series], np.array([32.0]), fps=2.0)
    assert figures.tmae == pytest.approx(1.5)
    assert figures.final_mae == pytest.approx(1.0)
    assert figures.flicker == pytest.approx(3.0)  # three years in the second in which a number was shown
    assert figures.near_s == pytest.approx(1.0)
    assert figures.after == {"1": 2.0}
    assert (figures.coverage90, figures.width, figures.calls_per_s) == (1.0, 10.0, 1.5)
    assert flicker(np.array([np.nan, 5.0]), 10) == 0.0


@pytest.fixture
def people(tmp_path: Path) -> tuple[Path, Path]:
    """A folder of crops of twelve people whose brightness tells their age to the double, and the list of their names."""
    folder = tmp_path / "crops"
    folder.mkdir()
    rng = np.random.default_rng(0)
    ages = np.linspace(25, 60, 12).round()
    pixels = np.stack([rng.normal(age / 0.3, 20, (STORED_PX, STORED_PX, 3)).clip(0, 255).astype(np.uint8) for age in ages])
    np.save(folder / "crops.npy", pixels)
    with (folder / "index.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("name", "age", "male", "found", "low", "high"))
        writer.writerows((f"{i}.jpg", age, 1, 1, age, age) for i, age in enumerate(ages))
    names = tmp_path / "names.txt"
    names.write_text("".join(f"{i}.jpg\n" for i in range(12)))
    return folder, names


def test_fit_and_benchmark_from_crops_to_files(
    people: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, names = people
    models = write_models(tmp_path / "models")
    model = models / f"{NAME}.onnx"
    common = ["--model", str(model), "--crops", str(folder), "--lists", str(names), "--work", str(tmp_path / "work")]
    assert conformal.main([*common, "--json", str(tmp_path / "c.json"), "--threads", "1"]) == 0
    table = load_intervals(conformal.sha256_of(model), models)
    assert table is not None
    assert 0 <= json.loads((tmp_path / "c.json").read_text())["last"]["coverage90"] <= 1
    assert "the other way round" in capsys.readouterr().out

    monkeypatch.setattr(stability, "SPEC", FilmSpec(seed=2, fps=5.0, seconds=2.0))
    plots = tmp_path / "plots"
    outputs = ["--json", str(tmp_path / "s.json"), "--plots", str(plots), "--threads", "1"]
    assert stability.main([*common, *outputs]) == 0, capsys.readouterr().err
    figures = json.loads((tmp_path / "s.json").read_text())
    assert set(figures) == {"filter", *RULES}
    wanted = {"coverage90", "flicker", "tmae", "final_mae", "width", "calls_per_s"}
    assert all(wanted <= set(each) for each in figures.values())
    assert figures["filter"]["calls_per_s"] < figures["raw"]["calls_per_s"] == 5.0
    assert {path.name for path in plots.iterdir()} == {"error.png", "example.png"}
    # What intervals were fitted on is not measured on.
    measured = sum(not conformal.in_fit_half(still) for still in held_back([folder], [], [names], tmp_path, 1))
    assert f"{measured} films" in capsys.readouterr().out


def test_a_list_that_names_nobody_is_told(people: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, _ = people
    other = tmp_path / "other.txt"
    other.write_text("nobody.jpg\n")
    arguments = ["--model", "m.onnx", "--crops", str(folder), "--lists", str(other), "--work", str(tmp_path / "work")]
    assert conformal.main(arguments) == 1
    assert "none of the listed pictures" in capsys.readouterr().err


def test_intervals_are_not_judged_by_nobody(
    people: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = people
    other = tmp_path / "other.txt"
    other.write_text("0.jpg\n")
    arguments = ["--model", "m.onnx", "--crops", str(folder), "--lists", str(other), "--work", str(tmp_path / "work")]
    assert conformal.main(arguments) == 1
    assert "all of the 1 people are in the half" in capsys.readouterr().err


def test_the_name_in_pipeline_starts_it_with_the_same_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []

    def run(command: list[str], check: bool) -> subprocess.CompletedProcess[bytes]:
        assert not check
        started.append(command)
        return subprocess.CompletedProcess(command, 3)

    monkeypatch.setattr(subprocess, "run", run)
    assert launcher.main(["--model", "a b.onnx"]) == 3
    ((python, *_, name, value),) = started
    assert (python, name, value) == (sys.executable, "--model", "a b.onnx")
