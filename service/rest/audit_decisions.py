"""The routes by which people decide about doubted labels and tags: put right, or found right, and recorded as such.

They are plain `def`s, which the server runs in its thread pool.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from indexer.product import CATEGORY_CHARS, TAG_COUNT
from service.audit.deciding import Label, Settled, Verb, decide_label, decide_pattern
from service.audit.retagging import LEAST, Tagged, decide_tags
from service.rest.access.callers import author_of
from service.rest.api import BODY, refusals
from service.rest.bodies import BodyRoute
from service.rest.images import Body
from service.rest.keys import ONCE
from service.rest.once import decided_once
from service.rest.parameters import IfMatch, Key, ProductId, expected
from service.rest.schemas import Tag
from service.rest.taxonomies import Author

router = APIRouter(prefix="/v1", route_class=BodyRoute)

PATTERN_ID = r"^[0-9a-f]{12}$"


class LabelDecision(Body):
    """What is decided about a label."""

    decision: Verb
    category: str = Field(
        "", max_length=CATEGORY_CHARS, description="Of a fix: the category it gets, id or path; as suggested without."
    )
    stored: str = Field(
        "", max_length=CATEGORY_CHARS, description="The category that was seen, id or path; 409 when it is another now."
    )
    author: Author = ""


class PatternDecision(Body):
    """What is decided about all labels of a pattern."""

    decision: Verb
    author: Author = ""


class TagDecision(Body):
    """What is decided about tags of a product."""

    action: Verb
    tags: list[Tag] = Field([], max_length=TAG_COUNT, description="Which of those that are told; all without.")
    least: float = Field(LEAST, ge=0, le=1, description="Without `tags`: those from this probability on.")
    carried: list[Tag] | None = Field(
        None, max_length=TAG_COUNT, description="All tags of the product that were seen; 409 when they are others now."
    )
    author: Author = ""


class DecidedItem(BaseModel):
    """What became of one product."""

    id: str
    outcome: Literal["created", "updated", "unchanged"]
    version: int


class LabelsDecided(BaseModel):
    """A decision as it is recorded; `number` takes it back. Whoever is at `seq` sees it."""

    number: int
    at: str
    author: str
    action: Verb
    subject: str
    seq: int
    items: list[DecidedItem] = Field(description="Products whose labels were put right; none of a keep.")


class TagsDecided(LabelsDecided):
    """A decision about tags: those that were told as missing, and as wrong, and are therefore no more."""

    missing: list[str]
    wrong: list[str]


@router.post(
    "/audit/labels/{product_id:rest}/decision",
    response_model=LabelsDecided,
    responses=refusals(*BODY, 404, 409, 412, 507) | ONCE,
)
def decide_about_label(
    request: Request, product_id: ProductId, body: LabelDecision, if_match: IfMatch = None, key: Key = None
) -> Response:
    """Put a label right (`fix`), or find it right (`keep`); it counts from the next question on."""
    version = expected(product_id, if_match).get(product_id)
    label = Label(product_id, body.category, body.stored, version)
    return decided_once(
        request,
        key,
        lambda served: decide_label(served, label, body.decision, author_of(request, body.author)),
        settled_shown,
    )


@router.post(
    "/audit/tags/{product_id:rest}/decision",
    response_model=TagsDecided,
    responses=refusals(*BODY, 404, 409, 412, 507) | ONCE,
)
def decide_about_tags(
    request: Request, product_id: ProductId, body: TagDecision, if_match: IfMatch = None, key: Key = None
) -> Response:
    """Add the missing and remove the wrong tags of a product (`fix`), or find its tags right (`keep`)."""
    version = expected(product_id, if_match).get(product_id)
    tagged = Tagged(product_id, body.tags, body.least, body.carried, version)
    return decided_once(
        request,
        key,
        lambda served: decide_tags(served, tagged, body.action, author_of(request, body.author)),
        _retagged,
    )


@router.post(
    "/audit/patterns/{pattern_id}/decision",
    response_model=LabelsDecided,
    responses=refusals(*BODY, 404, 409, 507) | ONCE,
)
def decide_about_pattern(
    request: Request, pattern_id: Annotated[str, Path(pattern=PATTERN_ID)], body: PatternDecision, key: Key = None
) -> Response:
    """Put all labels of a pattern right, each as it is suggested, or find them right; all or none."""
    return decided_once(
        request,
        key,
        lambda served: decide_pattern(served, pattern_id, body.decision, author_of(request, body.author)),
        settled_shown,
    )


def settled_shown(settled: Settled) -> dict[str, Any]:
    """Return a decision as `LabelsDecided`."""
    decided = settled.decided
    return {
        "number": decided.number,
        "at": decided.at,
        "author": decided.author,
        "action": decided.action,
        "subject": decided.subject,
        "seq": settled.seq,
        "items": [{"id": each.id, "outcome": each.outcome, "version": each.version} for each in settled.written],
    }


def _retagged(settled: Settled) -> dict[str, Any]:
    return settled_shown(settled) | {name: settled.decided.detail[name] for name in ("missing", "wrong")}
