"""Errors as `application/problem+json` (RFC 9457): one table from what went wrong to status, code and title.

Everything that is not 2xx leaves the service through here, and so does each failed item of a batch. The detail of an
error below 500 says what was given, what is allowed and what to do; that of a failure of ours says nothing of its
inside, which is in the log beside the request id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import orjson
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from indexer.errors import (
    AccountNotFound,
    BuildUnderway,
    DecisionConflict,
    DecisionNotFound,
    EncoderError,
    GroupNotFound,
    JobConflict,
    JobNotFound,
    KeyNotFound,
    KeyRevoked,
    ModelMismatch,
    PatternNotFound,
    PredictionNotFound,
    ProductDuplicate,
    ProductError,
    ProductNotFound,
    RecordError,
    RequestConflict,
    RequestRunning,
    SettingError,
    SnapshotError,
    SnapshotMissing,
    SourceError,
    StoreFull,
    StoreReadOnly,
    TaxonomyConflict,
    TaxonomyVersionNotFound,
    VersionConflict,
)
from service.worker import Closed, Overloaded
from taxonomy.changes import ChangeRefused, InvalidChange
from taxonomy.planting import NameTaken
from taxonomy.tree import TaxonomyError

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:aisle:problem:"
CHALLENGE = 'Bearer realm="aisle"'
"""What a 401 asks for, as RFC 6750 writes it."""
OBJECTS = frozenset({"model_type", "model_attributes_type", "dict_type"})
"""What pydantic calls it when something is no object."""
FAULTS_SHOWN = 100
"""Faults listed in one problem at most; a broken batch could have a million."""


class MalformedJson(Exception):
    """The body is not JSON."""


class MalformedForm(Exception):
    """The body is not a form."""


class WrongMediaType(Exception):
    """The body is of a media type that the route does not read."""


class BodyTooLarge(Exception):
    """The body has more bytes than allowed."""


class TooManyItems(Exception):
    """A request has more items than allowed."""


class FaultAt(Exception):
    """Something is wrong at one place of the body."""

    def __init__(self, message: str, pointer: str) -> None:
        super().__init__(message)
        self.pointer = pointer


class ImageTooLarge(FaultAt):
    """An image has more bytes than allowed."""


class InvalidField(FaultAt):
    """A field of a form that cannot be what it stands for."""


class PictureNotFound(Exception):
    """No stored product has such a picture."""


class MapNotFound(Exception):
    """A version of the map, or a point of it, that is not there."""


class ReportNotFound(Exception):
    """Nobody has evaluated the index."""


class IdConflict(Exception):
    """The id in the body is not the id in the path."""


class InvalidCursor(Exception):
    """A cursor that this service has not given."""


class NotReady(Exception):
    """The index is not open (yet)."""


class SeqNotReached(Exception):
    """A question is about changes that this process has not seen yet."""


class Refused(Exception):
    """Whoever asks is not let in; `headers` say more."""

    def __init__(self, message: str, headers: Mapping[str, str]) -> None:
        super().__init__(message)
        self.headers = headers


class Unauthorized(Refused):
    """Nobody said who asks, or what was shown counts for nothing."""

    def __init__(self, *, shown: bool) -> None:
        said = (
            "the API key or session that was shown is unknown, has expired or was revoked; show another one"
            if shown
            else "show an API key"
        )
        super().__init__(
            f"{said} as Authorization: Bearer, never in the address, or sign in at /sign-in; keys are made with "
            "`aisle keys create`",
            {"WWW-Authenticate": f'{CHALLENGE}, error="invalid_token"' if shown else CHALLENGE},
        )


class SignInFailed(Refused):
    """Nobody has that name and password, or that key."""

    def __init__(self) -> None:
        super().__init__(
            "the name and password, or the key, are not those of anybody who is let in; check them, or ask whoever "
            "runs the service",
            {"WWW-Authenticate": CHALLENGE},
        )


class Forbidden(Refused):
    """Whoever asks may not do this."""

    def __init__(self, name: str, scope: str) -> None:
        super().__init__(
            f"this takes the scope {scope!r}, which {name!r} does not have; ask whoever runs the service",
            {"WWW-Authenticate": f'{CHALLENGE}, error="insufficient_scope", scope="{scope}"'},
        )


class CrossSite(Exception):
    """A page of elsewhere has a browser send this."""

    def __init__(self) -> None:
        super().__init__("a page of another site has your browser send this; send it from here, or with an API key")


class UnknownHost(Exception):
    """Nobody says who asks, under a name that is not known to be the service's own."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"{host[:80]!r} is no name of this service that is known, and whoever shows no key is answered under those "
            "alone; ask under its address, or name it so in AISLE_HOSTS"
        )


