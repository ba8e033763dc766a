"""The command line as a person uses it: results, exit codes, and one clear error for everything that can be wrong."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

import main
from pipeline.sources.demo import Studio
from tests.model_double import write_models
from tests.pipeline.clips import cut_short, plain, write_film

REPO = Path(__file__).resolve().parent.parent
CLIPS = REPO / "../shared/data/videos"
PATIENCE_S = 180.0
"""For a process to start and do a little, on a busy machine."""


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Shell:
    """Runs the program's main function here, with models and a log of the test's own."""

    folder: Path
    models: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str | Path) -> Answer:
        self.capsys.readouterr()
        try:
            code = main.main([str(argument) for argument in arguments])
        except SystemExit as left:
            code = int(left.code or 0)
        captured = self.capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    def analyze(self, *arguments: str | Path) -> Answer:
        return self("analyze", *arguments, *self.own)

    @property
    def own(self) -> tuple[str, str, str, str]:
        return "--log", str(self.folder / "log.sqlite"), "--models", str(self.models)

    def film(self, name: str = "film.mp4", frames: int = 8) -> Path:
        times = [40 * number for number in range(frames)]
        return write_film(self.folder / name, [plain(number) for number in range(frames)], times)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("double") / "models")


@pytest.fixture
def shell(tmp_path: Path, models: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path, models, capsys)


def program(*arguments: str | Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The program as a process of its own."""
    command = [sys.executable, str(REPO / "main.py"), *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE_S, env=environment, check=False, encoding="utf-8"
    )


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


# What it gives.


def test_demo_gives_persons_and_tables(shell: Shell) -> None:
    answer = shell.analyze("demo", "--duration", "4", "--csv", shell.folder / "ages.csv", "--jsonl", shell.folder / "ages.jsonl")
    assert answer.code == 0, answer.err
    assert "Person" in answer.out
    assert "Engine: cpu fp32" in answer.err
    assert "Traceback" not in answer.err
    rows = read_csv(shell.folder / "ages.csv")
    persons = read_csv(shell.folder / "ages.persons.csv")
    assert len(rows) > 20
    assert {row["person"] for row in rows} == {row["person"] for row in persons}
    assert len((shell.folder / "ages.jsonl").read_text(encoding="utf-8").splitlines()) == len(rows)


def test_a_film_without_faces_is_no_error(shell: Shell) -> None:
    answer = shell.analyze(shell.film(), "--csv", shell.folder / "ages.csv")
    assert answer.code == 0, answer.err
    assert "No face was found." in answer.out
    assert read_csv(shell.folder / "ages.csv") == []


def test_quiet_says_nothing(shell: Shell) -> None:
    answer = shell.analyze(shell.film(), "--quiet")
    assert answer == Answer(0, "", "")


def test_times_in_the_csv_are_the_films_own(shell: Shell) -> None:
    """A film of uneven steps, from 7 ms to a second: every row has its frame's true presentation time."""
    steps = [33, 33, 7, 120, 41, 500, 16, 17, 250, 9, 90, 1000, 40, 40, 3, 66]
    times_ms = [sum(steps[:number]) for number in range(len(steps))]
    scene = Studio()
    film = write_film(shell.folder / "uneven.mkv", [scene.picture(420 + number) for number in range(len(steps))], times_ms)
    with av.open(str(film)) as container:
        true_s = [float(frame.time or 0) for frame in container.decode(video=0)]
    assert [round(1000 * time_s) for time_s in true_s] == times_ms, "the film itself is not as it should be"
    answer = shell.analyze(film, "--csv", shell.folder / "ages.csv")
    assert answer.code == 0, answer.err
    rows = read_csv(shell.folder / "ages.csv")
    assert {int(row["frame"]) for row in rows} == set(range(len(steps))), "a face is in every frame"
    assert [float(row["media_time_s"]) for row in rows] == [true_s[int(row["frame"])] for row in rows]


def test_stats_have_all_stages(shell: Shell) -> None:
    answer = shell.analyze("demo", "--frames", "10", "--stats", shell.folder / "stats.json")
    assert answer.code == 0, answer.err
    stats = json.loads((shell.folder / "stats.json").read_text(encoding="utf-8"))
    assert stats["frames"] == 10
    assert list(stats["stages"]) == ["read", "detect", "track", "estimate", "fuse", "log"]
    assert stats["stages"]["detect"]["p95_ms"] >= stats["stages"]["detect"]["p50_ms"] > 0


