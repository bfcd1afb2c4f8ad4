"""Searches that are widened as an index grows, in a thread of its own: nobody waits for it, nobody asks for it.

An approximate kind chooses at build how far it looks. Grown tenfold by upserts it would find less; so whenever it holds
twice what it was tuned on, its recall is measured on what is stored, and it looks further from then on.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from contextlib import AbstractContextManager
from logging import getLogger

from indexer.vectors import Reading, VectorIndex

log = getLogger(__name__)


class Stopped(Exception):
    """A measurement is given up."""


class Tuner:
    """Retunes vector indexes that were outgrown, one after the other. Any thread may call it."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._turn = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()

    def tend(self, indexes: Collection[VectorIndex]) -> None:
        """Begin to retune those that were outgrown, unless that is under way; returns at once."""
        due = [index for index in indexes if index.outgrown]
        if not due:
            return
        with self._turn:
            if not self._stopped.is_set() and (self._thread is None or not self._thread.is_alive()):
                self._thread = threading.Thread(target=self._tune, args=(due,), name="aisle-tuning", daemon=True)
                self._thread.start()

    def wait(self) -> None:
        """Wait until what was begun is done."""
        with self._turn:
            thread = self._thread
        if thread is not None:
            thread.join()

    def stop(self) -> None:
        """Give up what was begun, within a moment, and begin nothing any more."""
        self._stopped.set()
        self.wait()

    def _tune(self, due: list[VectorIndex]) -> None:
        try:
            for index in due:
                while index.outgrown:  # by now, again
                    recall = index.retune(reading=self._looking)
                    log.info("%s was outgrown; recall %.3f with %s", index.kind, recall, dict(index.parameters))
        except Stopped:
            return

    def _looking(self) -> AbstractContextManager[object]:
        if self._stopped.is_set():
            raise Stopped
        return self._reading()
