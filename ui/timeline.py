"""Ages over time, who was in sight when, and how old everybody is: three plots that share their axes."""

from __future__ import annotations

from collections.abc import Sequence

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QPalette, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QStackedLayout, QVBoxLayout, QWidget

from ui.timeline_axes import ClockAxis, range_of_ages
from ui.timeline_items import AgeBars, AgeCurves, Lane, PresenceLanes

MOST_LANES = 40
"""More rows could not be told apart; of more persons, those that were longest in sight in the shown stretch of time are drawn."""
MOST_BANDS = 6
"""With more persons at once their intervals would only hide each other: then only the selected person has one."""
LEAST_LABEL_SHARE = 0.85
LANES_SHARE = 0.5
"""Of the plots' height, at most; the rest is for ages."""
CURVE_GAP_S = 2.0
PX_PER_POINT = 3
LEAST_POINTS, MOST_POINTS = 40, 2400
"""Per curve, and of all curves together: painting costs about a millisecond per thousand."""
LEFT_AXIS_PX = 74
HISTOGRAM_PX = 116
HISTOGRAM_ROOM = 1.3
"""Beside the longest bar, for its number."""
LANE_PX = 16
FIRST_SPAN_S = 10.0
"""The timeline of a session that has just begun is this long."""
MARKER_MS = 220
"""Between two moves of the marker by itself; while something runs it moves whenever the persons are drawn."""
ZOOM = 0.6
PAN = 0.2
SHORTEST_SPAN_S = 1.0
AGE_MARGIN_YEARS = 3


