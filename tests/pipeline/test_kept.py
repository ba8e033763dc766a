"""What is slow to open is opened once for the same settings, and never outlives a change of them, an error or the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pipeline.kept import Kept


class Shop:
    """Opens numbered things and writes down what happens to them."""

    def __init__(self) -> None:
        self.count = 0
        self.events: list[str] = []

    @contextmanager
    def open_next(self) -> Iterator[int]:
        self.count += 1
        number = self.count
        self.events.append(f"open {number}")
        try:
            yield number
        finally:
            self.events.append(f"close {number}")


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_the_same_is_opened_once_and_closed_at_the_end(shop: Shop) -> None:
    kept: Kept[int] = Kept()
    for _ in range(3):
        with kept.lend("cpu", shop.open_next) as number:
            assert number == 1
    assert shop.events == ["open 1"]
    kept.close()
    kept.close()
    assert shop.events == ["open 1", "close 1"]


def test_another_one_is_opened_when_the_first_is_closed(shop: Shop) -> None:
    kept: Kept[int] = Kept()
    for key, wanted in (("cpu", 1), ("cuda", 2), ("cpu", 3)):
        with kept.lend(key, shop.open_next) as number:
            assert number == wanted
    assert shop.events == ["open 1", "close 1", "open 2", "close 2", "open 3"]
    kept.close()


def test_after_an_error_it_is_opened_anew(shop: Shop) -> None:
    kept: Kept[int] = Kept()
    with pytest.raises(ZeroDivisionError), kept.lend("cpu", shop.open_next):
        raise ZeroDivisionError
    assert shop.events == ["open 1", "close 1"]
    with kept.lend("cpu", shop.open_next) as number:
        assert number == 2
    kept.close()


def test_what_cannot_be_opened_is_not_kept(shop: Shop) -> None:
    @contextmanager
    def broken() -> Iterator[int]:
        raise ValueError("no such engine")
        yield 0

    kept: Kept[int] = Kept()
    with kept.lend("cpu", shop.open_next):
        pass
    for _ in range(2):
        with pytest.raises(ValueError, match="no such engine"), kept.lend("cuda", broken):
            pass
    assert shop.events == ["open 1", "close 1"], "the one that worked does not serve in its place"
    with kept.lend("cpu", shop.open_next) as number:
        assert number == 2
    kept.close()


def test_what_is_not_worth_it_is_closed_after_use(shop: Shop) -> None:
    kept: Kept[int] = Kept(worth_keeping=lambda number: number > 1)
    for wanted in (1, 2, 2):
        with kept.lend("cpu", shop.open_next) as number:
            assert number == wanted
    assert shop.events == ["open 1", "close 1", "open 2"]
    kept.close()
