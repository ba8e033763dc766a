"""The grammar of the command line: names, flags and their help. What the commands do is in main.py."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path

PROGRAM = "main.py"

WINDOW = "window"
COMMANDS = (WINDOW, "analyze", "cameras", "sessions", "settings", "engine")

SOURCES = """\
sources:
  a film, a picture, a folder of pictures, a camera by index (0) or name, an rtsp:// or http:// address,
  or demo, a built-in film. A file that is named like a command: ./analyze
"""

EXIT_CODES = """\
exit codes:
  0    done
  1    something failed; one broken input among many does not keep the others from being done
  2    the command or a setting is wrong
  130  interrupted before every film was read to its end: the same command goes on with what is left
       (a camera or stream has no end: stopping it with Ctrl-C is success)
"""


def parse(argv: Sequence[str], version: str) -> argparse.Namespace:
    """The arguments of one command; `command` says which, such as "analyze" or "sessions list".

    Prints help, version or a complaint and leaves by SystemExit (0 or 2) where argparse does.
    """
    parser, arguments = _parser(version), _with_command(argv)
    if len(arguments) > len(argv) > 1 and not any(word.startswith("-") for word in argv[:2]):
        # The window takes one source: the first of two words was meant as a command.
        for similar in get_close_matches(argv[0], COMMANDS, n=1):
            parser.error(f"there is no command {argv[0]!r}; did you mean {similar!r}?")
    return parser.parse_args(arguments)


def _with_command(argv: Sequence[str]) -> list[str]:
    """No command means the window: `main.py film.mp4` shows the film."""
    if argv and (argv[0] in COMMANDS or argv[0] in ("-h", "--help", "--version")):
        return list(argv)
    return [WINDOW, *argv]


def _parser(version: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        PROGRAM,
        description="Finds, follows and ages every face of a camera or a film.",
        usage=f"{PROGRAM} [SOURCE]\n       {PROGRAM} COMMAND …",
        epilog=f"Without a command the window opens, on SOURCE if there is one.\n\n{SOURCES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"AgeLens {version}")
    commands = parser.add_subparsers(prog=PROGRAM, metavar="COMMAND", dest="command", required=True)

    window = commands.add_parser(
        WINDOW, help="show the window (what happens without a command)", epilog=SOURCES, formatter_class=_RAW
    )
    window.add_argument("source", nargs="?", metavar="SOURCE", help="opened at once")
    # For `python -m ui.bench` and `python -m ui.screenshots`.
    window.add_argument("--pictures", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    window.add_argument("--measure", type=Path, metavar="FILE", help=argparse.SUPPRESS)
    window.add_argument("--measure-s", type=_seconds, default=600.0, metavar="S", help=argparse.SUPPRESS)
    _add_settings(window)
    _add_log(window)

    analyze = commands.add_parser(
        "analyze",
        help="analyze films, pictures or a camera without a window",
        epilog=f"{SOURCES}\n{EXIT_CODES}",
        formatter_class=_RAW,
    )
    analyze.add_argument("sources", nargs="+", metavar="SOURCE", help="what to analyze, one after the other")
    outputs = analyze.add_argument_group("results")
    outputs.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="one row per person and frame; beside it the persons (ages.csv: ages.persons.csv)",
    )
    outputs.add_argument("--jsonl", type=Path, metavar="FILE", help="the same as JSON Lines")
    _add_subtitles(outputs)
    outputs.add_argument(
        "--annotated",
        type=Path,
        metavar="OUT",
        help="record with boxes and ages: a film (.mp4 .m4v .mov .mkv) with its sound, for a picture a picture; "
        "any other name is a folder for any number of inputs",
    )
    outputs.add_argument("--stats", type=Path, metavar="FILE", help="milliseconds per stage, as JSON")
    outputs.add_argument("--quiet", action="store_true", help="print nothing but errors")
    way = analyze.add_argument_group("how")
    way.add_argument("--duration", type=_seconds, metavar="S", help="only the first S seconds of each source")
    way.add_argument("--frames", type=_frames, metavar="N", help="only the first N frames of each source")
    way.add_argument(
        "--fresh", action="store_true", help="start over where an interrupted run of this command could be continued"
    )
    way.add_argument(
        "--resume",
        action="store_true",
        help="take over inputs that any earlier session finished with the same settings and model",
    )
    _add_settings(analyze)
    _add_log(analyze)

    commands.add_parser("cameras", help="list the cameras of this machine by name")

    _add_sessions(commands.add_parser("sessions", help="list, export again, report or delete what was recorded"))

    _add_settings_file(commands.add_parser("settings", help="list all settings with their values, defaults and ranges"))

    engine = commands.add_parser("engine", help="what runs the models here and why; TensorRT engines")
    engines = engine.add_subparsers(metavar="ACTION", dest="action", required=True)
    _add_settings(engines.add_parser("info", help="the engine that would run, why, what is installed, models and licences"))
    build = engines.add_parser("build", help="build a TensorRT engine; TensorRT for RTX needs no GPU for it")
    build.add_argument("--precision", choices=("fp16", "fp32"), default="fp16", help="arithmetic of the engine (fp16)")
    build.add_argument(
        "--for",
        dest="targets",
        metavar="SM,…",
        help="compute capabilities such as sm86,sm89,sm120; without it, this machine's GPU",
    )
    build.add_argument("--out", type=Path, metavar="FILE", help="write it there instead of into the engine cache")
    _add_models(build, "model to build; the age model for GPUs if not given")
    engines.add_parser("list", help="the TensorRT engines in the cache")
    check = engines.add_parser("check", help="compare TensorRT with ONNX Runtime on the same faces")
    check.add_argument("--precision", choices=("fp16", "fp32"), default="fp16", help="which engine (fp16)")
    _add_models(check, "age model to compare; the one for GPUs if not given")
    return parser


_RAW = argparse.RawDescriptionHelpFormatter


def _add_settings(parser: argparse.ArgumentParser) -> None:
    """Every setting by its name; those that are asked for most also by a flag of their own."""
    group = parser.add_argument_group("settings")
    flags = (
        ("--engine", "age.engine", "NAME", "what runs the age model: auto, or one by name"),
        ("--model", "age.model", "NAME", "entry of models.toml"),
        ("--smallest-face", "detector.smallest_face_px", "PX", "faces narrower than this are not looked for"),
        ("--scan-every", "detector.scan_interval_s", "S", "seconds between searches of the whole picture; 0: every frame"),
    )
    for flag, name, metavar, text in flags:
        group.add_argument(flag, dest="set", action="append", type=_assigned(name), metavar=metavar, help=text)
    group.add_argument(
        "--no-rejoin",
        dest="set",
        action="append_const",
        const="identity.rejoin=false",
        help="keep no face embeddings: who leaves and comes back is a new person",
    )
    group.add_argument(
        "--set",
        dest="set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"any setting; `{PROGRAM} settings` lists them",
    )
    _add_settings_file(group)
    _add_models_folder(group)


def _add_settings_file(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--settings", type=Path, metavar="FILE", help="settings file; without it, the user's own")


def _add_models(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--model", default="", metavar="NAME", help=text)
    _add_models_folder(parser)


def _add_models_folder(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--models", type=Path, metavar="FOLDER", help="folder with models.toml and the model files")


def _add_sessions(sessions: argparse.ArgumentParser) -> None:
    actions = sessions.add_subparsers(metavar="ACTION", dest="action", required=True)
    _add_log(actions.add_parser("list", help="every session in the log"))
    export = actions.add_parser("export", help="write sessions to files")
    export.add_argument("ids", nargs="+", type=int, metavar="SESSION", help="number as shown by `sessions list`")
    export.add_argument(
        "--csv", type=Path, metavar="FILE", help="observations; beside it the persons (ages.csv: ages.persons.csv)"
    )
    export.add_argument("--jsonl", type=Path, metavar="FILE", help="the same as JSON Lines")
    _add_subtitles(export)
    _add_log(export)
    report = actions.add_parser("report", help="write one HTML file with tables and plots of a session")
    report.add_argument("id", type=int, metavar="SESSION", help="number as shown by `sessions list`")
    report.add_argument("--out", type=Path, metavar="FILE", required=True, help="the file, such as report.html")
    _add_log(report)
    delete = actions.add_parser("delete", help="delete sessions for good")
    delete.add_argument("ids", nargs="+", type=int, metavar="SESSION", help="number as shown by `sessions list`")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    _add_log(delete)


def _add_subtitles(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--srt", type=Path, metavar="FILE", help="who is in sight, and how old, as subtitles (of several films: ages-2.srt, …)"
    )
    parser.add_argument("--ass", type=Path, metavar="FILE", help="the same in the persons' colours")


def _add_log(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--log", type=Path, metavar="FILE", help="session log; without it, the user's own")


def _assigned(name: str) -> Callable[[str], str]:
    def assignment(value: str) -> str:
        return f"{name}={value}"

    return assignment


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return seconds


def _frames(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of frames above 0")
    return int(text)
