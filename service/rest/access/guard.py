"""The guard: what every request passes before its route. Who asks, may they do that, and how often.

    the route's scope, or 404 and 405 -> a page of elsewhere that asks behind a person's back is refused
    -> the key or the session, or a name that is its own -> the rate -> the scope -> the route

Plain ASGI, inside the edge, so that it is passed before a body is read. What is open to everybody passes, with bodies
that are small. Where the service asks nobody for a key, a key that is shown counts all the same; whoever shows none is
answered under the service's own names alone, for any page can give this machine's address another one (DNS rebinding).
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from service.access.access import ANYBODY, Caller, asks_for_keys
from service.access.hosts import is_own
from service.access.rates import Allowance, Rates
from service.rest.access.callers import identified, shown
from service.rest.access.routes import scope_of
from service.rest.problems import BodyTooLarge, CrossSite, Forbidden, RateExceeded, Unauthorized, UnknownHost
from service.settings import ServiceSettings

SIGN_IN = "/sign-in"
SMALL = 16 * 1024
"""Bytes in the body of a request that anybody may make."""
SAFE = frozenset({"GET", "HEAD"})
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
"""What a proxy adds to a request that comes from elsewhere."""


class Guard:
    """Lets requests through to their routes, with `caller` in their state."""

    def __init__(self, app: ASGIApp, settings: ServiceSettings) -> None:
        self._app = app
        self._always = asks_for_keys(settings)
        self._careful = settings.access == "auto"
        self._names = frozenset(name.strip().lower() for name in settings.hosts.split(","))
        self._rates = Rates()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or raise why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        needed = scope_of(scope["method"], scope["path"])
        request, headers = Request(scope), Headers(scope=scope)
        secret, by_key = shown(request)
        if not (by_key or request.method in SAFE):
            _check_origin(headers)
        if needed is None:
            _check_small(headers)
            await self._app(scope, receive, send)
            return
        caller = await identified(request, secret) if secret else None
        if caller is None and (by_key or self._asks(headers)):
            if not (request.method == "GET" and is_page(scope["path"])):
                raise Unauthorized(shown=bool(secret))
            there = f"{SIGN_IN}?next={quote(scope['path'])}"
            await RedirectResponse(there, 303, {"Cache-Control": "no-store"})(scope, receive, send)
            return
        if caller is None and not is_own(headers.get("host", ""), self._names):
            raise UnknownHost(headers["host"])
        request.state.caller = caller = caller or ANYBODY
        if caller.rate:
            request.state.headers = self._counted(caller)
        if needed not in caller.scopes:
            raise Forbidden(caller.name, needed)
        await self._app(scope, receive, send)

    def _asks(self, headers: Headers) -> bool:
        """Whether somebody has to say who asks: always, or because a proxy passes on what comes from elsewhere."""
        return self._always or (self._careful and any(name in headers for name in FORWARDED))

    def _counted(self, caller: Caller) -> Mapping[str, str]:
        """Count a request of a caller and return what is told of its rate; raises RateExceeded."""
        allowance = self._rates.take(caller.id, caller.rate)
        told = rate_headers(allowance)
        if not allowance.allowed:
            raise RateExceeded(allowance.quota, allowance.window, told | {"Retry-After": str(allowance.wait)})
        return told


def is_page(path: str) -> bool:
    """Whether a path is of a page for people."""
    return not path.startswith("/v1/")


def rate_headers(allowance: Allowance) -> dict[str, str]:
    """Return what the IETF's draft of RateLimit headers tells of a rate."""
    return {
        "RateLimit-Policy": f'"requests";q={allowance.quota};w={allowance.window}',
        "RateLimit": f'"requests";r={allowance.left};t={allowance.reset}',
    }


def _check_origin(headers: Headers) -> None:
    """Refuse what a page of elsewhere has a person's browser send. A key of ours no browser adds of its own accord.

    Sec-Fetch-Site is of every browser since 2023; an older one says Origin. Programs say neither.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        crossed = site not in {"same-origin", "none"}
    else:
        crossed = origin is not None and urlsplit(origin).netloc != headers.get("host", "")
    if crossed:
        raise CrossSite


def _check_small(headers: Headers) -> None:
    declared = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not declared.isdecimal() or int(declared) > SMALL:
        raise BodyTooLarge(f"the body has more than {SMALL:,} bytes, or does not say how many; nothing here needs them")
