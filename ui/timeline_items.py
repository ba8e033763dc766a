"""What the timeline draws: curves of ages with their bands, lanes of presence, bars of a histogram.

Three items in all, however many persons there are: pyqtgraph's own items cost a few hundred microseconds each per update, which
is too much for a crowd five times a second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPolygonF
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from pipeline.age_series import Curve
from pipeline.spans import Span

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

GAP_STEPS = 3.0
"""Points of long sessions are far apart; only this many times farther is a gap."""
BAND_ALPHA = 46
FAINT = 0.45
"""Opacity of all others while one person is selected."""
LINE_PX, STRONG_LINE_PX = 1.6, 2.6
LANE_SHARE = 0.62
"""Of a lane's height that its bar takes."""
ROUNDED_PX = 2.5
BAR_SHARE = 0.84
AGE_BIN_YEARS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """One person as the timeline shows them.

    Attributes:
        label: name or number.
        curve: age over time.
        spans: when the person was in sight.
        years: the age as it is known now; None where the person has none yet.
    """

    person: int
    label: str
    color: QColor
    curve: Curve
    spans: tuple[Span, ...]
    years: float | None


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """One curve as it is painted, and from what it was made: most curves of a long session do not change any more."""

    curve: Curve
    most_points: int
    line: QPainterPath
    bounds: QRectF


class AgeCurves(pg.GraphicsObject):  # type: ignore[misc] # pyqtgraph has no types
    """Ages over time: a line per person, and the 90 % interval as a band around it."""

    def __init__(self) -> None:
        super().__init__()
        self._bounds = QRectF()
        self._drawn: dict[int, _Drawn] = {}
        self._bands: dict[int, list[QPolygonF]] = {}
        self._colors: dict[int, QColor] = {}
        self._selected: int | None = None

    def show_curves(self, lanes: Sequence[Lane], selected: int | None, bands: bool, gap_s: float, most_points: int) -> None:
        """Draws these curves from now on.

        Args:
            bands: draw everybody's interval; else only that of the selected person.
            gap_s: a curve breaks where two points are further apart.
            most_points: per person; what is beyond cannot be told apart on the screen.
        """
        self.prepareGeometryChange()
        self._selected = selected
        before, self._drawn, self._bands = self._drawn, {}, {}
        self._colors = {lane.person: lane.color for lane in lanes}
        self._bounds = QRectF()
        for lane in lanes:
            drawn = before.get(lane.person)
            if drawn is None or drawn.curve is not lane.curve or drawn.most_points != most_points:
                drawn = _draw(lane.curve, gap_s, most_points)
            self._drawn[lane.person] = drawn
            self._bounds |= drawn.bounds
            if bands or lane.person == selected:
                self._bands[lane.person] = list(_areas(lane.curve, gap_s, most_points))
        self.update()

    def boundingRect(self) -> QRectF:
        return self._bounds

    def paint(self, painter: QPainter, _option: QStyleOptionGraphicsItem, _widget: QWidget | None = None) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        someone = self._selected in self._drawn
        # The selected one on top of all others.
        for person in sorted(self._drawn, key=lambda person: person == self._selected):
            strong, color = person == self._selected, self._colors[person]
            painter.setOpacity(1.0 if strong or not someone else FAINT)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(color.red(), color.green(), color.blue(), BAND_ALPHA))
            for area in self._bands.get(person, ()):
                painter.drawPolygon(area)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(_cosmetic(color, STRONG_LINE_PX if strong else LINE_PX))
            painter.drawPath(self._drawn[person].line)


class PresenceLanes(pg.GraphicsObject):  # type: ignore[misc] # pyqtgraph has no types
    """One row per person, row 0 above, with a bar for each stretch of time in sight. Rows are one unit high."""

    def __init__(self) -> None:
        super().__init__()
        self._bounds = QRectF()
        self._lanes: Sequence[Lane] = ()
        self._selected: int | None = None
        self._ground = QColor()

    def show_lanes(self, lanes: Sequence[Lane], selected: int | None, ground: QColor) -> None:
        """Draws these lanes from now on; `ground` is the colour behind the selected one."""
        self.prepareGeometryChange()
        self._lanes, self._selected, self._ground = lanes, selected, ground
        end = max((span[1] for lane in lanes for span in lane.spans[-1:]), default=0.0)
        self._bounds = QRectF(0, 0, end, len(lanes))
        self.update()

    def boundingRect(self) -> QRectF:
        return self._bounds

    def paint(self, painter: QPainter, _option: QStyleOptionGraphicsItem, _widget: QWidget | None = None) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        # Bars are drawn in pixels: what was in sight for a moment only must still be seen, and corners stay round at any zoom.
        transform = painter.transform()
        painter.resetTransform()
        someone = any(lane.person == self._selected for lane in self._lanes)
        clip = transform.mapRect(self.getViewBox().viewRect())
        for row, lane in enumerate(self._lanes):
            strong = lane.person == self._selected
            if strong:
                band = transform.mapRect(QRectF(0, row, 1, 1))
                painter.fillRect(QRectF(clip.left(), band.top(), clip.width(), band.height()), self._ground)
            painter.setOpacity(1.0 if strong or not someone else FAINT)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(lane.color)
            for start, end in lane.spans:
                bar = transform.mapRect(QRectF(start, row + (1 - LANE_SHARE) / 2, end - start, LANE_SHARE))
                bar.setWidth(max(bar.width(), 2.0))
                if bar.right() >= clip.left() and bar.left() <= clip.right():
                    bar = bar & clip.adjusted(-8, 0, 8, 0)
                    painter.drawRoundedRect(bar, ROUNDED_PX, ROUNDED_PX)
            painter.setOpacity(1.0)


