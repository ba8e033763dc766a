"""The bar under the picture: play, step, the line of the film, time, speed, and what is done with the picture."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QToolButton, QWidget

from pipeline.clock import clock_text
from ui.seek_slider import SeekSlider

ICON_PX = 18


class TransportBar(QWidget):
    """Buttons for actions, the slider, and the time.

    Args:
        left: actions to the left of the slider.
        play: one of them, which a source may have that is no film.
        right: to the right of it.
        speeds: offered under the speed.
    """

    def __init__(
        self, left: Sequence[QAction], right: Sequence[QAction], speeds: QMenu, play: QAction, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("transport")
        self.slider = SeekSlider()
        self._time = QLabel()
        self._length = QLabel()
        self._time.setAccessibleName("Time")
        self._length.setAccessibleName("Length of the film")
        self._of_film: list[QWidget] = [self.slider, self._length]
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.setSpacing(2)
        for action in left:
            button = self._button(action)
            layout.addWidget(button)
            if action is play:
                self._play = button
            else:
                self._of_film.append(button)
        for widget in (self._time, self.slider, self._length):
            layout.addWidget(widget, 1 if widget is self.slider else 0)
        self.speed = QToolButton()
        self.speed.setText("1×")
        self.speed.setMenu(speeds)
        self.speed.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.speed.setAccessibleName("Speed")
        self.speed.setToolTip("Speed ([ and ])")
        self._of_film.append(self.speed)
        layout.addWidget(self.speed)
        self._space = QWidget()
        layout.addWidget(self._space, 0)
        for action in right:
            layout.addWidget(self._button(action))
        self._layout = layout
        self._fit_times("0:00.0")
        self.show_film(False)

    def show_film(self, film: bool, pause: bool = False) -> None:
        """Whether there is a film in which one can go back and forth; else only the time and the right actions are left.

        Args:
            pause: what plays can at least be paused.
        """
        self._play.setVisible(film or pause)
        for widget in self._of_film:
            widget.setVisible(film)
        self._layout.setStretchFactor(self._space, 0 if film else 1)

    def show_time(self, time_s: float, index: int | None) -> None:
        """Where the film is.

        Args:
            index: number of the picture, for the tool tip.
        """
        self.slider.set_time(time_s)
        text = clock_text(self.slider.shown_s)
        if text != self._time.text():
            self._time.setText(text)
        self._time.setToolTip("" if index is None else f"Picture {index}")

    def show_length(self, length_s: float | None) -> None:
        """How long the film is; None where nobody knows."""
        self.slider.set_length(length_s or 0.0)
        self._length.setText(clock_text(length_s) if length_s else "")
        self._fit_times(clock_text(length_s or 0.0))

    def show_speed(self, speed: float) -> None:
        self.speed.setText(f"{speed:g}×")

    def _fit_times(self, longest: str) -> None:
        width = self.fontMetrics().horizontalAdvance("0" * len(longest)) + 8
        self._time.setMinimumWidth(width)
        self._time.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    def _button(self, action: QAction) -> QToolButton:
        button = QToolButton()
        button.setDefaultAction(action)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        button.setIconSize(QSize(ICON_PX, ICON_PX))
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setAccessibleName(action.text().replace("&", ""))
        return button
