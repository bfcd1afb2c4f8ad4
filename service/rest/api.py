"""The routes of `/v1` that ask about products: read, let the worker ask the engine, write its answer.

What needs the encoder goes to the worker (`worker.py`) through `ask`. Nothing heavy happens on the event loop. Routes
that store and change products are in `products.py`, what all take from path, query and headers in `parameters.py`.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any

import orjson
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from starlette.responses import Response, StreamingResponse

from indexer.errors import ProductError
from service.engine import Asking
from service.rest.asking import aside, ask, serving_of
from service.rest.batches import Batch, categorize_items, categorize_lines, check_size, counts
from service.rest.bodies import FORM, JSON, NDJSON, BodyRoute, media_type, read_bytes, read_document
from service.rest.forms import form_schema
from service.rest.keeping import keep
from service.rest.parameters import DialAsked, reached
from service.rest.problems import MEDIA_TYPE
from service.rest.replies import Categorized, CategorizedBatch, Duplicates, SimilarProducts, answer_shown
from service.rest.schemas import CategorizeBatch, DuplicatesBody, ProductBody, SimilarBody
from service.rest.uploads import images_of, listing, looked_at

PAGE_DEFAULT, PAGE_LIMIT = 50, 500

router = APIRouter(prefix="/v1", route_class=BodyRoute)

BODY = (400, 413, 415, 422)
"""What a route with a body may refuse it with."""

_REASONS = {
    400: "The body is not of its media type.",
    401: "Nobody is let in so.",
    404: "There is no such thing.",
    409: "It cannot be done as things stand, or the request of this Idempotency-Key has no answer yet: see the detail.",
    412: "The product has another version than If-Match or If-None-Match says.",
    413: "The body has too many bytes or items, or an image has too many bytes.",
    415: "The body is of another media type.",
    422: "The request does not have the form that is expected, or the product is refused.",
    429: "Tried too often; Retry-After says when to try again.",
    503: "Not ready, too much is waiting, or what min_seq asks for is not here yet; Retry-After says when.",
    507: "There is no room for the change where the record store is.",
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


@router.post(
    "/categorize",
    response_model=Categorized,
    responses=refusals(*BODY),
    openapi_extra=or_form(ProductBody),
    dependencies=[Depends(reached)],
)
async def categorize(request: Request, body: ProductBody, dial: DialAsked) -> Json:
    """Say on which shelf a product belongs, with tags, the neighbours that decided, and near-duplicates."""
    begun = time.perf_counter()
    asking = Asking(serving_of(request), dial)
    asked = await looked_at(request, [listing(request, body.question(), body)])
    ran = await ask(request, asking, asked)
    answer = ran.results[0]
    if isinstance(answer, ProductError):
        raise answer
    keep(request, [answer])
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
ANSWERED_BY_LINES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "In the media type of the request; of NDJSON the last line holds the counts.",
        "content": {NDJSON: {"schema": {"type": "string", "description": "One item in JSON on each line."}}},
    }
}


@router.post(
    "/categorize:batch",
    response_model=CategorizedBatch,
    responses=refusals(*BODY) | ANSWERED_BY_LINES,
    openapi_extra={"requestBody": _BATCH_BODY},
    dependencies=[Depends(reached)],
)
async def categorize_batch(request: Request, dial: DialAsked) -> Response:
    """Categorize many products. NDJSON is answered line by line and has no limit of items, only of bytes."""
    begun = time.perf_counter()
    asking = Asking(serving_of(request), dial)
    if media_type(request) == NDJSON:
        lines = categorize_lines(request, asking, await read_bytes(request))
        return StreamingResponse(chained(await anext(lines), lines), media_type=NDJSON)
    documents = CategorizeBatch.model_validate(await read_document(request)).items
    check_size(request, documents)
    batch = await categorize_items(request, asking, documents)
    shown = _counted(batch) | {"timings": _timings(begun, batch.queue_ms, batch.compute_ms)}
    return await aside(Json, shown, items=len(documents))


@router.post(
    "/similar",
    response_model=SimilarProducts,
    responses=refusals(*BODY, 404),
    openapi_extra=or_form(SimilarBody),
    dependencies=[Depends(reached)],
)
async def similar(request: Request, body: SimilarBody) -> Json:
    """Return the stored products most similar to a product, or to the stored one when only its `id` is given."""
    engine = serving_of(request)
    asked = await looked_at(request, [listing(request, body.question(), body)])
    query = body.id if body.id and not body.says_anything else asked[0]
    ran = await ask(request, lambda asked: [engine.similar(each, body.limit) for each in asked], [query])
    return Json({"items": ran.results[0], "images": images_of(request, asked[0])})


@router.post(
    "/duplicates",
    response_model=Duplicates,
    responses=refusals(*BODY, 404),
    openapi_extra=or_form(DuplicatesBody),
    dependencies=[Depends(reached)],
)
async def duplicates(request: Request, body: DuplicatesBody) -> Json:
    """Return the stored products that a product may be a duplicate or variant of, or the stored one with that `id`."""
    begun = time.perf_counter()
    engine = serving_of(request)
    asked = await looked_at(request, [listing(request, body.question(), body)])
    query = body.id if body.id and not body.says_anything else asked[0]
    look = partial(engine.duplicates, limit=body.limit, least=body.least)
    ran = await ask(request, lambda asked: [look(each) for each in asked], [query])
    shown = {"items": ran.results[0], "images": images_of(request, asked[0])}
    return Json(shown | {"timings": _timings(begun, ran.queue_ms, ran.compute_ms)})


def _counted(batch: Batch) -> dict[str, Any]:
    return {"items": batch.items, "counts": counts(len(batch.items), batch.failed)}


def _timings(begun: float, queue_ms: float, compute_ms: float) -> Mapping[str, float]:
    total = (time.perf_counter() - begun) * 1000
    return {"queue": round(queue_ms, 3), "compute": round(compute_ms, 3), "total": round(total, 3)}


async def chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield what was asked for already, so that what it raises becomes a problem, and then the rest."""
    yield first
    async for some in rest:
        yield some
