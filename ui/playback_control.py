"""Playing films: keys, menu and bar give orders to the session; the bar shows where the film is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QKeyCombination, Qt, Slot
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu

from pipeline.types import FrameResult
from ui.control import Control
from ui.labelling import person_color
from ui.seek_slider import Presence
from ui.session import State
from ui.transport import SPEEDS
from ui.transport_bar import TransportBar

if TYPE_CHECKING:
    from ui.main_window import MainWindow

Key = Qt.Key
SHIFT = Qt.KeyboardModifier.ShiftModifier
NEAR_S, FAR_S, VERY_FAR_S = 1.0, 5.0, 60.0


class PlaybackControl(Control):
    """The Playback menu and the bar under the picture. Keys are those of mpv and VLC where these agree."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._session = window.session
        make = window.actions_.make
        self.play = make("&Play", "start", QKeySequence(Key.Key_Space))
        self.loop = make("&Loop", "loop", QKeySequence(Key.Key_L))
        self.loop.setCheckable(True)
        self.step_back = self._moving("Step &back", "step-back", Key.Key_Comma, partial(self._session.step, -1))
        self.step_on = self._moving("&Step forward", "step-forward", Key.Key_Period, partial(self._session.step, 1))
        self.moves = [
            self._moving("Back 5 s", "", Key.Key_Left, partial(self._go, -FAR_S)),
            self._moving("Forward 5 s", "", Key.Key_Right, partial(self._go, FAR_S)),
            self._moving("Back 1 s", "", SHIFT | Key.Key_Left, partial(self._go, -NEAR_S)),
            self._moving("Forward 1 s", "", SHIFT | Key.Key_Right, partial(self._go, NEAR_S)),
            self._moving("Back 1 min", "", Key.Key_Down, partial(self._go, -VERY_FAR_S)),
            self._moving("Forward 1 min", "", Key.Key_Up, partial(self._go, VERY_FAR_S)),
            self._moving("To the beginning", "", Key.Key_Home, partial(self._session.seek_frame, 0)),
            self._moving("To the end", "", Key.Key_End, self._go_to_end),
        ]
        self.slower = make("S&lower", "", QKeySequence(Key.Key_BracketLeft))
        self.faster = make("&Faster", "", QKeySequence(Key.Key_BracketRight))
        self.normal = make("&Normal speed", "", QKeySequence(Key.Key_Backspace))
        self._speeds = QMenu("Sp&eed", window)
        self._speed_actions = self._make_speeds()
        self.bar = TransportBar(
            [self.step_back, self.play, self.step_on],
            [self.loop, window.picture.blur, window.picture.snapshot, window.recording.record],
            self._speeds,
            self.play,
        )
        self.bar.hide()
        window.stage.set_transport(self.bar)
        self._fill(window.menus.playback)
        self._connect()
        self._update()

    def _fill(self, menu: QMenu) -> None:
        menu.addActions([self.play, self.window.actions_.run])
        menu.addSeparator()
        menu.addActions([self.step_on, self.step_back])
        menu.addActions(self.moves)
        menu.addSeparator()
        menu.addMenu(self._speeds)
        menu.addAction(self.loop)

    def _connect(self) -> None:
        window, session = self.window, self._session
        self.play.triggered.connect(self._toggle_play)
        self.loop.toggled.connect(session.set_loop)
        self.slower.triggered.connect(partial(self._change_speed, -1))
        self.faster.triggered.connect(partial(self._change_speed, 1))
        self.normal.triggered.connect(lambda: session.set_speed(1.0))
        self.bar.slider.sought.connect(session.seek)
        window.people.timeline.seek_requested.connect(session.seek)
        session.playback_changed.connect(self._update)
        session.result_ready.connect(self._on_result)
        session.opened.connect(self._on_opened)
        window.run_began.connect(self._begin_run)
        window.refreshed.connect(self._refresh)
        window.updated.connect(self._update)

    # Orders.

    @Slot()
    def _toggle_play(self) -> None:
        if self._session.can_pause:
            self._session.set_playing(not self._session.orders.playing)
        else:
            self.window.toggle_run()

    def _go(self, seconds: float) -> None:
        """From where the film is, or where it is about to go."""
        jump, standing = self._session.orders.jump, self._session.standing
        base_s = standing.time_s
        if jump is not None and jump.serial != standing.jumps and jump.time_s is not None:
            base_s = jump.time_s
        source = self._session.source
        end_s = source.duration_s if source is not None and source.duration_s else float("inf")
        self._session.seek(min(max(0.0, base_s + seconds), end_s))

    def _go_to_end(self) -> None:
        source = self._session.source
        if source is not None:
            self._session.set_playing(False)
            self._session.seek(source.duration_s or float(source.frame_count or 0))

    def _change_speed(self, steps: int, _checked: bool = False) -> None:
        speed = self._session.orders.speed
        nearest = min(range(len(SPEEDS)), key=lambda place: abs(SPEEDS[place] - speed))
        self._session.set_speed(SPEEDS[min(max(0, nearest + steps), len(SPEEDS) - 1)])

    # What is shown.

    @Slot()
    def _begin_run(self) -> None:
        self.bar.show()
        self.bar.show_film(False)
        self.bar.show_length(None)
        self.bar.slider.set_presence(())
        self.bar.show_time(0.0, None)

    @Slot()
    def _on_opened(self) -> None:
        source = self._session.source
        if source is not None:
            # Pictures of a folder have their number for a time.
            self.bar.show_length(source.duration_s or (source.frame_count if source.fps is None else None))
        self._update()

    @Slot(FrameResult)
    def _on_result(self, result: FrameResult) -> None:
        self.bar.show_time(result.frame.time_s, result.frame.index)
        self.window.people.timeline.set_now(result.frame.time_s)

    @Slot()
    def _refresh(self) -> None:
        if self.bar.isVisible():
            rows = self.window.people.rows
            self.bar.slider.set_presence([Presence(row.person, person_color(row.person), row.spans) for row in rows])

    @Slot()
    def _update(self) -> None:
        session, can_seek = self._session, self._session.can_seek
        orders = session.orders
        pausing = session.can_pause and orders.playing
        self.window.actions_.show_as(self.play, "&Pause" if pausing else "&Play", "pause" if pausing else "start")
        self.play.setEnabled(session.spec is not None and session.state is not State.STOPPING)
        for action in (self.step_back, self.step_on, *self.moves):
            action.setEnabled(can_seek)
        self.loop.setChecked(orders.loop)
        self.bar.show_speed(orders.speed)
        for speed, action in self._speed_actions.items():
            action.setChecked(speed == orders.speed)
        self.bar.show_film(can_seek, pause=session.can_pause)
        self.window.people.timeline.set_seekable(can_seek)

    # Building.

    def _moving(self, text: str, icon: str, key: Qt.Key | QKeyCombination, do: Callable[[], None]) -> QAction:
        """An action that works by its key in and under the picture only: elsewhere arrows and Home move through lists."""
        action = self.window.actions_.make(text, icon, QKeySequence(key), owner=self.window.stage.upper)
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.triggered.connect(lambda _checked=False: do())
        return action

    def _make_speeds(self) -> dict[float, QAction]:
        self._speeds.addActions([self.slower, self.faster, self.normal])
        self._speeds.addSeparator()
        group = QActionGroup(self)
        actions = {}
        for speed in SPEEDS:
            action = self._speeds.addAction(f"{speed:g}×")
            action.setCheckable(True)
            group.addAction(action)
            action.triggered.connect(lambda _checked=False, speed=speed: self._session.set_speed(speed))
            actions[speed] = action
        return actions
