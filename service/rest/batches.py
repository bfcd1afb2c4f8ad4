"""Many items in one request: each has its own status and its result or problem, in the order they were sent.

One bad item never fails the others. A batch is JSON with a list in it, or lines of JSON (NDJSON) answered line by line.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from indexer.errors import ProductError
from indexer.intake.patch import Patch
from indexer.live import Change
from indexer.product import Product
from indexer.store.records import Answered, Written
from service.answer import Answer
from service.duplicates.screening import OnDuplicate
from service.engine import Asking
from service.rest.asking import aside, ask, ask_patiently, settings_of
from service.rest.bodies import parse
from service.rest.keeping import keep
from service.rest.problems import ImageTooLarge, InvalidField, MalformedJson, TooManyItems, problem
from service.rest.replies import answer_shown, change_shown
from service.rest.schemas import DeleteItem, PatchItem, ProductBody, PutItem
from service.rest.uploads import Listing, images_of, listing, looked_at
from service.rest.writing import write, write_once
from service.worker import Overloaded, Ran

T = TypeVar("T")
Shown = dict[str, Any]
Told = tuple[int, Shown] | Exception
"""A status and what is shown with it, or what went wrong."""

OPERATIONS = ("put", "patch", "delete")
SHOWN = 40
"""Characters that are shown of an op that there is not."""

TOGETHER = 1_000
"""Items of a batch that are in the worker's queue together; a batch may be larger than the whole queue."""

LINES = 512
"""Lines of changes in one transaction."""


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
    good = _good(asked)
    ran = [
        await _asked(request, asking, good[at : at + TOGETHER], patient=at > 0) for at in range(0, len(good), TOGETHER)
    ]
    results = [answer for some in ran for answer in some.results]
    queue, compute = (sum(getattr(some, name) for some in ran) for name in ("queue_ms", "compute_ms"))
    await aside(keep, request, results, items=len(results))
    shown = await aside(_answered, request, documents, asked, results, items=len(documents))
    return Batch(shown, queue, compute)


async def _asked(request: Request, asking: Asking, some: Sequence[Product], *, patient: bool) -> Ran[Any]:
    """Let the worker answer for some of a batch; one that is patient waits for room as long as its client does."""
    while True:
        try:
            return await ask(request, asking, some)
        except Overloaded as error:
            if not patient:
                raise
            await asyncio.sleep(error.retry_after)


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
        keep(request, ran.results)
        batch = Batch(_answered(request, documents, asked, ran.results))
        failed += batch.failed
        yield b"".join(orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE) for item in batch.items)
    yield orjson.dumps({"counts": counts(len(lines), failed)}, option=orjson.OPT_APPEND_NEWLINE)


async def change_items(
    request: Request,
    documents: Sequence[object],
    key: str | None,
    body: bytes,
    *,
    on_duplicate: OnDuplicate = "accept",
) -> Response:
    """Store, change and forget products in the order given and in one transaction; what follows a change sees it."""
    asked = await _changes(request, documents)

    def answer(outcomes: Sequence[Written | Exception]) -> Answered:
        batch = Batch(_changed(request, documents, asked, outcomes))
        return Answered(200, orjson.dumps({"items": batch.items, "counts": counts(len(batch.items), batch.failed)}))

    return await write_once(request, key, body, _good(asked), answer, batch=True, on_duplicate=on_duplicate)


async def change_lines(request: Request, body: bytes, on_duplicate: OnDuplicate = "accept") -> AsyncIterator[bytes]:
    """Yield one line for each line of `body` that is not blank, and one with the counts at the end.

    LINES of them are one transaction; what was answered is stored, whatever becomes of those that follow.
    """
    lines = [line for line in body.splitlines() if line.strip()]
    failed = 0
    for start in range(0, len(lines), LINES):
        documents = [_document(line) for line in lines[start : start + LINES]]
        asked = await _changes(request, documents)
        outcomes = await write(request, _good(asked), patient=start > 0, on_duplicate=on_duplicate)
        batch = Batch(_changed(request, documents, asked, outcomes))
        failed += batch.failed
        yield b"".join(orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE) for item in batch.items)
    yield orjson.dumps({"counts": counts(len(lines), failed)}, option=orjson.OPT_APPEND_NEWLINE)


