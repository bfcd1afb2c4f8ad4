"""The runner of bulk jobs: one thread that takes a chunk of each job in turn, beside live traffic.

Questions go through the worker of the service, patiently: a chunk is answered a product or two at a time, whenever
nobody else waits. Jobs are found in the record store, those that a process left when it died among them; a lock on its
folder says who works on one. Of several services of one index each may work on other jobs.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from indexer.errors import AisleError, JobNotFound, RecordError
from service.jobs import ending
from service.jobs.running import Running
from service.serving import Serving
from service.worker import Closed, Worker

LOOK_SECONDS = 1.0
"""Seconds between two looks for jobs that another process took in, or left."""
SWEEP_SECONDS = 3_600.0
"""Seconds between two looks for jobs that ended long ago."""
CLOSING_SECONDS = 30

_log = logging.getLogger("aisle.jobs")


class Runner:
    """Works on the jobs of one index, from construction until `close`."""

    def __init__(self, serving: Serving, worker: Worker) -> None:
        self._serving = serving
        self._worker = worker
        self._records = serving.live.records
        self._index = Path(serving.settings.index)
        self._running: dict[str, Running] = {}
        self._changed = threading.Event()
        self._closed = False
        self._swept = 0.0
        self._trouble = ""
        # A daemon, so that a process that ends without `close` is not held back.
        self._thread = threading.Thread(target=self._run, name="aisle-jobs", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Look for jobs at once."""
        self._changed.set()

    def close(self) -> None:
        """Stop after the chunks at work; the jobs go on where a service is started again."""
        self._closed = True
        self._changed.set()
        self._thread.join(CLOSING_SECONDS)

    def _run(self) -> None:
        looked = 0.0
        while not self._closed:
            if not self._running or time.monotonic() > looked + LOOK_SECONDS:
                self._carefully(self._take_up)
                self._carefully(self._sweep)
                looked = time.monotonic()
            for job_id in list(self._running):
                if not self._closed:
                    self._carefully(lambda job_id=job_id: self._step(job_id))  # type: ignore[misc]
            if not self._running and not self._closed:
                self._changed.wait(LOOK_SECONDS)
                self._changed.clear()
        for running in self._running.values():
            running.close()

    def _take_up(self) -> None:
        """Open the jobs that nobody works on, the oldest first, as many as there are slots."""
        for job in self._records.jobs.open():
            if len(self._running) >= self._serving.settings.job_slots:
                return
            if job.id in self._running:
                continue
            try:
                running = Running.open(self._serving, job)
            except JobNotFound:
                continue
            except RecordError:
                raise  # the store is what refuses, and no fault of the job
            except AisleError as error:
                self._fail(job.id, error)
                continue
            if running is not None:
                self._running[job.id] = running

    def _step(self, job_id: str) -> None:
        """Take a chunk of one job; one that cannot go on fails, unless the store is what refuses."""
        running = self._running[job_id]
        try:
            if running.chunk(self._ask):
                return
        except Closed:
            self._closed = True
            return
        except JobNotFound:
            pass  # somebody cancelled it and had it deleted
        except RecordError as error:
            self._let_go(job_id)  # and take it up again, where the store says it is
            self._say(error)
            time.sleep(LOOK_SECONDS)
            return
        except Exception as error:  # whatever it is, it is this job's, and others go on
            self._let_go(job_id)
            self._fail(job_id, error)
            return
        self._let_go(job_id)
        ending.tidy(self._records, self._index, job_id)

    def _ask(self, call: Callable[[Sequence[Any]], Sequence[Any]], items: Sequence[Any]) -> Sequence[Any]:
        return self._worker.submit(call, items, patient=True).result().results

    def _fail(self, job_id: str, error: Exception) -> None:
        known = isinstance(error, AisleError)
        _log.error("job %s failed: %s", job_id, error, exc_info=None if known else error)
        ending.fail(self._records, self._index, job_id, error)

    def _let_go(self, job_id: str) -> None:
        running = self._running.pop(job_id, None)
        if running is not None:
            running.close()

    def _sweep(self) -> None:
        """Remove the jobs that ended long ago, and what was left behind in folders."""
        if time.monotonic() < self._swept:
            return
        self._swept = time.monotonic() + SWEEP_SECONDS
        for job_id in self._records.jobs.old(timedelta(days=self._serving.settings.job_days)):
            with suppress(JobNotFound):  # another service has removed it
                ending.remove(self._records, self._index, job_id)
        ending.sweep(self._records, self._index)

    def _carefully(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # the next look may find it gone
            self._say(error)
            time.sleep(LOOK_SECONDS)

    def _say(self, error: Exception) -> None:
        """Log a trouble once, however often it comes back."""
        if str(error) != self._trouble:
            self._trouble = str(error)
            _log.warning("jobs cannot go on for now: %s", error)
