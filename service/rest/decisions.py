"""The routes of what people decided, about duplicates and about labels alike: listed, told and taken back."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from service.audit.deciding import Settled
from service.decided import AboutWhat
from service.rest.access.callers import author_of
from service.rest.api import BODY, PAGE_DEFAULT, PAGE_LIMIT, Json, refusals
from service.rest.asking import serving_of
from service.rest.bodies import BodyRoute
from service.rest.cursors import cursor_of, number_of
from service.rest.keys import ONCE
from service.rest.once import decided_once
from service.rest.parameters import Key
from service.rest.taxonomies import UndoBody

router = APIRouter(prefix="/v1/decisions", route_class=BodyRoute)

LISTED = "decisions-before"


class DecisionShown(BaseModel):
    """What a person decided. `detail` says what it did: `pairs` of ids with what is said of each, `seqs`, and more."""

    number: int
    at: str
    author: str
    kind: AboutWhat
    action: str
    subject: str = Field(description="The group, pair, pattern, product or prediction that it is about.")
    detail: dict[str, Any]
    undoes: int | None = Field(description="The decision that this one takes back.")
    undone_at: str | None = Field(description="When it was taken back; null while it stands.")
    seq: int = Field(description="The last place in the journal that it changed something at; 0 where it did not.")


class DecisionPage(BaseModel):
    """Decisions, the latest first; `next` is the cursor of the page that follows, null at the end."""

    items: list[DecisionShown]
    next: str | None


Number = Annotated[int, Path(ge=1, le=2**53, description="The number of the decision.")]


@router.get("", response_model=DecisionPage, responses=refusals(422))
def list_decisions(
    request: Request,
    cursor: Annotated[str | None, Query(max_length=64, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = PAGE_DEFAULT,
    kind: Annotated[AboutWhat | None, Query(description="Of this kind alone.")] = None,
) -> Json:
    """List what people decided, the latest first."""
    decisions = serving_of(request).live.records.decisions
    page = decisions.page(number_of(LISTED, cursor), limit, kind or "")
    more = cursor_of(LISTED, page[-1].number) if len(page) == limit else None
    return Json({"items": [each.told() for each in page], "next": more})


@router.get("/{number:int}", response_model=DecisionShown, responses=refusals(404, 422))
def get_decision(request: Request, number: Number) -> Json:
    """Return one decision."""
    return Json(serving_of(request).live.records.decisions.get(number).told())


@router.post("/{number:int}:undo", response_model=DecisionShown, responses=refusals(*BODY, 404, 409, 507) | ONCE)
def undo_decision(request: Request, body: UndoBody, number: Number, key: Key = None) -> Response:
    """Take a decision back, as a decision of its own: products that it deleted are there again, labels as they were.

    Nothing is changed when one of its products was stored anew, or what it changed was changed again meanwhile: 409.
    """
    return decided_once(
        request,
        key,
        lambda served: Settled(served.undo_decision(number, author_of(request, body.author))),
        lambda settled: settled.decided.told(),
    )
