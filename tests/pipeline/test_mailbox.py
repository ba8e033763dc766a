"""Nothing is lost or reordered where the mailbox waits; the newest wins and drops are counted where it does not."""

from __future__ import annotations

import threading
import time

import pytest

from pipeline.mailbox import SLOTS, Mailbox
from tests.limits import PATIENCE_S


def take_all(mailbox: Mailbox[int]) -> list[int]:
    taken = []
    while not mailbox.finished:
        item = mailbox.get(0.05)
        if item is not None:
            taken.append(item)
    return taken


def in_thread(work: object) -> threading.Thread:
    assert callable(work)
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_a_waiting_mailbox_loses_nothing_with_a_slow_consumer() -> None:
    mailbox: Mailbox[int] = Mailbox()
    most_inside = 0

    def produce() -> None:
        nonlocal most_inside
        for number in range(200):
            assert mailbox.put(number)
            most_inside = max(most_inside, len(mailbox._items))
        mailbox.close()

    producer = in_thread(produce)
    taken = []
    while not mailbox.finished:
        item = mailbox.get(PATIENCE_S)
        if item is not None:
            taken.append(item)
        if len(taken) % 50 == 0:
            time.sleep(0.01)
    producer.join(PATIENCE_S)
    assert taken == list(range(200))
    assert mailbox.dropped == 0
    assert most_inside <= SLOTS


def test_the_newest_wins_and_drops_are_counted() -> None:
    mailbox: Mailbox[int] = Mailbox()
    for number in range(10):
        assert mailbox.replace(number)
    mailbox.close()
    assert take_all(mailbox) == [9]
    assert mailbox.dropped == 9


def test_the_consumer_gets_what_is_inside_after_close() -> None:
    mailbox: Mailbox[int] = Mailbox()
    for number in range(3):
        mailbox.put(number)
    mailbox.close()
    assert not mailbox.finished
    assert take_all(mailbox) == [0, 1, 2]
    assert mailbox.get(0.0) is None


def test_cancel_releases_a_producer_that_waits_for_room() -> None:
    mailbox: Mailbox[int] = Mailbox(slots=1)
    mailbox.put(0)
    answers: list[bool] = []
    producer = in_thread(lambda: answers.append(mailbox.put(1)))
    time.sleep(0.05)
    assert producer.is_alive(), "the producer should wait for room"
    mailbox.cancel()
    producer.join(PATIENCE_S)
    assert answers == [False]
    assert mailbox.finished
    assert mailbox.get(0.0) is None
    assert not mailbox.replace(2)


def test_close_wakes_a_waiting_consumer_at_once() -> None:
    mailbox: Mailbox[int] = Mailbox()
    closer = threading.Timer(0.05, mailbox.close)
    closer.start()
    started = time.perf_counter()
    assert mailbox.get(PATIENCE_S) is None
    assert time.perf_counter() - started < PATIENCE_S / 2
    closer.join()


def test_get_gives_up_after_its_timeout() -> None:
    mailbox: Mailbox[int] = Mailbox()
    assert mailbox.get(0.01) is None
    assert not mailbox.finished


def test_misuse_is_refused() -> None:
    mailbox: Mailbox[int] = Mailbox()
    mailbox.close()
    with pytest.raises(RuntimeError, match="closed"):
        mailbox.put(1)
    with pytest.raises(ValueError, match="at least one slot"):
        Mailbox[int](slots=0)
