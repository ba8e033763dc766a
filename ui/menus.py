"""The menu bar: empty menus in their order, which the controls fill."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMenu, QMenuBar


class Menus(QObject):
    """File, Playback, View, People, Tools, Help. Every control adds its own actions, divided by separators."""

    def __init__(self, bar: QMenuBar) -> None:
        super().__init__(bar)
        self.file = bar.addMenu("&File")
        self.playback = bar.addMenu("&Playback")
        self.view = bar.addMenu("&View")
        self.people = bar.addMenu("Peop&le")
        self.tools = bar.addMenu("&Tools")
        self.help = bar.addMenu("&Help")

    @property
    def all(self) -> tuple[QMenu, ...]:
        return self.file, self.playback, self.view, self.people, self.tools, self.help

    def hide_empty(self) -> None:
        """Takes out what nobody has filled."""
        for menu in self.all:
            menu.menuAction().setVisible(not menu.isEmpty())
