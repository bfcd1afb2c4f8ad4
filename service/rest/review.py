"""The routes of the review queue: what somebody looks at next, and giving it back. Decisions are those of predictions.

They are plain `def`s, which the server runs in its thread pool.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.background import BackgroundTask

from indexer.product import Product
from indexer.store.records import Records
from service.feedback.deciding import encode_ahead
from service.feedback.telling import told
from service.rest.access.callers import author_of
from service.rest.api import BODY, Json, refusals
from service.rest.asking import serving_of, settings_of
from service.rest.bodies import BodyRoute
from service.rest.filters import Filtered
from service.rest.images import VISIBLE, Body
from service.rest.predictions import PredictionId, PredictionShown
from service.rest.problems import InvalidField
from service.rest.taxonomies import AUTHOR_CHARS
from service.review.queue import Item, Kind, Looking, Queue

router = APIRouter(prefix="/v1/review", route_class=BodyRoute)

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


class ReviewItem(BaseModel):
    """A prediction to decide about by `POST /v1/predictions/{prediction_id}/decision`; nobody else has it `until` then.

    `why` it comes: for its `doubt`, as one of the `sample` of `auto` answers, or because it was `held` before.
    """

    prediction: PredictionShown
    until: str
    why: Literal["doubt", "sample", "held"]
    chosen: Why | None = Field(description="Of one that comes for its doubt.")
    near: list[NearShown] = Field(description="Its neighbours, in their order, without those that are stored no more.")


class ReviewItems(BaseModel):
    """What somebody looks at next, in this order; empty where nothing waits."""

    items: list[ReviewItem]


class ReleaseBody(Body):
    """Who gives an item back."""

    reviewer: str = Field("", max_length=AUTHOR_CHARS, pattern=VISIBLE)


class Released(BaseModel):
    """Whether it was his to give back."""

    released: bool


@router.get("/next", response_model=ReviewItems, responses=refusals(422, 507))
def next_reviews(  # noqa: PLR0917 - each is a parameter of the query
    request: Request,
    filtered: Filtered,
    reviewer: Reviewer = "",
    queue: Annotated[
        Kind, Query(description="The most doubted, the sample of `auto` answers, or both in turns.")
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
    serving_of(request).predictions.flush()
    items = _queue(request).next(Looking(_reviewer(request, reviewer, "?reviewer"), filtered, queue, weigh, limit))
    live = serving_of(request).live
    near = _near(live.records, items)
    ahead = BackgroundTask(encode_ahead, live, [each.kept for each in items])
    return Json({"items": [_item(each, near) for each in items]}, background=ahead)


@router.post("/{prediction_id}:release", response_model=Released, responses=refusals(*BODY, 404, 507))
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


def _near(records: Records, items: Sequence[Item]) -> dict[str, Product]:
    """Return the stored products that are neighbours of items, by their ids."""
    ids = {each[0] for item in items for each in item.kept.prediction.answer["neighbours"]}
    return {product_id: stored.record.product for product_id, stored in records.get(ids).items()}


def _item(item: Item, near: Mapping[str, Product]) -> dict[str, Any]:
    chosen = item.chosen
    ids = [each[0] for each in item.kept.prediction.answer["neighbours"] if each[0] in near]
    return {
        "prediction": told(item.kept),
        "until": item.until,
        "why": item.why,
        "chosen": chosen
        and {
            "score": round(chosen.score, 6),
            "doubt": chosen.doubt,
            "weight": round(chosen.weight, 6),
            "likeness": round(chosen.likeness, 6),
        },
        "near": [_near_shown(near[each]) for each in ids],
    }


def _near_shown(product: Product) -> dict[str, Any]:
    picture = product.main_picture
    return {"id": product.id, "title": product.title, "picture": picture.hash if picture else None}
