"""Who asks, for whatever needs to know it: the author of a decision, the page."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from service.access import tokens
from service.access.access import ANYBODY, Access, Caller
from service.rest.problems import NotReady

COOKIE = "aisle_session"
"""What a browser that is signed in shows."""


def caller_of(request: Request) -> Caller:
    """Return who asks; ANYBODY where nobody has to say so, and nobody did."""
    found: Caller = getattr(request.state, "caller", ANYBODY)
    return found


def author_of(request: Request, given: str) -> str:
    """Return under which name something is decided: the caller's, or without one the name that was given."""
    return caller_of(request).name or given


def account(request: Request) -> dict[str, object]:
    """Return what account.html shows: who is signed in, or where one can."""
    access: Access | None = request.app.state.access
    caller = caller_of(request)
    return {"caller": caller, "offer_sign_in": not caller.id and access is not None and access.anybody_could()}


def shown(request: Request) -> tuple[str, bool]:
    """Return the secret that a request shows, "" for none, and whether it is the key of a program, not of a browser.

    What others are let in by, as a proxy in front of the service may send it, is none.
    """
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and token.strip().startswith(tokens.PREFIX):
        return token.strip(), True
    return request.cookies.get(COOKIE, ""), False


async def identified(request: Request, secret: str) -> Caller | None:
    """Return whom a secret belongs to, None for nobody; raises NotReady, and RecordError."""
    access = access_of(request)
    known, caller = access.held(secret)
    return caller if known else await run_in_threadpool(access.look_up, secret)


def access_of(request: Request) -> Access:
    """Return what knows the callers; raises NotReady until the index is open."""
    access: Access | None = request.app.state.access
    if access is None:
        raise NotReady("the index is not open yet, and who may ask is kept there; try again in a moment")
    return access
