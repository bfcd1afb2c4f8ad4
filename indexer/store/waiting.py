"""Predictions that wait to be decided about: which may come next for somebody, and who has which before them.

A lease says that somebody looks at a prediction, until a time; until then nobody else is given it. It is taken in one
transaction, one at a time of all processes, and goes with the decision about its prediction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from indexer.store.predictions import ANEW, EVERY, Kept, Wanted, conditions, kept_rows
from indexer.store.reviews import KIND, SETTLES
from indexer.store.schema import chunks, decisions, leases, nominated, predictions, products, reviews, unsettled

DOUBTED = ("suggest", "abstain")
"""What an answer decides that people look at without being asked to."""

Connecting = Callable[[], AbstractContextManager[sa.Connection]]


@dataclass(frozen=True, slots=True)
class Turn:
    """Who looks for something to decide about. now, until: as the store writes times; until: what he gets is his.

    skipped: what he skipped since then he is not given again yet.
    """

    reviewer: str
    now: str
    until: str
    skipped: str


@dataclass(frozen=True, slots=True)
class Waiter:
    """What is to be known of a prediction to choose among many.

    neighbours: ids of who was near. price: as `Prediction`. at: when it was answered. title: of its product, None where
    that is not kept, so that it cannot be asked about anew. product: all of it, where it was asked for.
    """

    number: int
    doubt: float
    neighbours: tuple[str, ...]
    price: float | None = None
    at: str = ""
    title: str | None = None
    product: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Looked:
    """What somebody has before him, or decided about: the neighbours of its answer, and its title, "" for none.

    at, action: of the decision, "" where it is still before him.
    """

    neighbours: tuple[str, ...]
    title: str = ""
    at: str = ""
    action: str = ""


class Waiting:
    """The predictions of one store that wait; `Records.waiting` makes it."""

    def __init__(self, reading: Connecting, changing: Connecting) -> None:
        self._reading = reading
        self._changing = changing

    def doubted(self, turn: Turn, wanted: Wanted, limit: int, *, products: bool = False) -> list[Waiter]:
        """Return the `limit` most doubted predictions that may come next for somebody.

        None that is settled, that anybody has, or of which this one has said something already; of a product that was
        asked about again, the last answer alone; no `auto` answer unless those are wanted. products: whether these are
        needed.
        """
        query = sa.select(*_COLUMNS, *([predictions.c.product] if products else []))
        query = query.join(unsettled, unsettled.c.prediction == predictions.c.number)
        query = query.where(*_free(turn, wanted), _is_last())
        query = query.order_by(unsettled.c.doubt.desc(), unsettled.c.prediction).limit(limit)
        with self._reading() as connection:
            rows = [
                row
                for decision in ([wanted.decision] if wanted.decision else DOUBTED)  # each walks along the index
                for row in connection.execute(query.where(unsettled.c.decision == decision))
            ]
        return [_waiter(row) for row in sorted(rows, key=lambda row: (-row.doubt, row.number))[:limit]]

    def nominated(self, turn: Turn, wanted: Wanted, limit: int) -> list[int]:
        """Return the `limit` predictions that come next for somebody of those that people want looked at.

        His own first, then those that were nominated first, in the order in which their products were named. None of a
        product that is not stored any more, that is settled or that anybody has, as `doubted`; where an undo left two
        of a product, the last.
        """
        own = sa.func.max(sa.case((decisions.c.author == turn.reviewer, 1), else_=0))
        stored = sa.exists(sa.select(products.c.key).where(products.c.id == predictions.c.product_id))
        stands = decisions.c.undone_at.is_(None)
        later = predictions.alias()
        again = sa.select(later.c.number).join(nominated, nominated.c.prediction == later.c.number)
        again = again.join(decisions, decisions.c.number == nominated.c.nomination).where(stands)
        again = again.join(unsettled, unsettled.c.prediction == later.c.number).where(
            later.c.product_id == predictions.c.product_id, later.c.number > predictions.c.number
        )
        query = sa.select(predictions.c.number).join(nominated, nominated.c.prediction == predictions.c.number)
        query = query.join(decisions, decisions.c.number == nominated.c.nomination)
        query = query.join(unsettled, unsettled.c.prediction == predictions.c.number)
        last = ~sa.exists(again.correlate(predictions))
        query = query.where(stands, stored, last, *_free(turn, wanted)).group_by(predictions.c.number)
        first = sa.func.min(nominated.c.nomination)
        with self._reading() as connection:
            return list(connection.scalars(query.order_by(own.desc(), first, predictions.c.number).limit(limit)))

    def sampled(self, turn: Turn, wanted: Wanted, limit: int) -> list[Waiter]:
        """Return `limit` predictions that may come next for somebody, in order of their ids, which is by chance.

        wanted: says of which sample.
        """
        query = sa.select(*_COLUMNS).where(*_free(turn, wanted), ~_settled()).order_by(predictions.c.id).limit(limit)
        with self._reading() as connection:
            return [_waiter(row) for row in connection.execute(query)]

    def lately(self, now: str, limit: int) -> list[Looked]:
        """Return what people have before them, and the `limit` that were decided about last, the last first."""
        nothing = sa.literal("")
        held = sa.select(predictions.c.answer, _TITLE, nothing.label("at"), nothing.label("action"))
        held = held.join(leases, leases.c.prediction == predictions.c.number).where(leases.c.until > now)
        said = sa.select(predictions.c.answer, _TITLE, reviews.c.at, reviews.c.action)
        said = said.join(reviews, reviews.c.prediction == predictions.c.number).order_by(reviews.c.decision.desc())
        with self._reading() as connection:
            rows = [row for each in (held, said.limit(limit)) for row in connection.execute(each)]
        return [Looked(_near(row), row.title or "", row.at, row.action) for row in rows]

    def untaught(self, turn: Turn, lately: int, limit: int) -> list[int]:
        """Return free predictions that were asked anew between a decision and its undo: what it taught is no more.

        By their numbers; of the `lately` last decisions, and of each product the last answer alone.
        """
        last = sa.select(sa.func.max(decisions.c.number)).scalar_subquery()
        undone = sa.select(decisions.c.at, decisions.c.undone_at).where(
            decisions.c.number > last - lately, decisions.c.kind == KIND, decisions.c.undone_at.is_not(None)
        )
        with self._reading() as connection:
            between = [predictions.c.at.between(*row) for row in connection.execute(undone)]
            if not between:
                return []
            query = sa.select(predictions.c.number)
            query = query.where(predictions.c.caller == ANEW, sa.or_(*between), ~_settled())
            query = query.where(*_free(turn, EVERY), _is_last()).order_by(predictions.c.number.desc()).limit(limit)
            return list(connection.scalars(query))

    def decided_by(self, reviewer: str) -> int:
        """Return how many decisions about predictions somebody made that stand."""
        query = sa.select(sa.func.count()).select_from(reviews).where(reviews.c.author == reviewer)
        with self._reading() as connection:
            return connection.scalar(query) or 0

    def hold(self, turn: Turn, limit: int) -> list[int]:
        """Return the first `limit` predictions that somebody has, in the order in which they were taken.

        They are his for as long again; what he gives back meanwhile is not.
        """
        query = sa.select(leases.c.prediction).join(predictions, predictions.c.number == leases.c.prediction)
        query = query.where(leases.c.reviewer == turn.reviewer, leases.c.until > turn.now, ~_settled(), ~_said(turn))
        with self._changing() as connection:
            held = list(connection.scalars(query.order_by(leases.c.at, leases.c.place).limit(limit)))
            for some in chunks(held):
                connection.execute(leases.update().where(leases.c.prediction.in_(some)).values(until=turn.until))
        return held

    def take(self, turn: Turn, numbers: Sequence[int]) -> list[int]:
        """Give somebody predictions until his time is over, and return those that he has then, in the order given.

        One that somebody else has, that is settled by now, or of which he has said something meanwhile is not given.
        """
        if not numbers:
            return []
        with self._changing() as connection:
            connection.execute(leases.delete().where(leases.c.until <= turn.now))
            before: dict[int, Any] = {}
            free: set[int] = set()
            for some in chunks(numbers):
                found = connection.execute(sa.select(leases).where(leases.c.prediction.in_(some)))
                before.update((row.prediction, row) for row in found)
                query = sa.select(predictions.c.number).where(predictions.c.number.in_(some), ~_settled(), ~_said(turn))
                free.update(connection.scalars(query))
            taken = [n for n in numbers if n in free and (n not in before or before[n].reviewer == turn.reviewer)]
            for some in chunks(taken):
                connection.execute(leases.delete().where(leases.c.prediction.in_(some)))
            rows = [
                {
                    "prediction": number,
                    "reviewer": turn.reviewer,
                    "at": before[number].at if number in before else turn.now,
                    "place": before[number].place if number in before else place,
                    "until": turn.until,
                }
                for place, number in enumerate(taken)
            ]
            if rows:
                connection.execute(leases.insert(), rows)
        return taken

    def release(self, reviewer: str, prediction: str) -> bool:
        """Take a prediction from somebody, by its id; False when he did not have it."""
        its = sa.select(predictions.c.number).where(predictions.c.id == prediction).scalar_subquery()
        with self._changing() as connection:
            done = connection.execute(leases.delete().where(leases.c.prediction == its, leases.c.reviewer == reviewer))
            return bool(done.rowcount)

    def read(self, numbers: Sequence[int]) -> list[Kept]:
        """Return predictions by their numbers, in the order given; those that are no longer kept are left out."""
        with self._reading() as connection:
            rows = [
                row
                for some in chunks(numbers)
                for row in connection.execute(sa.select(predictions).where(predictions.c.number.in_(some)))
            ]
            found = {each.number: each for each in kept_rows(connection, rows)}
        return [found[number] for number in numbers if number in found]


_TITLE = predictions.c.product["title"].as_string().label("title")
_COLUMNS = (
    *(predictions.c.number, predictions.c.doubt, predictions.c.price, predictions.c.answer, predictions.c.at),
    _TITLE,
)


def _settled() -> sa.ColumnElement[bool]:
    said = sa.select(reviews.c.decision).where(reviews.c.prediction == predictions.c.number, SETTLES)
    return sa.exists(said.correlate(predictions))


def _free(turn: Turn, wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    """Return what holds for wanted predictions that nobody has, and of which somebody has said nothing himself."""
    taken = sa.select(leases.c.prediction).where(leases.c.prediction == predictions.c.number, leases.c.until > turn.now)
    nobody = ~sa.exists(taken.correlate(predictions))
    return [nobody, ~_said(turn), *conditions(wanted)]


def _said(turn: Turn) -> sa.ColumnElement[bool]:
    """Return what holds for predictions of which somebody has said something; of a skip, lately."""
    said = sa.select(reviews.c.decision).where(
        reviews.c.prediction == predictions.c.number,
        reviews.c.author == turn.reviewer,
        (reviews.c.action != "skip") | (reviews.c.at > turn.skipped),
    )
    return sa.exists(said.correlate(predictions))


def _is_last() -> sa.ColumnElement[bool]:
    """Return what holds for the last prediction about a product: by its id, or by its content where it had none."""
    later = predictions.alias()
    after = sa.select(later.c.number).where(later.c.number > predictions.c.number)
    named = after.where(later.c.product_id == predictions.c.product_id).correlate(predictions)
    nameless = after.where(later.c.product_id == "", later.c.content_hash == predictions.c.content_hash)
    return sa.case(
        (predictions.c.product_id != "", ~sa.exists(named)), else_=~sa.exists(nameless.correlate(predictions))
    )


def _waiter(row: Any) -> Waiter:  # noqa: ANN401 - a row with _COLUMNS
    product = getattr(row, "product", None) or {}
    return Waiter(row.number, row.doubt, _near(row), row.price, row.at, row.title, product)


def _near(row: Any) -> tuple[str, ...]:  # noqa: ANN401 - a row with the answer
    return tuple(each[0] for each in row.answer["neighbours"])
