"""The README tells the truth: its tables come from the code, its commands and links exist.

`python -m tests.test_readme` writes the tables anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from pipeline.arguments import parse
from pipeline.export import OBSERVATION_COLUMNS, PERSON_COLUMNS, Column
from pipeline.options import options

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def columns_table(columns: tuple[Column, ...]) -> str:
    return table(("column", "meaning"), ((f"`{column.name}`", column.meaning) for column in columns))


def tables() -> dict[str, str]:
    """Name of the marker → what stands between it and its end."""
    settings = ((f"`{option.name}`", option.default, option.allowed, option.description) for option in options())
    return {
        "observations": columns_table(OBSERVATION_COLUMNS),
        "persons": columns_table(PERSON_COLUMNS),
        "settings": table(("setting", "default", "allowed", "meaning"), settings),
    }


def with_tables(text: str) -> str:
    for name, content in tables().items():
        pattern = rf"<!-- {name} -->.*?<!-- /{name} -->|<!-- {name} -->"
        block = f"<!-- {name} -->\n\n{content}\n\n<!-- /{name} -->"
        text, found = re.subn(pattern, block.replace("\\", r"\\"), text, flags=re.DOTALL)
        assert found == 1, f"README.md lacks the marker {name}"
    return text


def test_tables_are_those_of_the_code() -> None:
    text = README.read_text(encoding="utf-8")
    assert with_tables(text) == text, "run: python -m tests.test_readme"


def test_the_two_commands_are_named() -> None:
    text = README.read_text(encoding="utf-8")
    assert "pip install uv && uv run main.py analyze demo --csv ages.csv" in text
    assert "pip install uv && uv run --extra train --group dev pytest" in text


def test_commands_of_the_program_parse() -> None:
    """Every `uv run main.py …` of the README is understood by the parser."""
    commands = re.findall(r"uv run main\.py([^\n#`]*)", README.read_text(encoding="utf-8"))
    assert len(commands) >= 6
    for command in commands:
        parse(command.replace("…", "").split(), "0")


def test_linked_files_exist() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README.read_text(encoding="utf-8")):
        assert link.startswith("https://") or (ROOT / link).exists(), link


def test_named_files_exist() -> None:
    """Paths in code style that begin with one of our folders."""
    text = README.read_text(encoding="utf-8")
    for path in re.findall(r"`((?:pipeline|engines|ui|training|assets|tests)/[\w./-]*)`", text):
        assert (ROOT / path).exists(), path


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text(encoding="utf-8")), encoding="utf-8")
