"""Request bodies: read within their limits, as JSON, as lines of JSON or as a form, or refused with the reason.

Limits are held while reading, whatever Content-Length says. orjson refuses NaN, lone surrogates, bytes that are not
UTF-8 and nesting beyond 1,024 levels, which Python's own reader lets through.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

import orjson
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from service.rest.asking import settings_of
from service.rest.forms import read_form
from service.rest.problems import BodyTooLarge, MalformedJson, WrongMediaType

JSON = "application/json"
NDJSON = "application/x-ndjson"
FORM = "multipart/form-data"
MERGE = "application/merge-patch+json"


class BodyRoute(APIRoute):
    """A route whose body, if it takes one, is JSON; or FORM or MERGE too, where its description in OpenAPI says so."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with the reading put before it."""
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle
        content = (self.openapi_extra or {}).get("requestBody", {}).get("content", {})
        taken = (JSON, *(each for each in (FORM, MERGE) if each in content))

        required = self.body_field.field_info.is_required()

        async def read_and_handle(request: Request) -> Response:
            if not (required or media_type(request) or await request.body()):
                return await handle(request)
            return await handle(_ReadRequest.of(request, await read_document(request, taken)))

        return read_and_handle


class _ReadRequest(Request):
    """A request whose body was read: it hands out the document, which from here on came as JSON."""

    document: Any

    @classmethod
    def of(cls, request: Request, document: object) -> _ReadRequest:
        others = [(name, value) for name, value in request.scope["headers"] if name != b"content-type"]
        read = cls({**request.scope, "headers": [*others, (b"content-type", JSON.encode())]}, request.receive)
        read.document = document
        return read

    async def body(self) -> bytes:
        return b"read"

    async def json(self) -> Any:  # noqa: ANN401 - JSON is anything until it is validated
        return self.document


def document_of(request: Request) -> object:
    """Return the document that the body of a `BodyRoute` was read as, before it was checked."""
    return request.document if isinstance(request, _ReadRequest) else None


async def read_document(request: Request, taken: tuple[str, ...] = (JSON,)) -> Any:  # noqa: ANN401 - as above
    """Return the body as a document, whichever of the media types `taken` it has.

    Raises WrongMediaType, BodyTooLarge, MalformedJson, and what `read_form` raises.
    """
    if check_media_type(request, taken) == FORM:
        return await read_form(request.headers, _pieces(request), settings_of(request).image_bytes)
    return parse(await read_bytes(request))


async def read_bytes(request: Request) -> bytes:
    """Return the body; raises BodyTooLarge as soon as it is known to exceed AISLE_BODY_BYTES."""
    body = bytearray()
    async for piece in _pieces(request):
        body += piece
    return bytes(body)


async def pieces(request: Request, limit: int, setting: str, what: str) -> AsyncGenerator[bytes, None]:
    """Yield a body as it arrives; raises BodyTooLarge as soon as it is known to have more bytes than the limit.

    setting, what: where the limit is set and what the body is, for the error.
    """
    too_large = BodyTooLarge(f"the {what} has more than {limit:,} bytes; send it in parts or raise {setting}")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large
    size = 0
    async for some in request.stream():
        size += len(some)
        if size > limit:
            raise too_large
        yield some


def _pieces(request: Request) -> AsyncGenerator[bytes, None]:
    return pieces(request, settings_of(request).body_bytes, "AISLE_BODY_BYTES", "body")


def parse(body: bytes) -> Any:  # noqa: ANN401 - JSON is anything until it is validated
    """Return the JSON document in `body`; raises MalformedJson with the place of the fault."""
    if not body.strip():
        raise MalformedJson("the body is empty; send a JSON document")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedJson(f"the body cannot be read as JSON: {error}") from error


def check_media_type(request: Request, taken: tuple[str, ...]) -> str:
    """Return the media type of the body; raises WrongMediaType when it is none of those `taken`."""
    given = media_type(request)
    if given not in taken:
        raise WrongMediaType(f"send the body as Content-Type: {' or '.join(taken)}")
    return given


def media_type(request: Request) -> str:
    """Return the media type of the body, without parameters, in lower case; "" when there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