class AgeBars(pg.GraphicsObject):  # type: ignore[misc] # pyqtgraph has no types
    """How many persons are how old: lying bars, so that the axis of ages is that of the curves beside them."""

    def __init__(self) -> None:
        super().__init__()
        self._counts = np.zeros(0, np.int64)
        self._color = QColor()
        self._text = QColor()

    def show_ages(self, ages: Sequence[float], color: QColor, text: QColor) -> int:
        """Draws these ages from now on, in these colours; the count of the longest bar."""
        self.prepareGeometryChange()
        self._color, self._text = color, text
        self._counts = age_counts(ages)
        self.update()
        return int(self._counts.max(initial=0))

    def boundingRect(self) -> QRectF:
        return QRectF(0, 0, max(1, int(self._counts.max(initial=0))), len(self._counts) * AGE_BIN_YEARS)

    def paint(self, painter: QPainter, _option: QStyleOptionGraphicsItem, _widget: QWidget | None = None) -> None:
        # In pixels, because of the numbers behind the bars.
        transform = painter.transform()
        painter.resetTransform()
        margin = AGE_BIN_YEARS * (1 - BAR_SHARE) / 2
        height = painter.fontMetrics().height()
        longest = int(self._counts.argmax())
        roomy = abs(transform.m22()) * AGE_BIN_YEARS >= height
        for number, count in enumerate(self._counts):
            if not count:
                continue
            bar = transform.mapRect(
                QRectF(0, number * AGE_BIN_YEARS + margin, float(count), AGE_BIN_YEARS - 2 * margin)
            ).normalized()
            painter.fillRect(bar, self._color)
            if not roomy and number != longest:
                continue
            painter.setPen(self._text)
            place = QRectF(bar.right() + 4, bar.center().y() - height / 2, 60, height)
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, str(count))


def age_counts(ages: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Persons per `AGE_BIN_YEARS` years from 0 on: (21,) int64."""
    bins = (np.clip(np.asarray(ages, float), 0, 100) // AGE_BIN_YEARS).astype(np.int64)
    return np.bincount(bins, minlength=100 // AGE_BIN_YEARS + 1).astype(np.int64)


def _draw(curve: Curve, gap_s: float, most_points: int) -> _Drawn:
    if not len(curve):
        return _Drawn(curve, most_points, QPainterPath(), QRectF())
    thin = _thinned(curve, gap_s, most_points)
    time_s, years = thin.time_s, thin.years
    if len(thin) == 1:
        # A single moment would be no line at all.
        time_s, years = np.append(time_s, time_s + gap_s / 4), np.append(years, years)
    connected = np.ones(len(time_s), bool)
    connected[: len(thin) - 1] = ~_is_cut(curve, thin, gap_s)
    line = pg.functions.arrayToQPath(time_s, years, connect=connected.astype(np.int32))
    low, high = float(curve.low.min()), float(curve.high.max())
    return _Drawn(curve, most_points, line, QRectF(time_s[0], low, time_s[-1] - time_s[0], high - low))


def _areas(curve: Curve, gap_s: float, most_points: int) -> Iterator[QPolygonF]:
    """The interval as a polygon for each stretch of time."""
    if not len(curve):
        return
    thin = _thinned(curve, gap_s, most_points)
    for part in np.split(np.arange(len(thin)), np.flatnonzero(_is_cut(curve, thin, gap_s)) + 1):
        if len(part) > 1:
            x, low, high = thin.time_s[part], thin.low[part], thin.high[part]
            yield pg.functions.arrayToQPolygonF(np.concatenate([x, x[::-1]]), np.concatenate([high, low[::-1]]))


def _gap(curve: Curve, gap_s: float) -> float:
    """How far apart two points are that are not connected."""
    usual_s = float(np.median(np.diff(curve.time_s))) if len(curve) > 1 else 0.0
    return max(gap_s, GAP_STEPS * usual_s)


def _cuts(curve: Curve, gap_s: float) -> IntArray:
    """Indices of the last points before gaps."""
    return np.flatnonzero(np.diff(curve.time_s) > _gap(curve, gap_s))


def _is_cut(curve: Curve, thin: Curve, gap_s: float) -> BoolArray:
    """For each point of a thinned curve but the last: whether a gap follows."""
    ends = curve.time_s[_cuts(curve, gap_s)]
    return np.isin(thin.time_s[:-1], ends)


def _thinned(curve: Curve, gap_s: float, most_points: int) -> Curve:
    """Every so many points, and both ends of each stretch of time."""
    step = -(-len(curve) // most_points)
    if step <= 1:
        return curve
    cuts = _cuts(curve, gap_s)
    kept = np.unique(np.concatenate([np.arange(0, len(curve), step), cuts, cuts + 1, [len(curve) - 1]]))
    return Curve(curve.time_s[kept], curve.years[kept], curve.low[kept], curve.high[kept])


def _cosmetic(color: QColor, width_px: float) -> QPen:
    pen = QPen(color, width_px, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
    pen.setCosmetic(True)
    return pen
