"""What the description of the API says of keys: which scope each route takes, and how it refuses who lacks it."""

from __future__ import annotations

import re
from typing import Any

from service.rest.access.callers import COOKIE
from service.rest.access.routes import OPEN, SCOPES
from service.rest.problems import MEDIA_TYPE

_PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_REFUSALS = {
    "401": ("Unauthorized", "Keys are asked for, and none that counts was shown."),
    "403": ("Forbidden", "The key or account lacks the scope, or another site asks."),
    "429": ("RateExceeded", "The rate of the key is exceeded; Retry-After says when."),
}
_SCHEMES = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key, as `aisle keys create` gives it."},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "Of a browser that is signed in."},
}


def guarded(described: dict[str, Any]) -> dict[str, Any]:
    """Return a description to which schemes, scopes and refusals are added.

    The last way in is none at all: a service that only its own machine can reach asks nobody.
    """
    described["components"]["securitySchemes"] = _SCHEMES
    described["components"]["responses"] = {
        name: {"description": said, "content": _PROBLEM} for name, said in _REFUSALS.values()
    }
    refusals = {status: {"$ref": f"#/components/responses/{name}"} for status, (name, _) in _REFUSALS.items()}
    scopes = {_plain(route): scope for route, scope in SCOPES.items()}
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            scope = scopes[f"{method.upper()} {path}"]
            if scope is OPEN:
                continue
            operation["security"] = [{"key": [scope]}, {"session": [scope]}, {}]
            operation["responses"] |= refusals
    return described


def _plain(route: str) -> str:
    """Return a route with its parameters as OpenAPI writes them, without a convertor."""
    return re.sub(r"\{(\w+):\w+\}", r"{\1}", route)
