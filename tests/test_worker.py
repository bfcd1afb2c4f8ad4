"""The compute worker: one thread, one bounded queue, equal shares."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from service.worker import Closed, Overloaded, Ran, Worker


@dataclass
class Doubler:
    """A real, slow-able computation: doubles numbers, refuses 13, notes each call; waits where it is told to."""

    calls: list[list[int]] = field(default_factory=list)
    held: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)

    def double(self, numbers: Sequence[int]) -> list[int]:
        """Answer each number with its double."""
        self.calls.append(list(numbers))
        if numbers[0] == 0:  # the call that keeps the worker busy until the test has queued what it wants
            self.begun.set()
            assert self.held.wait(60)
        if 13 in numbers:
            raise ValueError("13 is refused")
        return [2 * number for number in numbers]

    def triple(self, numbers: Sequence[int]) -> list[int]:
        """Answer each number with its triple; its calls are noted negated."""
        self.calls.append([-number for number in numbers])
        return [3 * number for number in numbers]


@pytest.fixture
def doubler() -> Iterator[Doubler]:
    """Return a computation that no failing test leaves hanging."""
    made = Doubler()
    yield made
    made.held.set()


@asynccontextmanager
async def busy(worker: Worker, doubler: Doubler) -> AsyncIterator[None]:
    """Keep the worker at a first job while the test queues others; they are all answered afterwards."""
    first = asyncio.ensure_future(worker.run(doubler.double, [0]))
    await asyncio.to_thread(doubler.begun.wait, 10)
    yield
    doubler.held.set()
    await first
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    await asyncio.gather(*others, return_exceptions=True)


def run(step_items: int, queue_items: int, test: Callable[[Worker], Coroutine[object, object, None]]) -> None:
    """Run a test with a worker of its own."""
    worker = Worker(step_items=step_items, queue_items=queue_items, step_seconds=math.inf)
    try:
        asyncio.run(test(worker))
    finally:
        worker.close()


async def queued(*jobs: Coroutine[object, object, Ran[int]]) -> list[asyncio.Task[Ran[int]]]:
    """Start jobs in order and return once each stands in the queue."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    await asyncio.sleep(0)
    return tasks


def test_each_caller_gets_its_own_results_in_order(doubler: Doubler) -> None:
    """Jobs that are answered in one call do not mix."""

    async def test(worker: Worker) -> None:
        async with busy(worker, doubler):
            tasks = await queued(worker.run(doubler.double, [1, 2]), worker.run(doubler.double, [3]))
        assert [(await task).results for task in tasks] == [[2, 4], [6]]

    run(8, 100, test)
    assert doubler.calls == [[0], [1, 2, 3]]


def test_what_is_waiting_is_answered_in_one_call_and_never_waited_for(doubler: Doubler) -> None:
    """A single product on an idle worker is a call of its own."""

    async def test(worker: Worker) -> None:
        assert (await worker.run(doubler.double, [1])).results == [2]
        assert (await worker.run(doubler.double, [2])).results == [4]

    run(8, 100, test)
    assert doubler.calls == [[1], [2]]


def test_a_single_product_does_not_stand_behind_a_batch(doubler: Doubler) -> None:
    """Both get an equal share of the next step."""

    async def test(worker: Worker) -> None:
        async with busy(worker, doubler):
            batch, single = await queued(
                worker.run(doubler.double, list(range(1, 9))), worker.run(doubler.double, [100])
            )
        assert (await batch).results == [2, 4, 6, 8, 10, 12, 14, 16]
        assert (await single).results == [200]

    run(4, 100, test)
    assert doubler.calls == [[0], [1, 2, 100], [3, 4, 5, 6], [7, 8]]


def test_different_calls_take_turns(doubler: Doubler) -> None:
    """A step holds one kind of call; the other kind comes next, before the rest of a batch."""

    async def test(worker: Worker) -> None:
        async with busy(worker, doubler):
            await queued(worker.run(doubler.double, [1, 2, 3]), worker.run(doubler.triple, [4]))

    run(2, 100, test)
    assert doubler.calls == [[0], [1, 2], [-4], [3]]


def test_more_than_the_queue_takes_is_refused(doubler: Doubler) -> None:
    """The error says how much is waiting, the limit, and when to try again."""

    async def test(worker: Worker) -> None:
        async with busy(worker, doubler):
            await queued(worker.run(doubler.double, [1, 2]))
            with pytest.raises(
                Overloaded, match=r"2 products are waiting, the limit is 3; try again in 1 s"
            ) as refused:
                await worker.run(doubler.double, [3, 4])
            assert refused.value.retry_after == 1

    run(8, 3, test)


