"""A monkey at the window: random menus, keys, clicks and dialogs, the same ones every time for the same seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QPoint, QPointF, QRect, Qt, QTimer
from PySide6.QtGui import QAction, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QDialog,
    QFileDialog,
    QLineEdit,
    QMenu,
    QWidget,
)

from ui.main_window import MainWindow

Key, Modifier = Qt.Key, Qt.KeyboardModifier

KEYS = (
    *(Key.Key_Space, Key.Key_Left, Key.Key_Right, Key.Key_Up, Key.Key_Down, Key.Key_Comma, Key.Key_Period, Key.Key_Home),
    *(Key.Key_End, Key.Key_PageUp, Key.Key_PageDown, Key.Key_Tab, Key.Key_Backtab, Key.Key_Return, Key.Key_Escape),
    *(Key.Key_Delete, Key.Key_F1, Key.Key_F2, Key.Key_F11, Key.Key_F12, Key.Key_F, Key.Key_M, Key.Key_I, Key.Key_L, Key.Key_R),
    *(Key.Key_S, Key.Key_B, Key.Key_BracketLeft, Key.Key_BracketRight, Key.Key_0, Key.Key_1, Key.Key_Plus, Key.Key_Minus),
)
MODIFIERS = (Modifier.NoModifier,) * 6 + (Modifier.ControlModifier, Modifier.ShiftModifier)
WORDS = ("Anna", "x", "12", "-3", "rtsp://nobody.invalid/1", "<b>&amp;</b>", "日本", "", "9" * 20)

RESCUE_MS = 40
PATIENCE = 5
"""Looks at an unchanged step after which a dialog or menu that holds it up is closed."""


class Monkey:
    """Does one random thing after another.

    Args:
        window: the victim.
        sources: what can be opened.
        folder: the only place where files may be chosen or written.
    """

    def __init__(self, window: MainWindow, sources: Sequence[str], folder: Path, seed: int) -> None:
        self._window, self._sources, self._folder = window, sources, folder
        self._random = random.Random(seed)
        self.done: list[str] = []
        """What was done, for whoever looks for a failure."""
        self._stuck = 0
        self._seen = -1
        # Menus and some dialogs run an event loop of their own: whoever waits inside cannot be reached but from a timer.
        self._rescue = QTimer(interval=RESCUE_MS)
        self._rescue.timeout.connect(self._look)
        self._rescue.start()

    def stop(self) -> None:
        self._rescue.stop()
        self._window.showNormal()
        for dialog in self._dialogs():
            dialog.reject()

    def step(self) -> None:
        """One action."""
        dialogs = self._dialogs()
        modal = [dialog for dialog in dialogs if dialog.isModal()]
        if modal or (dialogs and self._random.random() < 0.5):
            self._use_dialog((modal or dialogs)[-1])
        else:
            choices = (
                self._menu,
                self._menu,
                self._key,
                self._key,
                self._click,
                self._click,
                self._wheel,
                self._open,
                self._resize,
            )
            self._random.choice(choices)()
        QApplication.processEvents()

    def _note(self, text: str) -> None:
        self.done.append(text)

    def _menu(self) -> None:
        actions = [action for action in _actions(self._window) if action.isEnabled() and action.isVisible()]
        actions = [action for action in actions if action is not self._window.actions_.quit and not action.isSeparator()]
        action = self._random.choice(actions)
        self._note(f"action {action.text()}")
        action.trigger()

    def _key(self) -> None:
        target = QApplication.focusWidget() or self._window
        if target.window() is not self._window:
            target = self._window
        key, modifier = self._random.choice(KEYS), self._random.choice(MODIFIERS)
        self._note(f"key {key.name} {modifier.name} on {type(target).__name__}")
        QTest.keyClick(target, key, modifier)

    def _click(self) -> None:
        widgets = [
            w for w in self._window.findChildren(QWidget) if w.isVisible() and w.window() is self._window and w.width() > 2
        ]
        widget = self._random.choice(widgets)
        place = self._place(widget)
        button = self._random.choice((Qt.MouseButton.LeftButton,) * 4 + (Qt.MouseButton.RightButton,))
        self._note(f"click {button.name} on {type(widget).__name__} {widget.objectName()} at {place.x()}, {place.y()}")
        (QTest.mouseDClick if self._random.random() < 0.15 else QTest.mouseClick)(widget, button, pos=place)

    def _wheel(self) -> None:
        widget = self._random.choice(self._widgets())
        place = QPointF(self._place(widget))
        turn = QPoint(0, self._random.choice((-240, -120, 120, 240)))
        self._note(f"wheel {turn.y()} on {type(widget).__name__}")
        event = QWheelEvent(
            place,
            QPointF(widget.mapToGlobal(place.toPoint())),
            QPoint(),
            turn,
            Qt.MouseButton.NoButton,
            self._random.choice((Modifier.NoModifier, Modifier.ControlModifier)),
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(widget, event)

    def _open(self) -> None:
        source = self._random.choice(self._sources)
        self._note(f"open {source}")
        self._window.open_source(source)

    def _resize(self) -> None:
        self._window.resize(self._random.randint(500, 1400), self._random.randint(350, 900))
        self._note("resize")

    # Dialogs.

    def _dialogs(self) -> list[QDialog]:
        return [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, QDialog) and widget.isVisible()]

    def _use_dialog(self, dialog: QDialog) -> None:
        if isinstance(dialog, QFileDialog):
            self._use_file_dialog(dialog)
            return
        chance = self._random.random()
        self._note(f"dialog {type(dialog).__name__} {chance:.2f}")
        if chance < 0.25:
            dialog.reject()
            return
        fields = [f for f in dialog.findChildren(QLineEdit) if f.isVisible() and f.isEnabled() and not f.isReadOnly()]
        buttons = [b for b in dialog.findChildren(QAbstractButton) if b.isVisible() and b.isEnabled()]
        if chance < 0.5 and fields:
            field = self._random.choice(fields)
            if not isinstance(field.parentWidget(), QAbstractSpinBox):
                field.clear()
            QTest.keyClicks(field, self._random.choice([word for word in WORDS if word.isascii()]))
        elif chance < 0.8 and buttons:
            QTest.mouseClick(self._random.choice(buttons), Qt.MouseButton.LeftButton)
        else:
            target = QApplication.focusWidget() or dialog
            QTest.keyClick(target if target.window() is dialog else dialog, self._random.choice(KEYS))

    def _use_file_dialog(self, dialog: QFileDialog) -> None:
        """Never more than choosing a file of the test's own: a file dialog can rename and delete."""
        dialog.setDirectory(str(self._folder))
        self._note(f"file dialog {dialog.windowTitle()}")
        if self._random.random() < 0.4:
            dialog.reject()
        elif dialog.acceptMode() is QFileDialog.AcceptMode.AcceptSave:
            dialog.selectFile(f"written{self._random.randint(0, 2)}.{dialog.defaultSuffix() or 'csv'}")
            dialog.accept()
        else:
            dialog.reject()
            self._window.open_source(self._random.choice(self._sources))

    def _widgets(self) -> list[QWidget]:
        return [w for w in self._window.findChildren(QWidget) if w.isVisible() and w.window() is self._window]

    def _place(self, widget: QWidget) -> QPoint:
        room = QRect(QPoint(0, 0), widget.size())
        return QPoint(self._random.randint(0, max(0, room.right())), self._random.randint(0, max(0, room.bottom())))

    def _look(self) -> None:
        self._stuck = self._stuck + 1 if self._seen == len(self.done) else 0
        self._seen = len(self.done)
        if self._stuck < PATIENCE:
            return
        if (popup := QApplication.activePopupWidget()) is not None:
            popup.close()
        elif isinstance(dialog := QApplication.activeModalWidget(), QDialog):
            dialog.reject()


def _actions(window: MainWindow) -> list[QAction]:
    """Everything in the menus and everything with a shortcut, in an order that does not change from run to run."""
    found = list(window.actions())
    waiting: list[QMenu] = [menu for action in window.menuBar().actions() if isinstance(menu := action.menu(), QMenu)]
    while waiting:
        for action in waiting.pop().actions():
            menu = action.menu()
            if isinstance(menu, QMenu):
                waiting.append(menu)
            elif action not in found:
                found.append(action)
    return found
