"""The keeper of answers: what was answered is put into the record store a moment later, by one thread, in few writes.

    keep     Prediction -> the queue; never waits, whatever the store does
    write    all that waits, every LINGER_SECONDS, in one transaction

So keeping costs an answer no more than the making of its row. What is waiting when the process is killed is lost, and
so is what comes while the store has refused to write for so long that the queue is full: then `lost` counts it and the
log says so. Whoever looks for a prediction lets this process write first, and gives others the time to.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from indexer.errors import AisleError, PredictionNotFound
from indexer.store.predictions import FORGOTTEN, Kept, Prediction
from indexer.store.records import Records
from service.answer import Answer
from service.feedback.kept import prediction_of, size_of
from service.settings import ServiceSettings

LINGER_SECONDS = 0.1
"""How long answers wait for others to be written with."""
PATIENCE_SECONDS = 5 * LINGER_SECONDS
"""How long whoever looks for a prediction waits for another process to write it."""
CLASSIFY = "aisle classify"
"""Who asks, of answers that the command line keeps."""
QUEUE_BYTES = 128 * 1024 * 1024
"""What may wait to be written, by about so many bytes."""
BATCH = 1_000
"""Predictions in one transaction."""
RETRY_SECONDS = 1.0
"""Time between two tries when the store refuses."""
SWEEP_SECONDS = 3_600
"""Time between two looks for predictions that are old."""

_log = logging.getLogger("aisle.predictions")


class Keeper:
    """Keeps the answers of one process. Every method may be called from any thread."""

    def __init__(self, settings: ServiceSettings, records: Records) -> None:
        self._settings = settings
        self._records = records
        self._waiting: list[Prediction] = []
        self._bytes = 0
        self._lost = 0
        self._trouble = ""
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._closed = False
        self._swept = 0.0
        # A daemon, so that a process that ends without `close` is not held back.
        self._thread = threading.Thread(target=self._run, name="aisle-keeper", daemon=True)
        self._thread.start()

    @property
    def keeps(self) -> bool:
        """Whether answers are kept at all."""
        return self._settings.prediction_days > 0

    @property
    def lost(self) -> int:
        """How many answers could not be kept since the process began."""
        return self._lost

    def keep(self, answers: Sequence[Answer], caller: str, nameless: str = "") -> None:
        """Keep answers; nothing is raised and nobody waits. nameless: the id of products that had none."""
        if not self.keeps:
            return
        at, whole = _moment(datetime.now(UTC)), self._settings.prediction_products
        some = [
            prediction_of(
                each, at, caller, product_id="" if each.product_id == nameless else each.product_id, whole=whole
            )
            for each in answers
        ]
        size = sum(map(size_of, some))
        with self._changed:
            if self._closed or (self._waiting and self._bytes + size > QUEUE_BYTES):
                self._lost += len(some)
                return
            self._waiting += some
            self._bytes += size
            self._changed.notify()

    def find(self, prediction_id: str) -> Kept:
        """Return a prediction, also one that was answered this very moment, here or by another process.

        Raises PredictionNotFound.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        self.flush()
        while True:
            try:
                return self._records.predictions.get(prediction_id)
            except PredictionNotFound:
                if not self.keeps or time.monotonic() >= deadline:
                    raise
            time.sleep(LINGER_SECONDS / 2)

    def flush(self) -> None:
        """Write what waits; raises what the store raises, and then it goes on waiting."""
        with self._writing:
            while some := self._waiting[:BATCH]:
                self._records.predictions.keep(some)
                with self._changed:
                    del self._waiting[: len(some)]
                    self._bytes -= sum(map(size_of, some))

    def close(self, seconds: float | None = None) -> None:
        """Write what waits and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(seconds)

    def _run(self) -> None:
        while self._next():
            self._carefully(self.flush)
            if time.monotonic() >= self._swept:
                self._carefully(self._forget)
        self._carefully(self.flush)

    def _next(self) -> bool:
        """Wait until there is something to write and others had time to join it, or to look for what is old."""
        with self._changed:
            while not (self._waiting or self._closed or time.monotonic() >= self._swept):
                self._changed.wait(max(0.0, self._swept - time.monotonic()))
            if not self._closed:
                self._changed.wait_for(lambda: self._closed, RETRY_SECONDS if self._trouble else LINGER_SECONDS)
            return not self._closed

    def _carefully(self, work: object) -> None:
        """Do something that the store may refuse; a trouble is told once, however often it comes back."""
        try:
            work()  # type: ignore[operator]
        except AisleError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                _log.warning("answers cannot be kept for now (%d lost): %s", self._lost, error)
        else:
            self._trouble = ""

    def _forget(self) -> None:
        """Remove what is older than the settings say, some at a time, so that no other change waits long."""
        self._swept = time.monotonic() + SWEEP_SECONDS
        oldest = _moment(datetime.now(UTC) - timedelta(days=self._settings.prediction_days))
        while not self._closed and self._records.predictions.forget_before(oldest) == FORGOTTEN:
            time.sleep(LINGER_SECONDS)


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")
