"""The routes of API keys, for admins: made, listed, given another token, revoked. A token is told once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request
from pydantic import AfterValidator, BaseModel, Field, WithJsonSchema
from starlette.responses import Response

from indexer.store.access.keys import ApiKey
from service.access.issue import OVERLAP_HOURS, issue, rotate, state_of
from service.access.names import NAME_CHARS, NAME_PATTERN
from service.access.scopes import Scope
from service.rest.access.callers import access_of, author_of
from service.rest.api import BODY, Json, refusals
from service.rest.asking import serving_of
from service.rest.bodies import BodyRoute
from service.rest.images import Body
from service.rest.taxonomies import Author

router = APIRouter(prefix="/v1/keys", route_class=BodyRoute)

KeyId = Annotated[str, Path(pattern="^[a-z0-9]{1,20}$", description="The id of the key, which its token has too.")]
RATE_MOST = 10_000_000


def _moment(given: str) -> str:
    """Return a moment as the store writes it; raises ValueError for one without a zone, or that is over."""
    moment = datetime.fromisoformat(given)
    if moment.tzinfo is None:
        raise ValueError("give the moment with its zone, as in 2027-01-01T00:00:00Z")
    if moment <= datetime.now(UTC):
        raise ValueError("this moment is over; give one that is to come, or null for a key that never expires")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


class KeyBody(Body):
    """A key to be made."""

    name: str = Field(max_length=NAME_CHARS, pattern=NAME_PATTERN, description="Who or what uses it.")
    scopes: list[Scope] = Field(min_length=1, max_length=4)
    expires_at: (
        Annotated[str, AfterValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})] | None
    ) = Field(None, description="From when on it counts no more; null for never.")
    rate: Annotated[int, Field(ge=0, le=RATE_MOST)] | None = Field(
        None, description="Requests a minute at most, 0 for any number; null as the service is set."
    )
    author: Author = ""


class RotateBody(Body):
    """How long the token before counts beside the new one."""

    overlap_hours: Annotated[float, Field(ge=0, le=8760)] = OVERLAP_HOURS


NO_WORD = RotateBody(overlap_hours=OVERLAP_HOURS)


class KeyShown(BaseModel):
    """One key; its token is told only when it is made or rotated."""

    id: str
    name: str
    scopes: list[Scope]
    state: Literal["valid", "expired", "revoked"]
    rate: int | None
    created_at: str
    author: str
    expires_at: str | None
    rotated_at: str | None
    former_until: str | None = Field(description="Until when the token before the last rotation counts.")
    last_used_at: str | None = Field(description="To the minute or so.")
    revoked_at: str | None


class KeyIssued(KeyShown):
    """A key with its token, which is told this once."""

    token: str


class KeyList(BaseModel):
    """Every key that was ever made, the oldest first."""

    items: list[KeyShown]


@router.get("", response_model=KeyList, responses=refusals())
def list_keys(request: Request) -> Json:
    """List the keys."""
    return Json({"items": [_shown(each) for each in serving_of(request).live.records.keys.all()]})


@router.post("", response_model=KeyIssued, status_code=201, responses=refusals(*BODY, 507))
def create_key(request: Request, body: KeyBody) -> Response:
    """Make a key. It takes no Idempotency-Key, under which the answer, and with it the token, would be kept."""
    records = serving_of(request).live.records
    key, token = issue(
        records.keys,
        body.name,
        body.scopes,
        expires_at=body.expires_at,
        rate=body.rate,
        author=author_of(request, body.author),
    )
    return _told(key, token, 201, {"Location": f"/v1/keys/{key.id}"})


@router.get("/{key_id}", response_model=KeyShown, responses=refusals(404, 422))
def get_key(request: Request, key_id: KeyId) -> Json:
    """Return one key."""
    return Json(_shown(serving_of(request).live.records.keys.get(key_id)))


@router.post("/{key_id}:rotate", response_model=KeyIssued, responses=refusals(*BODY, 404, 409, 507))
def rotate_key(request: Request, key_id: KeyId, body: RotateBody = NO_WORD) -> Response:
    """Give a key another token; the one before counts a while longer, what was signed in with it ends at once."""
    key, token = rotate(serving_of(request).live.records.keys, key_id, body.overlap_hours)
    access_of(request).forget()
    return _told(key, token, 200, {})


@router.delete("/{key_id}", response_model=KeyShown, responses=refusals(404, 422, 507))
def revoke_key(request: Request, key_id: KeyId) -> Json:
    """Revoke a key: within a second it is refused everywhere. It stays in the list."""
    revoked = serving_of(request).live.records.keys.revoke(key_id)
    access_of(request).forget()
    return Json(_shown(revoked))


def _told(key: ApiKey, token: str, status: int, headers: dict[str, str]) -> Response:
    return Json(_shown(key) | {"token": token}, status, {"Cache-Control": "no-store", **headers})


def _shown(key: ApiKey) -> dict[str, Any]:
    own = {"state": state_of(key), "scopes": list(key.scopes)}
    return {name: own[name] if name in own else getattr(key, name) for name in KeyShown.model_fields}
