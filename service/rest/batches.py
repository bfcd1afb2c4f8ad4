"""Many items in one request: each has its own status and its result or problem, in the order they were sent.

One bad item never fails the others. A batch is JSON with a list in it, or lines of JSON (NDJSON) answered line by line.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

import orjson
from pydantic import ValidationError
from starlette.requests import Request

from indexer.errors import ProductError
from indexer.product import Product
from indexer.store.records import Written
from service.answer import Answer
from service.engine import Asking
from service.rest.asking import ask, ask_patiently, engine_of, settings_of
from service.rest.bodies import parse
from service.rest.problems import MalformedJson, TooManyItems, problem
from service.rest.replies import answer_shown, change_shown
from service.rest.schemas import DeleteItem, ProductBody, PutItem

T = TypeVar("T")
R = TypeVar("R")
Shown = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """The items of a batch as they are shown, and the milliseconds they waited and took."""

    items: list[Shown]
    queue_ms: float = 0.0
    compute_ms: float = 0.0

    @property
    def failed(self) -> int:
        """How many items have a problem."""
        return sum("problem" in item for item in self.items)


def check_size(request: Request, items: Sequence[object]) -> None:
    """Raise TooManyItems when a batch has more items than one request may have."""
    limit = settings_of(request).batch_items
    if len(items) > limit:
        raise TooManyItems(
            f"{len(items):,} items given, the limit is {limit:,}; send several batches or raise AISLE_BATCH_ITEMS"
        )


def counts(total: int, failed: int) -> Shown:
    """Return the counts that end a batch."""
    return {"total": total, "ok": total - failed, "failed": failed}


async def categorize_items(request: Request, asking: Asking, documents: Sequence[object]) -> Batch:
    """Answer each document that is a product."""
    asked = [_question(document) for document in documents]
    ran = await ask(request, asking, _good(asked))
    return Batch(_answered(request, documents, asked, ran.results), ran.queue_ms, ran.compute_ms)


async def categorize_lines(request: Request, asking: Asking, body: bytes) -> AsyncIterator[bytes]:
    """Yield one line for each line of `body` that is not blank, and one with the counts at the end.

    Raises Overloaded at the first step only; later ones wait until there is room.
    """
    step = settings_of(request).encode_items
    lines = [line for line in body.splitlines() if line.strip()]
    failed = 0
    for start in range(0, len(lines), step):
        documents = [_document(line) for line in lines[start : start + step]]
        asked = [_question(document) for document in documents]
        ran = await (ask_patiently if start else ask)(request, asking, _good(asked))
        batch = Batch(_answered(request, documents, asked, ran.results))
        failed += batch.failed
        yield b"".join(orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE) for item in batch.items)
    yield orjson.dumps({"counts": counts(len(lines), failed)}, option=orjson.OPT_APPEND_NEWLINE)


async def change_items(request: Request, documents: Sequence[object]) -> Batch:
    """Store and forget products in the order given; what follows a change sees it."""
    engine = engine_of(request)
    done: list[Written | Exception] = []
    for kind, run in groupby(map(_change, documents), type):
        some: list[Any] = list(run)
        if kind is Product:
            done += (await ask(request, engine.put, some)).results
        elif kind is str:
            done += (await ask(request, engine.delete, some)).results
        else:
            done += some
    return Batch([_item(request, *pair, _change_status, change_shown) for pair in zip(documents, done, strict=True)])


def _document(line: bytes) -> object:
    try:
        return parse(line)
    except MalformedJson as error:
        return error


def _question(document: object) -> Product | Exception:
    if isinstance(document, Exception):
        return document
    try:
        return ProductBody.model_validate(document).question()
    except ValidationError as error:
        return error


def _change(document: object) -> Product | str | ValidationError:
    """Return the product to store, the id to forget, or what is wrong."""
    try:
        if isinstance(document, dict) and document.get("op") == "delete":
            return DeleteItem.model_validate(document).id
        item = PutItem.model_validate(document)
        return item.product(item.id)
    except ValidationError as error:
        return error


def _good(asked: Sequence[T | Exception]) -> list[T]:
    return [each for each in asked if not isinstance(each, Exception)]


def _answered(
    request: Request,
    documents: Sequence[object],
    asked: Sequence[Product | Exception],
    answers: Sequence[Answer | ProductError],
) -> list[Shown]:
    given = iter(answers)
    done = [each if isinstance(each, Exception) else next(given) for each in asked]
    return [_item(request, *pair, lambda _: 200, answer_shown) for pair in zip(documents, done, strict=True)]


def _item(
    request: Request,
    document: object,
    outcome: R | Exception,
    status: Callable[[R], int],
    shown: Callable[[R], Shown],
) -> Shown:
    given = document.get("id") if isinstance(document, dict) else None
    known = given if isinstance(given, str) else None
    if isinstance(outcome, Exception):
        told = problem(outcome, request.scope["path"], request.state.request_id)
        return {"status": told.status, "id": known, "problem": told}
    return {"status": status(outcome), "id": known, "result": shown(outcome)}


def _change_status(written: Written) -> int:
    return 201 if written.outcome == "created" else 200
