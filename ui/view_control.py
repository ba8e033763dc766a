"""The View menu: how large the picture is, what is drawn over it, light or dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtGui import QAction, QActionGroup, QKeySequence

from pipeline.labels import Extras
from ui.control import Control
from ui.theme import Appearance, Theme
from ui.video_view import Overlay, Scaling

if TYPE_CHECKING:
    from ui.main_window import MainWindow

_OVERLAYS = {
    "boxes": ("&Boxes and labels", True),
    "reason": ("&Why an age is not known yet", True),
    "landmarks": ("&Landmarks", False),
    "raw_age": ("&Raw age of the picture", False),
    "quality": ("&Quality of the face", False),
    "track": ("&Number of the track", False),
    "gender": ("&Gender", False),
}
"""Text, and whether it is shown unless the user chooses."""


class ViewControl(Control):
    """Choices of how things look, remembered in the preferences.

    Args:
        theme: takes the user's choice of appearance.
    """

    def __init__(self, window: MainWindow, theme: Theme) -> None:
        super().__init__(window)
        self._preferences = window.preferences
        self._theme = theme
        make, menu = window.actions_.make, window.menus.view
        menu.addSeparator()
        self.scalings = {
            Scaling.FIT: make("&Fit", "", QKeySequence("Ctrl+0")),
            Scaling.FILL: make("F&ill", "", QKeySequence("Ctrl+2")),
            Scaling.ORIGINAL: make("&Original size (1:1)", "", QKeySequence("Ctrl+1")),
        }
        scalings = QActionGroup(self)
        for scaling, action in self.scalings.items():
            action.setCheckable(True)
            scalings.addAction(action)
            menu.addAction(action)
            action.triggered.connect(lambda _checked=False, scaling=scaling: self._choose_scaling(scaling))
        self._restore_scaling()
        menu.addSeparator()
        self.overlays = self._make_overlays()
        appearance = menu.addMenu("&Appearance")
        group = QActionGroup(self)
        for action in window.actions_.appearances.values():
            action.setCheckable(True)
            group.addAction(action)
            appearance.addAction(action)
        theme.apply(self._appearance())
        window.actions_.connect_appearances(self._choose_appearance, self._appearance())

    # The picture.

    def _choose_scaling(self, scaling: Scaling) -> None:
        self._preferences.setValue("scaling", scaling.value)
        self.window.view.set_scaling(scaling)

    def _restore_scaling(self) -> None:
        try:
            scaling = Scaling(self._preferences.value("scaling", Scaling.FIT.value))
        except ValueError:
            scaling = Scaling.FIT
        self.scalings[scaling].setChecked(True)
        self.window.view.set_scaling(scaling)

    def _make_overlays(self) -> dict[str, QAction]:
        menu = self.window.menus.view.addMenu("&Over the picture")
        actions = {}
        for name, (text, usual) in _OVERLAYS.items():
            action = self.window.actions_.make(text)
            action.setCheckable(True)
            if name == "gender":
                # A setting of the program, which the dialog has, too.
                action.setChecked(self.window.settings.view.show_gender)
            else:
                action.setChecked(self._preferences.value(f"over/{name}", usual, bool) is True)
            menu.addAction(action)
            actions[name] = action
        for name, action in actions.items():
            action.toggled.connect(lambda on, name=name: self._on_overlay(name, on))
        menu.aboutToShow.connect(self._follow_gender)
        self._apply_overlays(actions)
        return actions

    def _on_overlay(self, name: str, on: bool) -> None:
        if name != "gender":
            self._preferences.setValue(f"over/{name}", on)
        elif on != self.window.settings.view.show_gender:
            self.window.labelling.show_as(self.window.store.change({"view.show_gender": on}).view)
        self._apply_overlays(self.overlays)

    def _apply_overlays(self, actions: dict[str, QAction]) -> None:
        on = {name: action.isChecked() for name, action in actions.items()}
        self.window.labelling.add(Extras(on["gender"], on["reason"], on["raw_age"], on["quality"], on["track"]))
        self.window.view.set_overlay(Overlay(on["boxes"], on["landmarks"]))
        self.window.picture.wish()

    @Slot()
    def _follow_gender(self) -> None:
        self.overlays["gender"].setChecked(self.window.settings.view.show_gender)

    # Light or dark.

    def _appearance(self) -> Appearance:
        try:
            return Appearance(self._preferences.value("appearance", Appearance.SYSTEM.value))
        except ValueError:
            return Appearance.SYSTEM

    def _choose_appearance(self, choice: Appearance) -> None:
        self._preferences.setValue("appearance", choice.value)
        self._theme.apply(choice)
