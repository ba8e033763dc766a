"""The log of a source in which one can go back and forth: every picture counts once, however often it is watched."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.hindsight import Conclusion
from pipeline.log_sink import LogSink
from pipeline.types import FrameResult


class LogOnce:
    """Passes on results but for those that are only shown again, and can be told to commit while nothing comes.

    Their rows are in the log already, with the same persons and ages (see `pipeline.recall`). So a part that is watched twice has
    one row per face and picture; pictures that the analysis had no time for at first are added when it has.

    Args:
        begin: begins the session in the log. At once where logging is on, else when it is switched on: a run of which nothing is
            to be logged leaves no trace.
        wanted: whether logging is on now.
    """

    def __init__(self, begin: Callable[[], LogSink], wanted: Callable[[], bool]) -> None:
        self._begin = begin
        self._wanted = wanted
        self._sink = begin() if wanted() else None
        self._waiting = False

    def write(self, result: FrameResult) -> None:
        if result.recalled or not self._wanted():
            return
        if self._sink is None:
            self._sink = self._begin()
        self._sink.write(result)
        self._waiting = True

    def flush(self) -> None:
        """Commits what is still in memory: nothing may come for a long time."""
        if self._waiting and self._sink is not None:
            self._sink.flush()
            self._waiting = False

    def conclude(self, conclusion: Conclusion) -> None:
        """Adds the last word on everybody, or replaces it."""
        if self._sink is not None and self._wanted():
            self._sink.conclude(conclusion)

    def close(self) -> None:
        if self._sink is not None:
            self._sink.close()
