"""The middle of the window: the picture or the greeting, under it the transport bar and the timeline, people at the right.

```
+---------------------------+----------+
| picture (HUD lies over it)|          |
|                           |  people  |
+---------------------------+          |
| transport bar             |          |
+- - - - - - - - - - - - - -+          |
| timeline                  |          |
+---------------------------+----------+
```
"""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QSettings, Qt
from PySide6.QtWidgets import QScrollArea, QSplitter, QStackedWidget, QVBoxLayout, QWidget

_KEYS = ("splitter", "timeline_splitter")


class Stage(QSplitter):
    """Where the large parts of the window are.

    Args:
        greeting: shown until something is opened.
        picture: shown from then on.
        people: at the right.
    """

    def __init__(self, greeting: QWidget, picture: QWidget, people: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._picture, self.people = picture, people
        self._pages = QStackedWidget()
        # It scrolls on small screens and with large text, rather than keep the whole window from being made smaller.
        scrolled = QScrollArea()
        scrolled.setWidget(greeting)
        scrolled.setWidgetResizable(True)
        scrolled.setFrameShape(QScrollArea.Shape.NoFrame)
        scrolled.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scrolled.setAccessibleName("Greeting")
        self._pages.addWidget(scrolled)
        self._pages.addWidget(picture)
        self.upper = QWidget()
        self._upper = QVBoxLayout(self.upper)
        self._upper.setContentsMargins(0, 0, 0, 0)
        self._upper.setSpacing(0)
        self._upper.addWidget(self._pages, 1)
        self._left = QSplitter(Qt.Orientation.Vertical)
        self._left.addWidget(self.upper)
        for splitter in (self, self._left):
            splitter.setHandleWidth(1)
            splitter.setChildrenCollapsible(False)
        self._left.setStretchFactor(0, 1)
        self.addWidget(self._left)
        self.addWidget(people)
        self.setStretchFactor(0, 1)
        self.setCollapsible(1, True)

    def set_transport(self, bar: QWidget) -> None:
        """Puts the bar with play and pause under the picture."""
        self._upper.addWidget(bar)

    def set_timeline(self, timeline: QWidget) -> None:
        """Puts the timeline under it all; whoever owns it shows and hides it. It may be made higher and lower."""
        self._left.addWidget(timeline)
        self._left.setStretchFactor(1, 0)

    def show_picture(self) -> None:
        """Something is opened."""
        self._pages.setCurrentWidget(self._picture)

    def save(self, preferences: QSettings) -> None:
        """Remembers the sizes."""
        for key, splitter in zip(_KEYS, (self, self._left), strict=True):
            preferences.setValue(key, splitter.saveState())

    def restore(self, preferences: QSettings, width: int) -> None:
        """Takes the sizes that are remembered, or the usual ones for a window of that width."""
        for key, splitter in zip(_KEYS, (self, self._left), strict=True):
            state = preferences.value(key)
            restored = isinstance(state, QByteArray) and splitter.restoreState(state)
            if splitter is self and not restored:
                people = self.people.sizeHint().width()
                self.setSizes([width - people, people])
