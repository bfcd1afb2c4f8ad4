"""The routes of `/v1/products`: stored, read, changed and forgotten, one at a time or many.

What changes the store goes through `writing.py`; what only reads it is a plain `def`, which the server runs in its
thread pool.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response, StreamingResponse

from indexer.intake.patch import Patch
from indexer.product import Product
from indexer.store.records import ANY, Answered, Written
from service.duplicates.screening import OnDuplicate
from service.rest.api import ANSWERED_BY_LINES, BODY, PAGE_DEFAULT, PAGE_LIMIT, Json, chained, or_form, refusals
from service.rest.asking import serving_of
from service.rest.batches import change_items, change_lines, changed, check_size
from service.rest.bodies import (
    JSON,
    MERGE,
    NDJSON,
    BodyRoute,
    check_media_type,
    document_of,
    media_type,
    parse,
    read_bytes,
)
from service.rest.cursors import cursor_of, number_of
from service.rest.keys import REPLAYED_SHOWN
from service.rest.parameters import KEY, IfMatch, IfNoneMatch, Key, OnDuplicateAsked, ProductId, expected, reached
from service.rest.problems import IdConflict, InvalidField
from service.rest.replies import Change, ChangedBatch, ProductPage, StoredProduct, product_shown
from service.rest.schemas import NewProduct, ProductBody, ProductFields, ProductPatch, ProductsBatch
from service.rest.uploads import listing, looked_at
from service.rest.writing import etag, write_once

router = APIRouter(prefix="/v1", route_class=BodyRoute)

LISTED = "after"
"""What a cursor of products says before the key."""


@router.get("/products", response_model=ProductPage, responses=refusals(422), dependencies=[Depends(reached)])
def list_products(
    request: Request,
    cursor: Annotated[str | None, Query(max_length=64, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = PAGE_DEFAULT,
) -> Json:
    """List stored products in the order they first came."""
    page = serving_of(request).page(number_of(LISTED, cursor) or 0, limit)
    more = cursor_of(LISTED, page[-1].key) if len(page) == limit else None
    return Json({"items": [product_shown(stored) for stored in page], "next": more})


_ETAG = {"ETag": {"description": "The product's version, for If-Match.", "schema": {"type": "string"}}}
_VERSIONED: dict[int | str, dict[str, Any]] = {200: {"headers": _ETAG}}
_CHANGED: dict[int | str, dict[str, Any]] = {200: {"headers": _ETAG | REPLAYED_SHOWN}}
_CREATED: dict[int | str, dict[str, Any]] = {
    201: {"model": Change, "description": "Created", "headers": _ETAG | REPLAYED_SHOWN}
}


@router.post(
    "/products",
    response_model=Change,
    responses=refusals(*BODY, 409, 507) | _CHANGED | _CREATED,
    openapi_extra=or_form(NewProduct),
)
async def post_product(
    request: Request, body: NewProduct, key: Key = None, on_duplicate: OnDuplicateAsked = "accept"
) -> Response:
    """Store a product under the id in the body, as PUT does."""
    product = await _looked(request, body, body.id)
    return await _change(request, product, key=key, on_duplicate=on_duplicate)


_CHANGES_BODY = {
    "required": True,
    "content": {
        JSON: {"schema": {"$ref": "#/components/schemas/ProductsBatch"}},
        NDJSON: {"schema": {"description": "One change in JSON on each line; any other line gets a problem."}},
    },
}


@router.post(
    "/products:batch",
    response_model=ChangedBatch,
    responses=refusals(*BODY, 409, 507) | ANSWERED_BY_LINES,
    openapi_extra={"requestBody": _CHANGES_BODY},
)
async def change_products(request: Request, key: Key = None, on_duplicate: OnDuplicateAsked = "accept") -> Response:
    """Store, change and forget many products, in this order and in one transaction.

    NDJSON is answered line by line, some hundred lines in a transaction; it has no limit of items, only of bytes, and
    takes no Idempotency-Key.
    """
    if media_type(request) == NDJSON:
        if key is not None:
            raise InvalidField("lines are carried out some at a time; send JSON with an Idempotency-Key", KEY)
        lines = change_lines(request, await read_bytes(request), on_duplicate)
        return StreamingResponse(chained(await anext(lines), lines), media_type=NDJSON)
    check_media_type(request, (JSON,))
    body = await read_bytes(request)
    documents = ProductsBatch.model_validate(parse(body)).items
    check_size(request, documents)
    return await change_items(request, documents, key, body, on_duplicate=on_duplicate)


@router.get(
    "/products/{product_id:rest}",
    response_model=StoredProduct,
    responses=refusals(404, 422) | _VERSIONED,
    dependencies=[Depends(reached)],
)
def get_product(request: Request, product_id: ProductId) -> Json:
    """Return a stored product."""
    stored = serving_of(request).get(product_id)
    return Json(product_shown(stored), headers={"ETag": etag(stored.version)})


@router.put(
    "/products/{product_id:rest}",
    response_model=Change,
    responses=refusals(*BODY, 409, 412, 507) | _CHANGED | _CREATED,
    openapi_extra=or_form(ProductBody),
)
async def put_product(
    request: Request,
    product_id: ProductId,
    body: ProductBody,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
    *,
    on_duplicate: OnDuplicateAsked = "accept",
) -> Response:
    """Store a product whole, replacing what was there; it counts from the next question on. Idempotent."""
    if body.id is not None and body.id != product_id:
        raise IdConflict(f"the path names {product_id[:80]!r}, the body {body.id[:80]!r}; leave the id out of the body")
    wanted = expected(product_id, if_match, if_none_match)
    product = await _looked(request, body, product_id)
    return await _change(request, product, wanted=wanted, on_duplicate=on_duplicate)


@router.patch(
    "/products/{product_id:rest}",
    response_model=Change,
    responses=refusals(*BODY, 404, 409, 412, 507) | _CHANGED,
    openapi_extra={"requestBody": {"content": {MERGE: {"schema": {"$ref": "#/components/schemas/ProductPatch"}}}}},
)
async def patch_product(
    request: Request,
    product_id: ProductId,
    body: ProductPatch,
    if_match: IfMatch = None,
    key: Key = None,
    *,
    on_duplicate: OnDuplicateAsked = "accept",
) -> Response:
    """Change some fields of a stored product (JSON merge patch): null resets one, the others stay as they are."""
    patch = body.patch(await _looked(request, body, product_id))
    return await _change(request, patch, key=key, wanted=expected(product_id, if_match), on_duplicate=on_duplicate)


@router.delete("/products/{product_id:rest}", response_model=Change, responses=refusals(412, 422, 507))
async def delete_product(request: Request, product_id: ProductId, if_match: IfMatch = None) -> Response:
    """Forget a product; one that is not stored is `missing`, and no error. Idempotent."""
    return await _change(request, product_id, wanted=expected(product_id, if_match))


async def _looked(request: Request, body: ProductFields, product_id: str) -> Product:
    """Return the product of a body with its images looked at."""
    return (await looked_at(request, [listing(request, body.product(product_id), body)]))[0]


async def _change(
    request: Request,
    change: Product | Patch | str,
    *,
    key: str | None = None,
    wanted: Mapping[str, int | None] = ANY,
    on_duplicate: OnDuplicate = "accept",
) -> Response:
    """Carry out one change; a product that is refused is raised as its error."""

    def answer(outcomes: Sequence[Written | Exception]) -> Answered:
        told = changed(request, change, outcomes[0])
        if isinstance(told, Exception):
            raise told
        status, shown = told
        return Answered(status, orjson.dumps(shown))

    document = document_of(request)
    return await write_once(request, key, document, [change], answer, expected=wanted, on_duplicate=on_duplicate)
