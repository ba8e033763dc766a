"""The settings file: shared with the command line and with people who edit it, and nothing of theirs is lost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.errors import OutputError, SettingsError
from pipeline.options import Option, Value, options, value_of
from pipeline.settings import Settings
from pipeline.settings_file import SettingsStore, read_settings, write_changes

BY_HAND = """\
# my settings

[age]
engine = "cpu"   # the GPU is for games

[detector]
smallest_face_px = 60
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "settings.toml"


@pytest.fixture
def by_hand(path: Path) -> Path:
    path.parent.mkdir()
    path.write_text(BY_HAND, encoding="utf-8")
    return path


def test_no_file_means_the_defaults(path: Path) -> None:
    assert read_settings(path) == Settings()


def test_what_is_written_is_read(path: Path) -> None:
    changes: dict[str, Value] = {"age.engine": "cpu", "age.threads": 3, "filter.floor_years": 2.5, "view.show_gender": True}
    written = write_changes(path, changes)
    assert read_settings(path) == written
    assert (written.age.engine, written.age.threads, written.filter.floor_years, written.view.show_gender) == (
        "cpu",
        3,
        2.5,
        True,
    )


def test_saving_keeps_comments_and_everything_that_was_not_changed(by_hand: Path) -> None:
    write_changes(by_hand, {"detector.smallest_face_px": 80, "tracker.keep_s": 2.0})
    text = by_hand.read_text(encoding="utf-8")
    assert text.startswith(BY_HAND.replace("60", "80"))
    assert read_settings(by_hand).tracker.keep_s == 2.0


def test_values_that_were_written_meanwhile_are_kept(by_hand: Path) -> None:
    store = SettingsStore.open(by_hand)
    by_hand.write_text(BY_HAND + "\n[view]\nshow_gender = true\n", encoding="utf-8")
    assert store.change({"age.threads": 2}).view.show_gender
    assert store.current.age.threads == 2
    assert store.current.detector.smallest_face_px == 60


def test_going_back_to_the_default_takes_the_value_out(by_hand: Path) -> None:
    write_changes(by_hand, {"age.engine": "auto"})
    text = by_hand.read_text(encoding="utf-8")
    assert "engine" not in text
    assert "my settings" in text
    assert read_settings(by_hand).age.engine == "auto"


def another(option: Option) -> Value:
    """A value that is allowed and not the default."""
    if option.choices:
        return next(choice for choice in option.choices if choice != option.value)
    if isinstance(option.value, bool):
        return not option.value
    if isinstance(option.value, str):
        return "something"
    low, high = map(float, re.findall(r"[0-9.]+", option.allowed))
    return type(option.value)((low + high) / 2)


def test_every_setting_can_be_written_and_reset(path: Path) -> None:
    changes = {option.name: another(option) for option in options()}
    written = write_changes(path, changes)
    assert {name: value_of(written, name) for name in changes} == changes
    assert read_settings(path) == written
    assert write_changes(path, {option.name: option.value for option in options()}) == Settings()
    assert read_settings(path) == Settings()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[age]\nengine = 'gpu'\n", "age.engine"),
        ("[age]\nengin = 'cpu'\n", "age.engin"),
        ("[ages]\nengine = 'cpu'\n", "ages.engine"),
        ("age = 3\n", "age"),
        ("[detector]\nsmallest_face_px = 5\n", "20 to 1000"),
        ("[age\n", "TOML"),
        ("\udcff", "decode"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(by_hand: Path, text: str, names: str) -> None:
    by_hand.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(SettingsError) as caught:
        read_settings(by_hand)
    assert str(by_hand) in caught.value.message
    assert names in str(caught.value)


def test_a_file_that_cannot_be_used_is_kept_when_others_are_saved(by_hand: Path) -> None:
    by_hand.write_text("[age\nengine = 'cpu'", encoding="utf-8")
    write_changes(by_hand, {"age.threads": 2})
    assert by_hand.with_name("settings.unusable-1.toml").read_text(encoding="utf-8") == "[age\nengine = 'cpu'"
    assert read_settings(by_hand).age.threads == 2


@pytest.mark.parametrize("changes", [{"age.threads": 1000}, {"age.nothing": 1}])
def test_a_wrong_change_changes_nothing(by_hand: Path, changes: dict[str, int]) -> None:
    with pytest.raises(SettingsError):
        write_changes(by_hand, changes)
    assert by_hand.read_text(encoding="utf-8") == BY_HAND


def test_a_folder_that_cannot_be_made_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file", encoding="utf-8")
    with pytest.raises(OutputError):
        write_changes(tmp_path / "config" / "settings.toml", {"age.threads": 2})


def test_the_command_line_comes_before_the_file(by_hand: Path) -> None:
    store = SettingsStore.open(by_hand, ["detector.smallest_face_px=100"])
    assert store.current.detector.smallest_face_px == 100
    assert store.current.age.engine == "cpu"
    assert store.pinned == {"detector.smallest_face_px"}
    store.change({"detector.smallest_face_px": 30})
    assert store.current.detector.smallest_face_px == 100, "until the next start"
    assert read_settings(by_hand).detector.smallest_face_px == 30
