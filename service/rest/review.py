"""The routes of the review queue: what is put there, what somebody looks at next, and giving it back.

Decisions are those of predictions; that of putting something there is taken back as any decision.

Taking is a POST: it changes who has what, and no page of elsewhere can have a browser do that. What is taken for
somebody who has hung up meanwhile is given back at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from indexer.errors import ProductError, SettingError
from indexer.product import Product
from indexer.store.decisions import AUTHOR_CHARS
from indexer.store.nominations import WAITED
from indexer.store.records import Stored
from service.answer import Answer
from service.audit.deciding import Settled
from service.calibration.dial import Dial
from service.engine import Asking
from service.feedback.deciding import encode_ahead
from service.feedback.telling import told
from service.rest.access.callers import author_of
from service.rest.api import BODY, Json, refusals
from service.rest.asking import serving_of, settings_of
from service.rest.bodies import BodyRoute
from service.rest.filters import Filters
from service.rest.images import VISIBLE, Body
from service.rest.keys import ONCE
from service.rest.once import decided_once
from service.rest.parameters import Key
from service.rest.predictions import PredictionId, PredictionShown
from service.rest.problems import InvalidField
from service.rest.replies import StoredProduct, product_shown
from service.rest.schemas import UNNAMED, Id
from service.rest.taxonomies import Author
from service.review import nominating
from service.review.anew import Anew
from service.review.nominating import Wish, nominate
from service.review.queue import How, Item, Kind, Looking, Queue
from service.serving import Serving
from service.worker import Worker

router = APIRouter(prefix="/v1", route_class=BodyRoute)

ITEMS = 20
"""Items that one person has before him at most."""
NAME_CHARS = 200
ANSWER_SECONDS = 2.0
"""How long answers that are asked for anew are waited for."""

Reviewer = Annotated[
    str,
    Field(
        max_length=AUTHOR_CHARS,
        pattern=VISIBLE,
        description="Who looks: the `author` of the decisions; whoever shows a key or is signed in is that one. Nobody "
        "else is given the same items.",
    ),
]


class NextBody(Filters, Body):
    """Who looks, at which answers."""

    reviewer: Reviewer = ""
    queue: Kind = Field(
        "mixed",
        description="What people put there, the most doubted, or the sample of `auto` answers; mixed: what people put "
        "there first, and then both others in turns.",
    )
    weigh: str | None = Field(
        None,
        max_length=NAME_CHARS,
        description="What an item is worth: the name of a fact or spec with a number, as `price` or `stock`; empty for "
        "all alike. Absent, it is what AISLE_REVIEW_WEIGH says.",
    )
    limit: int = Field(1, ge=1, le=ITEMS, description="Items before him, with those that he has already.")


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

    reviewer: Reviewer = ""


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


@router.post("/review:next", response_model=ReviewItems, responses=refusals(*BODY, 507))
async def next_reviews(request: Request, body: NextBody) -> Json:
    """Give somebody what to look at next; what he has already comes first, and nobody else is given any of it."""
    reviewer = _reviewer(request, body.reviewer)
    items, shown = await run_in_threadpool(_taken, request, body, reviewer)
    if await request.is_disconnected():  # a page that is closed has nothing in hand
        await run_in_threadpool(_give_back, request, reviewer, items)
        raise ClientDisconnect
    ahead = BackgroundTask(encode_ahead, serving_of(request).live, [each.kept for each in items])
    return Json({"items": shown}, background=ahead)


@router.post("/review/{prediction_id}:release", response_model=Released, responses=refusals(*BODY, 404, 507))
def release_review(request: Request, body: ReleaseBody, prediction_id: PredictionId) -> Json:
    """Give an item back undecided, so that others are given it."""
    reviewer = _reviewer(request, body.reviewer)
    return Json({"released": _queue(request).release(reviewer, prediction_id)})


def _taken(request: Request, body: NextBody, reviewer: str) -> tuple[list[Item], list[dict[str, Any]]]:
    """Return what somebody has before him now, and how it is told."""
    serving = serving_of(request)
    serving.predictions.flush()
    looking = Looking(reviewer, body.wanted(serving), body.queue, body.weigh, body.limit)
    try:
        items = _queue(request).next(looking)
    except SettingError as error:
        raise InvalidField(str(error), "/weigh") from error
    ids = {each.kept.prediction.product_id for each in items if each.kept.prediction.product_id}
    near = {each[0] for item in items for each in item.kept.prediction.answer["neighbours"]}
    stored = serving.live.records.get(ids | near)
    return items, [_item(each, stored) for each in items]


def _give_back(request: Request, reviewer: str, items: Sequence[Item]) -> None:
    """Let others be given what was new; what he had before he may have elsewhere still."""
    for each in items:
        if each.came.why != "held":
            _queue(request).release(reviewer, each.kept.prediction.id)


def _reviewer(request: Request, given: str) -> str:
    """Return who looks; raises InvalidField where nobody says so."""
    name = author_of(request, given)
    if not name.strip():
        raise InvalidField("say who looks, so that nobody else is given the same items: name a reviewer", "/reviewer")
    return name


def _queue(request: Request) -> Queue:
    serving, worker = serving_of(request), request.app.state.worker
    anew = Anew(serving.predictions, _Patiently(serving, worker), serving.live.encoder.side, UNNAMED)
    return Queue(settings_of(request), serving.live.records, anew if serving.predictions.keeps else None)


@dataclass(frozen=True, slots=True)
class _Patiently:
    """Answers when nobody else waits to be answered."""

    serving: Serving
    worker: Worker

    def __call__(self, products: Sequence[Product], dial: Dial) -> Sequence[Answer | ProductError]:
        asked = self.worker.submit(Asking(self.serving, dial), products, patient=True)
        try:
            return asked.result(ANSWER_SECONDS).results
        except TimeoutError:
            asked.cancel()
            raise


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
