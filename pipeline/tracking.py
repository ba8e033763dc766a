"""Detections of successive frames → tracks, by motion and overlap, in seconds of frame time.

Motion: a Kalman filter with constant velocity per track, after SORT (A. Bewley et al., Simple Online and Realtime Tracking,
ICIP 2016), with time instead of frame counts and velocities that fade while nobody sees the face. Association: optimal
assignment in two rounds by score, after ByteTrack (Y. Zhang et al., ECCV 2022), on DIoU (Z. Zheng et al., AAAI 2020), which
still ranks boxes that do not overlap: at 4 fps a walking person's boxes hardly do.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import lap
import numpy as np

from pipeline.motion import Motion
from pipeline.settings import TrackerSettings
from pipeline.types import Box, Detection, Float64Array, Track

MAX_SIZE_RATIO = 1.8
"""Between a face and where it is expected: a face does not double its size from one look to the next."""

SIZE_SIGMAS = 5.0
"""The same for short steps, in which a size hardly changes: 25 % from one frame to the next, far above a detector's jitter."""

MAX_GATE = 1.5
"""Farthest centre distance in face sizes at which boxes without overlap may still be one face, however unsure the motion is:
shoulder to shoulder, heads are about two apart."""

GATE_SIGMAS = 3.5

DUPLICATE_IOU = 0.5
"""A new detection that overlaps a followed face by this much is that face, found twice."""

DOUBLE_IOU = 0.35
"""Two detections that overlap by this much are one face, whatever the detector's own suppression (0.7 of the smaller box) lets
through: a face before a hidden one is found again, half way between the two, where the hidden one should be. Taken for it, such
a box would throw its motion off. Faces that are both in view overlap by less."""

MERGE_IOU = 0.7
"""Two followed faces that overlap by this much are one: real faces behind each other hide each other long before."""

YOUNG_KEEP_S = 0.25
"""A track may stay hidden for as long as it has been seen, plus this: a false alarm of one frame is gone at once and cannot
catch a real face that comes by later."""

HIDDEN_COST = 0.3
"""Added for tracks that were hidden in the frame before: where one face passes before another, what is seen is the front one,
however well the hidden one's prediction fits."""

FORBIDDEN = 1e3

CROWD = 12
"""Faces in view above which calm ones are not looked at in every frame: a look costs the detector about a millisecond."""

CARRY_S = 0.3
"""For so long at most a calm face's place is told by its motion alone. Below the time between full scans of a crowd."""

CALM_SPEED = 1.0
"""Face sizes per second: somebody who sits or stands, talks and shifts the weight from one foot to the other."""

CALM_ERROR = 0.07
"""How far off predictions may lately have been, in face sizes: not much more than the detector's own jitter (0.04) makes them."""

ERROR_MEMORY = 0.7
"""Weight of the past in that error: five or so looks."""

GOLDEN = 0.618034

GRID_STEP, GRID_SIZE = 0.15, 1.15
"""Of the grid on which looks begin: distance of places in sizes of the face, and ratio of sizes. Half of that is what a detector
must make good, and less than what it must after a person's step."""

FACE_RATIO = 0.78
"""Width over height of a face's box: looks are squared by the longer side."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the living tracks should be in the next frame.

    Attributes:
        look: what the detector must look at.
        carried: calm faces of a crowd that may do without this time.
        uncertainty: how far off the worst place of a face in view may be (standard deviation, in face sizes), but for calm faces
            of a crowd; 0 without any.
    """

    look: tuple[Box, ...]
    carried: tuple[Box, ...]
    uncertainty: float


