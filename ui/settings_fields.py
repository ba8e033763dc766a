"""One row of the settings dialog: title, editor, unit, help, a button to reset, and what is wrong with the value."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QLocale, Qt, Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from pipeline.errors import SettingsError
from pipeline.options import Option, Value, changed_settings
from pipeline.settings import Settings

WIDEST = 1_000_000
"""Spin boxes take more than is allowed: what is wrong with a value is said in place, rather than keys being ignored."""

EDITOR_WIDTH_PX = 170
EDITOR_HEIGHT_PX = 28
PINNED = "Given on the command line for this start; what you choose here counts from the next one on."


class _Spin(QSpinBox):
    def __init__(self) -> None:
        super().__init__()
        self.setRange(-WIDEST, WIDEST)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        _wheel_scrolls_the_page_unless_focused(self, event, super().wheelEvent)


class _DoubleSpin(QDoubleSpinBox):
    def __init__(self) -> None:
        super().__init__()
        self.setRange(-WIDEST, WIDEST)
        self.setDecimals(3)
        self.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def textFromValue(self, value: float) -> str:
        # 0.5 rather than 0.500; 86400 rather than 86,400, which some people read as 86.4.
        locale = self.locale()
        locale.setNumberOptions(QLocale.NumberOption.OmitGroupSeparator)
        return locale.toString(value, "g", 8)

    def wheelEvent(self, event: QWheelEvent) -> None:
        _wheel_scrolls_the_page_unless_focused(self, event, super().wheelEvent)


class _Combo(QComboBox):
    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        _wheel_scrolls_the_page_unless_focused(self, event, super().wheelEvent)


class SettingRow(QWidget):
    """Edits one setting.

    Args:
        option: which.
        value: to begin with.
        pinned: the command line decides it for this start of the program.
    """

    edited = Signal()
    """The value has changed; `problem` says whether it can be used."""

    def __init__(self, option: Option, value: Value, pinned: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.option = option
        self.problem = ""
        self.editor, self._get, self._set = _editor(option, self._on_edited)
        self.editor.setMinimumHeight(EDITOR_HEIGHT_PX)
        self.editor.setAccessibleName(option.title)
        self.editor.setAccessibleDescription(option.description)
        self.title = QLabel(option.title)
        self.title.setObjectName("settingTitle")
        self.title.setBuddy(self.editor)
        unit = QLabel(option.unit)
        unit.setObjectName("quietText")
        help_text = QLabel(_help(option))
        help_text.setObjectName("quietText")
        help_text.setWordWrap(True)
        self.message = QLabel()
        self.message.setObjectName("problem")
        self.message.setWordWrap(True)
        self.message.hide()
        self.reset_button = QPushButton("Reset")
        self.reset_button.setObjectName("small")
        self.reset_button.setAutoDefault(False)
        self.reset_button.setToolTip(f"Back to the default: {option.default}")
        self.reset_button.setAccessibleName(f"Reset {option.title} to {option.default}")
        self.reset_button.clicked.connect(self.reset)

        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(self.editor)
        line.addWidget(unit)
        line.addStretch()
        line.addWidget(self.reset_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 18)
        layout.setSpacing(5)
        for part in (self.title, help_text):
            layout.addWidget(part)
        layout.addLayout(line)
        layout.addWidget(self.message)
        if pinned:
            note = QLabel(PINNED)
            note.setObjectName("quietText")
            note.setWordWrap(True)
            layout.addWidget(note)
        self._set(value)
        self._on_edited()

    @property
    def value(self) -> Value:
        """As it stands in the editor, allowed or not."""
        return self._get()

    def set_value(self, value: Value) -> None:
        self._set(value)

    def reset(self) -> None:
        """Back to the default."""
        self._set(self.option.value)

    def matches(self, words: str) -> bool:
        """Every word is somewhere in the name, the title or the description."""
        option = self.option
        text = f"{option.name} {option.section} {option.title} {option.description} {' '.join(option.choices)}".lower()
        return all(word in text for word in words.lower().split())

    def _on_edited(self) -> None:
        try:
            changed_settings(Settings(), {self.option.name: self.value})
        except SettingsError as error:
            allowed = self.option.allowed
            self.problem = f"Must be {allowed}{f' {self.option.unit}' if self.option.unit else ''}." if allowed else error.message
        else:
            self.problem = ""
        self.message.setText(self.problem)
        self.message.setVisible(bool(self.problem))
        self.reset_button.setEnabled(self.value != self.option.value)
        self.edited.emit()


def _editor(option: Option, edited: Callable[[], None]) -> tuple[QWidget, Callable[[], Value], Callable[[Value], None]]:
    """The editor that fits the setting, and how its value is read and set."""
    match option.value:
        case bool():
            box = QCheckBox("On")
            box.toggled.connect(lambda _: edited())
            return box, box.isChecked, lambda value: box.setChecked(bool(value))
        case int():
            spin = _Spin()
            spin.setFixedWidth(EDITOR_WIDTH_PX)
            spin.valueChanged.connect(lambda _: edited())
            return spin, spin.value, lambda value: spin.setValue(int(value))
        case float():
            double = _DoubleSpin()
            double.setFixedWidth(EDITOR_WIDTH_PX)
            double.valueChanged.connect(lambda _: edited())
            return double, double.value, lambda value: double.setValue(float(value))
        case _ if option.choices:
            combo = _Combo()
            combo.addItems(option.choices)
            combo.setMinimumWidth(EDITOR_WIDTH_PX)
            combo.currentTextChanged.connect(lambda _: edited())
            return combo, combo.currentText, lambda value: combo.setCurrentText(str(value))
    text = QLineEdit()
    text.setMinimumWidth(2 * EDITOR_WIDTH_PX)
    text.textChanged.connect(lambda _: edited())
    return text, lambda: text.text().strip(), lambda value: text.setText(str(value))


def _help(option: Option) -> str:
    """What it means, and what it may be where that is not seen in the editor."""
    if option.choices or option.allowed in ("", "true, false"):
        return option.description
    return f"{option.description} Allowed: {option.allowed}."


def _wheel_scrolls_the_page_unless_focused(widget: QWidget, event: QWheelEvent, change: Callable[[QWheelEvent], object]) -> None:
    """Somebody who scrolls through the page must not change values that happen to pass under the pointer."""
    if widget.hasFocus():
        change(event)
    else:
        event.ignore()