def _document(line: bytes) -> object:
    try:
        return parse(line)
    except MalformedJson as error:
        return error


async def _questions(request: Request, documents: Sequence[object]) -> list[Product | Exception]:
    """Return the product of each document with its images looked at, or what is wrong with it."""
    asked = await aside(_all, _question, request, documents, items=len(documents))
    looked = iter(await looked_at(request, _good(asked)))
    return [each if isinstance(each, Exception) else next(looked) for each in asked]


def _all(read: Callable[[Request, object], T], request: Request, documents: Sequence[object]) -> list[T]:
    return [read(request, document) for document in documents]


def _question(request: Request, document: object) -> Listing | Exception:
    if isinstance(document, Exception):
        return document
    try:
        body = ProductBody.model_validate(document)
        return listing(request, body.question(), body)
    except (ValidationError, ImageTooLarge) as error:
        return error


@dataclass(frozen=True, slots=True)
class Patching:
    """A patch as it was sent, and the fields that it names as a product."""

    body: PatchItem
    listing: Listing


async def _changes(request: Request, documents: Sequence[object]) -> list[Change | Exception]:
    """Return the change of each document with its images looked at, or what is wrong with it."""
    asked = await aside(_all, _change, request, documents, items=len(documents))
    listings = [each.listing if isinstance(each, Patching) else each for each in asked]
    looked = iter(await looked_at(request, [each for each in listings if isinstance(each, Listing)]))
    changes: list[Change | Exception] = []
    for each in asked:
        if isinstance(each, Patching):
            changes.append(each.body.patch(next(looked)))
        else:
            changes.append(next(looked) if isinstance(each, Listing) else each)
    return changes


def _change(request: Request, document: object) -> Listing | Patching | str | Exception:
    """Return the product to store, the patch, the id to forget, or what is wrong."""
    if isinstance(document, Exception):
        return document
    op = document.get("op", "put") if isinstance(document, dict) else "put"
    if op not in OPERATIONS:
        given = orjson.dumps(op).decode()[:SHOWN]
        return InvalidField(f"op is {given}; it is put, which is meant without one, patch or delete", "/op")
    try:
        if op == "delete":
            return DeleteItem.model_validate(document).id
        if op == "patch":
            patch = PatchItem.model_validate(document)
            return Patching(patch, listing(request, patch.product(patch.id), patch))
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


def _answer(request: Request, product: Product, answer: Answer | ProductError) -> Told:
    return answer if isinstance(answer, ProductError) else (200, answer_shown(answer, images_of(request, product)))


def _changed(
    request: Request,
    documents: Sequence[object],
    asked: Sequence[Change | Exception],
    outcomes: Sequence[Written | Exception],
) -> list[Shown]:
    given = iter(outcomes)
    done = [each if isinstance(each, Exception) else changed(request, each, next(given)) for each in asked]
    return [_item(request, *pair) for pair in zip(documents, done, strict=True)]


def changed(request: Request, change: Change, written: Written | Exception) -> Told:
    """Return the status and what became of a change, with its images where it had some; an error as it is."""
    if isinstance(written, Exception):
        return written
    images = images_of(request, change) if isinstance(change, Product) else _images_of(request, change)
    return 201 if written.outcome == "created" else 200, change_shown(written, images, _facts_of(change))


def _facts_of(change: Change) -> list[tuple[str, str]]:
    """Return the facts that a change gives."""
    if isinstance(change, str):
        return []
    given = change.facts if isinstance(change, Product) else change.changes.get("facts", ())
    return [(name, value) for name, value in dict(given).items() if value]


def _images_of(request: Request, change: Patch | str) -> list[Shown]:
    """Return what became of the images of a patch that names some."""
    if isinstance(change, str) or "pictures" not in change.changes:
        return []
    named = {name: change.changes[name] for name in ("images", "pictures")}
    return images_of(request, Product(change.id, **named))


def _item(request: Request, document: object, outcome: Told) -> Shown:
    given = document.get("id") if isinstance(document, dict) else None
    known = given if isinstance(given, str) else None
    if isinstance(outcome, Exception):
        told = problem(outcome, request.scope["path"], request.state.request_id)
        return {"status": told.status, "id": known, "problem": told}
    status, result = outcome
    return {"status": status, "id": known, "result": result}