class Timeline(QWidget):
    """Shows persons over time. Feed it with `show_lanes` a few times a second; it draws nothing while it is hidden."""

    seek_requested = Signal(float)
    """The user clicked on this second of the film. Only after `set_seekable(True)`."""
    person_chosen = Signal(int)
    """The user clicked on this person's lane; −1 for a click beside all lanes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lanes: Sequence[Lane] = ()
        self._shown: Sequence[Lane] = ()
        self._selected: int | None = None
        self._now_s: float | None = None
        self._length_s: float | None = None
        self._whole = True
        self._seekable = False
        self._stale = False
        self._ages = (0, 0)

        # Moving it paints all of the plots anew.
        self._marker_timer = QTimer(self, interval=MARKER_MS, singleShot=True)
        self._marker_timer.timeout.connect(self._place_marker)
        self._graphics = pg.GraphicsLayoutWidget()
        self._graphics.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._graphics.setFrameShape(pg.GraphicsLayoutWidget.Shape.NoFrame)
        self._graphics.setAccessibleName("Ages and presence over time")
        self._graphics.ci.layout.setSpacing(2)
        self._graphics.ci.layout.setContentsMargins(0, 4, 10, 2)
        self._curves, self._presence, self._bars = AgeCurves(), PresenceLanes(), AgeBars()
        self._age_plot = self._plot(0, 0, self._curves)
        self._lane_plot = self._plot(1, 0, self._presence, pg.AxisItem("left"), ClockAxis("bottom"))
        self._histogram = self._plot(0, 1, self._bars)
        self._arrange()
        self._markers = [pg.InfiniteLine(0, movable=False) for _ in range(2)]
        for plot, marker in zip((self._age_plot, self._lane_plot), self._markers, strict=True):
            marker.hide()
            plot.addItem(marker, ignoreBounds=True)
        self._graphics.scene().sigMouseClicked.connect(self._on_click)
        self._age_plot.getViewBox().sigRangeChangedManually.connect(self._on_moved)
        self._lane_plot.getViewBox().sigRangeChangedManually.connect(self._on_moved)

        self._build()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Timeline")
        self._restyle()
        self.clear()

    # What is shown.

    def show_lanes(self, lanes: Sequence[Lane], now_s: float | None, length_s: float | None = None) -> None:
        """Shows the persons as they are now.

        Args:
            lanes: in order of appearance.
            now_s: where the marker is; None for no marker.
            length_s: of the film; None where it is not known.
        """
        self._lanes, self._now_s, self._length_s = lanes, now_s, length_s
        self._refresh()

    def clear(self) -> None:
        """Forgets everybody and shows the whole of what will come."""
        self._whole = True
        self._selected = None
        self._ages = (0, 0)
        self.show_lanes((), None)

    def set_selected(self, person: int | None) -> None:
        """Brings out one person; `person_chosen` is not emitted."""
        if person != self._selected:
            self._selected = person
            self._refresh()

    def set_now(self, now_s: float | None) -> None:
        """Moves the marker only. May be called for every picture: it moves a few times a second."""
        self._now_s = now_s
        if not self._marker_timer.isActive():
            self._marker_timer.start()

    @Slot()
    def _place_marker(self) -> None:
        for marker in self._markers:
            marker.setVisible(self._now_s is not None)
            if self._now_s is not None:
                marker.setValue(self._now_s)

    def set_seekable(self, seekable: bool) -> None:
        """Whether a click goes to that second of the film."""
        self._seekable = seekable
        hint = "Click: go there. " if seekable else ""
        self._graphics.setToolTip(f"{hint}Wheel: zoom. Drag: move.")

    @property
    def shown_range(self) -> tuple[float, float]:
        """First and last second on the screen."""
        (start, end), _ = self._age_plot.getViewBox().viewRange()
        return start, end

    @property
    def shown_persons(self) -> list[int]:
        """Who has a lane, from above."""
        return [lane.person for lane in self._shown]

    @property
    def marker_s(self) -> float | None:
        """Where the marker is."""
        return self._now_s

    def lane_point(self, person: int, time_s: float) -> tuple[float, float]:
        """Where a moment of a person's lane is, in pixels of the plots."""
        row = self.shown_persons.index(person)
        point = self._lane_plot.getViewBox().mapViewToScene(pg.Point(time_s, row + 0.5))
        place = self._graphics.mapFromScene(point)
        return place.x(), place.y()

    @property
    def graphics(self) -> QWidget:
        """The plots."""
        return self._graphics  # type: ignore[no-any-return] # pyqtgraph has no types

    # What a person can do.

    def zoom_in(self) -> None:
        """A shorter stretch of time around the marker or the middle."""
        self._zoom(ZOOM)

    def zoom_out(self) -> None:
        """A longer stretch of time."""
        self._zoom(1 / ZOOM)

    def show_whole(self) -> None:
        """All of the session, and what will come."""
        self._whole = True
        self._ages = (0, 0)
        self._refresh()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal:
                self.zoom_in()
            case Qt.Key.Key_Minus:
                self.zoom_out()
            case Qt.Key.Key_0:
                self.show_whole()
            case Qt.Key.Key_Left:
                self._pan(-PAN)
            case Qt.Key.Key_Right:
                self._pan(PAN)
            case _:
                super().keyPressEvent(event)

    def sizeHint(self) -> QSize:
        return QSize(720, 230)

    def minimumSizeHint(self) -> QSize:
        return QSize(320, 150)

    # Drawing.

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self._refresh()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self._restyle()
            self._refresh()

    def _refresh(self) -> None:
        self._stale = not self.isVisible()
        self._pages.setCurrentIndex(1 if self._lanes else 0)
        for button in self._buttons:
            button.setEnabled(bool(self._lanes))
        if self._stale:
            return
        end_s = max([self._length_s or 0.0, self._now_s or 0.0, FIRST_SPAN_S, *(s[-1][1] for s in self._all_spans())])
        for plot in (self._age_plot, self._lane_plot):
            plot.getViewBox().setLimits(xMin=0, xMax=end_s, minXRange=SHORTEST_SPAN_S)
        if self._whole:
            self._age_plot.setXRange(0, end_s, padding=0)
        self._shown = self._choose(*self.shown_range)
        self._draw_lanes()
        self._draw_ages()
        self._marker_timer.stop()
        self._place_marker()
        self._describe()

    def _all_spans(self) -> list[tuple[tuple[float, float], ...]]:
        return [lane.spans for lane in self._lanes if lane.spans]

    def _choose(self, start_s: float, end_s: float) -> list[Lane]:
        """Those in sight in that stretch of time, at most `MOST_LANES`, in order of appearance."""
        time_in_sight = {
            lane.person: sum(max(0.0, min(end, end_s) - max(start, start_s)) for start, end in lane.spans) for lane in self._lanes
        }
        here = [lane for lane in self._lanes if any(start <= end_s and end >= start_s for start, end in lane.spans)]
        if len(here) > MOST_LANES:
            # The selected person first, whatever else.
            here.sort(key=lambda lane: (lane.person == self._selected, time_in_sight[lane.person]), reverse=True)
            kept = {lane.person for lane in here[:MOST_LANES]}
            return [lane for lane in self._lanes if lane.person in kept]
        return here

    def _draw_lanes(self) -> None:
        self._presence.show_lanes(self._shown, self._selected, self.palette().color(QPalette.ColorRole.Highlight))
        rows = max(1, len(self._shown))
        self._lane_plot.setYRange(0, rows, padding=0)
        axis = self._lane_plot.getAxis("bottom")
        metrics = QFontMetrics(self.font())
        lane = max(LANE_PX, metrics.height())
        room = max(2.4 * lane, min(rows * lane, (self._graphics.height() - axis.height()) * LANES_SHARE))
        self._graphics.ci.layout.setRowFixedHeight(1, room + axis.height())
        # Where rows are lower than letters, labels would lie on each other.
        every = room / rows >= LEAST_LABEL_SHARE * metrics.height()
        labels = [
            (row + 0.5, metrics.elidedText(lane.label, Qt.TextElideMode.ElideRight, LEFT_AXIS_PX - 14))
            for row, lane in enumerate(self._shown)
            if every or lane.person == self._selected
        ]
        self._lane_plot.getAxis("left").setTicks([labels])

    def _draw_ages(self) -> None:
        room_px = max(100, self._graphics.width() - LEFT_AXIS_PX - HISTOGRAM_PX)
        points = int(min(room_px / PX_PER_POINT, max(LEAST_POINTS, MOST_POINTS / max(1, len(self._shown)))))
        self._curves.show_curves(self._shown, self._selected, len(self._shown) <= MOST_BANDS, CURVE_GAP_S, points)
        bounds = self._curves.boundingRect()
        known = [lane.years for lane in self._lanes if lane.years is not None]
        low = min([bounds.top()] if bounds.height() else known, default=20.0) - AGE_MARGIN_YEARS
        high = max([bounds.bottom()] if bounds.height() else known, default=50.0) + AGE_MARGIN_YEARS
        self._ages = range_of_ages(low, high, self._ages)
        self._age_plot.setYRange(*self._ages, padding=0)
        self._histogram.setYRange(*self._ages, padding=0)
        palette = self.palette()
        most = self._bars.show_ages(
            known, palette.color(QPalette.ColorRole.Accent), palette.color(QPalette.ColorRole.PlaceholderText)
        )
        self._histogram.setXRange(0, max(2, most) * HISTOGRAM_ROOM, padding=0)

    def _describe(self) -> None:
        known = [lane.years for lane in self._lanes if lane.years is not None]
        text = "1 person" if len(self._lanes) == 1 else f"{len(self._lanes)} people"
        if known:
            text += f", about {min(known):.0f} to {max(known):.0f} years old" if len(known) > 1 else f", about {known[0]:.0f}"
        if len(self._shown) < len(self._lanes):
            text += f"; {len(self._shown)} of them are drawn"
        if self.accessibleDescription() != text:
            self.setAccessibleDescription(text)
        self._note.setText("" if len(self._shown) < MOST_LANES else f"{len(self._shown)} of {len(self._lanes)} people drawn")

    # Moving.

    def _zoom(self, factor: float) -> None:
        start, end = self.shown_range
        middle = self._now_s if self._now_s is not None and start <= self._now_s <= end else (start + end) / 2
        self._show_range(middle - (middle - start) * factor, middle + (end - middle) * factor)

    def _pan(self, share: float) -> None:
        start, end = self.shown_range
        step = (end - start) * share
        self._show_range(start + step, end + step)

    def _show_range(self, start_s: float, end_s: float) -> None:
        self._age_plot.setXRange(start_s, end_s, padding=0)
        self._on_moved()

    def _on_moved(self, *_: object) -> None:
        self._whole = False
        self._refresh()

    def _on_click(self, event: object) -> None:
        if event.button() != Qt.MouseButton.LeftButton or event.double():  # type: ignore[attr-defined]
            return
        place = event.scenePos()  # type: ignore[attr-defined]
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        for plot in (self._age_plot, self._lane_plot):
            box = plot.getViewBox()
            if not box.sceneBoundingRect().contains(place):
                continue
            point = box.mapSceneToView(place)
            if plot is self._lane_plot:
                row = int(point.y())
                self.person_chosen.emit(self._shown[row].person if 0 <= row < len(self._shown) else -1)
            if self._seekable:
                self.seek_requested.emit(max(0.0, point.x()))

    # Building.

    def _plot(
        self, row: int, column: int, item: pg.GraphicsObject, left: pg.AxisItem = None, bottom: pg.AxisItem = None
    ) -> pg.PlotItem:
        axes = {name: axis for name, axis in (("left", left), ("bottom", bottom)) if axis is not None}
        plot = self._graphics.addPlot(row, column, axisItems=axes)
        plot.hideButtons()
        plot.setMenuEnabled(False)
        plot.disableAutoRange()
        plot.addItem(item, ignoreBounds=True)
        plot.getViewBox().setDefaultPadding(0)
        return plot

    def _arrange(self) -> None:
        self._age_plot.setMouseEnabled(x=True, y=False)
        self._lane_plot.setMouseEnabled(x=True, y=False)
        self._histogram.setMouseEnabled(x=False, y=False)
        self._lane_plot.setXLink(self._age_plot)
        self._lane_plot.invertY(True)
        self._age_plot.hideAxis("bottom")
        self._histogram.hideAxis("left")
        self._histogram.hideAxis("bottom")
        for plot in (self._age_plot, self._lane_plot):
            plot.getAxis("left").setWidth(LEFT_AXIS_PX)
        self._age_plot.showGrid(x=False, y=True, alpha=0.18)
        self._histogram.showGrid(x=False, y=True, alpha=0.18)
        self._graphics.ci.layout.setColumnFixedWidth(1, HISTOGRAM_PX)

    def _build(self) -> None:
        heading = QLabel("Timeline")
        heading.setObjectName("panelHeading")
        self._note = QLabel()
        self._note.setObjectName("quiet")
        self._buttons = []
        bar = QHBoxLayout()
        bar.setContentsMargins(8, 0, 10, 0)
        bar.setSpacing(6)
        bar.addWidget(heading)
        bar.addWidget(self._note)
        bar.addStretch(1)
        for text, name, tip, act in (
            ("−", "Zoom out", "Zoom out (−)", self.zoom_out),
            ("+", "Zoom in", "Zoom in (+)", self.zoom_in),
            ("All", "Show all of the session", "Show all of the session (0)", self.show_whole),
        ):
            button = QPushButton(text)
            button.setObjectName("small")
            button.setAccessibleName(name)
            button.setToolTip(tip)
            button.clicked.connect(act)
            bar.addWidget(button)
            self._buttons.append(button)
        empty = QLabel("The ages of everybody in the picture are drawn here over time.")
        empty.setObjectName("quiet")
        empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        empty.setWordWrap(True)
        self._pages = QStackedLayout()
        self._pages.addWidget(empty)
        self._pages.addWidget(self._graphics)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(bar)
        layout.addLayout(self._pages, 1)

    def _restyle(self) -> None:
        palette = self.palette()
        text = palette.color(QPalette.ColorRole.PlaceholderText)
        line = palette.color(QPalette.ColorRole.Mid)
        self._graphics.setBackground(palette.color(QPalette.ColorRole.Base))
        for plot in (self._age_plot, self._lane_plot, self._histogram):
            for name in ("left", "bottom"):
                axis = plot.getAxis(name)
                axis.setPen(line)
                axis.setTextPen(text)
                axis.setTickFont(self.font())
                axis.setStyle(tickLength=-3, hideOverlappingLabels=True)
        self._age_plot.getAxis("left").setLabel("Age")
        for axis in (self._age_plot.getAxis("left"), self._lane_plot.getAxis("bottom"), self._histogram.getAxis("bottom")):
            axis.label.setFont(self.font())
        self._lane_plot.getAxis("left").setStyle(tickLength=0)
        marker = QColor(palette.color(QPalette.ColorRole.Accent))
        for line_item in getattr(self, "_markers", []):
            line_item.setPen(marker, width=1.4)