class RateExceeded(Refused):
    """A caller asks more often than it may."""

    def __init__(self, quota: int, window: int, headers: Mapping[str, str]) -> None:
        super().__init__(
            f"{quota:,} requests in {window} seconds are allowed; try again in {headers['Retry-After']} s, or send "
            "more in one request, as :batch routes take",
            headers,
        )


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem as the outside knows it."""

    status: int
    code: str
    title: str


KINDS: Mapping[type[Exception], Kind] = {
    MalformedJson: Kind(400, "malformed_json", "The body is not JSON"),
    MalformedForm: Kind(400, "malformed_form", "The body is not a form"),
    Unauthorized: Kind(401, "unauthorized", "It is not said who asks"),
    SignInFailed: Kind(401, "sign_in_failed", "Nobody is let in so"),
    Forbidden: Kind(403, "forbidden", "This may not be done with this key or account"),
    CrossSite: Kind(403, "cross_site", "Another site asks for this"),
    UnknownHost: Kind(403, "unknown_host", "The service is not known by this name"),
    ProductNotFound: Kind(404, "product_not_found", "No such product"),
    PictureNotFound: Kind(404, "picture_not_found", "No such picture"),
    MapNotFound: Kind(404, "map_not_found", "No such map, or no such point"),
    ReportNotFound: Kind(404, "report_not_found", "No such report"),
    TaxonomyError: Kind(404, "category_not_found", "No such category"),
    SnapshotMissing: Kind(404, "snapshot_not_found", "No such snapshot"),
    BuildUnderway: Kind(409, "build_underway", "The index is being built"),
    SnapshotError: Kind(409, "snapshot_unusable", "The snapshot cannot be served"),
    ModelMismatch: Kind(409, "model_changed", "The model is another one now"),
    TaxonomyVersionNotFound: Kind(404, "taxonomy_version_not_found", "No such version of the taxonomy"),
    NameTaken: Kind(409, "name_taken", "The name is taken"),
    ChangeRefused: Kind(409, "change_refused", "The taxonomy cannot be changed so"),
    PredictionNotFound: Kind(404, "prediction_not_found", "No such prediction"),
    PatternNotFound: Kind(404, "pattern_not_found", "No such pattern of doubted labels"),
    JobNotFound: Kind(404, "job_not_found", "No such job"),
    KeyNotFound: Kind(404, "key_not_found", "No such API key"),
    AccountNotFound: Kind(404, "account_not_found", "No such account"),
    DecisionNotFound: Kind(404, "decision_not_found", "No such decision"),
    GroupNotFound: Kind(404, "group_not_found", "No such group of duplicates or variants"),
    DecisionConflict: Kind(409, "decision_conflict", "The decision cannot be made or taken back as things are"),
    JobConflict: Kind(409, "job_conflict", "The job is in no state for that"),
    SettingError: Kind(422, "invalid_setting", "A setting is refused"),
    SourceError: Kind(422, "unreadable_source", "The file cannot be read"),
    KeyRevoked: Kind(409, "key_revoked", "The API key was revoked"),
    TaxonomyConflict: Kind(409, "taxonomy_conflict", "Another version of the taxonomy stands"),
    IdConflict: Kind(409, "id_conflict", "Two different ids"),
    ProductDuplicate: Kind(409, "duplicate", "The product is stored already under another id"),
    RequestRunning: Kind(409, "request_running", "The request of this idempotency key has no answer yet"),
    VersionConflict: Kind(412, "version_conflict", "The product has another version"),
    BodyTooLarge: Kind(413, "body_too_large", "The body is too large"),
    TooManyItems: Kind(413, "too_many_items", "Too much in one request"),
    ImageTooLarge: Kind(413, "image_too_large", "An image is too large"),
    WrongMediaType: Kind(415, "unsupported_media_type", "This media type is not read here"),
    RequestValidationError: Kind(422, "invalid_request", "The request does not have the form that is expected"),
    ValidationError: Kind(422, "invalid_request", "The request does not have the form that is expected"),
    InvalidField: Kind(422, "invalid_request", "The request does not have the form that is expected"),
    InvalidCursor: Kind(422, "invalid_cursor", "Not a cursor of this list"),
    EncoderError: Kind(422, "invalid_encoder", "No such encoder"),
    InvalidChange: Kind(422, "invalid_change", "This is no change of the taxonomy"),
    ProductError: Kind(422, "invalid_product", "The product is refused"),
    RequestConflict: Kind(422, "idempotency_conflict", "The idempotency key stands for another request"),
    RateExceeded: Kind(429, "rate_exceeded", "Too many requests"),
    ClientDisconnect: Kind(499, "client_gone", "The client closed the connection"),
    NotReady: Kind(503, "not_ready", "The index is not open"),
    Overloaded: Kind(503, "overloaded", "Too much is waiting"),
    Closed: Kind(503, "shutting_down", "The service is shutting down"),
    SeqNotReached: Kind(503, "seq_not_reached", "The changes that are asked for are not here yet"),
    StoreReadOnly: Kind(503, "store_read_only", "The record store cannot be changed"),
    RecordError: Kind(503, "store_unavailable", "The record store refuses"),
    StoreFull: Kind(507, "store_full", "The record store has no room"),
}
"""Any other exception is a failure of ours, 500 `internal_error`."""

HTTP_KINDS: Mapping[int, Kind] = {
    404: Kind(404, "not_found", "There is nothing here"),
    405: Kind(405, "method_not_allowed", "Not with this method"),
}
"""What the framework itself refuses, by status."""

INTERNAL = Kind(500, "internal_error", "The service failed")

STORE_DETAILS: Mapping[str, str] = {
    "store_full": "there is no room for the change on the disk of the record store, and nothing was changed; make room "
    "there and send it again",
    "store_read_only": "the record store can only be read, and nothing was changed; let the service write to it and "
    "send it again",
    "store_unavailable": "the record store cannot be used now, and nothing was changed; why is in the service's log "
    "under this request_id",
}
"""What clients are told of a record store that refuses, by code; where it is and what it said is for the log."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong, and where: a JSON pointer into the body, or `?name` for a parameter of the query."""

    pointer: str
    message: str


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, as RFC 9457 has it, with a stable `code` to act on and the id that the log knows."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[Fault]


