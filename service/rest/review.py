"""The routes of the review queue: what is put there, what somebody looks at next, and giving it back.

Decisions are those of predictions; that of putting something there is taken back as any decision.

They are plain `def`s, which the server runs in its thread pool.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.background import BackgroundTask
from starlette.responses import Response

from indexer.product import Product
from indexer.store.nominations import WAITED
from indexer.store.records import Stored
from service.audit.deciding import Settled
from service.feedback.deciding import encode_ahead
from service.feedback.telling import told
from service.rest.access.callers import author_of
from service.rest.api import BODY, Json, refusals
from service.rest.asking import serving_of, settings_of
from service.rest.bodies import BodyRoute
from service.rest.filters import Filtered
from service.rest.images import VISIBLE, Body
from service.rest.keys import ONCE
from service.rest.once import decided_once
from service.rest.parameters import Key
from service.rest.predictions import PredictionId, PredictionShown
from service.rest.problems import InvalidField
from service.rest.replies import StoredProduct, product_shown
from service.rest.schemas import Id
from service.rest.taxonomies import AUTHOR_CHARS, Author
from service.review import nominating
from service.review.nominating import Wish, nominate
from service.review.queue import How, Item, Kind, Looking, Queue

router = APIRouter(prefix="/v1", route_class=BodyRoute)

ITEMS = 20
"""Items that one person has before him at most."""
SPEC_CHARS = 200

Reviewer = Annotated[
    str,
    Query(
        max_length=AUTHOR_CHARS,
        pattern=VISIBLE,
        description="Who looks: the `author` of the decisions; whoever shows a key or is signed in is that one. Nobody "
        "else is given the same items.",
    ),
]


class Why(BaseModel):
    """What a score is made of: `doubt * weight * (1 - likeness)`."""

    score: float
    doubt: float = Field(description="Uncertainty, novelty and disagreement of the answer, 0 to 1.")
    weight: float = Field(description="What it is worth beside the others: 1 at their median, below 2.")
    likeness: float = Field(description="Share of neighbours in common with one that was looked at lately.")


class NearShown(BaseModel):
    """A neighbour of an answer as it is stored now."""

    id: str
    title: str
    picture: str | None = Field(description="Hash of its first picture.")


class NominationShown(BaseModel):
    """Who wants a product looked at, when and why; `POST /v1/decisions/{number}:undo` takes it back."""

    number: int
    at: str
    author: str
    reason: str


class ReviewItem(BaseModel):
    """A prediction to decide about by `POST /v1/predictions/{prediction_id}/decision`; nobody else has it `until` then.

    `why` it comes: it was `nominated`, for its `doubt`, as one of the `sample` of `auto` answers, or because it was
    `held` before.
    """

    prediction: PredictionShown
    until: str
    why: How
    chosen: Why | None = Field(description="Of one that comes for its doubt.")
    nominations: list[NominationShown] = Field(description="Of those who want it looked at, the first one first.")
    stored: StoredProduct | None = Field(description="Its product as it is stored now; null where it is not.")
    near: list[NearShown] = Field(description="Its neighbours, in their order, without those that are stored no more.")


class ReviewItems(BaseModel):
    """What somebody looks at next, in this order; empty where nothing waits."""

    items: list[ReviewItem]


class NominationBody(Body):
    """Stored products that somebody wants looked at, and why."""

    ids: list[Id] = Field(min_length=1, max_length=nominating.LIMIT)
    reason: str = Field("", max_length=nominating.REASON_CHARS, pattern=VISIBLE)
    author: Author = ""


class NominatedItem(BaseModel):
    """What became of one id: it was `put` into the queue, was `waiting` there already, or is `missing`: not stored."""

    id: str
    outcome: Literal["put", "waiting", "missing"]


class Nominated(BaseModel):
    """A nomination as it is recorded; `number` takes it back, and shows its products alone (`nomination=`)."""

    number: int
    at: str
    author: str
    action: Literal["nominate"]
    reason: str
    items: list[NominatedItem] = Field(description="Each id once, in the order given; those that are missing last.")
    counts: dict[Literal["put", "waiting", "missing"], int]


class ReleaseBody(Body):
    """Who gives an item back."""

    reviewer: str = Field("", max_length=AUTHOR_CHARS, pattern=VISIBLE)


class Released(BaseModel):
    """Whether it was his to give back."""

    released: bool


@router.post("/review:nominate", response_model=Nominated, responses=refusals(*BODY, 409, 507) | ONCE)
def nominate_products(request: Request, body: NominationBody, key: Key = None) -> Response:
    """Put stored products into the review queue, where they come first; each waits there once.

    They are asked about again, each without itself, so that what their neighbours say stands beside their labels.
    """
    engine = serving_of(request).engine
    wish = Wish(body.ids, body.reason, author_of(request, body.author))
    return decided_once(request, key, lambda served: nominate(served, engine, wish), _nominated)


@router.get("/review/next", response_model=ReviewItems, responses=refusals(422, 507))
def next_reviews(  # noqa: PLR0917 - each is a parameter of the query
    request: Request,
    filtered: Filtered,
    reviewer: Reviewer = "",
    queue: Annotated[
        Kind,
        Query(
            description="What people put there, the most doubted, or the sample of `auto` answers; mixed: what people "
            "put there first, and then both others in turns."
        ),
    ] = "mixed",
    weigh: Annotated[
        str,
        Query(
            max_length=SPEC_CHARS, description="What an item is worth: `price`, or the name of a spec with a number."
        ),
    ] = "",
    limit: Annotated[int, Query(ge=1, le=ITEMS, description="Items before him, with those that he has already.")] = 1,
) -> Json:
    """Give somebody what to look at next; what he has already comes first, and nobody else is given any of it."""
    serving = serving_of(request)
    serving.predictions.flush()
    items = _queue(request).next(Looking(_reviewer(request, reviewer, "?reviewer"), filtered, queue, weigh, limit))
    live = serving.live
    ids = {each.kept.prediction.product_id for each in items if each.kept.prediction.product_id}
    near = {each[0] for item in items for each in item.kept.prediction.answer["neighbours"]}
    stored = live.records.get(ids | near)
    ahead = BackgroundTask(encode_ahead, live, [each.kept for each in items])
    return Json({"items": [_item(each, stored) for each in items]}, background=ahead)


@router.post("/review/{prediction_id}:release", response_model=Released, responses=refusals(*BODY, 404, 507))
def release_review(request: Request, body: ReleaseBody, prediction_id: PredictionId) -> Json:
    """Give an item back undecided, so that others are given it."""
    reviewer = _reviewer(request, body.reviewer, "/reviewer")
    return Json({"released": _queue(request).release(reviewer, prediction_id)})


def _reviewer(request: Request, given: str, pointer: str) -> str:
    """Return who looks; raises InvalidField where nobody says so."""
    name = author_of(request, given)
    if not name.strip():
        raise InvalidField("say who looks, so that nobody else is given the same items: name a reviewer", pointer)
    return name


def _queue(request: Request) -> Queue:
    return Queue(settings_of(request), serving_of(request).live.records)


def _nominated(settled: Settled) -> dict[str, Any]:
    decided = settled.decided
    outcomes: dict[str, str] = dict.fromkeys(decided.detail["ids"], "put")
    outcomes |= dict.fromkeys(decided.detail[WAITED], "waiting") | dict.fromkeys(decided.detail["missing"], "missing")
    return {
        **{name: getattr(decided, name) for name in ("number", "at", "author", "action")},
        "reason": decided.detail["reason"],
        "items": [{"id": id_, "outcome": outcome} for id_, outcome in outcomes.items()],
        "counts": {name: sum(each == name for each in outcomes.values()) for name in ("put", "waiting", "missing")},
    }


def _item(item: Item, stored: Mapping[str, Stored]) -> dict[str, Any]:
    chosen, prediction = item.came.chosen, item.kept.prediction
    its = stored.get(prediction.product_id)
    return {
        "prediction": told(item.kept),
        "until": item.until,
        "why": item.came.why,
        "nominations": [asdict(each) for each in item.nominations],
        "stored": its and product_shown(its),
        "chosen": chosen
        and {
            "score": round(chosen.score, 6),
            "doubt": chosen.doubt,
            "weight": round(chosen.weight, 6),
            "likeness": round(chosen.likeness, 6),
        },
        "near": [
            _near_shown(stored[each[0]].record.product) for each in prediction.answer["neighbours"] if each[0] in stored
        ],
    }


def _near_shown(product: Product) -> dict[str, Any]:
    picture = product.main_picture
    return {"id": product.id, "title": product.title, "picture": picture.hash if picture else None}
