"""One row per person? `python -m pipeline.identity_bench [PHOTO …] [--clips FOLDER] [--json FILE] [OPTION …]`.

Starts the real program on films whose people are known: one that is made of photos of one face each (pictures, folders, zip
files; the demo's portraits if none are given), the demo, and the clips of `pipeline.identity_truth` that are in the folder.
Options of `main.py analyze`, such as --models, --set or --no-rejoin, are passed on.

Measured per film, from its log:

- persons: people whose face was found in LEAST_FRAMES frames or more.
- rows: rows of the persons table that show one of them; `rows_per_person` should be 1.
- wrong: rows that show two people (LEAST_FRAMES frames or more of the second one).
- switches: how often a person's number changes from one of their frames to the next.
- late: share of the frames that showed another number than the one that the person has in the end.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.errors import AppError
from pipeline.identity_films import compose, read_photos
from pipeline.identity_truth import CLIPS, Appearance
from pipeline.observations import Observation, rows
from pipeline.outputs import check_output, replaced_file
from pipeline.sources.demo import truth as demo_truth
from pipeline.store import SessionLog

PROGRAM = Path(__file__).resolve().parent.parent / "main.py"

LEAST_FRAMES = 3

Who = Callable[[float, float, float], str | None]
"""Who is at a time and place (seconds, pixels); None where nobody is known."""


@dataclass(frozen=True, slots=True)
class Score:
    """What came out for one film. The module tells what the numbers mean; `unnamed` are rows that show nobody known."""

    film: str
    persons: int
    rows: int
    wrong: int
    switches: int
    late: float
    unnamed: int

    @property
    def rows_per_person(self) -> float:
        return self.rows / self.persons if self.persons else 0.0


def score(film: str, seen: Iterable[tuple[Observation, int]], who: Who) -> Score:
    """Compares what the log says with the truth.

    Args:
        seen: observations in order of time, each with the number that was shown in its frame.
    """
    people: dict[int, Counter[str]] = defaultdict(Counter)
    shown: Counter[str] = Counter()
    newest: dict[str, int] = {}
    switches = late = named = 0
    for face, then in seen:
        name = who(face.media_time_s, (face.x1 + face.x2) / 2, (face.y1 + face.y2) / 2)
        people[face.person][name or ""] += 1
        if name is None:
            continue
        shown[name] += 1
        named += 1
        late += then != face.person
        switches += newest.get(name, face.person) != face.person
        newest[name] = face.person
    counted = {name for name, frames in shown.items() if frames >= LEAST_FRAMES}
    found = [[name for name, frames in names.items() if name in counted and frames >= LEAST_FRAMES] for names in people.values()]
    return Score(
        film=film,
        persons=len(counted),
        rows=sum(bool(names) for names in found),
        wrong=sum(len(names) > 1 for names in found),
        switches=switches,
        late=round(late / named, 4) if named else 0.0,
        unnamed=sum(not names for names in found),
    )


def analyze(source: str, arguments: Sequence[str], folder: Path) -> list[tuple[Observation, int]]:
    """Runs the program on one film; its observations with the numbers that were shown.

    Raises:
        subprocess.CalledProcessError: it failed, and has said on stderr why.
    """
    log_file = folder / "identity.sqlite"
    command = [sys.executable, str(PROGRAM), "analyze", source, "--log", str(log_file), "--quiet", "--fresh", *arguments]
    subprocess.run(command, check=True)
    with SessionLog.open(log_file, create=False) as log:
        ((session,),) = log.db.rows("SELECT max(id) FROM sessions")
        shown = log.db.rows(
            "SELECT person FROM observations WHERE input_id = (SELECT max(id) FROM inputs WHERE session_id = ?) ORDER BY n",
            (session,),
        )
        return [(row.observation, number) for row, (number,) in zip(rows(log, [session]), shown, strict=True)]


def by_appearances(appearances: Sequence[Appearance]) -> Who:
    """The nearest person of those who are there."""

    def who(time_s: float, x: float, y: float) -> str | None:
        near = [(distance, stay.who) for stay in appearances if (distance := stay.distance(time_s, x, y)) is not None]
        return min(near)[1] if near else None

    return who


def in_the_demo(time_s: float, x: float, y: float) -> str | None:
    for person in demo_truth(time_s):
        if person.box.x1 <= x <= person.box.x2 and person.box.y1 <= y <= person.box.y2:
            return person.name
    return None


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes as those of main.py."""
    parser = argparse.ArgumentParser("python -m pipeline.identity_bench", description="Rows per person, wrong merges, switches.")
    parser.add_argument("photos", nargs="*", type=Path, metavar="PHOTO", help="pictures, folders or zip files of one face each")
    parser.add_argument("--clips", type=Path, metavar="FOLDER", help="where the clips are whose people are known")
    parser.add_argument("--people", type=int, default=16, metavar="N", help="at most so many of the photos (16)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the film that is made (0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    options, passed_on = parser.parse_known_args(argv)
    try:
        if options.json is not None:
            check_output(options.json)
        scores = []
        with tempfile.TemporaryDirectory(prefix="agelens-identity-") as name:
            folder = Path(name)
            made = folder / "photos.mp4"
            truth = compose(made, read_photos(options.photos, options.people), options.seed)
            films: list[tuple[str, str, Who]] = [("photos", str(made), by_appearances(truth)), ("demo", "demo", in_the_demo)]
            for clip, appearances in CLIPS.items():
                if options.clips is not None and (options.clips / clip).exists():
                    films.append((clip, str(options.clips / clip), by_appearances(appearances)))
            for film, source, who in films:
                scores.append(score(film, analyze(source, passed_on, folder), who))
                print(f"{film} is done", file=sys.stderr)
        print(table(scores))
        if options.json is not None:
            with replaced_file(options.json, "utf-8") as file:
                json.dump({one.film: {**asdict(one), "rows_per_person": round(one.rows_per_person, 3)} for one in scores}, file)
    except AppError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


def table(scores: Sequence[Score]) -> str:
    """The figures for people."""
    lines = [f"{'film':<16}{'persons':>9}{'rows':>7}{'rows each':>11}{'wrong':>7}{'switches':>10}{'late':>8}{'unnamed':>9}"]
    lines += [
        f"{one.film:<16}{one.persons:>9}{one.rows:>7}{one.rows_per_person:>11.2f}{one.wrong:>7}{one.switches:>10}"
        f"{one.late:>8.1%}{one.unnamed:>9}"
        for one in scores
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
