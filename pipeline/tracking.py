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


class IouTracker:
    """Follows faces. See `pipeline.protocols.Tracker`.

    Args:
        ids: where new tracks get their numbers; give several trackers the same iterator for numbers that are unique among them.
    """

    def __init__(self, settings: TrackerSettings, ids: Iterator[int] | None = None) -> None:
        self._settings = settings
        self._ids = itertools.count(1) if ids is None else ids
        self._living: list[_Living] = []

    def predict(self, time_s: float) -> list[Box]:
        """Where the living tracks should be at that time, oldest track first. Changes nothing."""
        return [track.motion.box_at(time_s) for track in self._living]

    def uncertainty(self, time_s: float) -> float:
        """How far off the worst prediction for a face in view may be (standard deviation, in face sizes); 0 without any."""
        return max((track.motion.sigma_at(time_s) for track in self._living if track.detection is not None), default=0.0)

    def update(self, detections: Sequence[Detection], time_s: float) -> list[Track]:
        """Living tracks after this frame, hidden ones included, oldest first; each detection belongs to at most one.

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
        for found in new:
            if not any(track.detection and track.detection.box.iou(found.box) > DUPLICATE_IOU for track in self._living):
                self._living.append(_Living(next(self._ids), found, time_s))
        self._merge()
        self._living = [track for track in self._living if time_s - track.seen_s <= self._keep_s(track)]
        return [track.as_track() for track in self._living]

    def reset(self) -> None:
        """Ends all tracks (a cut). Ids go on; none is used twice."""
        self._living = []

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
        for older, younger in itertools.combinations(seen, 2):
            if older.motion.box.iou(younger.motion.box) > MERGE_IOU and older in self._living and younger in self._living:
                self._living.remove(younger)


def _without_doubles(detections: Sequence[Detection]) -> list[Detection]:
    """The detections, best first, without those that lie upon a better one."""
    kept: list[Detection] = []
    for found in sorted(detections, key=lambda each: -each.score):
        if all(found.box.iou(other.box) <= DOUBLE_IOU for other in kept):
            kept.append(found)
    return kept


class _Living:
    """A track and its motion."""

    def __init__(self, number: int, detection: Detection, time_s: float) -> None:
        self.id = number
        self.detection: Detection | None = detection
        self.first_s = self.seen_s = time_s
        self.motion = Motion(detection.box, time_s)
        self.hidden_before = False

    def advance(self, time_s: float) -> None:
        """On to the next frame, in which the face is not yet found."""
        self.motion.predict(time_s)
        self.hidden_before = self.detection is None
        self.detection = None

    def see(self, detection: Detection, time_s: float) -> None:
        self.detection = detection
        self.seen_s = time_s
        self.motion.correct(detection.box)

    def as_track(self) -> Track:
        box = self.motion.box if self.detection is None else self.detection.box
        return Track(self.id, self.detection, box, self.first_s, self.seen_s)
