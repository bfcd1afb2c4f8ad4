"""The routes of `/v1` that ask about products and change them: read, let the worker ask the engine, write its answer.

What needs the encoder goes to the worker (`worker.py`) through `ask`; what only reads the record store is a plain
`def`, which the server runs in its thread pool. Nothing heavy happens on the event loop.
"""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel
from starlette.convertors import Convertor, register_url_convertor
from starlette.responses import Response, StreamingResponse

from indexer.errors import ProductError
from indexer.product import ID_CHARS
from service.calibration.dial import Dial, Policy
from service.engine import Asking
from service.rest.asking import ask, engine_of
from service.rest.batches import (
    Batch,
    categorize_items,
    categorize_lines,
    change_items,
    check_size,
    counts,
    created,
)
from service.rest.bodies import FORM, JSON, NDJSON, BodyRoute, media_type, read_bytes, read_document
from service.rest.forms import form_schema
from service.rest.images import ID_PATTERN
from service.rest.problems import MEDIA_TYPE, IdConflict, InvalidCursor
from service.rest.replies import (
    Categorized,
    CategorizedBatch,
    Change,
    ChangedBatch,
    ProductPage,
    SimilarProducts,
    StoredProduct,
    answer_shown,
    change_shown,
    product_shown,
)
from service.rest.schemas import (
    CategorizeBatch,
    NewProduct,
    ProductBody,
    ProductFields,
    ProductsBatch,
    SimilarBody,
)
from service.rest.uploads import images_of, listing, looked_at

PAGE_DEFAULT, PAGE_LIMIT = 50, 500


