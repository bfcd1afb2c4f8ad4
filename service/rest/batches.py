"""Many items in one request: each has its own status and its result or problem, in the order they were sent.

One bad item never fails the others. A batch is JSON with a list in it, or lines of JSON (NDJSON) answered line by line.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
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
from service.rest.problems import ImageTooLarge, MalformedJson, TooManyItems, problem
from service.rest.replies import answer_shown, change_shown
from service.rest.schemas import DeleteItem, ProductBody, PutItem
from service.rest.uploads import Listing, images_of, listing, looked_at

T = TypeVar("T")
Shown = dict[str, Any]
_Outcome = tuple[int, Shown] | Exception


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
    asked = await _questions(request, documents)
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
        asked = await _questions(request, documents)
        ran = await (ask_patiently if start else ask)(request, asking, _good(asked))
        batch = Batch(_answered(request, documents, asked, ran.results))
        failed += batch.failed
        yield b"".join(orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE) for item in batch.items)
    yield orjson.dumps({"counts": counts(len(lines), failed)}, option=orjson.OPT_APPEND_NEWLINE)


async def change_items(request: Request, documents: Sequence[object]) -> Batch:
    """Store and forget products in the order given; what follows a change sees it."""
    engine = engine_of(request)
    done: list[_Outcome] = []
    for kind, run in groupby((_change(request, document) for document in documents), type):
        some: list[Any] = list(run)
        if kind is Listing:
            products = await looked_at(request, some)
            written = (await ask(request, engine.put, products)).results
            done += [_put(request, *pair) for pair in zip(products, written, strict=True)]
        elif kind is str:
            done += [(200, change_shown(each)) for each in (await ask(request, engine.delete, some)).results]
        else:
            done += some
    return Batch([_item(request, *pair) for pair in zip(documents, done, strict=True)])


def created(written: Written) -> bool:
    """Whether a change made a product that was not there."""
    return written.outcome == "created"


def _document(line: bytes) -> object:
    try:
        return parse(line)
    except MalformedJson as error:
        return error


async def _questions(request: Request, documents: Sequence[object]) -> list[Product | Exception]:
    """Return the product of each document with its images looked at, or what is wrong with it."""
    asked = [_question(request, document) for document in documents]
    looked = iter(await looked_at(request, _good(asked)))
    return [each if isinstance(each, Exception) else next(looked) for each in asked]


def _question(request: Request, document: object) -> Listing | Exception:
    if isinstance(document, Exception):
        return document
    try:
        body = ProductBody.model_validate(document)
        return listing(request, body.question(), body)
    except (ValidationError, ImageTooLarge) as error:
        return error


def _change(request: Request, document: object) -> Listing | str | Exception:
    """Return the product to store, the id to forget, or what is wrong."""
    try:
        if isinstance(document, dict) and document.get("op") == "delete":
            return DeleteItem.model_validate(document).id
        item = PutItem.model_validate(document)
        return listing(request, item.product(item.id), item)
    except (ValidationError, ImageTooLarge) as error:
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
    done = [each if isinstance(each, Exception) else _answer(request, each, next(given)) for each in asked]
    return [_item(request, *pair) for pair in zip(documents, done, strict=True)]


def _answer(request: Request, product: Product, answer: Answer | ProductError) -> _Outcome:
    return answer if isinstance(answer, ProductError) else (200, answer_shown(answer, images_of(request, product)))


def _put(request: Request, product: Product, written: Written | ProductError) -> _Outcome:
    if isinstance(written, ProductError):
        return written
    return 201 if created(written) else 200, change_shown(written, images_of(request, product))


def _item(request: Request, document: object, outcome: _Outcome) -> Shown:
    given = document.get("id") if isinstance(document, dict) else None
    known = given if isinstance(given, str) else None
    if isinstance(outcome, Exception):
        told = problem(outcome, request.scope["path"], request.state.request_id)
        return {"status": told.status, "id": known, "problem": told}
    status, result = outcome
    return {"status": status, "id": known, "result": result}
