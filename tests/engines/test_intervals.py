"""Which table of intervals.toml belongs to which model."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.intervals import INTERVALS_FILE, load_intervals
from engines.models import MODELS_FOLDER, read_models_file
from pipeline.errors import ModelFileError

GOOD = """schema_version = 1

[[tables]]
sha256 = ["aa", "bb"]
ages = [10, 50]
sizes = [30.0]
lower = [[1.0], [2.0]]
upper = [[1.5], [1.0]]
"""


def write(folder: Path, text: str) -> Path:
    (folder / INTERVALS_FILE).write_text(text, encoding="utf-8")
    return folder


def test_the_table_of_a_model(tmp_path: Path) -> None:
    table = load_intervals("bb", write(tmp_path, GOOD))
    assert table is not None
    assert table.stretched(50, 40, 60, 100) == (30, 60)


def test_another_model_and_no_file_have_none(tmp_path: Path) -> None:
    assert load_intervals("aa", tmp_path) is None
    assert load_intervals("cc", write(tmp_path, GOOD)) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("schema_version = 2\n", "schema_version"),
        (GOOD.replace("ages", "edges"), "ages"),
        (GOOD.replace("[10, 50]", "[50, 10]"), "knots must rise"),
        ("no toml", "cannot be read"),
    ],
)
def test_a_file_that_is_wrong_is_said_so(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ModelFileError, match=words):
        load_intervals("aa", write(tmp_path, text))


def test_the_committed_file_can_be_read() -> None:
    for entry in read_models_file().models.values():
        load_intervals(entry.sha256, MODELS_FOLDER)
