"""What each route takes: one table of every method and path that the service answers, and the scope of a caller for it.

What is in no row is not there, whatever else is mounted: the guard answers 404 or 405 for it. So no route can be
forgotten here, and none is open by mistake.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from service.access.scopes import Scope
from service.rest import parameters  # noqa: F401  (its `rest` may be in paths)
from service.rest.desk.pages import PAGES

OPEN = None
"""Of what anybody may ask: whether the service runs, its description, how to sign in."""

SCOPES: Mapping[str, Scope | None] = {
    "GET /livez": OPEN,
    "GET /readyz": OPEN,
    "GET /version": OPEN,
    "GET /openapi.json": OPEN,
    "HEAD /openapi.json": OPEN,
    "GET /static/{path:path}": OPEN,
    "HEAD /static/{path:path}": OPEN,
    "GET /sign-in": OPEN,
    "GET /v1/session": OPEN,
    "POST /v1/session": OPEN,
    "DELETE /v1/session": OPEN,
    **{f"GET {page.path}": "read" for page in PAGES},
    "GET /v1/limits": "read",
    "POST /v1/categorize": "read",
    "POST /v1/categorize:batch": "read",
    "POST /v1/similar": "read",
    "POST /v1/duplicates": "read",
    "GET /v1/products": "read",
    "POST /v1/products": "write",
    "POST /v1/products:batch": "write",
    "GET /v1/products/{product_id:rest}": "read",
    "PUT /v1/products/{product_id:rest}": "write",
    "PATCH /v1/products/{product_id:rest}": "write",
    "DELETE /v1/products/{product_id:rest}": "write",
    "GET /v1/pictures/{picture_hash}/thumbnail": "read",
    "GET /v1/taxonomy": "read",
    "GET /v1/taxonomy/nodes": "read",
    "POST /v1/taxonomy/map": "read",
    "GET /v1/taxonomy/changes": "read",
    "POST /v1/taxonomy/changes": "admin",
    "POST /v1/taxonomy/changes/{number}:undo": "admin",
    "GET /v1/duplicate-groups": "read",
    "GET /v1/duplicate-groups/{group_id}": "read",
    "POST /v1/duplicate-groups/{group_id}/decision": "review",
    "POST /v1/duplicates:decide": "review",
    "POST /v1/duplicates:scan": "review",
    "GET /v1/decisions": "read",
    "GET /v1/decisions/{number:int}": "read",
    "POST /v1/decisions/{number:int}:undo": "review",
    "GET /v1/predictions": "read",
    "GET /v1/predictions:figures": "read",
    "GET /v1/predictions/{prediction_id}": "read",
    "GET /v1/predictions/{prediction_id}/pictures/{picture_hash}/thumbnail": "read",
    "POST /v1/predictions/{prediction_id}/decision": "review",
    "POST /v1/review:nominate": "review",
    "POST /v1/review:next": "review",
    "POST /v1/review/{prediction_id}:release": "review",
    "GET /v1/audit/labels": "read",
    "GET /v1/audit/tags": "read",
    "GET /v1/audit/patterns": "read",
    "POST /v1/audit/labels/{product_id:rest}/decision": "review",
    "POST /v1/audit/tags/{product_id:rest}/decision": "review",
    "POST /v1/audit/patterns/{pattern_id}/decision": "review",
    "POST /v1/audit:sweep": "review",
    "GET /v1/jobs": "read",
    "POST /v1/jobs": "write",
    "POST /v1/jobs:preview": "write",
    "GET /v1/jobs/{job_id}": "read",
    "DELETE /v1/jobs/{job_id}": "write",
    "GET /v1/jobs/{job_id}/result": "read",
    "GET /v1/jobs/{job_id}/quarantine": "read",
    "POST /v1/jobs/{job_id}:cancel": "write",
    "GET /v1/index": "read",
    "GET /v1/index/figures": "read",
    "GET /v1/index/report": "read",
    "GET /v1/map": "read",
    "GET /v1/map/points": "read",
    "POST /v1/map/products": "read",
    "POST /v1/index:rebuild": "admin",
    "POST /v1/index:cancel": "admin",
    "POST /v1/index:publish": "admin",
    "POST /v1/index:rollback": "admin",
    "POST /v1/index:discard": "admin",
    "GET /v1/keys": "admin",
    "POST /v1/keys": "admin",
    "GET /v1/keys/{key_id}": "admin",
    "POST /v1/keys/{key_id}:rotate": "admin",
    "DELETE /v1/keys/{key_id}": "admin",
    "GET /v1/accounts": "admin",
    "GET /v1/accounts/{name:rest}": "admin",
    "PUT /v1/accounts/{name:rest}": "admin",
    "DELETE /v1/accounts/{name:rest}": "admin",
}


def scope_of(method: str, path: str) -> Scope | None:
    """Return the scope that a request takes; raises HTTPException, 404 or 405, when there is no such route."""
    plain, patterns = _compiled()
    if (method, path) in plain:
        return plain[method, path]
    for pattern, scope in patterns.get(method, ()):
        if pattern.match(path):
            return scope
    methods = allowed(path)
    raise HTTPException(405, headers={"Allow": ", ".join(methods)}) if methods else HTTPException(404)


def allowed(path: str) -> list[str]:
    """Return the methods that a path takes, in the order of the table."""
    plain, patterns = _compiled()
    takes = [method for method, known in plain if known == path]
    return takes + [method for method, some in patterns.items() if any(pattern.match(path) for pattern, _ in some)]


Compiled = tuple[Mapping[tuple[str, str], Scope | None], Mapping[str, list[tuple[re.Pattern[str], Scope | None]]]]


@cache
def _compiled() -> Compiled:
    """Return the scopes of paths as they are, and by method those of paths with something left open."""
    plain: dict[tuple[str, str], Scope | None] = {}
    patterns: dict[str, list[tuple[re.Pattern[str], Scope | None]]] = {}
    for route, scope in SCOPES.items():
        method, _, path = route.partition(" ")
        if "{" in path:
            patterns.setdefault(method, []).append((_pattern(path), scope))
        else:
            plain[method, path] = scope
    return plain, patterns


def _pattern(path: str) -> re.Pattern[str]:
    """Return what matches a path with something open. No plain id has a colon: keys/{key_id} is no keys/x:rotate."""
    return re.compile(compile_path(path)[0].pattern.replace("[^/]+", "[^/:]+"))
