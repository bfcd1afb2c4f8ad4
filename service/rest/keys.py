"""Idempotency keys: what a request is told from others by, and what was answered before to one that comes again."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from indexer.errors import RecordError
from indexer.store.records import Records
from indexer.store.requests import ABANDONED, Answered
from service.rest.access.callers import caller_of
from service.rest.asking import serving_of, settings_of
from service.rest.bodies import JSON
from service.rest.images import ImageBody

RENEWED_SECONDS = ABANDONED.total_seconds() / 5
"""Time between two words of a request that it still runs."""
REPLAYED = {"Idempotency-Replayed": "true"}
REPLAYED_SHOWN: dict[str, Any] = {
    "Idempotency-Replayed": {
        "description": "`true` when this was answered before, to the same request with the same Idempotency-Key.",
        "schema": {"type": "string"},
    }
}
"""The header for OpenAPI."""
ONCE: dict[int | str, dict[str, Any]] = {200: {"headers": REPLAYED_SHOWN}}
"""What a route that takes a key answers with besides, for OpenAPI."""


def name_of(key: str) -> str:
    """Return a key as it is kept: in quotes or without, it is the same."""
    return key.strip('"') or key


def claimed(request: Request, key: str, body: object) -> Answered | None:
    """Claim a key for a request, or return what was answered to it before; body: its bytes, or the document.

    Raises RequestConflict for a key of another request, and RequestRunning.
    """
    kept = timedelta(hours=settings_of(request).key_hours)
    return serving_of(request).live.records.claim(name_of(key), _fingerprint(request, body), kept)


@contextmanager
def renewed(records: Records, key: str) -> Iterator[None]:
    """Keep the claim of a key for as long as what is inside goes on, from a thread of its own."""
    done = threading.Event()

    def renew() -> None:
        while not done.wait(RENEWED_SECONDS):
            with suppress(RecordError):  # what goes on will say so
                records.renew(key)

    renewing = threading.Thread(target=renew, name="aisle-renewing", daemon=True)
    renewing.start()
    try:
        yield
    finally:
        done.set()
        renewing.join()


def as_it_is(answered: Answered, headers: dict[str, str] | None = None) -> Response:
    """Return the answer, byte for byte."""
    return Response(answered.body, answered.status, headers, JSON)


def _fingerprint(request: Request, body: object) -> str:
    """Return what is the same for equal requests alone, of one caller."""
    said = [request.method, request.scope["path"], request.headers.get("if-match", "")]
    said += [caller_of(request).id, *request.query_params.getlist("on_duplicate")]
    written = body if isinstance(body, bytes) else orjson.dumps(body, default=_image, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(orjson.dumps(said) + written).hexdigest()


def _image(value: object) -> object:
    """Return an image of a form as something that JSON can hold."""
    if not isinstance(value, ImageBody):
        raise TypeError(f"{type(value).__name__} is no part of a body")
    return [value.name, None if value.data is None else hashlib.sha256(value.data).hexdigest()]
