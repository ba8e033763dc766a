"""What can be done with chosen persons: actions with their shortcuts, and the menu that offers them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from pipeline.roster import PersonRow


@dataclass(frozen=True, slots=True)
class Hidden:
    """Somebody whom the user hid."""

    person: int
    label: str


class PeopleActions(QObject):
    """Rename, merge, split off, hide, exempt from blur, undo.

    Args:
        table: gets the actions; their shortcuts work while it, or something in it, has the keys.
        hidden: who is hidden at the moment.
        show_again: called with the person whom the user wants to see again.
    """

    def __init__(
        self, table: QWidget, hidden: Callable[[], Sequence[Hidden]], show_again: Callable[[int], None], *, blur: bool = True
    ) -> None:
        super().__init__(table)
        self._table = table
        self._hidden = hidden
        self._show_again = show_again
        self.rename = self._action("&Rename…", QKeySequence(Qt.Key.Key_F2))
        self.merge = self._action("&Merge into one person", QKeySequence("Ctrl+Shift+M"))
        self.split = self._action("&Split off…", QKeySequence("Ctrl+Shift+S"))
        self.hide = self._action("&Hide", QKeySequence(Qt.Key.Key_Delete))
        self.exempt = self._action("Do not &blur", QKeySequence("Ctrl+Shift+B"))
        self.exempt.setCheckable(True)
        self.exempt.setVisible(blur)
        self.undo = self._action("&Undo", QKeySequence(QKeySequence.StandardKey.Undo))
        self.menu = QMenu("&People", table)
        self.fill(self.menu)
        self.update_for((), frozenset(), "")

    def fill(self, menu: QMenu) -> None:
        """Puts everything into a menu: the bar's, or the table's own."""
        menu.addActions([self.rename, self.merge, self.split, self.hide])
        again = menu.addMenu("Hi&dden people")
        again.aboutToShow.connect(lambda: self._fill_hidden(again))
        menu.aboutToShow.connect(lambda: again.setEnabled(bool(self._hidden())))
        if self.exempt.isVisible():
            menu.addSeparator()
            menu.addAction(self.exempt)
        menu.addSeparator()
        menu.addAction(self.undo)

    def update_for(self, chosen: Sequence[PersonRow], exempt: frozenset[int], undo: str) -> None:
        """Offers what makes sense.

        Args:
            chosen: the selected persons.
            exempt: persons who are not blurred.
            undo: what would be taken back; empty where there is nothing.
        """
        one = chosen[0] if len(chosen) == 1 else None
        self.rename.setEnabled(one is not None)
        self.merge.setEnabled(len(chosen) > 1)
        self.merge.setText(f"&Merge {len(chosen)} into one person" if len(chosen) > 1 else "&Merge into one person")
        self.split.setEnabled(one is not None and len(one.tracks) > 1)
        self.split.setStatusTip("" if self.split.isEnabled() else "Choose one person who came into sight more than once")
        self.hide.setEnabled(bool(chosen))
        self.exempt.setEnabled(bool(chosen))
        self.exempt.setChecked(bool(chosen) and all(row.person in exempt for row in chosen))
        self.undo.setEnabled(bool(undo))
        self.undo.setText(f"&Undo: {undo}" if undo else "&Undo")

    def _action(self, text: str, shortcut: QKeySequence) -> QAction:
        action = QAction(text, self)
        action.setShortcut(shortcut)
        # Not in the whole window: Delete means something else in a field of text.
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self._table.addAction(action)
        return action

    def _fill_hidden(self, menu: QMenu) -> None:
        menu.clear()
        for somebody in self._hidden():
            action = menu.addAction(f"Show {somebody.label} again")
            action.triggered.connect(lambda _checked=False, person=somebody.person: self._show_again(person))
