"""indexer/memory/sharing.py: readers side by side, changes alone, and neither starves the other."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from indexer.memory.sharing import SharedLock, take_short_turns

SOON = 60.0
"""Seconds after which something that ought to happen is held not to."""


@contextmanager
def reader(lock: SharedLock) -> Iterator[None]:
    """Keep another thread reading."""
    inside, done = threading.Event(), threading.Event()

    def read() -> None:
        with lock.reading():
            inside.set()
            done.wait(SOON)

    thread = threading.Thread(target=read)
    thread.start()
    assert inside.wait(SOON)
    try:
        yield
    finally:
        done.set()
        thread.join(SOON)


def test_readers_are_inside_together() -> None:
    """Four at once: each waits there for the three others."""
    lock, together = SharedLock(), threading.Barrier(4, timeout=SOON)

    def read(_: int) -> int:
        with lock.reading():
            return together.wait()

    with ThreadPoolExecutor(4) as threads:
        assert [0, 1, 2, 3] == sorted(threads.map(read, range(4)))


def test_a_change_is_alone() -> None:
    """Two counters that only ever change together are never seen apart, and no change is lost."""
    lock, counted = SharedLock(), [0, 0]

    def change(_: int) -> None:
        with lock.changing():
            before = counted[0]
            counted[0] = before + 1
            time.sleep(0)
            counted[1] = before + 1

    def read(_: int) -> bool:
        with lock.reading():
            first = counted[0]
            time.sleep(0)
            return first == counted[1]

    with ThreadPoolExecutor(8) as threads:
        changes = threads.map(change, range(400))
        assert all(threads.map(read, range(400)))
        assert 400 == len(list(changes))
    assert [400, 400] == counted


def test_readers_go_before_a_change_that_waits_until_its_patience_ends() -> None:
    """A reader inside keeps the change out, and not other readers; an impatient change keeps new readers out."""
    lock = SharedLock(patience=60)
    with ThreadPoolExecutor(2) as threads:
        with reader(lock):
            changed = threads.submit(_change, lock)
            time.sleep(0.05)
            assert threads.submit(_read, lock).result(SOON)
            assert not changed.done()
        assert changed.result(SOON)
    lock = SharedLock(patience=0)
    with ThreadPoolExecutor(2) as threads:
        with reader(lock):
            changed = threads.submit(_change, lock)
            while not lock._pressing:
                time.sleep(0.001)
            read = threads.submit(_read, lock)
            time.sleep(0.05)
            assert not read.done()
            assert not changed.done()
        assert changed.result(SOON)
        assert read.result(SOON)


def test_readers_that_never_pause_do_not_starve_a_change() -> None:
    """Three threads hold the lock between them all the time, and a hundred changes are made."""
    lock, stop = SharedLock(patience=0.001), threading.Event()

    def read() -> None:
        while not stop.is_set():
            with lock.reading():
                time.sleep(0.002)

    with ThreadPoolExecutor(3) as threads:
        for _ in range(3):
            threads.submit(read)
        try:
            began = time.monotonic()
            assert all(_change(lock) for _ in range(100))
            assert time.monotonic() - began < SOON
        finally:
            stop.set()


def test_a_change_lets_a_reader_in_that_waited_for_the_one_before() -> None:
    """Though it begins at once, and a thread that is woken takes a while to come."""
    lock, asked = SharedLock(), threading.Event()

    def read() -> int:
        asked.set()
        with lock.reading():
            return changes[0]

    changes = [0]
    with ThreadPoolExecutor(1) as threads:
        for _ in range(20):
            asked.clear()
            with lock.changing():
                read_at = threads.submit(read)
                asked.wait(SOON)
                while not lock._waiting:
                    time.sleep(0.001)
                before = changes[0]
            for _ in range(50):
                with lock.changing():
                    changes[0] += 1
            assert before == read_at.result(SOON)


def test_a_thread_inside_may_enter_again() -> None:
    """A reader as a reader, though a change presses; a changer as either; and then the lock is free."""
    lock = SharedLock(patience=0)
    with ThreadPoolExecutor(1) as threads:
        with lock.reading():
            changed = threads.submit(_change, lock)
            while not lock._pressing:
                time.sleep(0.001)
            with lock.reading(), lock.reading():
                assert not changed.done()
        assert changed.result(SOON)
        with lock.changing(), lock.changing(), lock.reading(), lock.changing():
            read = threads.submit(_read, lock)
            time.sleep(0.02)
            assert not read.done()
        assert read.result(SOON)


def test_a_reader_that_wants_to_change_is_told_so() -> None:
    """It would wait for itself to leave; an error inside leaves the lock free for others."""
    lock = SharedLock()
    with lock.reading(), pytest.raises(RuntimeError, match="leave the reading first"), lock.changing():
        pass
    with pytest.raises(ZeroDivisionError), lock.changing():
        _ = 1 // 0
    with pytest.raises(ZeroDivisionError), lock.reading():
        _ = 1 // 0
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(_change, lock).result(SOON)


def test_threads_take_short_turns() -> None:
    """A millisecond, or what was shorter before."""
    before = sys.getswitchinterval()
    try:
        for given, then in ((0.005, 0.001), (0.0005, 0.0005)):
            sys.setswitchinterval(given)
            take_short_turns()
            assert then == pytest.approx(sys.getswitchinterval())
    finally:
        sys.setswitchinterval(before)


def _change(lock: SharedLock) -> bool:
    with lock.changing():
        return True


def _read(lock: SharedLock) -> bool:
    with lock.reading():
        return True