class IouTracker:
    """Follows faces. See `pipeline.protocols.Tracker`.

    Args:
        ids: where new tracks get their numbers; give several trackers the same iterator for numbers that are unique among them.
    """

    def __init__(self, settings: TrackerSettings, ids: Iterator[int] | None = None) -> None:
        self._settings = settings
        self._ids = itertools.count(1) if ids is None else ids
        self._living: list[_Living] = []
        self._carried: set[int] = set()

    def predict(self, time_s: float) -> list[Box]:
        """Where the living tracks should be at that time, oldest track first. Changes nothing."""
        return [track.motion.box_at(time_s) for track in self._living]

    def uncertainty(self, time_s: float) -> float:
        """How far off the worst prediction for a face in view may be (standard deviation, in face sizes); 0 without any."""
        in_view = [track for track in self._living if track.detection is not None]
        crowd = len(in_view) > CROWD
        return max((track.motion.sigma_at(time_s) for track in in_view if not (crowd and track.is_calm)), default=0.0)

    def plan(self, time_s: float) -> Plan:
        """Whom to look at in the frame of that time; `update` with that frame must be the next call."""
        in_view = [track for track in self._living if track.detection is not None]
        self._carried = {track.id for track in in_view if track.may_be_carried(time_s)} if len(in_view) > CROWD else set()
        look: list[Box] = []
        carried: list[Box] = []
        for track in self._living:
            box = track.motion.box_at(time_s)
            if track.id in self._carried:
                carried.append(box)
            else:
                look.append(_on_grid(box))
        return Plan(tuple(look), tuple(carried), self.uncertainty(time_s))

    def update(self, detections: Sequence[Detection], time_s: float) -> list[Track]:
        """Living tracks after this frame, hidden ones included, oldest first; each detection belongs to at most one.

        Tracks that the last `plan` carried and that no detection is given to are taken for where they should be.

        Args:
            detections: the faces of this frame, in any order.
            time_s: not earlier than in the call before.
        """
        for track in self._living:
            track.advance(time_s)
        detections = _without_doubles(detections)
        sure = [found for found in detections if found.score >= self._settings.high_score]
        unsure = [found for found in detections if found.score < self._settings.high_score]
        new = self._associate(sure, time_s, reach=True)
        # Unsure detections continue tracks where overlap leaves no doubt, and never begin one.
        self._associate(unsure, time_s, reach=False)
        for track in self._living:
            if track.detection is None and track.id in self._carried:
                track.carry(time_s)
        self._carried = set()
        for found in new:
            if not any(track.detection and track.detection.box.iou(found.box) > DUPLICATE_IOU for track in self._living):
                self._living.append(_Living(next(self._ids), found, time_s))
        self._merge()
        self._living = [track for track in self._living if time_s - track.seen_s <= self._keep_s(track)]
        return [track.as_track() for track in self._living]

    def reset(self) -> None:
        """Ends all tracks (a cut). Ids go on; none is used twice."""
        self._living = []
        self._carried = set()

    def _keep_s(self, track: _Living) -> float:
        if track.detection is not None:
            return math.inf
        return min(self._settings.keep_s, YOUNG_KEEP_S + track.seen_s - track.first_s)

    def _associate(self, detections: Sequence[Detection], time_s: float, reach: bool) -> list[Detection]:
        """Gives detections to tracks that have none yet; those left over are returned.

        Args:
            reach: also joins boxes without overlap, as far as the motion's uncertainty allows.
        """
        waiting = [track for track in self._living if track.detection is None]
        if not waiting or not detections:
            return list(detections)
        cost = self._costs(waiting, detections, reach)
        taken: set[int] = set()
        # lap, for SciPy would double the time until the program has started, for this one function.
        _, columns, _ = lap.lapjv(cost, extend_cost=True)
        for row, column in enumerate(columns.tolist()):
            if column >= 0 and cost[row, column] < FORBIDDEN:
                waiting[row].see(detections[column], time_s)
                taken.add(column)
        return [found for i, found in enumerate(detections) if i not in taken]

    def _costs(self, tracks: Sequence[_Living], detections: Sequence[Detection], reach: bool) -> Float64Array:
        """(tracks, detections) float64: 1 − DIoU and what hidden tracks cost more; FORBIDDEN where the two cannot be one face."""
        old = np.array([[box.x1, box.y1, box.x2, box.y2] for box in (track.motion.box for track in tracks)])[:, None]
        new = np.array([[box.x1, box.y1, box.x2, box.y2] for box in (found.box for found in detections)])[None]
        shared = np.clip(np.minimum(old[..., 2:], new[..., 2:]) - np.maximum(old[..., :2], new[..., :2]), 0, None).prod(axis=-1)
        old_area, new_area = (old[..., 2:] - old[..., :2]).prod(axis=-1), (new[..., 2:] - new[..., :2]).prod(axis=-1)
        iou = shared / (old_area + new_area - shared)
        hull = np.maximum(old[..., 2:], new[..., 2:]) - np.minimum(old[..., :2], new[..., :2])
        apart = ((old[..., :2] + old[..., 2:] - new[..., :2] - new[..., 2:]) ** 2).sum(axis=-1) / 4
        hidden = np.array([HIDDEN_COST if track.hidden_before else 0.0 for track in tracks])[:, None]
        cost = 1 - iou + apart / (hull**2).sum(axis=-1) + hidden
        allowed = iou >= self._settings.min_iou
        if reach:
            gate = np.array([min(MAX_GATE, GATE_SIGMAS * track.motion.sigma) for track in tracks])[:, None]
            allowed |= apart <= gate**2 * np.minimum(old_area, new_area)
        ratio = new_area / old_area
        widest = np.array([min(MAX_SIZE_RATIO, 1 + SIZE_SIGMAS * track.motion.sigma) for track in tracks])[:, None] ** 2
        allowed &= (ratio < widest) & (ratio > 1 / widest)
        return np.where(allowed, cost, FORBIDDEN)

    def _merge(self) -> None:
        """Ends the younger of two tracks that both see the same face. (A hidden one may well lie behind a visible one.)"""
        seen = [track for track in self._living if track.detection is not None]
        if len(seen) < 2:
            return
        overlaps = _overlaps([track.motion.box for track in seen])
        gone: set[int] = set()
        for older, younger in zip(*np.nonzero(np.triu(overlaps > MERGE_IOU, 1)), strict=True):
            if older not in gone and younger not in gone:
                gone.add(int(younger))
        if gone:
            ended = {seen[i].id for i in gone}
            self._living = [track for track in self._living if track.id not in ended]


