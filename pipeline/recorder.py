"""Records what is watched while it runs: with boxes and ages or without, with faces blurred or not, begun and ended at will."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.annotate import Film
from pipeline.blur import BlurChoice, HiddenFaces, pixelate
from pipeline.drawing import Caption, Painter
from pipeline.edits import EditedPersons, apply_edits, as_shown, with_ages
from pipeline.errors import AppError, OutputError
from pipeline.labels import Extras, LabelHysteresis, color_bgr
from pipeline.protocols import SourceInfo
from pipeline.types import AgeBelief, Box, FrameResult

USUAL_FRAME_S = 0.04
PICTURE_S = 1.0
"""How long a picture of a folder is shown."""

LOOK_BACK_S = 0.3
"""Recordings with blurred faces are written so much later: somebody who enters is found up to a quarter of a second after, and
must be hidden before."""
MOST_HELD = 12
"""Pictures in memory meanwhile."""

NEW_FACE_GROWTH = 0.6
"""Of its size: by how much the part is larger in which a face is hidden before it was found."""


@dataclass(frozen=True, slots=True)
class RecordingOrder:
    """What is to be recorded.

    Attributes:
        target: the film to write.
        labels: with boxes and ages.
        ages: the numbers that labels elsewhere show at the moment: those of the film begin with the same.
    """

    target: Path
    labels: bool = True
    ages: LabelHysteresis = field(default_factory=LabelHysteresis, repr=False)


@dataclass(frozen=True, slots=True)
class LabelChoice:
    """What labels say, and of whom.

    Attributes:
        who: after the user's edits.
        ages: the last word, for those on whom there is one.
    """

    extras: Extras = field(default_factory=Extras)
    who: EditedPersons = field(default_factory=lambda: apply_edits(()))
    ages: Mapping[int, AgeBelief] = field(default_factory=dict)


@dataclass(slots=True)
class Wishes:
    """What the user wants of the run; replaced by the window's thread, looked at by the analysis thread. Values are immutable."""

    recording: RecordingOrder | None = None
    blur: BlurChoice = field(default_factory=BlurChoice)
    labels: LabelChoice = field(default_factory=LabelChoice)
    logging: bool = True


@dataclass(frozen=True, slots=True)
class Recorded:
    """How a recording stands, or how it ended.

    Attributes:
        seconds: length of the film so far.
        ended: it is closed; whole, unless there is an error.
    """

    target: Path
    seconds: float
    ended: bool = False
    error: AppError | None = None


class Recorder:
    """A sink that is always there, and records while the wishes say so. An error ends the recording, not the run.

    Args:
        info: of the source.
        wishes: looked at for every frame.
        report: told about every recording: when it begins, now and then, and how it ended.
    """

    def __init__(self, info: SourceInfo, wishes: Wishes, report: Callable[[Recorded], None]) -> None:
        self._info = info
        self._wishes = wishes
        self._report = report
        self._hidden = HiddenFaces()
        self._take: _Take | None = None
        self._done: RecordingOrder | None = None

    def write(self, result: FrameResult) -> None:
        boxes = self._hidden.boxes(result, self._wishes.blur)
        self.follow()
        order = self._wishes.recording
        if order is None or order is self._done:
            return
        try:
            if self._take is None:
                self._take = _Take(order, self._info, self._wishes, result)
            self._take.add(result, boxes, self._wishes.blur)
        except AppError as error:
            self._end(error)
        else:
            self._report(Recorded(order.target, self._take.seconds))

    def follow(self) -> None:
        """Ends the recording where it is not wanted any more; also called while no frame comes."""
        if self._take is not None and self._wishes.recording is not self._take.order:
            self._end()

    def close(self) -> None:
        """Finishes the film, whatever ended the run."""
        if self._take is not None:
            self._end()

    def leave(self) -> None:
        """Lets go of the film as it is: for another thread, when the one that records cannot be waited for any longer."""
        take = self._take
        if take is not None:
            take.leave()

    def _end(self, error: AppError | None = None) -> None:
        take, self._take = self._take, None
        order = take.order if take is not None else self._wishes.recording
        if order is None:
            return
        self._done = order
        if take is not None:
            try:
                take.close()
            except AppError as second:
                error = error or second
        self._report(Recorded(order.target, take.seconds if take is not None else 0.0, True, error))