class _Rest(Convertor[str]):
    """The rest of a path, line breaks too: Starlette's own `path` drops one at the end, and two ids would be one."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("rest", _Rest())

router = APIRouter(prefix="/v1", route_class=BodyRoute)

ProductId = Annotated[
    str,
    Path(min_length=1, max_length=ID_CHARS, pattern=ID_PATTERN, description="May contain slashes and spaces."),
]


Precision = Annotated[
    float | None,
    Query(gt=0.5, lt=1, description="Share of `auto` answers that must be right; the service's setting when absent."),
]
PolicyAsked = Annotated[
    Policy | None, Query(description="How far an answer goes; the service's setting when absent. See docs/decision.md.")
]

WithoutImage = Annotated[
    bool, Query(description="Whether to say as well what the answer would be without the picture, if one was used.")
]


def _dial(precision: Precision = None, policy: PolicyAsked = None, *, without_image: WithoutImage = False) -> Dial:
    return Dial(precision, policy, without_image)


DialAsked = Annotated[Dial, Depends(_dial)]

BODY = (400, 413, 415, 422)
"""What a route with a body may refuse it with."""

_REASONS = {
    400: "The body is not of its media type.",
    404: "There is no such thing.",
    409: "The ids in path and body differ.",
    413: "The body has too many bytes or items, or an image has too many bytes.",
    415: "The body is of another media type.",
    422: "The request does not have the form that is expected, or the product is refused.",
    503: "Not ready, or too much is waiting; Retry-After says when to try again.",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the problems that a route may answer with, for OpenAPI; 503 is one of every route that asks the index."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": _REASONS[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in (*statuses, 503)
    }


class Json(Response):
    """A value as JSON."""

    media_type = JSON

    def render(self, content: object) -> bytes:
        """Return the bytes."""
        return orjson.dumps(content)


def or_form(model: type[BaseModel]) -> dict[str, Any]:
    """Return what says in OpenAPI that a route takes a form beside JSON, which is what lets `BodyRoute` read one."""
    return {"requestBody": {"content": {FORM: {"schema": form_schema(model)}}}}


@router.post("/categorize", response_model=Categorized, responses=refusals(*BODY), openapi_extra=or_form(ProductBody))
async def categorize(request: Request, body: ProductBody, dial: DialAsked) -> Json:
    """Say on which shelf a product belongs, with tags, the neighbours that decided, and near-duplicates."""
    begun = time.perf_counter()
    asking = Asking(engine_of(request), dial)
    asked = await looked_at(request, [listing(request, body.question(), body)])
    ran = await ask(request, asking, asked)
    answer = ran.results[0]
    if isinstance(answer, ProductError):
        raise answer
    return Json(
        answer_shown(answer, images_of(request, asked[0])) | {"timings": _timings(begun, ran.queue_ms, ran.compute_ms)}
    )


_BATCH_BODY = {
    "required": True,
    "content": {
        JSON: {"schema": {"$ref": "#/components/schemas/CategorizeBatch"}},
        NDJSON: {"schema": {"description": "One product in JSON on each line; any other line gets a problem."}},
    },
}
_LINES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "In the media type of the request; of NDJSON the last line holds the counts.",
        "content": {NDJSON: {"schema": {"type": "string", "description": "One item in JSON on each line."}}},
    }
}


@router.post(
    "/categorize:batch",
    response_model=CategorizedBatch,
    responses=refusals(*BODY) | _LINES,
    openapi_extra={"requestBody": _BATCH_BODY},
)
async def categorize_batch(request: Request, dial: DialAsked) -> Response:
    """Categorize many products. NDJSON is answered line by line and has no limit of items, only of bytes."""
    begun = time.perf_counter()
    asking = Asking(engine_of(request), dial)
    if media_type(request) == NDJSON:
        lines = categorize_lines(request, asking, await read_bytes(request))
        return StreamingResponse(_chained(await anext(lines), lines), media_type=NDJSON)
    documents = CategorizeBatch.model_validate(await read_document(request)).items
    check_size(request, documents)
    batch = await categorize_items(request, asking, documents)
    return Json(_counted(batch) | {"timings": _timings(begun, batch.queue_ms, batch.compute_ms)})


@router.post(
    "/similar", response_model=SimilarProducts, responses=refusals(*BODY, 404), openapi_extra=or_form(SimilarBody)
)
async def similar(request: Request, body: SimilarBody) -> Json:
    """Return the stored products most similar to a product, or to the stored one when only its `id` is given."""
    engine = engine_of(request)
    asked = await looked_at(request, [listing(request, body.question(), body)])
    query = body.id if body.id and not body.says_anything else asked[0]
    ran = await ask(request, lambda asked: [engine.similar(each, body.limit) for each in asked], [query])
    return Json({"items": ran.results[0], "images": images_of(request, asked[0])})


@router.get("/products", response_model=ProductPage, responses=refusals(422))
def list_products(
    request: Request,
    cursor: Annotated[str | None, Query(max_length=64, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = PAGE_DEFAULT,
) -> Json:
    """List stored products in the order they first came."""
    page = engine_of(request).page(_place(cursor), limit)
    more = _cursor(page[-1].key) if len(page) == limit else None
    return Json({"items": [product_shown(stored) for stored in page], "next": more})


_CREATED: dict[int | str, dict[str, Any]] = {201: {"model": Change, "description": "Created"}}


@router.post(
    "/products",
    response_model=Change,
    responses=refusals(*BODY) | _CREATED,
    openapi_extra=or_form(NewProduct),
)
async def post_product(request: Request, body: NewProduct) -> Json:
    """Store a product under the id in the body, as PUT does."""
    return await _put(request, body, body.id)


@router.post("/products:batch", response_model=ChangedBatch, responses=refusals(*BODY))
async def change_products(request: Request, body: ProductsBatch) -> Json:
    """Store and forget many products, in this order; each counts from the next question on."""
    check_size(request, body.items)
    return Json(_counted(await change_items(request, body.items)))


@router.get("/products/{product_id:rest}", response_model=StoredProduct, responses=refusals(404, 422))
def get_product(request: Request, product_id: ProductId) -> Json:
    """Return a stored product."""
    return Json(product_shown(engine_of(request).get(product_id)))


@router.put(
    "/products/{product_id:rest}",
    response_model=Change,
    responses=refusals(*BODY, 409) | _CREATED,
    openapi_extra=or_form(ProductBody),
)
async def put_product(request: Request, product_id: ProductId, body: ProductBody) -> Json:
    """Store a product whole, replacing what was there; it counts from the next question on. Idempotent."""
    if body.id is not None and body.id != product_id:
        raise IdConflict(f"the path names {product_id[:80]!r}, the body {body.id[:80]!r}; leave the id out of the body")
    return await _put(request, body, product_id)


@router.delete("/products/{product_id:rest}", response_model=Change, responses=refusals(422))
async def delete_product(request: Request, product_id: ProductId) -> Json:
    """Forget a product; one that is not stored is `missing`, and no error. Idempotent."""
    ran = await ask(request, engine_of(request).delete, [product_id])
    return Json(change_shown(ran.results[0]))


async def _put(request: Request, body: ProductFields, product_id: str) -> Json:
    put = engine_of(request).put
    products = await looked_at(request, [listing(request, body.product(product_id), body)])
    written = (await ask(request, put, products)).results[0]
    if isinstance(written, ProductError):
        raise written
    shown = change_shown(written, images_of(request, products[0]))
    if not created(written):
        return Json(shown)
    return Json(shown, HTTPStatus.CREATED, {"Location": f"/v1/products/{quote(product_id)}"})


def _counted(batch: Batch) -> dict[str, Any]:
    return {"items": batch.items, "counts": counts(len(batch.items), batch.failed)}


def _timings(begun: float, queue_ms: float, compute_ms: float) -> Mapping[str, float]:
    total = (time.perf_counter() - begun) * 1000
    return {"queue": round(queue_ms, 3), "compute": round(compute_ms, 3), "total": round(total, 3)}


async def _chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for some in rest:
        yield some


_CURSOR = re.compile(r"after ([0-9]{1,18})")


def _cursor(key: int) -> str:
    return base64.urlsafe_b64encode(f"after {key}".encode()).decode()


def _place(cursor: str | None) -> int:
    """Return the key that a page starts after; raises InvalidCursor for a cursor that `_cursor` has not made."""
    if cursor is None:
        return 0
    try:
        known = _CURSOR.fullmatch(base64.b64decode(cursor, b"-_", validate=True).decode())
    except (binascii.Error, ValueError):
        known = None
    if known is None:
        raise InvalidCursor("this cursor was not given by this list; start without one")
    return int(known[1])
