"""The service: routes, page, errors and worker put together around one open index.

`python -m service.rest.app > docs/openapi.json` writes the description of the API that is committed.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from service.access.access import Access
from service.jobs.runner import Runner
from service.mapping.known import Known
from service.plane.atlas import Atlas
from service.rest import (
    api,
    audit,
    audit_decisions,
    categories,
    decisions,
    duplicate_groups,
    facts,
    figures,
    jobs,
    maps,
    predictions,
    previews,
    products,
    review,
    snapshots,
    taxonomies,
    thumbnails,
)
from service.rest.access import accounts, keys, session
from service.rest.access.guard import Guard
from service.rest.access.openapi import guarded
from service.rest.desk.pages import desk_router, static_files
from service.rest.edge import Edge
from service.rest.problems import problem_response
from service.rest.schemas import CategorizeBatch, DeleteItem, PatchItem, ProductsBatch, PutItem
from service.rest.uploads import Looking
from service.rest.writing import Writer
from service.serving import Serving
from service.settings import ServiceSettings
from service.worker import Worker

UNSEEN: list[tuple[type[BaseModel], Literal["validation"]]] = [
    (CategorizeBatch, "validation"),
    (ProductsBatch, "validation"),
    (PutItem, "validation"),
    (PatchItem, "validation"),
    (DeleteItem, "validation"),
]
"""Models that only descriptions refer to, or bodies that routes read themselves, so that FastAPI does not see them."""


def create_app(settings: ServiceSettings, serving: Serving | None = None) -> FastAPI:
    """Return the ASGI application. It opens the index of `settings` when it starts and closes it when it stops.

    A `serving` that is given is used instead and stays open. Starting raises what `Serving.open` raises.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        opened: Serving = serving if serving is not None else await run_in_threadpool(Serving.open, settings)
        app.state.worker = Worker(step_items=settings.encode_items, queue_items=settings.queue_items)
        app.state.writer = Writer(settings.queue_items)
        app.state.looking = Looking(settings)
        app.state.known = Known()
        app.state.access = Access(opened.live.records, settings)
        app.state.atlas = Atlas(settings.index)
        app.state.serving = opened
        app.state.jobs = Runner(opened, app.state.worker)
        yield
        app.state.serving = app.state.access = None
        await run_in_threadpool(app.state.jobs.close)
        await run_in_threadpool(app.state.worker.close)
        await run_in_threadpool(app.state.writer.close)
        if serving is None:
            await run_in_threadpool(opened.close)

    app = FastAPI(
        title="aisle",
        version="v1",
        summary="Puts a product on the right shelf by looking at its neighbours.",
        docs_url=None,  # its page loads from elsewhere; any viewer can be pointed at /openapi.json
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        generate_unique_id_function=_operation_name,
    )
    app.state.settings, app.state.serving, app.state.access = settings, None, None
    app.state.worker, app.state.looking, app.state.attempts = None, None, session.Attempts()
    app.add_middleware(Guard, settings=settings)
    app.add_middleware(Edge)
    app.add_exception_handler(HTTPException, _refuse)
    app.add_exception_handler(RequestValidationError, _refuse)
    app.include_router(api.router)
    app.include_router(products.router)
    app.include_router(facts.router)
    app.include_router(categories.router)
    app.include_router(snapshots.router)
    app.include_router(figures.router)
    app.include_router(maps.router)
    app.include_router(taxonomies.router)
    app.include_router(duplicate_groups.router)
    app.include_router(decisions.router)
    app.include_router(audit.router)
    app.include_router(audit_decisions.router)
    app.include_router(predictions.router)
    app.include_router(review.router)
    app.include_router(thumbnails.router)
    app.include_router(jobs.router)
    app.include_router(previews.router)
    app.include_router(session.router)
    app.include_router(keys.router)
    app.include_router(accounts.router)
    app.include_router(desk_router())
    app.mount("/static", static_files(), name="static")
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]  # the way FastAPI documents for changing it
    return app


def openapi_text(app: FastAPI) -> str:
    """Return the description of the API as it is committed in docs/openapi.json."""
    return orjson.dumps(app.openapi(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def _described(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, with the models that only routes which read their body themselves know of."""
    if app.openapi_schema is None:
        described = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        _, definitions = models_json_schema(UNSEEN, ref_template="#/components/schemas/{model}")
        described["components"]["schemas"] |= definitions["$defs"]
        app.openapi_schema = guarded(described)
    return app.openapi_schema


def _operation_name(route: APIRoute) -> str:
    return route.name


async def _refuse(request: Request, error: Exception) -> Response:
    return problem_response(error, request.scope["path"], request.state.request_id)


if __name__ == "__main__":
    sys.stdout.write(openapi_text(create_app(ServiceSettings())))
