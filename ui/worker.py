"""One thread for one job after the other: what a job leaves open for the next, such as loaded networks, stays in its thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

Job = Callable[[], None]


class Worker:
    """A thread that begins with the first job and lives until `close`.

    Args:
        name: of the thread.
        last: called in the thread when it ends; closes what the jobs have left open.
    """

    def __init__(self, name: str, last: Job) -> None:
        self._name = name
        self._last = last
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def start(self, job: Job) -> None:
        """Does the job after those that were given before; returns at once. Jobs handle their errors themselves."""
        if self._thread is None:
            self._jobs = SimpleQueue()
            # A daemon: where a driver hangs for good, `close` gives up on it and the process still ends.
            self._thread = threading.Thread(target=self._work, args=(self._jobs,), name=self._name, daemon=True)
            self._thread.start()
        self._jobs.put(job)

    def close(self, timeout_s: float) -> bool:
        """Ends the thread after the jobs that it has; False where it has not ended in time."""
        thread, self._thread = self._thread, None
        if thread is None:
            return True
        self._jobs.put(None)
        thread.join(timeout_s)
        return not thread.is_alive()

    def _work(self, jobs: SimpleQueue[Job | None]) -> None:
        try:
            while (job := jobs.get()) is not None:
                job()
                # What it was about need not wait for the next one.
                del job
        finally:
            self._last()
