"""One thread does job after job, and cleans up at its end."""

from __future__ import annotations

import gc
import threading
import weakref

from ui.worker import Worker

WAIT_S = 30.0


class Thing:
    """What a job is about."""

    def use(self) -> None:
        """Nothing to do."""


def test_jobs_share_one_thread_which_cleans_up_at_its_end() -> None:
    names: list[tuple[str, int | None]] = []

    def note(what: str) -> None:
        names.append((what, threading.current_thread().ident))

    worker = Worker("work", lambda: note("last"))
    for number in range(3):
        worker.start(lambda number=number: note(f"job {number}"))  # type: ignore[misc]
    assert worker.close(WAIT_S)
    assert [what for what, _ in names] == ["job 0", "job 1", "job 2", "last"]
    (thread,) = {thread for _, thread in names}
    assert thread != threading.get_ident()
    assert worker.close(WAIT_S), "twice does no harm"
    assert len(names) == 4


def test_without_a_job_there_is_no_thread_to_clean_up() -> None:
    called: list[str] = []
    worker = Worker("work", lambda: called.append("last"))
    assert worker.close(WAIT_S)
    assert called == []


def test_what_a_job_was_about_is_freed_when_it_is_done() -> None:
    thing = Thing()
    held = weakref.ref(thing)
    done, freed = threading.Event(), threading.Event()
    weakref.finalize(thing, freed.set)
    worker = Worker("work", lambda: None)
    worker.start(thing.use)
    del thing
    worker.start(done.set)
    assert done.wait(WAIT_S)
    gc.collect()
    assert freed.wait(WAIT_S)
    assert held() is None
    assert worker.close(WAIT_S)


def test_a_thread_that_hangs_is_given_up_and_another_one_takes_the_next_job() -> None:
    release, done = threading.Event(), threading.Event()
    worker = Worker("work", lambda: None)

    def hang() -> None:
        release.wait(WAIT_S)

    worker.start(hang)
    hung = [thread for thread in threading.enumerate() if thread.name == "work"]
    assert not worker.close(0.01)
    worker.start(done.set)
    assert done.wait(WAIT_S)
    assert worker.close(WAIT_S)
    release.set()
    for thread in hung:
        thread.join(WAIT_S)
        assert not thread.is_alive()
