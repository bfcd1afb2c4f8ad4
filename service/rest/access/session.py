"""Signing in and out: what a browser shows from then on is a cookie that no script reads and no other site sends."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, model_validator
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from service.access.access import ANYBODY, Caller, SignedIn, asks_for_keys
from service.access.names import NAME_CHARS
from service.access.passwords import MOST
from service.access.rates import Rates
from service.access.scopes import SCOPES, Scope
from service.rest.access.callers import COOKIE, access_of, identified, shown
from service.rest.api import Json, refusals
from service.rest.asking import settings_of
from service.rest.bodies import BodyRoute
from service.rest.images import VISIBLE, Body
from service.rest.problems import RateExceeded, SignInFailed

ATTEMPTS, NAMED_ATTEMPTS, ATTEMPTS_WINDOW = 10, 30, 300
"""Attempts to sign in from one address, and with one name, in that many seconds."""
AT_ONCE = 2
"""Attempts that are looked at at a time; the others wait without a thread."""
NETWORK = 64
"""Bits of an address of IPv6 that name a network: the others are its owner's to choose."""

NOBODY = Caller("", "", frozenset(), 0)

router = APIRouter(prefix="/v1/session", route_class=BodyRoute)


class SignInBody(Body):
    """Who signs in: a key, or a name and a password."""

    key: Annotated[str, Field(min_length=1, max_length=100, pattern=VISIBLE)] | None = None
    name: Annotated[str, Field(min_length=1, max_length=NAME_CHARS, pattern=VISIBLE)] | None = None
    password: Annotated[str, Field(min_length=1, max_length=MOST)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> SignInBody:
        given = {name for name in ("key", "name", "password") if getattr(self, name) is not None}
        if given not in ({"key"}, {"name", "password"}):
            raise ValueError("give a key, or a name and a password")
        return self


class SessionShown(BaseModel):
    """Who asks, and what they may do. Where nobody has to sign in, `required` is false and anybody may do all."""

    required: bool = Field(description="Whether keys are asked for.")
    signed_in: bool
    name: str
    scopes: list[Scope]
    expires_at: str | None = Field(None, description="When a session that was just begun ends.")


@router.get("", response_model=SessionShown, responses=refusals())
async def get_session(request: Request) -> Json:
    """Say who asks."""
    secret, _ = shown(request)
    caller = await identified(request, secret) if secret else None
    return Json(_shown(request, caller))


@router.post("", response_model=SessionShown, responses=refusals(400, 401, 413, 415, 422, 429))
async def sign_in(request: Request, body: SignInBody) -> Json:
    """Sign a browser in by an API key, or by the name and password of an account."""
    access, attempts = access_of(request), request.app.state.attempts
    async with attempts.one(request.client.host if request.client else "", body.name):
        if body.key is not None:
            done = await run_in_threadpool(access.sign_in_by_key, body.key)
        else:
            done = await run_in_threadpool(access.sign_in_by_password, body.name or "", body.password or "")
        if done is None:
            raise SignInFailed
    if before := request.cookies.get(COOKIE):
        await run_in_threadpool(access.sign_out, before)
    answer = Json(_shown(request, done.caller) | {"signed_in": True, "expires_at": done.expires_at})
    _give(request, answer, done)
    return answer


@router.delete("", response_model=SessionShown, responses=refusals())
async def sign_out(request: Request) -> Json:
    """Sign a browser out; one that is not signed in is no error."""
    if secret := request.cookies.get(COOKIE):
        await run_in_threadpool(access_of(request).sign_out, secret)
    answer = Json(_shown(request, None))
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return answer


def _give(request: Request, answer: Response, done: SignedIn) -> None:
    left = (datetime.fromisoformat(done.expires_at) - datetime.now(UTC)).total_seconds()
    secure = request.url.scheme == "https"
    answer.set_cookie(COOKIE, done.secret, max_age=int(left), httponly=True, samesite="strict", secure=secure)
    answer.headers["Cache-Control"] = "no-store"


def _shown(request: Request, caller: Caller | None) -> dict[str, object]:
    required = asks_for_keys(settings_of(request))
    anybody = NOBODY if required else ANYBODY
    asking = caller or anybody
    return {
        "required": required,
        "signed_in": asking.signed_in,
        "name": asking.name,
        "scopes": [each for each in SCOPES if each in asking.scopes],
        "expires_at": None,
    }


class Attempts:
    """Attempts to sign in: counted, and looked at a few at a time, so that no thread that answers waits for them."""

    def __init__(self) -> None:
        self._rates = Rates(window=ATTEMPTS_WINDOW)
        self._turns = asyncio.Semaphore(AT_ONCE)

    def forget(self) -> None:
        """Forget those there were."""
        self._rates = Rates(window=ATTEMPTS_WINDOW)

    @asynccontextmanager
    async def one(self, address: str, name: str | None) -> AsyncIterator[None]:
        """Count an attempt from an address, with a name or by key, and let it go on when its turn comes.

        Raises RateExceeded beyond those that an address, or a name, has.
        """
        asked = [(f"address {network_of(address)}", ATTEMPTS)] + ([(f"name {name}", NAMED_ATTEMPTS)] if name else [])
        for what, quota in asked:
            taken = self._rates.take(what, quota)
            if not taken.allowed:
                raise RateExceeded(quota, ATTEMPTS_WINDOW, {"Retry-After": str(taken.wait)})
        async with self._turns:
            yield


def network_of(address: str) -> str:
    """Return what stands for whoever asks from an address: of IPv6 its network, for one owner has all of that."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((int(parsed), NETWORK), strict=False))
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)