def test_one_broken_input_among_others(shell: Shell) -> None:
    broken = shell.folder / "broken.mp4"
    broken.write_text("no film at all")
    answer = shell.analyze(shell.film("a.mp4"), broken, shell.film("b.mp4"))
    assert answer.code == 1
    assert "a.mp4: 8 frames" in answer.err
    assert "b.mp4: 8 frames" in answer.err
    assert_one_error(answer, "broken.mp4")


def test_sessions_are_listed_exported_and_deleted(shell: Shell) -> None:
    log = shell.own[:2]
    assert "no session" in shell("sessions", "list", *log).out
    shell.analyze("demo", "--frames", "20")
    listed = shell("sessions", "list", *log)
    assert "demo" in listed.out
    assert "finished" in listed.out
    exported = shell("sessions", "export", "1", "--csv", shell.folder / "again.csv", *log)
    assert exported.code == 0
    assert (shell.folder / "again.persons.csv").exists()
    assert shell("sessions", "delete", "1", "--yes", *log).code == 0
    assert "no session" in shell("sessions", "list", *log).out


def test_subtitles_and_the_report_of_a_session(shell: Shell) -> None:
    srt, again, report = (shell.folder / name for name in ("ages.srt", "again.srt", "report.html"))
    analyzed = shell.analyze("demo", "--duration", "4", "--srt", srt, "--ass", shell.folder / "ages.ass")
    assert analyzed.code == 0
    assert " --> " in srt.read_text(encoding="utf-8")
    assert "Dialogue:" in (shell.folder / "ages.ass").read_text(encoding="utf-8")
    log = shell.own[:2]
    assert shell("sessions", "export", "1", "--srt", again, *log).code == 0
    assert again.read_bytes() == srt.read_bytes()
    assert str(report) in shell("sessions", "report", "1", "--out", report, *log).out
    assert "</html>" in report.read_text(encoding="utf-8")


def test_subtitles_of_pictures_are_refused_before_the_work(shell: Shell) -> None:
    (shell.folder / "pictures").mkdir()
    answer = shell.analyze(shell.folder / "pictures", "--srt", shell.folder / "ages.srt")
    assert answer.code == 2
    assert_one_error(answer, "Subtitles")


def test_settings_are_listed_and_obeyed(shell: Shell) -> None:
    listed = shell("settings").out
    assert "detector.smallest_face_px" in listed
    assert "20 to 1000" in listed
    shell.analyze("demo", "--frames", "20", "--smallest-face", "600", "--csv", shell.folder / "ages.csv")
    assert read_csv(shell.folder / "ages.csv") == []


def test_the_settings_file_counts_and_flags_come_before_it(shell: Shell) -> None:
    file = shell.folder / "settings.toml"
    file.write_text("[detector]\nsmallest_face_px = 600\n[age]\nengine = 'cpu'\n", encoding="utf-8")
    listed = shell("settings", "--settings", file).out
    assert str(file) in listed
    assert "600" in listed
    assert "chosen by name" in shell("engine", "info", "--settings", file, "--models", shell.models).out
    own = "--settings", file, "--models", shell.models
    assert "chosen by name" not in shell("engine", "info", *own, "--engine", "auto").out
    file.write_text("[detector]\nsmallest = 600\n", encoding="utf-8")
    answer = shell.analyze("demo", "--settings", file)
    assert answer.code == 2
    assert_one_error(answer, str(file))


def test_engine_info_says_what_runs_and_why(shell: Shell) -> None:
    answer = shell("engine", "info", "--models", shell.models)
    assert answer.code == 0, answer.err
    assert "cpu fp32" in answer.out
    assert "ONNX Runtime" in answer.out
    assert "mtcnn-pnet" in answer.out


def test_the_version_is_the_projects(shell: Shell) -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert shell("--version") == Answer(0, f"AgeLens {project['version']}\n", "")


@pytest.mark.parametrize("arguments", [(), ("analyze",), ("sessions", "delete"), ("engine", "info")])
def test_help_says_what_there_is(shell: Shell, arguments: tuple[str, ...]) -> None:
    answer = shell(*arguments, "--help")
    assert answer.code == 0
    assert answer.out.startswith("usage: main.py")


# What can be wrong.


def assert_one_error(answer: Answer, names: str) -> None:
    """One error that names the thing, in two lines, and no traceback."""
    lines = answer.err.splitlines()
    errors = [number for number, line in enumerate(lines) if line.startswith("Error: ")]
    assert len(errors) == 1, answer.err
    assert names in lines[errors[0]], answer.err
    assert lines[errors[0] + 1].strip(), "the hint is missing"
    assert "Traceback" not in answer.err


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def text_as_film(folder: Path) -> Path:
    path = folder / "notes.mp4"
    path.write_text("Dear diary, this is no film.\n" * 40)
    return path