def test_a_batch_larger_than_the_queue_is_taken_when_nothing_waits(doubler: Doubler) -> None:
    """It could never be answered otherwise."""

    async def test(worker: Worker) -> None:
        assert (await worker.run(doubler.double, [1, 2, 3, 4])).results == [2, 4, 6, 8]

    run(8, 3, test)


def test_what_nobody_waits_for_any_more_is_skipped_and_makes_room(doubler: Doubler) -> None:
    """A cancelled job is never computed."""

    async def test(worker: Worker) -> None:
        async with busy(worker, doubler):
            (gone,) = await queued(worker.run(doubler.double, [1, 2]))
            gone.cancel()
            await asyncio.sleep(0)
            (kept,) = await queued(worker.run(doubler.double, [3, 4]))
        assert (await kept).results == [6, 8]

    run(8, 2, test)
    assert doubler.calls == [[0], [3, 4]]


def test_a_batch_that_is_cancelled_half_way_stops(doubler: Doubler) -> None:
    """Steps that have not begun never do."""

    async def test(worker: Worker) -> None:
        batch = asyncio.ensure_future(worker.run(doubler.double, [0, 1, 2, 3]))
        await asyncio.to_thread(doubler.begun.wait, 10)
        batch.cancel()
        await asyncio.sleep(0)
        doubler.held.set()
        assert (await worker.run(doubler.double, [5])).results == [10]

    run(2, 100, test)
    assert doubler.calls == [[0, 1], [5]]


def test_only_the_job_that_made_a_step_fail_fails(doubler: Doubler) -> None:
    """Jobs that shared its step are tried again alone."""

    async def test(worker: Worker) -> None:
        async with busy(worker, doubler):
            good, bad = await queued(worker.run(doubler.double, [1]), worker.run(doubler.double, [13, 14, 15]))
        assert (await good).results == [2]
        with pytest.raises(ValueError, match="13 is refused"):
            await bad
        assert (await worker.run(doubler.double, [3])).results == [6]

    run(4, 100, test)
    assert doubler.calls == [[0], [1, 13, 14], [1], [13, 14], [3]]


def test_nothing_to_do_is_answered_at_once(doubler: Doubler) -> None:
    """An empty batch needs no worker."""

    async def test(worker: Worker) -> None:
        assert await worker.run(doubler.double, []) == Ran([], 0.0, 0.0)

    run(4, 100, test)


def test_closing_finishes_what_was_accepted_and_takes_no_more(doubler: Doubler) -> None:
    """Whoever was let in is answered."""

    async def test(worker: Worker) -> None:
        async with busy(worker, doubler):
            (waiting,) = await queued(worker.run(doubler.double, [1, 2, 3]))
            closing = asyncio.ensure_future(asyncio.to_thread(worker.close))
            while not worker._closed:
                await asyncio.sleep(0.001)
            with pytest.raises(Closed):
                await worker.run(doubler.double, [4])
        await closing
        assert (await waiting).results == [2, 4, 6]

    run(2, 100, test)


def test_times_tell_waiting_from_computing(doubler: Doubler) -> None:
    """A job queued behind another has waited for it."""

    async def test(worker: Worker) -> None:
        async with busy(worker, doubler):
            (second,) = await queued(worker.run(doubler.triple, [1]))
            await asyncio.sleep(0.5)
        ran = await second
        assert ran.queue_ms >= 500
        assert 0 <= ran.compute_ms < 500

    run(2, 100, test)


def test_a_step_is_no_longer_than_it_may_take_by_the_pace_of_those_before() -> None:
    """A slow encoder gets few at a time, so that a newcomer's turn comes soon."""
    calls: list[int] = []

    def slowly(numbers: Sequence[int]) -> Sequence[int]:
        calls.append(len(numbers))
        time.sleep(0.03 * len(numbers))
        return numbers

    worker = Worker(step_items=8, queue_items=100, step_seconds=0.08)
    try:
        ran = asyncio.run(worker.run(slowly, range(14)))
    finally:
        worker.close()
    assert ran.results == list(range(14))
    assert calls[0] == 8
    assert 1 <= max(calls[1:]) <= 2
