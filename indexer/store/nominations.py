"""Stored products that people want looked at, in the record store: each a prediction that was made for this alone.

    nomination    a decision of the kind KIND: who, when and why; `nominated` has a row for each prediction it is about
    waiting       such a prediction as long as nobody settled it and a nomination of it stands

A product waits once, however often it is nominated. A nomination that is taken back takes the predictions along that
nobody settled and no other one is about.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import sqlalchemy as sa

from indexer.store.predictions import Prediction, insert
from indexer.store.schema import chunks, decisions, nominated, predictions, put_detail, unsettled

KIND, NOMINATE = "nomination", "nominate"
WAITED = "waited"
"""Where the detail of a nomination says which of its products waited already."""

Connecting = Callable[[], AbstractContextManager[sa.Connection]]


@dataclass(frozen=True, slots=True)
class Nomination:
    """Who wanted a product looked at, when and why; number: of the decision, which takes it back."""

    number: int
    at: str
    author: str
    reason: str


@dataclass(frozen=True, slots=True)
class Waits:
    """A prediction that waits, by its number, and the hash of what its product said when it was made."""

    number: int
    content_hash: str


class Unasked(Exception):
    """Products neither wait, by now, nor were they asked about: somebody settled them, or let them wait no more."""

    def __init__(self, ids: Sequence[str]) -> None:
        super().__init__(f"{len(ids)} products wait for nobody, the first is {ids[0][:80]!r}")
        self.ids = ids


class Nominations:
    """The nominations in one store; `Records.nominations` makes it."""

    def __init__(self, reading: Connecting) -> None:
        self._reading = reading

    def waiting(self, ids: Collection[str]) -> dict[str, Waits]:
        """Return what waits of the products `ids`, by id."""
        with self._reading() as connection:
            return waiting(connection, ids)

    def of(self, numbers: Collection[int]) -> dict[int, list[Nomination]]:
        """Return the nominations of predictions that stand, by the number of the prediction, the first one first."""
        columns = (decisions.c.number, decisions.c.at, decisions.c.author, decisions.c.detail)
        query = sa.select(nominated.c.prediction, *columns).join(decisions, _ITS).where(_STANDS)
        found: dict[int, list[Nomination]] = {}
        with self._reading() as connection:
            for some in chunks(numbers):
                rows = connection.execute(query.where(nominated.c.prediction.in_(some)).order_by(decisions.c.number))
                for row in rows:
                    made = Nomination(row.number, row.at, row.author, row.detail["reason"])
                    found.setdefault(row.prediction, []).append(made)
        return found


_ITS = decisions.c.number == nominated.c.nomination
_STANDS = decisions.c.undone_at.is_(None)


def waiting(connection: sa.Connection, ids: Collection[str]) -> dict[str, Waits]:
    """Return what waits of the products `ids`, by id: the last, where an undo left two."""
    columns = (predictions.c.product_id, predictions.c.number, predictions.c.content_hash)
    query = sa.select(*columns).distinct().join(nominated, nominated.c.prediction == predictions.c.number)
    query = query.join(decisions, _ITS).join(unsettled, unsettled.c.prediction == predictions.c.number).where(_STANDS)
    found: dict[str, Waits] = {}
    for some in chunks(ids):
        rows = connection.execute(query.where(predictions.c.product_id.in_(some)).order_by(predictions.c.number))
        found.update((row.product_id, Waits(row.number, row.content_hash)) for row in rows)
    return found


def nominate(connection: sa.Connection, number: int, ids: Sequence[str], made: Mapping[str, Prediction]) -> None:
    """Let products wait for people by the nomination `number`, whose detail tells which of them waited already.

    made: predictions by the ids of their products, of all that have to be asked about. One that waits with what its
    product said before is given up for a new one, and whoever nominated it gets that. Raises Unasked.
    """
    before = waiting(connection, ids)
    new = [
        each
        for id_ in ids
        if (each := made.get(id_)) and (id_ not in before or before[id_].content_hash != each.content_hash)
    ]
    numbers = {id_: each.number for id_, each in before.items()}
    numbers |= dict(zip((each.product_id for each in new), insert(connection, new), strict=True))
    if unasked := [id_ for id_ in ids if id_ not in numbers]:
        raise Unasked(unasked)
    for each in new:
        if (old := before.get(each.product_id)) is not None:
            its = nominated.c.prediction == old.number
            connection.execute(nominated.update().where(its).values(prediction=numbers[each.product_id]))
            connection.execute(predictions.delete().where(predictions.c.number == old.number))
    connection.execute(nominated.insert(), [{"prediction": numbers[id_], "nomination": number} for id_ in ids])
    asked = {each.product_id for each in new}
    put_detail(connection, number, WAITED, [id_ for id_ in ids if id_ in before and id_ not in asked])


def take_back(connection: sa.Connection, decision: int) -> None:
    """Let what a nomination that is taken back put into the queue wait no more, unless another one stands."""
    its = sa.select(nominated.c.prediction).where(nominated.c.nomination == decision)
    others = sa.select(nominated.c.prediction).join(decisions, _ITS).where(_STANDS)
    open_ = sa.select(unsettled.c.prediction)
    numbers = predictions.c.number
    connection.execute(predictions.delete().where(numbers.in_(its), numbers.in_(open_), numbers.not_in(others)))
