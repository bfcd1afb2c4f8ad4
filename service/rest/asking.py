"""From a route to the worker and back: is the index open, what came of the question, does anybody still listen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from service.mapping.known import Known
from service.rest.problems import NotReady
from service.serving import Serving
from service.settings import ServiceSettings
from service.worker import Overloaded, Ran, Worker

T = TypeVar("T")
R = TypeVar("R")

FEW = 32
"""Items of a batch that may be looked through on the event loop: a millisecond or two."""


def settings_of(request: Request) -> ServiceSettings:
    """Return the settings of the service that was asked."""
    settings: ServiceSettings = request.app.state.settings
    return settings


def known_of(request: Request) -> Known:
    """Return what is known of foreign categories; to be asked once `serving_of` has answered."""
    known: Known = request.app.state.known
    return known


def serving_of(request: Request) -> Serving:
    """Return what answers and takes changes, by the engine that is current whenever it is called.

    Raises NotReady until the index is open and has passed its self-check. What needs several things of one engine that
    fit each other asks for `.engine` or `.live` once.
    """
    serving: Serving | None = request.app.state.serving
    if serving is None:
        raise NotReady("the index is not open yet; try again in a moment")
    return serving


async def ask(request: Request, call: Callable[[Sequence[T]], Sequence[R]], items: Sequence[T]) -> Ran[R]:
    """Let the worker run `call` on `items`; raises what that raises, and ClientDisconnect when nobody listens any more.

    The request's body must have been read.
    """
    work = asyncio.ensure_future(_worker(request).run(call, items))
    gone = asyncio.ensure_future(_hung_up(request))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise ClientDisconnect
        return work.result()
    finally:
        work.cancel()
        gone.cancel()


async def ask_patiently(request: Request, call: Callable[[Sequence[T]], Sequence[R]], items: Sequence[T]) -> Ran[R]:
    """Let the worker run `call` on `items`, waiting for room as long as the queue is full."""
    while True:
        try:
            return await _worker(request).run(call, items)
        except Overloaded as error:
            await asyncio.sleep(error.retry_after)


async def aside(call: Callable[..., R], *arguments: object, items: int) -> R:
    """Return `call(*arguments)`, which takes a while for many items: off the event loop then, at once for a few."""
    return await run_in_threadpool(call, *arguments) if items > FEW else call(*arguments)


def _worker(request: Request) -> Worker:
    worker: Worker = request.app.state.worker
    return worker


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