@dataclass(frozen=True, slots=True)
class DuplicateProblem(Problem):
    """A problem that names the stored products that one is the same as."""

    duplicates: Sequence[Any]


_MEMBERS = tuple(each.name for each in fields(Problem))


def problem(error: Exception, path: str, request_id: str) -> Problem:
    """Return the problem that `error` is to a client who asked for `path`."""
    kind = kind_of(error)
    told = Problem(
        type=TYPE_PREFIX + kind.code,
        title=kind.title,
        status=kind.status,
        detail=_detail(error, kind),
        instance=quote(path, safe="/:@"),
        code=kind.code,
        request_id=request_id,
        errors=_faults(error),
    )
    if isinstance(error, ProductDuplicate):
        return DuplicateProblem(**{name: getattr(told, name) for name in _MEMBERS}, duplicates=error.duplicates)
    return told


def problem_response(error: Exception, path: str, request_id: str) -> Response:
    """Return the response that tells a client of `error`."""
    told = problem(error, path, request_id)
    return Response(orjson.dumps(told), told.status, _headers(error, told.status), MEDIA_TYPE)


def kind_of(error: Exception) -> Kind:
    """Return the kind of an error: its own in the table, or that of its nearest base class."""
    if isinstance(error, HTTPException):
        return HTTP_KINDS.get(error.status_code) or Kind(error.status_code, "http_error", "The request is refused")
    return next((KINDS[base] for base in type(error).__mro__ if base in KINDS), INTERNAL)


def _detail(error: Exception, kind: Kind) -> str:
    if kind is INTERNAL:
        return "an unexpected error occurred; its cause is in the log of the service under this request_id"
    if kind.code in STORE_DETAILS:
        return STORE_DETAILS[kind.code]
    if isinstance(error, (RequestValidationError, ValidationError)):
        count = len(error.errors())
        return f"{count} fault was found" if count == 1 else f"{count:,} faults were found"
    if isinstance(error, HTTPException):
        return _advice(error)
    return str(error)


def _advice(error: HTTPException) -> str:
    if error.status_code == HTTPStatus.NOT_FOUND:
        return "there is nothing at this path; /openapi.json lists what there is"
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return f"this path takes {(error.headers or {}).get('Allow', 'another method')}"
    return str(error.detail)


def _headers(error: Exception, status: int) -> dict[str, str]:
    if isinstance(error, (HTTPException, Refused)):
        return dict(error.headers or {})
    if status == HTTPStatus.SERVICE_UNAVAILABLE or isinstance(error, RequestRunning):
        return {"Retry-After": str(getattr(error, "retry_after", 1))}
    return {}


def _faults(error: Exception) -> list[Fault]:
    if isinstance(error, (RequestValidationError, ValidationError)):
        return [_fault(each) for each in error.errors()[:FAULTS_SHOWN]]
    if isinstance(error, FaultAt):
        return [Fault(error.pointer, str(error))]
    if isinstance(error, ProductError) and error.field:
        return [Fault(f"/{error.field}", str(error))]
    return []


def _fault(error: Mapping[str, Any]) -> Fault:
    place: Sequence[str | int] = error["loc"]
    if place and place[0] in {"query", "path", "header"}:
        pointer = f"?{place[-1]}" if place[0] == "query" else str(place[-1])
    else:
        pointer = json_pointer(place[1:] if place and place[0] == "body" else place)
    if error["type"] == "extra_forbidden":
        return Fault(pointer, "this field is not known here; remove it")
    if error["type"] in OBJECTS or (error["type"], pointer) == ("missing", ""):
        return Fault(pointer, f"an object with fields is expected here, not {_kind_in_json(error.get('input'))}")
    return Fault(pointer, error["msg"].removeprefix("Value error, "))


def _kind_in_json(value: object) -> str:
    """Return what JSON calls such a value."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return "a text" if isinstance(value, str) else "a list" if isinstance(value, list) else "a number"


def json_pointer(place: Sequence[str | int]) -> str:
    """Return the JSON pointer (RFC 6901) of a place in a document: "" is the whole, "/items/0/title" a part."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in place)
