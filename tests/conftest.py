"""For all tests: a thread that outlives its test fails it; the user's own settings are neither read nor changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from tests.limits import PATIENCE_S, is_busy

THREAD_GRACE_S = 3.0
"""A source may take this long to come back from a blocking read."""


@pytest.fixture(autouse=True)
def no_settings_of_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setattr(
        "pipeline.settings_file.settings_path", lambda: tmp_path_factory.getbasetemp() / "nobody" / "settings.toml"
    )


def _own_threads() -> set[threading.Thread]:
    # A dummy is a foreign thread (Qt's, a codec's) that once called into Python: nobody here started it.
    return {thread for thread in threading.enumerate() if not isinstance(thread, threading._DummyThread)}


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = _own_threads()
    yield
    began_s = time.monotonic()
    while (left := _own_threads() - before) and time.monotonic() - began_s < PATIENCE_S:
        time.sleep(0.01)
        if time.monotonic() - began_s > THREAD_GRACE_S and not is_busy():
            break
    assert not left, f"threads outlived the test: {sorted(thread.name for thread in left)}"
