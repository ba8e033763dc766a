"""Writes who is in sight, and how old, as subtitles of the film: SubRip (.srt) for every player, ASS (.ass) with colours.

A person is in the subtitles exactly while the person is in sight; absences of up to a second are bridged. The age is the one that
is known in the end, by all frames. SRT has one cue for every stretch of time in which the same persons are in sight, so that
cues never overlap; ASS has one line per person and appearance, in the person's colour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from pipeline.errors import SettingsError
from pipeline.history import InputHistory, read_history
from pipeline.labels import age_text, color_rgb
from pipeline.outputs import replaced_file
from pipeline.progress import Watch, unwatched
from pipeline.roster import PersonRow
from pipeline.store import SessionLog

SHORTEST_S = 0.04
"""One frame at 25 per second: what is in sight for a moment is shown for that long."""

UNKNOWN_AGE = "age not known"

_ASS_HEAD = """\
[Script Info]
; Ages are estimates with their 90 % intervals
Title: {title}
ScriptType: v4.00+
WrapStyle: 0
ScaledBorderAndShadow: yes
PlayResX: {width}
PlayResY: {height}

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, \
ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
"""
_ASS_STYLE = (
    "Style: {name},sans-serif,{size},{color},{color},&H00101010,&H80000000,"
    "-1,0,0,0,100,100,0,0,1,{outline},0,2,20,20,{margin},1\n"
)
_ASS_EVENTS = "\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
USUAL_HEIGHT = 720
FONT_SHARE = 1 / 22
"""Height of the letters, of the picture's."""


def export_srt(log: SessionLog, session_ids: Sequence[int], path: Path, watch: Watch = unwatched) -> list[Path]:
    """Writes SubRip; the files that were made (see `targets`).

    Raises:
        SettingsError: nothing in these sessions has a time: they are of pictures.
        LogError: there is no session of that number, or the log cannot be read.
        OutputError: a file cannot be written.
    """
    return _export(log, session_ids, path, srt_text, watch)


def export_ass(log: SessionLog, session_ids: Sequence[int], path: Path, watch: Watch = unwatched) -> list[Path]:
    """As `export_srt`, as Advanced SubStation Alpha."""
    return _export(log, session_ids, path, ass_text, watch)


def targets(path: Path, count: int) -> list[Path]:
    """Where the subtitles of each film go: one film has the path itself, others get numbers: ages.srt, ages-2.srt, …"""
    return [path, *(path.with_name(f"{path.stem}-{number}{path.suffix}") for number in range(2, count + 1))][:count]


def srt_text(film: InputHistory) -> str:
    """All cues, CR LF not needed by any player."""
    cues = [
        f"{number}\n{_srt_time(start)} --> {_srt_time(end)}\n{text}\n"
        for number, (start, end, text) in enumerate(_cues(film), start=1)
    ]
    return "\n".join(cues)


def ass_text(film: InputHistory) -> str:
    """The whole file."""
    height = film.height or USUAL_HEIGHT
    width = film.width or USUAL_HEIGHT * 16 // 9
    size = max(12, round(height * FONT_SHARE))
    styles, events = [], []
    for row in film.people:
        style = f"Person{row.person}"
        red, green, blue = color_rgb(row.person)
        styles.append(
            _ASS_STYLE.format(
                name=style,
                size=size,
                color=f"&H00{blue:02X}{green:02X}{red:02X}",
                outline=max(1, size // 14),
                margin=round(size * 0.6),
            )
        )
        events += [
            (start, f"Dialogue: 0,{_ass_time(start)},{_ass_time(end)},{style},,0,0,0,,{_plain(_line(row), '{}', '()')}\n")
            for start, end in map(_shown, row.spans)
        ]
    events.sort()
    head = _ASS_HEAD.format(title=_plain(film.name, "{}", "()"), width=width, height=height)
    return head + "".join(styles) + _ASS_EVENTS + "".join(event for _, event in events)


def _export(
    log: SessionLog, session_ids: Sequence[int], path: Path, text: Callable[[InputHistory], str], watch: Watch
) -> list[Path]:
    films = [one for number in session_ids for one in read_history(log, number, watch).inputs if not one.pictures]
    if not films:
        numbers = ", ".join(map(str, session_ids))
        raise SettingsError(
            f"Session {numbers} has pictures only, and subtitles belong to films.", "Choose a session of a film or a camera."
        )
    files = targets(path, len(films))
    for film, file in zip(films, files, strict=True):
        with replaced_file(file, "utf-8") as out:
            out.write(text(film))
    return files


def _cues(film: InputHistory) -> Iterator[tuple[float, float, str]]:
    """Stretches of time with what is to be read, without overlap, in order."""
    spans = [(*_shown(span), number) for number, row in enumerate(film.people) for span in row.spans]
    # In whole milliseconds, as they are written: what begins and ends at the same one must not leave a cue of no length.
    edges = sorted({_milliseconds(edge) for start, end, _ in spans for edge in (start, end)})
    starting: dict[int, list[int]] = {}
    ending: dict[int, list[int]] = {}
    for start, end, number in spans:
        starting.setdefault(_milliseconds(start), []).append(number)
        ending.setdefault(_milliseconds(end), []).append(number)
    # A person may have two spans that touch once they are rounded.
    present: dict[int, int] = {}
    for edge, following in pairwise(edges):
        for number in ending.get(edge, ()):
            present[number] -= 1
        for number in starting.get(edge, ()):
            present[number] = present.get(number, 0) + 1
        here = sorted(number for number, count in present.items() if count > 0)
        if here:
            lines = [_plain(_line(film.people[number]), "<>", "‹›") for number in here]
            yield edge / 1000, following / 1000, "\n".join(lines)


def _line(row: PersonRow) -> str:
    who = row.name or f"Person {row.label}"
    return f"{who}: {age_text(row.belief) if row.belief is not None else UNKNOWN_AGE}"


def _shown(span: tuple[float, float]) -> tuple[float, float]:
    start, end = span
    return max(0.0, start), max(end, start + SHORTEST_S, SHORTEST_S)


def _plain(text: str, special: str, instead: str) -> str:
    """The text without what the format would take for something else: tags, arrows, line ends."""
    text = " ".join(text.split()).replace("-->", "→").replace("\\", "/")
    return text.translate(str.maketrans(special, instead))


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _srt_time(seconds: float) -> str:
    minutes, milliseconds = divmod(_milliseconds(seconds), 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{milliseconds // 1000:02d},{milliseconds % 1000:03d}"


def _ass_time(seconds: float) -> str:
    minutes, hundredths = divmod(round(seconds * 100), 6000)
    return f"{minutes // 60}:{minutes % 60:02d}:{hundredths // 100:02d}.{hundredths % 100:02d}"
