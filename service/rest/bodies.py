"""Request bodies: read within the limit of bytes, as JSON or as lines of JSON, or refused with the reason.

The limit is held while reading, whatever Content-Length says. orjson refuses NaN, lone surrogates, bytes that are not
UTF-8 and nesting beyond 1,024 levels, which Python's own reader lets through.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from service.rest.asking import settings_of
from service.rest.problems import BodyTooLarge, MalformedJson, WrongMediaType

JSON = "application/json"
NDJSON = "application/x-ndjson"


class JsonRoute(APIRoute):
    """A route whose body, if it takes one, is JSON read by `read_json`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with the reading put before it."""
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def read_and_handle(request: Request) -> Response:
            read = _ReadRequest(request.scope, request.receive)
            read.document = await read_json(read)
            return await handle(read)

        return read_and_handle


class _ReadRequest(Request):
    """A request that hands out the document already read instead of reading again."""

    document: Any

    async def body(self) -> bytes:
        return b"read"

    async def json(self) -> Any:  # noqa: ANN401 - JSON is anything until it is validated
        return self.document


async def read_json(request: Request) -> Any:  # noqa: ANN401 - JSON is anything until it is validated
    """Return the body as a document; raises WrongMediaType, BodyTooLarge or MalformedJson."""
    if media_type(request) != JSON:
        raise WrongMediaType(f"send the body as Content-Type: {JSON}")
    return parse(await read_bytes(request))


async def read_bytes(request: Request) -> bytes:
    """Return the body; raises BodyTooLarge as soon as it is known to exceed AISLE_BODY_BYTES."""
    limit = settings_of(request).body_bytes
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    body = bytearray()
    async for some in request.stream():
        body += some
        if len(body) > limit:
            raise _too_large(limit)
    return bytes(body)


def parse(body: bytes) -> Any:  # noqa: ANN401 - JSON is anything until it is validated
    """Return the JSON document in `body`; raises MalformedJson with the place of the fault."""
    if not body.strip():
        raise MalformedJson("the body is empty; send a JSON document")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedJson(f"the body cannot be read as JSON: {error}") from error


def media_type(request: Request) -> str:
    """Return the media type of the body, without parameters, in lower case; "" when there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"the body has more than {limit:,} bytes; send it in parts or raise AISLE_BODY_BYTES")