def _on_grid(box: Box) -> Box:
    """The nearest box of a coarse grid of places and sizes.

    A detector that begins where the last look ended never comes to rest, and what it finds depends on the whole way there: on
    the frame rate, for one. From a grid it begins at the same box again and again, and finds the same face.
    """
    size = GRID_SIZE ** round(math.log(max(1.0, math.sqrt(max(1.0, box.width * box.height))), GRID_SIZE))
    step = GRID_STEP * size
    x, y = (round(place / step) * step for place in box.center)
    ratio = math.sqrt(FACE_RATIO)
    width, height = size * ratio, size / ratio
    return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def _without_doubles(detections: Sequence[Detection]) -> list[Detection]:
    """The detections, best first, without those that lie upon a better one."""
    best_first = sorted(detections, key=lambda each: -each.score)
    if len(best_first) < 2:
        return best_first
    double = _overlaps([found.box for found in best_first]) > DOUBLE_IOU
    kept: list[int] = []
    for i in range(len(best_first)):
        if not double[i, kept].any():
            kept.append(i)
    return [best_first[i] for i in kept]


def _overlaps(boxes: Sequence[Box]) -> Float64Array:
    """(n, n) intersection over union of each with each."""
    edges = np.array([[box.x1, box.y1, box.x2, box.y2] for box in boxes])
    low = np.maximum(edges[:, None, :2], edges[None, :, :2])
    high = np.minimum(edges[:, None, 2:], edges[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=-1)
    area = np.clip(edges[:, 2:] - edges[:, :2], 0, None).prod(axis=-1)
    return np.asarray(shared / np.maximum(area[:, None] + area[None] - shared, 1e-9), np.float64)


class _Living:
    """A track and its motion."""

    def __init__(self, number: int, detection: Detection, time_s: float) -> None:
        self.id = number
        self.detection: Detection | None = detection
        self.first_s = self.seen_s = time_s
        self.motion = Motion(detection.box, time_s)
        self.hidden_before = False
        self.is_calm = False
        self._looked_s = time_s
        self._looked_at = detection
        self._carried = False
        self._error = 1.0

    def may_be_carried(self, time_s: float) -> bool:
        """Whether its motion tells well enough where it is at that time. Tracks take turns, so that not all are due at once."""
        share = 0.7 + 0.3 * ((self.id * GOLDEN) % 1.0)
        return self.is_calm and time_s - self._looked_s < share * CARRY_S

    def advance(self, time_s: float) -> None:
        """On to the next frame, in which the face is not yet found."""
        self.motion.predict(time_s)
        self.hidden_before = self.detection is None
        self.detection = None

    def see(self, detection: Detection, time_s: float) -> None:
        expected, (x, y) = self.motion.box, detection.box.center
        off = math.hypot(x - expected.center[0], y - expected.center[1]) / max(1.0, math.sqrt(detection.box.area))
        self._error = ERROR_MEMORY * self._error + (1 - ERROR_MEMORY) * off
        self.detection = self._looked_at = detection
        self.seen_s = self._looked_s = time_s
        self._carried = False
        self.motion.correct(detection.box)
        self.is_calm = self._error < CALM_ERROR and self.motion.speed < CALM_SPEED

    def carry(self, time_s: float) -> None:
        """Takes the face for where its motion says: nobody looked."""
        before, now = self._looked_at.box, self.motion.box
        scale = np.array([now.width / max(before.width, 1e-6), now.height / max(before.height, 1e-6)])
        landmarks = (self._looked_at.landmarks - [before.x1, before.y1]) * scale + [now.x1, now.y1]
        self.detection = Detection(now, self._looked_at.score, landmarks.astype(np.float32))
        self.seen_s = time_s
        self._carried = True

    def as_track(self) -> Track:
        box = self.motion.box if self.detection is None else self.detection.box
        return Track(self.id, self.detection, box, self.first_s, self.seen_s, self._carried and self.detection is not None)
