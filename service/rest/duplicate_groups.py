"""The routes of duplicates of the whole catalogue: the groups that stand, and what people decide about them.

Groups are brought to the journal's end before they are shown, so that a change that was acknowledged shows in them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from indexer.product import ID_CHARS
from indexer.store.findings import Reached
from indexer.store.twins import DUPLICATES, Kind
from service.audit.deciding import Settled
from service.duplicates.standing.deciding import Verb, Verdict, decide, decide_pair
from service.duplicates.standing.listing import Group, Listed, group_of, page
from service.duplicates.verdicts.verdict import Verdict as PairVerdict
from service.rest.access.callers import author_of
from service.rest.api import BODY, PAGE_LIMIT, Json, refusals
from service.rest.asking import serving_of, settings_of
from service.rest.bodies import BodyRoute
from service.rest.cursors import cursor_of, place_of
from service.rest.decisions import DecisionShown
from service.rest.images import Body
from service.rest.keys import ONCE
from service.rest.once import Receipted, decided_once
from service.rest.parameters import Key
from service.rest.taxonomies import Author
from service.serving import Serving

router = APIRouter(prefix="/v1", route_class=BodyRoute)

GROUP_CHARS = 64
GROUPS_DEFAULT = 20
GroupId = Annotated[str, Path(min_length=1, max_length=GROUP_CHARS, pattern=r"^[A-Za-z0-9-]+$")]


class GroupedProduct(BaseModel):
    """A product of a group. `reasons` say why it is the one that is best kept; only the survivor has any."""

    id: str
    title: str
    path: str
    brand: str
    version: int
    picture: str | None = Field(description="Hash of its main picture.")
    group_id: str | None = Field(description="Within a family, its group of duplicates; null without one.")
    survivor: bool
    reasons: list[str]


class GroupedPair(BaseModel):
    """Two products of a group, and what is said of them."""

    left_id: str
    right_id: str
    verdict: PairVerdict
    probability: float = Field(description="That both are the same product.")
    variant: float = Field(description="That they are variants of one.")
    evidence: list[str]


class DuplicateGroup(BaseModel):
    """Products that are the same, or variants of one, with the pairs among them that were judged."""

    id: str
    kind: Kind
    probability: float = Field(description="The least that a product of it belongs to it with.")
    survivor: str | None = Field(description="The product that is best kept; null for variants.")
    products: list[GroupedProduct]
    pairs: list[GroupedPair]


class DuplicateGroupPage(BaseModel):
    """Groups in order of id; `next` is the cursor of the page that follows, null at the end.

    `seq` is the place in the journal that groups were brought to; null before the first scan. `scanning` says whether
    all products are being looked at anew: what such a scan finds is not here yet.
    """

    seq: int | None
    scanning: bool
    items: list[DuplicateGroup]
    next: str | None


class DuplicateScan(BaseModel):
    """A scan that goes on: what is done at the moment, and how much of how much; `stage` is null when none does."""

    begun: bool = Field(description="Whether this request began it.")
    stage: str | None
    done: int
    total: int | None
    seq: int | None = Field(description="The place in the journal that groups were brought to; null before the first.")


class DecisionBody(Body):
    """What is decided about products that may be the same."""

    action: Verb
    survivor: str = Field("", max_length=ID_CHARS, description="Which one `merge` keeps; what is suggested when empty.")
    fill: bool = Field(default=False, description="Whether the survivor gets from the others what it lacks.")
    author: Author = ""


class PairDecisionBody(DecisionBody):
    """What is decided about two products, which no group needs to hold."""

    ids: list[Annotated[str, Field(max_length=ID_CHARS)]] = Field(min_length=2, max_length=2)


class GroupDecisionBody(DecisionBody):
    """What is decided about a group."""

    ids: list[Annotated[str, Field(max_length=ID_CHARS)]] = Field(
        default_factory=list,
        max_length=500,
        description="Its products that are meant; all when empty, but `merge` names them.",
    )


class ScanBody(Body):
    """Nothing needs to be said."""


@router.get("/duplicate-groups", response_model=DuplicateGroupPage, responses=refusals(422))
def list_groups(
    request: Request,
    cursor: Annotated[str | None, Query(max_length=128, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = GROUPS_DEFAULT,
    kind: Annotated[Kind, Query(description="Groups of duplicates, or families of variants.")] = "duplicates",
    least: Annotated[float, Query(ge=0, le=1, description="Groups of this probability and above alone.")] = 0.0,
) -> Json:
    """List groups of duplicates, or families of variants."""
    reached = _reached(request)
    records = serving_of(request).live.records
    groups, more = page(records, kind, place_of(kind, cursor) or "", limit, least)
    return Json(
        {
            "seq": None if reached is None else reached.seq,
            "scanning": DUPLICATES in serving_of(request).upkeep.passes,
            "items": [group_shown(group) for group in groups],
            "next": None if more is None else cursor_of(kind, more),
        }
    )


@router.get("/duplicate-groups/{group_id}", response_model=DuplicateGroup, responses=refusals(404, 422))
def get_group(request: Request, group_id: GroupId) -> Json:
    """Return one group."""
    _reached(request)
    return Json(group_shown(group_of(serving_of(request).live.records, group_id)))


@router.post(
    "/duplicate-groups/{group_id}/decision",
    response_model=DecisionShown,
    responses=refusals(*BODY, 404, 409, 507) | ONCE,
)
def decide_group(request: Request, body: GroupDecisionBody, group_id: GroupId, key: Key = None) -> Response:
    """Merge a group, say that its products are different, the same or variants; all of it can be taken back."""
    _reached(request)
    verdict = Verdict(body.action, body.ids, body.survivor, body.fill)
    return _decided(request, key, lambda served: decide(served, group_id, verdict, author_of(request, body.author)))


@router.post("/duplicates:decide", response_model=DecisionShown, responses=refusals(*BODY, 404, 409, 507) | ONCE)
def decide_two(request: Request, body: PairDecisionBody, key: Key = None) -> Response:
    """Say that two products are different, the same or variants, or merge them; all of it can be taken back."""
    verdict = Verdict(body.action, body.ids, body.survivor, body.fill)
    return _decided(request, key, lambda served: decide_pair(served, verdict, author_of(request, body.author)))


@router.post("/duplicates:scan", response_model=DuplicateScan, status_code=202, responses=refusals(*BODY))
def scan_duplicates(request: Request, body: ScanBody) -> Json:  # noqa: ARG001 - that there is one is enough
    """Look for duplicates among all products anew, while answers go on; sent again, it tells how far that is."""
    upkeep = serving_of(request).upkeep
    begun = upkeep.begin(DUPLICATES)
    now, reached = upkeep.passes.get(DUPLICATES), upkeep.reached(DUPLICATES)
    told = {
        "begun": begun,
        "stage": now.stage if now else None,
        "done": now.done if now else 0,
        "total": now.total if now else None,
        "seq": None if reached is None else reached.seq,
    }
    return Json(told, 202)


def group_shown(group: Group) -> dict[str, Any]:
    """Return a group as it is answered."""
    return {
        "id": group.id,
        "kind": group.kind,
        "probability": group.probability,
        "survivor": group.survivor or None,
        "products": [_product_shown(each) for each in group.products],
        "pairs": [
            {
                "left_id": pair.left,
                "right_id": pair.right,
                "verdict": pair.twin.verdict,
                "probability": pair.twin.probability,
                "variant": pair.twin.variant,
                "evidence": list(pair.twin.evidence),
            }
            for pair in group.pairs
        ],
    }


def _product_shown(listed: Listed) -> dict[str, Any]:
    product = listed.stored.record.product
    return {
        "id": product.id,
        "title": product.title,
        "path": product.category,
        "brand": product.brand,
        "version": listed.stored.version,
        "picture": product.main_picture.hash if product.main_picture else None,
        "group_id": listed.group or None,
        "survivor": listed.survivor,
        "reasons": list(listed.reasons),
    }


def _decided(request: Request, key: str | None, decide: Callable[[Serving | Receipted], Settled]) -> Response:
    """Answer with a decision as it is recorded, once groups are as it leaves them."""
    answer = decided_once(request, key, decide, lambda settled: settled.decided.told())
    _reached(request)
    return answer


def _reached(request: Request) -> Reached | None:
    """Bring groups to the journal's end, as far as that can be waited for."""
    return serving_of(request).upkeep.reach(DUPLICATES, settings_of(request).reach_seconds)
