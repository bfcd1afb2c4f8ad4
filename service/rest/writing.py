"""From a route to the record store: one change in one transaction, carried out once however often it is sent.

    claim its idempotency key, where it has one -> change the store, with the answer kept beside the change -> answer

Changes have threads of their own. What of them is new is encoded in pieces between questions, so that a change of
thousands of products holds up neither questions nor small changes.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from indexer.errors import RecordError
from indexer.live import Change, Outcome
from indexer.store.records import ANY, Answered, Receipt, Records, Written
from service.duplicates.screening import OnDuplicate
from service.rest.asking import aside, serving_of
from service.rest.keys import RENEWED_SECONDS, REPLAYED, as_it_is, claimed, name_of
from service.worker import Closed, Overloaded

T = TypeVar("T")
Answer = Callable[[Sequence[Written | Exception]], Answered]
"""Writes what is answered to a change from its outcomes; what it raises undoes the change."""

THREADS = 4
"""Changes that are carried out at a time. The store takes one after the other; what is new is encoded before."""


class Writer:
    """Carries changes out, THREADS of them at a time; the others wait in the order in which they came."""

    def __init__(self, queue_items: int) -> None:
        self._queue_items = queue_items
        self._waiting = 0
        self._counting = threading.Lock()
        self._threads = ThreadPoolExecutor(THREADS, "aisle-writer")

    async def run(self, call: Callable[[], T], items: int = 1) -> T:
        """Return `call()`, a change of so many products. Once begun it is carried out, whether or not anybody waits.

        Raises Overloaded when more products are waiting than the queue takes, and Closed after `close`.
        """
        with self._counting:
            if items and self._waiting and self._waiting + items > self._queue_items:
                raise Overloaded(self._waiting, self._queue_items, 1)
            self._waiting += items
        try:
            running = asyncio.get_running_loop().run_in_executor(self._threads, call)
        except RuntimeError as error:  # of an executor that was shut down
            self._done(items)
            raise Closed("the service is shutting down; try again elsewhere or later") from error
        running.add_done_callback(lambda _: self._done(items))
        return await asyncio.shield(running)

    def close(self) -> None:
        """Finish what was accepted, then end the threads."""
        self._threads.shutdown()

    def _done(self, items: int) -> None:
        with self._counting:
            self._waiting -= items


async def write(
    request: Request,
    changes: Sequence[Change],
    expected: Mapping[str, int | None] = ANY,
    receipt: Receipt | None = None,
    *,
    patient: bool = False,
    on_duplicate: OnDuplicate = "accept",
) -> list[Outcome]:
    """Change the store and return the outcomes, in order; whatever is asked from then on sees them.

    on_duplicate: as for `Engine.change`.

    Raises VersionConflict, RecordError and Overloaded, with nothing changed; one that is patient waits for room.
    """
    serving = serving_of(request)
    change = partial(serving.change, changes, expected=expected, receipt=receipt, on_duplicate=on_duplicate)
    while True:
        try:
            return await _writer(request).run(change, len(changes))
        except Overloaded as error:
            if not patient:
                raise
            await asyncio.sleep(error.retry_after)


async def write_once(
    request: Request,
    key: str | None,
    body: object,
    changes: Sequence[Change],
    answer: Answer,
    *,
    expected: Mapping[str, int | None] = ANY,
    batch: bool = False,
    on_duplicate: OnDuplicate = "accept",
) -> Response:
    """Change the store and answer, or answer as before when the key came with the same request already.

    body: what was asked, as bytes or as the document that was read. batch: the answer is not about a single product. A
    request that fails gives its key up. Raises RequestConflict for a key of another request, RequestRunning, and what
    `write` and `answer` raise.
    """
    shown = as_it_is if batch else _about_a_product
    if key is None:
        outcomes = await write(request, changes, expected, on_duplicate=on_duplicate)
        return shown(await aside(answer, outcomes, items=len(changes)), {})
    records, name = serving_of(request).live.records, name_of(key)
    before = await _writer(request).run(lambda: claimed(request, key, body))
    if before is not None:
        return shown(before, REPLAYED)
    answered: list[Answered] = []

    def told(outcomes: Sequence[Written | Exception]) -> Answered:
        answered.append(answer(outcomes))
        return answered[-1]

    try:
        async with _renewed(records, name):
            await write(request, changes, expected, Receipt(name, told), on_duplicate=on_duplicate)
    except asyncio.CancelledError:  # nobody waits for the answer, but the change goes on, and its receipt with it
        raise
    except BaseException:
        with suppress(RecordError, Overloaded, Closed):
            await _writer(request).run(lambda: records.release(name), 0)
        raise
    return shown(answered[-1], {})


def _about_a_product(answered: Answered, headers: Mapping[str, str]) -> Response:
    """Return the answer about a product with its version as ETag, and where it is when it is new."""
    told, own = orjson.loads(answered.body), dict(headers)
    if told["version"]:
        own["ETag"] = etag(told["version"])
    if answered.status == HTTPStatus.CREATED:
        own["Location"] = f"/v1/products/{quote(told['id'])}"
    return as_it_is(answered, own)


def etag(version: int) -> str:
    """Return the version of a product as HTTP writes it."""
    return f'"{version}"'


@asynccontextmanager
async def _renewed(records: Records, key: str) -> AsyncIterator[None]:
    """Keep the claim of a key for as long as its request runs."""

    async def renew() -> None:
        while True:
            await asyncio.sleep(RENEWED_SECONDS)
            with suppress(RecordError):  # the change itself will say so
                await run_in_threadpool(records.renew, key)

    renewing = asyncio.ensure_future(renew())
    try:
        yield
    finally:
        renewing.cancel()


def _writer(request: Request) -> Writer:
    writer: Writer = request.app.state.writer
    return writer
