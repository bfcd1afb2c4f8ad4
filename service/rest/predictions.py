"""The routes of answers that were kept, and of what people decide about them: listed, told, decided, counted.

They are plain `def`s, which the server runs in its thread pool.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from indexer.product import CATEGORY_CHARS, TAG_COUNT
from indexer.store.predictions import Predictions, Wanted
from service.answer import Decision
from service.audit.deciding import Settled
from service.feedback.deciding import Action, Verdict, decide_prediction
from service.feedback.figures import figures_of
from service.feedback.telling import told
from service.rest.access.callers import author_of
from service.rest.api import BODY, PAGE_DEFAULT, PAGE_LIMIT, Json, refusals
from service.rest.asking import serving_of, settings_of
from service.rest.audit_decisions import DecidedItem, settled_shown
from service.rest.bodies import BodyRoute
from service.rest.cursors import cursor_of, number_of
from service.rest.filters import Filtered
from service.rest.images import Body
from service.rest.keys import ONCE
from service.rest.once import decided_once
from service.rest.parameters import IfMatch, Key, expected
from service.rest.schemas import Id, Tag
from service.rest.taxonomies import Author

router = APIRouter(prefix="/v1", route_class=BodyRoute)

LISTED = "predictions-before"
PREDICTION_ID = r"^p[0-9a-f]{20}$"
PredictionId = Annotated[str, Path(pattern=PREDICTION_ID, description="`prediction_id` of an answer.")]


class CategoryShown(BaseModel):
    """A category with its probability, as it was answered."""

    id: str
    path: str
    probability: float


class ReviewShown(BaseModel):
    """A decision about a prediction that stands; `POST /v1/decisions/{number}:undo` takes it back by its number."""

    decision: int
    at: str
    author: str
    action: Action
    product_id: str = Field(description="The product that was labelled; empty where none was.")
    node_id: str
    category: str = Field(description="The category that a person gave it; empty where none was given.")


class PredictionShown(BaseModel):
    """What was answered about one product, and what people decided about it; the answer itself is never changed."""

    id: str
    at: str
    caller: str = Field(description="Who asked: the name of a key, or the address of the client.")
    product_id: str = Field(description="Empty where the product had none.")
    content_hash: str
    supplier: str
    price: float | None
    decision: Decision
    category: CategoryShown | None
    reason: str
    levels: list[dict[str, Any]] = Field(description="`name` and `probability` down the likeliest path.")
    alternatives: list[CategoryShown]
    tags: list[dict[str, Any]] = Field(description="`tag`, `score` and `source`.")
    neighbours: list[dict[str, Any]] = Field(description="`id`, `path`, `similarity` and `weight`.")
    duplicates: list[dict[str, Any]] = Field(description="`id`, `verdict` and `probability`.")
    doubt: float = Field(description="How much a person could teach by looking at it, 0 to 1.")
    doubts: dict[str, float] = Field(description="What that is made of: uncertainty, novelty, disagreement.")
    snapshot: str
    taxonomy: int = Field(description="Number of the version of the tree that it answered in.")
    model: str
    product: dict[str, Any] | None = Field(description="As it was asked about, cleaned; null where it is not kept.")
    reviews: list[ReviewShown] = Field(description="Decisions about it that stand.")


class PredictionPage(BaseModel):
    """Predictions, the latest first; `next` is the cursor of the page that follows, null at the end."""

    items: list[PredictionShown]
    next: str | None


class PredictionDecision(Body):
    """What somebody says of a prediction."""

    decision: Action
    category: str = Field(
        "",
        max_length=CATEGORY_CHARS,
        description="Id or path: the right one of a correct; of coarser and finer, where it is not the next.",
    )
    tags_added: list[Tag] = Field([], max_length=TAG_COUNT)
    tags_removed: list[Tag] = Field([], max_length=TAG_COUNT)
    id: Id | None = Field(None, description="Of a product that was asked about without one.")
    author: Author = ""


class PredictionDecided(BaseModel):
    """A decision as it is recorded; `number` takes it back. Whoever is at `seq` sees what it changed."""

    number: int
    at: str
    author: str
    action: Action
    subject: str = Field(description="The prediction.")
    seq: int
    category: str = Field(description="Path that the product was given; empty where none was.")
    items: list[DecidedItem] = Field(description="What became of the product; none of skip and unsure.")


class RatesShown(BaseModel):
    """What was decided about some predictions. Rates are among `decided`, and null where that is 0.

    `interval` is that of the acceptance rate, with 95%.
    """

    value: str
    decided: int = Field(description="Decisions about the category: accept, correct, coarser and finer.")
    actions: dict[str, int]
    acceptance: float | None
    override: float | None
    interval: list[float]


class SampleShown(BaseModel):
    """How many of the `auto` answers are right, by the sample of them that people looked at; null before any did."""

    share: float = Field(description="Of the `auto` answers that are in the sample.")
    sampled: int
    decided: int
    right: int
    precision: float | None
    interval: list[float] = Field(description="That holds the precision with 95%.")


class PredictionFigures(BaseModel):
    """How answers were received. `abstained` are those that named no category, which are in no rate."""

    kept: int
    undecided: int
    lost: int = Field(description="Answers that this process could not keep since it began.")
    total: RatesShown
    abstained: RatesShown
    sample: SampleShown
    category: list[RatesShown]
    confidence: list[RatesShown]
    supplier: list[RatesShown]
    day: list[RatesShown]


def _wanted(
    filtered: Filtered,
    decided: Annotated[bool | None, Query(description="Whether somebody settled it.")] = None,
    action: Annotated[Action | None, Query(description="What somebody decided about it.")] = None,
) -> Wanted:
    return replace(filtered, decided=decided, action=action or "")


WantedAsked = Annotated[Wanted, Depends(_wanted)]


@router.get("/predictions", response_model=PredictionPage, responses=refusals(422))
def list_predictions(
    request: Request,
    wanted: WantedAsked,
    cursor: Annotated[str | None, Query(max_length=64, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = PAGE_DEFAULT,
) -> Json:
    """List answers that were kept, the latest first, with what people decided about each."""
    page = _kept(request).page(number_of(LISTED, cursor), limit, wanted)
    more = cursor_of(LISTED, page[-1].number) if len(page) == limit else None
    return Json({"items": [told(each) for each in page], "next": more})


@router.get("/predictions:figures", response_model=PredictionFigures, responses=refusals(422))
def prediction_figures(request: Request, wanted: WantedAsked) -> Json:
    """Tell how often answers were accepted and overruled, by category, confidence, supplier and day."""
    found = figures_of(_kept(request), wanted, settings_of(request).review_sample).told()
    return Json(found | {"lost": serving_of(request).predictions.lost})


@router.get("/predictions/{prediction_id}", response_model=PredictionShown, responses=refusals(404, 422))
def get_prediction(request: Request, prediction_id: PredictionId) -> Json:
    """Return one answer that was kept."""
    return Json(told(serving_of(request).predictions.find(prediction_id)))


@router.post(
    "/predictions/{prediction_id}/decision",
    response_model=PredictionDecided,
    responses=refusals(*BODY, 404, 409, 412, 507) | ONCE,
)
def decide_about_prediction(
    request: Request, prediction_id: PredictionId, body: PredictionDecision, if_match: IfMatch = None, key: Key = None
) -> Response:
    """Accept an answer, or say what is right: the product is labelled so from the next question on."""
    asked = expected(prediction_id, if_match)
    version, stored = asked.get(prediction_id), asked.get(prediction_id, 0) != 0
    verdict = Verdict(body.decision, body.category, body.tags_added, body.tags_removed, body.id or "", version, stored)
    found = serving_of(request).predictions.find(prediction_id)
    return decided_once(
        request,
        key,
        lambda served: decide_prediction(served, found, verdict, author_of(request, body.author)),
        _decided,
    )


def _decided(settled: Settled) -> dict[str, Any]:
    return settled_shown(settled) | {"category": settled.decided.detail["category"]}


def _kept(request: Request) -> Predictions:
    """Return the predictions of the record store, those included that were answered here this very moment."""
    serving = serving_of(request)
    serving.predictions.flush()
    return serving.live.records.predictions