def empty_film(folder: Path) -> Path:
    path = folder / "empty.mp4"
    path.touch()
    return path


def truncated_film(folder: Path) -> Path:
    # Cut before the index, which an MP4 has at its end: nothing can be decoded.
    return cut_short(write_film(folder / "cut.mp4", [plain(number) for number in range(30)]), 0.5)


def empty_folder(folder: Path) -> Path:
    path = folder / "nothing"
    path.mkdir()
    return path


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda folder: folder / "missing.mp4", "missing.mp4"),
        (lambda folder: folder / "nowhere" / "film.mkv", "film.mkv"),
        (empty_film, "empty.mp4"),
        (text_as_film, "notes.mp4"),
        (truncated_film, "cut.mp4"),
        (empty_folder, "nothing"),
        (lambda _: "97", "97"),
        (lambda _: "No Such Camera", "No Such Camera"),
        (lambda _: f"http://me:secret@127.0.0.1:{closed_port()}/cam.mjpg", "127.0.0.1"),
        (lambda _: f"rtsp://me:secret@127.0.0.1:{closed_port()}/live", "127.0.0.1"),
    ],
    ids=["missing", "wrong folder", "empty", "text", "truncated", "empty folder", "camera", "camera by name", "http", "rtsp"],
)
def test_a_source_that_cannot_be_read(shell: Shell, make: Callable[[Path], str | Path], names: str) -> None:
    answer = shell.analyze(make(shell.folder), "--csv", shell.folder / "ages.csv")
    assert answer.code == 1, answer.err
    assert_one_error(answer, names)
    assert "secret" not in answer.err + answer.out
    assert not (shell.folder / "ages.csv").exists()


@pytest.mark.parametrize(
    ("flag", "target"),
    [
        ("--csv", "film.mp4/ages.csv"),
        ("--csv", "nowhere/ages.csv"),
        ("--csv", "/proc/ages.csv"),
        ("--jsonl", "film.mp4/ages.jsonl"),
        ("--annotated", "film.mp4/out.mp4"),
        ("--annotated", "film.mp4/out"),
        ("--annotated", "film.mp4"),
        ("--stats", "film.mp4/stats.json"),
        ("--log", "film.mp4/log.sqlite"),
        ("--log", "film.mp4"),
    ],
)
def test_an_output_that_cannot_be_written(shell: Shell, flag: str, target: str) -> None:
    film = shell.film()
    before = film.read_bytes()
    answer = shell("analyze", film, *shell.own, flag, shell.folder / target)
    assert answer.code == 1, answer.err
    assert_one_error(answer, Path(target).name)
    assert film.read_bytes() == before


@pytest.mark.parametrize("damage", ["empty", "other bytes", "missing", "no facts", "broken facts"])
def test_a_model_that_is_not_the_right_one(shell: Shell, tmp_path: Path, damage: str) -> None:
    folder = write_models(tmp_path / "damaged")
    model, facts = folder / "mtcnn-onet.onnx", folder / "models.toml"
    match damage:
        case "empty":
            model.write_bytes(b"")
        case "other bytes":
            model.write_bytes(model.read_bytes()[:-1] + b"!")
        case "missing":
            model.unlink()
        case "no facts":
            facts.unlink()
        case _:
            facts.write_text("schema_version = [", encoding="utf-8")
    answer = shell("analyze", shell.film(), *shell.own[:2], "--models", folder)
    assert answer.code == 1, answer.err
    assert_one_error(answer, "models.toml" if "facts" in damage else "mtcnn-onet")


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("--engine", "quantum"), "quantum"),
        (("--model", "nobody"), "nobody"),
        (("--smallest-face", "huge"), "detector.smallest_face_px"),
        (("--smallest-face", "5"), "detector.smallest_face_px"),
        (("--set", "detector.smallest_fase_px=60"), "detector.smallest_fase_px"),
        (("--set", "nonsense"), "nonsense"),
        (("--fresh", "--resume"), "--fresh"),
        (("--annotated", "out.webm"), "out.webm"),
    ],
)
def test_a_wrong_setting(shell: Shell, arguments: Sequence[str], names: str) -> None:
    answer = shell.analyze(shell.film(), *arguments)
    assert answer.code == 2, answer.err
    assert_one_error(answer, names)


