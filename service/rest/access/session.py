"""Signing in and out: what a browser shows from then on is a cookie that no script reads and no other site sends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, model_validator
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from service.access.access import ANYBODY, Caller, SignedIn, asks_for_keys
from service.access.passwords import MOST
from service.access.rates import Rates
from service.access.scopes import SCOPES, Scope
from service.rest.access.callers import COOKIE, access_of, identified, shown
from service.rest.api import Json, refusals
from service.rest.asking import settings_of
from service.rest.bodies import BodyRoute
from service.rest.images import VISIBLE, Body
from service.rest.problems import RateExceeded, SignInFailed

NAME_CHARS = 200
ATTEMPTS, NAMED_ATTEMPTS, ATTEMPTS_WINDOW = 10, 30, 300
"""Attempts to sign in from one address, and with one name, in that many seconds."""

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
    access = access_of(request)
    _check_attempts(request, body.name)
    if body.key is not None:
        done = await run_in_threadpool(access.sign_in_by_key, body.key)
    else:
        done = await run_in_threadpool(access.sign_in_by_password, body.name or "", body.password or "")
    if done is None:
        raise SignInFailed
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


def new_attempts() -> Rates:
    """Return what counts attempts to sign in, for the service to keep."""
    return Rates(window=ATTEMPTS_WINDOW)


def _check_attempts(request: Request, name: str | None) -> None:
    """Count an attempt; raises RateExceeded beyond those that an address, or a name, has."""
    attempts: Rates = request.app.state.attempts
    address = request.client.host if request.client else ""
    asked = [(f"address {address}", ATTEMPTS)] + ([(f"name {name}", NAMED_ATTEMPTS)] if name else [])
    for what, quota in asked:
        taken = attempts.take(what, quota)
        if not taken.allowed:
            raise RateExceeded(quota, ATTEMPTS_WINDOW, {"Retry-After": str(taken.wait)})