@dataclass(slots=True)
class _Held:
    result: FrameResult
    boxes: list[Box]
    at_s: float
    jumped: bool
    """The picture does not go on from the one before."""


class _Take:
    """One recording. Its clock runs while it is watched: jumps and pauses leave no holes in it."""

    def __init__(self, order: RecordingOrder, info: SourceInfo, wishes: Wishes, first: FrameResult) -> None:
        self.order = order
        self.seconds = 0.0
        self._info = info
        self._wishes = wishes
        self._painter = Painter()
        self._labels = order.ages.copy()
        self._last: FrameResult | None = None
        self._held: deque[_Held] = deque()
        self._known: dict[int, float] = {}
        frame = first.frame
        if info.path is not None and order.target.exists() and order.target.samefile(info.path):
            raise OutputError(f"The recording would overwrite its source {order.target}.", "Choose another name.")
        begun = replace(
            info,
            has_audio=info.has_audio and not frame.independent,
            start_s=info.start_s + frame.time_s,
            duration_s=None if info.duration_s is None else max(0.0, info.duration_s - frame.time_s),
        )
        self._film = Film(order.target, begun, frame.width, frame.height, live=True)

    def add(self, result: FrameResult, boxes: list[Box], blur: BlurChoice) -> None:
        last, self._last = self._last, result
        jumped = False
        if last is not None:
            if last.frame is result.frame or (last.frame.index, last.frame.stretch) == (result.frame.index, result.frame.stretch):
                return
            step_s = result.frame.time_s - last.frame.time_s
            if result.frame.independent:
                step_s = PICTURE_S
            elif result.frame.stretch != last.frame.stretch or step_s <= 0:
                step_s = 1 / self._info.fps if self._info.fps else USUAL_FRAME_S
                jumped = True
                self._known.clear()
            self.seconds += step_s
        self._hide_in_held(result, blur)
        self._held.append(_Held(result, boxes, self.seconds, jumped))
        hold_s = LOOK_BACK_S if blur.on else 0.0
        while self._held and (self._held[0].at_s <= self.seconds - hold_s or len(self._held) > MOST_HELD):
            self._write(self._held.popleft())

    def close(self) -> None:
        try:
            while self._held:
                self._write(self._held.popleft())
        finally:
            self._film.close()

    def leave(self) -> None:
        self._film.leave()

    def _hide_in_held(self, result: FrameResult, blur: BlurChoice) -> None:
        """Whoever is found only now was probably there a moment before."""
        for face in result.faces:
            seen_s = self._known.get(face.track)
            self._known[face.track] = self.seconds
            if not blur.hides(face) or (seen_s is not None and self.seconds - seen_s <= LOOK_BACK_S):
                continue
            box = face.detection.box
            across, down = box.width * NEW_FACE_GROWTH / 2, box.height * NEW_FACE_GROWTH / 2
            part = Box(box.x1 - across, box.y1 - down, box.x2 + across, box.y2 + down)
            for held in self._held:
                if held.result.frame.stretch == result.frame.stretch and not result.cut:
                    held.boxes.append(part)

    def _write(self, held: _Held) -> None:
        result = held.result
        if held.jumped:
            self._film.jump(self._info.start_s + result.frame.time_s, held.at_s)
        image = pixelate(result.frame.image, held.boxes)
        if self.order.labels:
            image = self._painter.draw(image, self._captions(result, self._wishes.labels))
        self._film.add(image, replace(result, frame=replace(result.frame, time_s=held.at_s)))

    def _captions(self, result: FrameResult, choice: LabelChoice) -> list[Caption]:
        return [
            Caption(
                face.detection.box,
                self._labels.full_text(face, choice.who.name(face.person), choice.extras),
                color_bgr(face.person),
            )
            for face in with_ages(as_shown(result, choice.who), choice.ages).faces
        ]
