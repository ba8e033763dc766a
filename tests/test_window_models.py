"""The window loads its models once for all films, and anew where the settings say something else."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from engines.onnx_runtime import OnnxRuntime
from main import WindowModels
from pipeline.errors import EngineError, SettingsError
from pipeline.settings import Settings
from pipeline.sources.demo import Studio
from pipeline.types import Frame
from tests.model_double import write_models

NETWORKS = 4
"""Three of the detector, and the age model."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("double") / "models")


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the networks, as they are loaded."""
    names: list[str] = []
    load = OnnxRuntime.__init__

    def note(self: OnnxRuntime, model: bytes, name: str, provider: str = "cpu", threads: int = 0) -> None:
        names.append(name)
        load(self, model, name, provider, threads)

    monkeypatch.setattr(OnnxRuntime, "__init__", note)
    return names


def alive() -> int:
    gc.collect()
    return sum(type(thing) is OnnxRuntime for thing in gc.get_objects())  # isinstance would ask every proxy for its class


def test_films_share_the_networks_and_nothing_else(folder: Path, loaded: list[str]) -> None:
    before = alive()
    models = WindowModels(folder)
    image = Studio().picture(150)
    found = []
    for _ in range(2):
        with models.open_analyzer(Settings()) as analyzer:
            results = [analyzer.process(Frame(image, number / 30, number, "demo", 0.0)) for number in range(3)]
            found.append([face.person for face in results[-1].faces])
    assert len(loaded) == NETWORKS
    assert found[0] == found[1], "persons are counted from one in each film"
    assert 1 in found[0]
    del analyzer
    models.close()
    assert alive() == before


@pytest.mark.parametrize(
    ("change", "anew"),
    [
        ({"age": {"threads": 1}}, True),
        ({"age": {"engine": "cpu"}}, True),
        ({"detector": {"smallest_face_px": 80}}, True),
        ({"identity": {"rejoin": False}}, False),
        ({"source": {"camera_fps": 25.0}}, False),
    ],
)
def test_a_changed_setting_holds_from_the_next_film_on(
    folder: Path, loaded: list[str], change: dict[str, dict[str, object]], anew: bool
) -> None:
    before = alive()
    models = WindowModels(folder)
    for settings in (Settings(), Settings.model_validate(change)):
        with models.open_analyzer(settings):
            assert alive() == before + NETWORKS, "those before are gone"
    assert len(loaded) == (2 * NETWORKS if anew else NETWORKS)
    models.close()


def test_an_engine_that_is_asked_for_by_name_is_not_replaced_by_what_is_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    before = alive()
    models = WindowModels(folder)
    with models.open_analyzer(Settings()) as analyzer:
        assert analyzer.engine.name == "cpu"
    del analyzer
    for _ in range(2):
        with pytest.raises(EngineError, match="cuda"), models.open_analyzer(Settings.model_validate({"age": {"engine": "cuda"}})):
            pass
        assert alive() == before
    with pytest.raises(SettingsError), models.open_analyzer(Settings.model_validate({"age": {"model": "no-such-model"}})):
        pass
    models.close()


def test_after_a_failed_film_the_networks_are_loaded_anew(folder: Path, loaded: list[str]) -> None:
    models = WindowModels(folder)
    with pytest.raises(RuntimeError), models.open_analyzer(Settings()):
        raise RuntimeError("a driver broke")
    with models.open_analyzer(Settings()):
        pass
    assert len(loaded) == 2 * NETWORKS
    models.close()