def test_a_misspelt_setting_gets_the_right_name_as_hint(shell: Shell) -> None:
    answer = shell.analyze("demo", "--set", "detector.smallest_face=60")
    assert "Did you mean detector.smallest_face_px?" in answer.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("analyze",),
        ("analyze", "demo", "--no-such-flag"),
        ("analyze", "demo", "--duration", "-3"),
        ("analyze", "demo", "--frames", "0"),
        ("sessions",),
        ("sessions", "export"),
        ("sessions", "export", "one"),
        ("sessions", "report", "1"),
    ],
)
def test_a_command_that_makes_no_sense(shell: Shell, arguments: Sequence[str]) -> None:
    answer = shell(*arguments)
    assert answer.code == 2
    assert "usage: main.py" in answer.err


def test_a_session_that_is_not_there(shell: Shell) -> None:
    file = str(shell.folder / "a.csv")
    for action in (("export", "7", "--csv", file), ("report", "7", "--out", file), ("delete", "7", "--yes")):
        answer = shell("sessions", *action, *shell.own[:2])
        assert answer.code == 1
        assert_one_error(answer, "7")


def test_a_cuda_engine_that_is_asked_for_runs_or_fails(shell: Shell) -> None:
    answer = shell.analyze(shell.film(), "--engine", "cuda")
    if answer.code != 0:
        assert answer.code == 1
        assert_one_error(answer, "cuda")
    else:
        assert "Engine: cuda" in answer.err


# As a process of its own.


def test_analyze_imports_no_window_and_no_torch(shell: Shell) -> None:
    arguments = ["analyze", "demo", "--frames", "5", "--quiet", *shell.own]
    code = (
        f"import sys; sys.path.insert(0, {str(REPO)!r}); import main; code = main.main({arguments!r}); "
        "print(code, sorted({name.partition('.')[0] for name in sys.modules} & {'PySide6', 'torch', 'training', 'ui', 'pandas'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.stdout == "0 []\n", done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has machines without a display")
def test_without_a_display_the_window_names_analyze() -> None:
    display = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    environment = {name: value for name, value in os.environ.items() if name not in display}
    done = program("film.mp4", environment=environment)
    assert done.returncode == 1
    assert done.stdout == ""
    first, second = done.stderr.splitlines()
    assert "no display" in first
    assert "analyze film.mp4" in second


def test_an_error_is_two_lines_and_no_traceback() -> None:
    done = program("analyze", "demo", "--engine", "quantum")
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 2, done.stderr


HEEDING_SIGINT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
"""Tests that run in the background have SIGINT ignored by their shell, and processes inherit that: this one does not."""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals between processes")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_saves_what_was_recorded(shell: Shell, number: signal.Signals) -> None:
    out, annotated = shell.folder / "ages.csv", shell.folder / "seen.mp4"
    arguments = ["analyze", "demo", "--csv", str(out), "--annotated", str(annotated), *shell.own]
    process = subprocess.Popen(
        [sys.executable, "-c", HEEDING_SIGINT, str(REPO / "main.py"), *arguments],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + PATIENCE_S
    # The recording begins beside its name with the first frame.
    while not list(shell.folder.glob(".*part*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 128 + number, stderr
    assert "Traceback" not in stderr
    assert "Interrupted" in stderr
    assert "Person" in stdout or "No face" in stdout
    assert read_csv(out) is not None
    film = cv2.VideoCapture(str(annotated))
    shown, frame = film.read()
    film.release()
    assert shown
    assert np.asarray(frame).shape == (720, 1280, 3)
    assert not list(shell.folder.glob(".*part*"))
    assert "interrupted" in shell("sessions", "list", *shell.own[:2]).out


@pytest.mark.skipif(not CLIPS.exists(), reason="the clips to try out are not on this machine")
def test_crossing_every_frame_is_processed(shell: Shell) -> None:
    answer = shell.analyze(CLIPS / "crossing.mp4", "--frames", "12", "--csv", shell.folder / "ages.csv")
    assert answer.code == 0, answer.err
    rows = read_csv(shell.folder / "ages.csv")
    assert {row["frame"] for row in rows} == {str(number) for number in range(12)}
    assert all(float(row["media_time_s"]) == pytest.approx(int(row["frame"]) / 25, abs=1e-6) for row in rows)


@pytest.mark.parametrize(("words", "meant"), [(("analyse", "demo"), "analyze"), (("session", "list"), "sessions")])
def test_a_misspelt_command_is_named(shell: Shell, words: tuple[str, str], meant: str) -> None:
    answer = shell(*words)
    assert answer.code == 2
    assert f"there is no command '{words[0]}'; did you mean '{meant}'?" in answer.err
