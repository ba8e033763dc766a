"""How the window looks: palettes for light and dark, icons in the colour of the text, and a little style on top of Fusion."""

from __future__ import annotations

import enum
from pathlib import Path
from string import Template

from PySide6.QtCore import QByteArray, QObject, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

ICONS = Path(__file__).resolve().parents[1] / "assets" / "icons"
ICON_SIZES_PX = (16, 20, 24, 32, 40, 48, 64)
"""From small buttons to large ones at double density."""


class Appearance(enum.Enum):
    """What the user chose; `SYSTEM` follows the desktop."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


_SCHEMES = {
    Appearance.SYSTEM: Qt.ColorScheme.Unknown,
    Appearance.LIGHT: Qt.ColorScheme.Light,
    Appearance.DARK: Qt.ColorScheme.Dark,
}

Role = QPalette.ColorRole

_LIGHT = {
    Role.Window: "#f4f5f7",
    Role.WindowText: "#1b1f24",
    Role.Base: "#ffffff",
    Role.AlternateBase: "#f7f8fa",
    Role.Text: "#1b1f24",
    Role.Button: "#ffffff",
    Role.ButtonText: "#1b1f24",
    Role.BrightText: "#b3261e",
    Role.ToolTipBase: "#1b1f24",
    Role.ToolTipText: "#f4f5f7",
    Role.PlaceholderText: "#5b6470",
    Role.Highlight: "#d7e4fb",
    Role.HighlightedText: "#10223f",
    Role.Link: "#1f5fc4",
    Role.Accent: "#1f5fc4",
    Role.Light: "#ffffff",
    Role.Midlight: "#eceef1",
    Role.Mid: "#d5d9df",
    Role.Dark: "#b4bac3",
    Role.Shadow: "#8a929d",
}
_DARK = {
    Role.Window: "#1d2024",
    Role.WindowText: "#e7e9ec",
    Role.Base: "#16181b",
    Role.AlternateBase: "#1a1d20",
    Role.Text: "#e7e9ec",
    Role.Button: "#2a2e34",
    Role.ButtonText: "#e7e9ec",
    Role.BrightText: "#ff8a80",
    Role.ToolTipBase: "#33383f",
    Role.ToolTipText: "#f2f3f5",
    Role.PlaceholderText: "#98a1ad",
    Role.Highlight: "#2b4a7d",
    Role.HighlightedText: "#f2f6ff",
    Role.Link: "#8ab4ff",
    Role.Accent: "#6ea4ff",
    Role.Light: "#3a3f47",
    Role.Midlight: "#30353b",
    Role.Mid: "#363b42",
    Role.Dark: "#101214",
    Role.Shadow: "#000000",
}

_STYLE = """
QToolBar { border: none; border-bottom: 1px solid $line; padding: 6px 8px; spacing: 4px; }
QToolBar::separator { background: $line; width: 1px; margin: 6px 6px; }
QToolButton { border: 1px solid transparent; border-radius: 6px; padding: 5px 10px; }
QToolButton:hover { background: $hover; }
QToolButton:pressed, QToolButton:open { background: $line; }
QToolButton:focus { border-color: $accent; }
QToolButton::menu-indicator { image: none; }
QStatusBar { border-top: 1px solid $line; }
QStatusBar::item { border: none; }
QStatusBar QToolButton { padding: 2px 7px; }
QFileDialog QToolButton { padding: 2px; }
QStatusBar QLabel { padding: 3px 8px; }
QLabel#panelHeading { padding: 12px 7px 10px 7px; font-weight: 600; }
QLabel#quiet { color: $quiet; padding: 16px; }
QLabel#welcomeTitle { font-size: 20pt; font-weight: 600; }
QLabel#welcomeText, QLabel#quietText { color: $quiet; }
QLabel#problem { color: $problem; }
QLabel#settingTitle { font-weight: 600; }
QLabel#settingSection { font-size: 13pt; font-weight: 600; padding-bottom: 12px; }
QHeaderView { background: $window; }
QHeaderView::section {
    background: $window; border: none; border-bottom: 1px solid $line; padding: 5px 8px;
    color: $quiet;
}
QTableView { outline: none; background: $base; selection-background-color: $selected; }
QTableView::item { padding: 0 8px; border: none; }
QListWidget#sections { border: 1px solid $line; border-radius: 7px; background: $base; outline: none; padding: 4px; }
QListWidget#sections::item { padding: 0 8px; border-radius: 5px; }
QListWidget#sections::item:selected { background: $selected; color: $selectedText; }
QLineEdit { border: 1px solid $line; border-radius: 6px; padding: 4px 7px; background: $base; }
QLineEdit:focus { border-color: $accent; }
QLineEdit#qt_spinbox_lineedit { border: none; padding: 0; background: transparent; }
QSplitter::handle { background: $line; }
QPushButton { padding: 7px 16px; border-radius: 7px; border: 1px solid $line; background: $button; }
QPushButton:hover { background: $hover; }
QPushButton:pressed { background: $line; }
QPushButton:focus { border-color: $accent; }
QPushButton:disabled { color: $quiet; }
QPushButton#small { padding: 4px 12px; }
QPushButton#card { padding: 16px 22px; text-align: left; }
"""


class Theme(QObject):
    """Applies an appearance to the application, and again whenever the desktop changes between light and dark."""

    def __init__(self, application: QApplication) -> None:
        super().__init__(application)
        self._application = application
        self._appearance = Appearance.SYSTEM
        application.setStyle("Fusion")
        application.styleHints().colorSchemeChanged.connect(self._repaint)
        self._repaint()

    def apply(self, appearance: Appearance) -> None:
        """Light, dark, or what the desktop says."""
        self._appearance = appearance
        # Tells the platform as well, so that the window's frame and native dialogs follow where it can do that.
        self._application.styleHints().setColorScheme(_SCHEMES[appearance])
        self._repaint()

    def _repaint(self) -> None:
        system_dark = self._application.styleHints().colorScheme() is Qt.ColorScheme.Dark
        dark = system_dark if self._appearance is Appearance.SYSTEM else self._appearance is Appearance.DARK
        palette = make_palette(dark)
        self._application.setPalette(palette)
        # Anew each time: a style sheet that is set already does not follow the application's palette.
        self._application.setStyleSheet(make_style(palette))


def make_palette(dark: bool) -> QPalette:
    """The palette of one appearance; text keeps a contrast of at least 4.5 to its ground."""
    palette = QPalette()
    for role, color in (_DARK if dark else _LIGHT).items():
        palette.setColor(role, QColor(color))
    faint = QColor("#6b737d" if dark else "#9aa1ab")
    for role in (Role.WindowText, Role.Text, Role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, faint)
    return palette


def make_style(palette: QPalette) -> str:
    """What Fusion leaves to be wished, in the colours of a palette."""
    names = {
        "line": Role.Mid,
        "hover": Role.Midlight,
        "accent": Role.Accent,
        "quiet": Role.PlaceholderText,
        "window": Role.Window,
        "base": Role.Base,
        "problem": Role.BrightText,
        "button": Role.Button,
        "selected": Role.Highlight,
        "selectedText": Role.HighlightedText,
    }
    return Template(_STYLE).substitute({name: palette.color(role).name() for name, role in names.items()})


def tinted_icon(name: str, color: QColor) -> QIcon:
    """One of our own icons in a colour; drawn from SVG, so crisp at every density."""
    drawing = (ICONS / f"{name}.svg").read_text(encoding="utf-8").replace("#000000", color.name())
    renderer = QSvgRenderer(QByteArray(drawing.encode()))
    icon = QIcon()
    for size in ICON_SIZES_PX:
        icon.addPixmap(_render(renderer, size))
    return icon


def program_icon() -> QIcon:
    """The program's own icon."""
    renderer = QSvgRenderer(str(ICONS / "agelens.svg"))
    icon = QIcon()
    for size in (*ICON_SIZES_PX, 128, 256):
        icon.addPixmap(_render(renderer, size))
    return icon


def _render(renderer: QSvgRenderer, size: int) -> QPixmap:
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    renderer.render(painter, QRectF(0, 0, size, size))
    painter.end()
    return pixmap
