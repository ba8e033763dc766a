"""Looks at a window as somebody with large text or a screen reader meets it."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QScrollBar,
    QTabBar,
    QWidget,
)

from ui.status_bar import ElidedLabel

SPARE_PX = 1
"""Rounding of fractional sizes."""

INNER = "qt_"
"""Widgets inside Qt's own widgets have names that begin so; their outer widget is looked at."""


def nameless(root: QWidget) -> list[str]:
    """Widgets that can be used and have no name for a screen reader."""
    kinds = (QAbstractButton, QLineEdit, QAbstractSpinBox, QComboBox, QAbstractItemView, QAbstractSlider, QAbstractScrollArea)
    return [
        _told(widget)
        for widget in _shown(root)
        if isinstance(widget, kinds) and not isinstance(widget, QScrollBar | QHeaderView) and not _name(widget)
    ]


def unreachable(root: QWidget) -> list[str]:
    """Buttons and fields that neither the Tab key nor a shortcut of their own comes to."""
    kinds = (QAbstractButton, QLineEdit, QAbstractSpinBox, QComboBox)
    return [
        _told(widget)
        for widget in _shown(root)
        if isinstance(widget, kinds)
        and widget.isEnabled()
        and not widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        and not (isinstance(widget, QAbstractButton) and (not widget.shortcut().isEmpty() or widget.actions()))
    ]


def cut_off(root: QWidget) -> list[str]:
    """Widgets whose text has less room than it needs, or that reach beyond their parent."""
    found = []
    for widget in _shown(root):
        if isinstance(widget, ElidedLabel):
            continue
        room, needed = widget.size(), widget.sizeHint()
        if isinstance(widget, QLabel) and widget.text():
            if widget.wordWrap():
                if widget.heightForWidth(room.width()) > room.height() + SPARE_PX:
                    found.append(f"{_told(widget)}: {room.height()} high, needs {widget.heightForWidth(room.width())}")
                continue
        elif not isinstance(widget, QAbstractButton | QComboBox | QTabBar | QAbstractSpinBox):
            continue
        if isinstance(widget, QAbstractSpinBox):
            # Its own wish is room for a million; what counts is the text that it shows.
            needed.setWidth(widget.fontMetrics().horizontalAdvance(widget.text()))
        if needed.width() > room.width() + SPARE_PX or needed.height() > room.height() + SPARE_PX:
            found.append(f"{_told(widget)}: {room.width()} × {room.height()}, needs {needed.width()} × {needed.height()}")
    return found + [f"{_told(widget)} reaches beyond its window" for widget in _outside(root)]


def _outside(root: QWidget) -> Iterator[QWidget]:
    for widget in _shown(root):
        if isinstance(widget, QAbstractButton | QLabel) and not _scrolls(widget, root):
            corner = widget.mapTo(root, QPoint(widget.width(), widget.height()))
            if corner.x() > root.width() + SPARE_PX or corner.y() > root.height() + SPARE_PX:
                yield widget


def _scrolls(widget: QWidget, root: QWidget) -> bool:
    parent = widget.parentWidget()
    while parent is not None and parent is not root:
        if isinstance(parent, QAbstractScrollArea):
            return True
        parent = parent.parentWidget()
    return False


def _shown(root: QWidget) -> list[QWidget]:
    """What is visible, without the insides of Qt's own widgets."""
    return [
        widget
        for widget in root.findChildren(QWidget)
        if widget.isVisibleTo(root) and not widget.objectName().startswith(INNER) and widget.window() is root
    ]


def _name(widget: QWidget) -> str:
    interface = QAccessible.queryAccessibleInterface(widget)
    return "" if interface is None else interface.text(QAccessible.Text.Name).strip()


def _told(widget: QWidget) -> str:
    text = getattr(widget, "text", lambda: "")()
    return f"{type(widget).__name__} {widget.objectName() or _name(widget) or text!r}"
