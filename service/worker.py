"""The compute worker: one thread that owns encoder and index, behind one bounded queue, so the event loop never waits.

A step takes what is waiting, up to a limit of items and of time, and answers it with one call; it never waits for a
full batch. Jobs take turns: each gets an equal share of a step, so that a single product does not stand behind a batch
of a thousand. What is patient waits until nothing else does, and takes steps of PATIENT_SECONDS or of a single item, so
that whoever comes meanwhile waits no longer than for one more product. Short steps cost next to nothing: MiniLM takes
the same time for a text in steps of 4 and of 64. Reads from the record store need no encoder and do not come here.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

STEP_SECONDS = 0.1
"""How long a step may take, by the pace of those before it: about the longest that a newcomer waits for its turn."""

PATIENT_SECONDS = 0.005
"""The same of a step of what is patient."""

PACE_KEPT = 0.8
"""A step faster than the pace (seconds for one item) lowers it to this share at most; a slower one sets it."""


class Overloaded(Exception):
    """More is waiting than the queue takes; `retry_after` is the time in seconds until that is done, as a guess."""

    def __init__(self, waiting: int, limit: int, retry_after: int) -> None:
        super().__init__(f"{waiting:,} products are waiting, the limit is {limit:,}; try again in {retry_after} s")
        self.retry_after = retry_after


class Closed(Exception):
    """The service is shutting down and takes no more work."""


@dataclass(frozen=True, slots=True)
class Ran(Generic[R]):
    """What came of a job, in the order of its items; milliseconds it waited and milliseconds its steps took."""

    results: list[R]
    queue_ms: float
    compute_ms: float


@dataclass(slots=True, eq=False)
class _Job:
    call: Callable[[Sequence[Any]], Sequence[Any]]
    items: Sequence[Any]
    queued: float
    patient: bool = False
    answer: Future[Ran[Any]] = field(default_factory=Future)
    results: list[Any] = field(default_factory=list)
    taken: int = 0
    started: float = 0.0
    compute: float = 0.0

    def take(self, size: int) -> Sequence[Any]:
        some = self.items[self.taken : self.taken + size]
        self.taken += len(some)
        self.started = self.started or time.perf_counter()
        return some

    def finish(self) -> None:
        ran = Ran(self.results, (self.started - self.queued) * 1000, self.compute * 1000)
        with suppress(InvalidStateError):  # whoever asked has gone in this very moment
            self.answer.set_result(ran)

    def fail(self, error: Exception) -> None:
        with suppress(InvalidStateError):
            self.answer.set_exception(error)


_Step = list[tuple[_Job, Sequence[Any]]]


class Worker:
    """Runs jobs of products in its thread, from construction until `close`."""

    def __init__(self, *, step_items: int, queue_items: int, step_seconds: float = STEP_SECONDS) -> None:
        self._step_items = step_items
        self._step_seconds = step_seconds
        self._queue_items = queue_items
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._pace = 0.0
        # A daemon, so that a process that ends without `close` is not held back.
        self._thread = threading.Thread(target=self._run, name="aisle-worker", daemon=True)
        self._thread.start()

    async def run(self, call: Callable[[Sequence[T]], Sequence[R]], items: Sequence[T]) -> Ran[R]:
        """Return `call(items)`, which may be cut into several calls and be joined with equal calls of other jobs.

        `call` answers each item with one result, in order. Raises Overloaded when too much is waiting already, Closed
        after `close`, and whatever `call` raises. What has not started when the caller is cancelled never does.
        """
        if not items:
            return Ran([], 0.0, 0.0)
        ran: Ran[R] = await asyncio.wrap_future(self.submit(call, items))
        return ran

    def submit(
        self, call: Callable[[Sequence[T]], Sequence[R]], items: Sequence[T], *, patient: bool = False
    ) -> Future[Ran[R]]:
        """Take a job, at least one item, and return what will hold what comes of it; otherwise as `run`.

        patient: it waits until nothing else does, and is not counted as waiting.
        """
        job = _Job(call, items, time.perf_counter(), patient)
        with self._changed:
            if self._closed:
                raise Closed("the service is shutting down; try again elsewhere or later")
            waiting = self._waiting()
            # A batch larger than the whole queue is taken when nothing else waits: else it could never be.
            if not patient and waiting and waiting + len(items) > self._queue_items:
                raise Overloaded(waiting, self._queue_items, max(1, math.ceil(waiting * self._pace)))
            self._jobs.append(job)
            self._changed.notify()
        return job.answer

    def close(self) -> None:
        """Finish what was accepted, then end the thread; takes as long as that takes."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _waiting(self) -> int:
        return sum(len(job.items) - job.taken for job in self._jobs if not (job.patient or job.answer.cancelled()))

    def _run(self) -> None:
        while step := self._next_step():
            self._perform(step)

    def _next_step(self) -> _Step:
        """Wait for work and return a share of each job that makes the same call as the first; nothing at the end."""
        with self._changed:
            while True:
                self._jobs = deque(job for job in self._jobs if not job.answer.cancelled())
                if self._jobs:
                    return self._share_out()
                if self._closed:
                    return []
                self._changed.wait()

    def _share_out(self) -> _Step:
        first = next((job for job in self._jobs if not job.patient), self._jobs[0])
        size = self._size(PATIENT_SECONDS) if first.patient else self._size(self._step_seconds)
        alike = [job for job in self._jobs if job.call == first.call and job.patient == first.patient][:size]
        share = size // len(alike)
        step = [(job, job.take(share)) for job in alike]
        served = set(map(id, alike))
        unfinished = [job for job in alike if job.taken < len(job.items)]
        self._jobs = deque([*(job for job in self._jobs if id(job) not in served), *unfinished])
        return step

    def _size(self, seconds: float) -> int:
        """Return how many items a step of so many seconds takes, by the pace of those before it."""
        return int(min(self._step_items, max(1.0, seconds / self._pace))) if self._pace else self._step_items

    def _perform(self, step: _Step) -> None:
        begun = time.perf_counter()
        call = step[0][0].call
        every = [item for _, items in step for item in items]
        try:
            results = call(every)
            if len(results) != len(every):
                raise RuntimeError(f"{len(every)} items were given and {len(results)} answered")
        except Exception as error:  # any failure belongs to whoever asked, not to this thread
            self._settle_failure(step, error)
            return
        seconds = time.perf_counter() - begun
        given = iter(results)
        for job, items in step:
            job.compute += seconds
            job.results += [next(given) for _ in items]
            if len(job.results) == len(job.items):
                job.finish()
        self._pace = max(seconds / len(results), PACE_KEPT * self._pace)

    def _settle_failure(self, step: _Step, error: Exception) -> None:
        """Let only the job fail that made the step fail: alone in it, it is the one; else each part is tried alone."""
        if len(step) > 1:
            for part in step:
                self._perform([part])
            return
        job, _ = step[0]
        job.fail(error)
        with self._changed:
            self._jobs = deque(other for other in self._jobs if other is not job)
