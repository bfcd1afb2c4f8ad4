"""A lock that any number of readers share and one who changes things has alone: what stands around an open index.

Readers do not wait for one another, nor for a change that only waits for its turn, unless it has waited for `patience`:
then they let it in first. A change lets those in that waited for the one before. So changes in small pieces slip in
between searches, hold one up for a piece at most, and are never starved.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 0.02
"""Seconds for which readers go before who wants to change: many searches, and nothing to who waits for a change."""


SHORT = 0.001
"""Seconds after which a busy thread hands the interpreter on. A search enters it a dozen times, and each time waits for
as long beside a thread that makes a change: with Python's own 0.005 it takes ten times as long as alone."""


def take_short_turns() -> None:
    """Let the threads of this process take turns of SHORT, as whoever answers questions and takes changes must."""
    sys.setswitchinterval(min(SHORT, sys.getswitchinterval()))


class SharedLock:
    """Readers or one changer inside. A thread that is inside may enter again as a reader, a changer as either."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._moved = threading.Condition(threading.Lock())
        self._readers = 0
        self._changing = False
        self._pressing = 0  # changers whom new readers let go first
        self._waiting = 0  # readers outside
        self._due = 0  # of those, how many the next change lets go first
        self._own = threading.local()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold off changes for a while; waits while one is made."""
        inside = self._inside
        if not inside:
            self._come_in()
        self._own.inside = inside + 1
        try:
            yield
        finally:
            self._own.inside = inside
            if not inside:
                with self._moved:
                    self._readers -= 1
                    if not self._readers:
                        self._moved.notify_all()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Hold off everybody else; waits until nobody is inside.

        Raises RuntimeError in a thread that is reading: it would wait for itself.
        """
        inside = self._inside
        again = inside and getattr(self._own, "changes", False)
        if inside and not again:
            raise RuntimeError("a thread that is reading an index may not change it; leave the reading first")
        if not again:
            self._enter()
        self._own.inside, self._own.changes = inside + 1, True
        try:
            yield
        finally:
            self._own.inside = inside
            if not again:
                self._own.changes = False
                with self._moved:
                    self._changing = False
                    self._due = self._waiting
                    self._moved.notify_all()

    def _come_in(self) -> None:
        with self._moved:
            if self._changing or self._pressing:
                self._waiting += 1
                try:
                    while self._changing or (self._pressing and not self._due):
                        self._moved.wait()
                finally:
                    self._waiting -= 1
                    self._due = min(max(0, self._due - 1), self._waiting)
            self._readers += 1

    def _enter(self) -> None:
        with self._moved:
            if not self._moved.wait_for(self._empty, self._patience):
                self._pressing += 1
                try:
                    self._moved.wait_for(self._empty)
                finally:
                    self._pressing -= 1
            self._changing = True

    def _empty(self) -> bool:
        return not self._changing and not self._readers and not self._due

    @property
    def _inside(self) -> int:
        """How many times this thread is inside."""
        return getattr(self._own, "inside", 0)
