"""Answers of the service as they were given, and what people said of each: kept, paged through, counted, forgotten.

A row is written once and never changed. What a person says is a row of its own (`reviews`), so that both can be told
apart, exported and compared for as long as both are kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from typing import Any, Literal

import sqlalchemy as sa

from indexer.errors import PredictionNotFound
from indexer.store.reviews import SETTLES, SETTLING, Review, await_decisions, of_row
from indexer.store.schema import chunks, insert_new, nominated, predictions, reviews
from taxonomy.names import SEPARATOR

Connecting = Callable[[], AbstractContextManager[sa.Connection]]
Group = Literal["category", "confidence", "supplier", "day"]

EDGES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Where one class of confidence ends and the next begins."""
ANEW = "aisle review"
"""The caller of what was asked about anew for the review queue; nobody was answered so, and no sample has it."""
FORGOTTEN = 1_000
"""Predictions that are removed in one transaction."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What was answered about one product.

    product_id: "" where it had none. category, node_id: that was answered, "" when abstaining. doubt: how much a person
    could teach by looking at it, 0 to 1. answer: the rest of what was told, as JSON. product: as it was asked about, as
    JSON, None where products are not kept.
    """

    id: str
    at: str
    caller: str
    product_id: str
    content_hash: str
    supplier: str
    price: float | None
    decision: str
    node_id: str
    category: str
    probability: float
    snapshot: str
    taxonomy: int
    doubt: float
    answer: Mapping[str, Any]
    product: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Kept:
    """A prediction with its place in the order of keeping, and the decisions about it that stand, in their order."""

    number: int
    prediction: Prediction
    reviews: tuple[Review, ...] = ()

    @property
    def settled(self) -> Review | None:
        """The decision that settles it; None while it is to be decided about."""
        return next((each for each in self.reviews if each.action in SETTLING), None)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which predictions are wanted; "" and None want all.

    decided: whether somebody settled it. named: whether a category was answered. action: what somebody decided.
    decision: auto, suggest or abstain. branch: path of a category, as it was when it was answered; it and those below.
    since, until: of the answer, as the store writes times; `until` itself is not in it. least, most: of the
    probability. nomination: those that it put into the review queue. sample: this share of all that nobody put there,
    always the same ones, as if by chance; a smaller one is a part of it.
    """

    decided: bool | None = None
    named: bool | None = None
    action: str = ""
    decision: str = ""
    branch: str = ""
    supplier: str | None = None
    since: str = ""
    until: str = ""
    least: float = 0.0
    most: float = 1.0
    nomination: int | None = None
    sample: float | None = None


EVERY = Wanted()
_COLUMNS = [each.name for each in fields(Prediction)]


class Predictions:
    """The answers in one store; `Records.predictions` makes it."""

    def __init__(self, reading: Connecting, changing: Connecting) -> None:
        self._reading = reading
        self._changing = changing

    def keep(self, some: Sequence[Prediction]) -> None:
        """Keep predictions in one transaction; of an id that is there, what was kept first stays."""
        if some:
            with self._changing() as connection:
                insert(connection, some)

    def get(self, prediction_id: str) -> Kept:
        """Return one prediction; raises PredictionNotFound."""
        with self._reading() as connection:
            row = connection.execute(sa.select(predictions).where(predictions.c.id == prediction_id)).one_or_none()
            if row is None:
                raise PredictionNotFound(prediction_id)
            return kept_rows(connection, [row])[0]

    def page(self, before: int | None = None, limit: int = 50, wanted: Wanted = EVERY) -> list[Kept]:
        """Return the `limit` wanted predictions before a place, the latest first."""
        query = sa.select(predictions).where(*conditions(wanted)).order_by(predictions.c.number.desc()).limit(limit)
        if before is not None:
            query = query.where(predictions.c.number < before)
        with self._reading() as connection:
            return kept_rows(connection, connection.execute(query).all())

    def count(self, wanted: Wanted = EVERY) -> int:
        """Return how many predictions are wanted."""
        query = sa.select(sa.func.count()).select_from(predictions).where(*conditions(wanted))
        with self._reading() as connection:
            return connection.scalar(query) or 0

    def tally(self, group: Group | None = None, wanted: Wanted = EVERY) -> dict[str, Counter[str]]:
        """Return how often which action was decided about wanted predictions, by the values of a group.

        Categories are told by their paths as they were answered, confidences by the class of EDGES that they are in
        ("0" to "7"), days in UTC. Without a group all are under "".
        """
        value = sa.literal("") if group is None else _VALUES[group]
        query = sa.select(value.label("value"), reviews.c.action, sa.func.count())
        query = query.select_from(reviews.join(predictions, predictions.c.number == reviews.c.prediction))
        query = query.where(*conditions(wanted)).group_by("value", reviews.c.action)
        found: dict[str, Counter[str]] = {}
        with self._reading() as connection:
            for each, action, many in connection.execute(query):
                found.setdefault(str(each), Counter())[action] = many
        return found

    def forget_before(self, at: str) -> int:
        """Remove some predictions that were answered before a time, and return how many: FORGOTTEN at most.

        What people decided about them stays with the decisions; it is counted and listed here no more.
        """
        query = sa.select(predictions.c.number).where(predictions.c.at < at).order_by(predictions.c.at)
        with self._reading() as connection:
            if not (old := connection.scalars(query.limit(FORGOTTEN)).all()):
                return 0
        with self._changing() as connection:
            for some in chunks(old):
                connection.execute(predictions.delete().where(predictions.c.number.in_(some)))
        return len(old)


def insert(connection: sa.Connection, some: Sequence[Prediction]) -> range:
    """Keep predictions inside a transaction, and let them wait to be decided about; return the numbers they get.

    Of an id that is there, what was kept first stays, and the number is nobody's.
    """
    last = connection.scalar(sa.select(sa.func.max(predictions.c.number))) or 0
    rows = [{"number": n, **_row(each)} for n, each in enumerate(some, start=last + 1)]
    if rows:
        connection.execute(insert_new(connection, predictions), rows)
        await_decisions(connection, predictions.c.number > last)
    return range(last + 1, last + 1 + len(rows))


_CLASS = sa.case(
    *((predictions.c.probability >= edge, place) for place, edge in reversed([*enumerate(EDGES, start=1)])), else_=0
)
_VALUES: Mapping[Group, sa.ColumnElement[Any]] = {
    "category": predictions.c.category,
    "confidence": _CLASS,
    "supplier": predictions.c.supplier,
    "day": sa.func.substr(predictions.c.at, 1, 10),
}


def conditions(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    """Return what holds for the predictions that are wanted."""
    its = sa.select(reviews.c.decision).where(reviews.c.prediction == predictions.c.number).correlate(predictions)
    put = sa.select(nominated.c.nomination).where(nominated.c.prediction == predictions.c.number).correlate(predictions)
    below = wanted.branch + SEPARATOR
    every: list[tuple[object, sa.ColumnElement[bool]]] = [
        (wanted.decided is True, sa.exists(its.where(SETTLES))),
        (wanted.decided is False, ~sa.exists(its.where(SETTLES))),
        (wanted.named is True, predictions.c.node_id != ""),
        (wanted.named is False, predictions.c.node_id == ""),
        (wanted.action, sa.exists(its.where(reviews.c.action == wanted.action))),
        (wanted.decision, predictions.c.decision == wanted.decision),
        (
            wanted.branch,
            (predictions.c.category == wanted.branch)
            | (sa.func.substr(predictions.c.category, 1, len(below)) == below),
        ),
        (wanted.supplier is not None, predictions.c.supplier == wanted.supplier),
        (wanted.since, predictions.c.at >= wanted.since),
        (wanted.until, predictions.c.at < wanted.until),
        (wanted.least > 0, predictions.c.probability >= wanted.least),
        (wanted.most < 1, predictions.c.probability <= wanted.most),
        (wanted.nomination is not None, sa.exists(put.where(nominated.c.nomination == wanted.nomination))),
        (wanted.sample is not None, ~sa.exists(put)),
        (wanted.sample is not None, predictions.c.caller != ANEW),
        (wanted.sample is not None and wanted.sample < 1, predictions.c.id < _bound(wanted.sample or 0.0)),
    ]
    return [condition for asked, condition in every if asked]


def _bound(share: float) -> str:
    """Return the id below which a share of all ids is: each is "p" and a hash in hexadecimal digits."""
    return f"p{int(share * 16**12):012x}"


def _row(prediction: Prediction) -> dict[str, Any]:
    return {name: getattr(prediction, name) for name in _COLUMNS}


def kept_rows(connection: sa.Connection, rows: Sequence[Any]) -> list[Kept]:
    """Return rows of the table with the decisions about them, in order."""
    said = _reviews_of(connection, [row.number for row in rows])
    return [Kept(row.number, _prediction(row), tuple(said.get(row.number, ()))) for row in rows]


def _prediction(row: Any) -> Prediction:  # noqa: ANN401 - a row of the table
    return Prediction(**{name: getattr(row, name) for name in _COLUMNS})


def _reviews_of(connection: sa.Connection, numbers: Collection[int]) -> dict[int, list[Review]]:
    found: dict[int, list[Review]] = {}
    for some in chunks(numbers):
        query = sa.select(reviews).where(reviews.c.prediction.in_(some)).order_by(reviews.c.decision)
        for row in connection.execute(query):
            found.setdefault(row.prediction, []).append(of_row(row))
    return found
