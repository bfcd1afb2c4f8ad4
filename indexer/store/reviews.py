"""What people said of answers, in the record store: one row per decision that stands, in the transaction of it.

One that settles a prediction is the only one of it; `skip` and `unsure` settle nothing, and any number of them may be.
Every function works inside the transaction of the connection it is given.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import sqlalchemy as sa

from indexer.errors import DecisionConflict, PredictionNotFound
from indexer.store.schema import decisions, leases, predictions, reviews, unsettled

KIND = "prediction"
"""Kind of decisions about answers."""
RIGHT = ("accept",)
OVERRIDES = ("correct", "coarser", "finer")
OPEN = ("skip", "unsure")
"""Actions that leave a prediction to be decided about."""
SETTLING = (*RIGHT, *OVERRIDES, "tags")
ACTIONS = (*SETTLING, *OPEN)


@dataclass(frozen=True, slots=True)
class Review:
    """What a decision that stands says of a prediction, and the decision: its number, when it was made and by whom.

    action: one of ACTIONS. product_id: that was labelled; node_id, category: that it was given; "" for none.
    """

    action: str
    product_id: str = ""
    node_id: str = ""
    category: str = ""
    decision: int = 0
    at: str = ""
    author: str = ""


_COLUMNS = [each.name for each in fields(Review)]


def of_row(row: Any) -> Review:  # noqa: ANN401 - a row of the table
    """Return what a row says."""
    return Review(**{name: getattr(row, name) for name in _COLUMNS})


SETTLES = reviews.c.action.in_(SETTLING)
"""Of a review that its prediction is decided about."""


def keep(connection: sa.Connection, prediction: str, decision: int, said: Review) -> None:
    """Keep what a decision, by its number, says of a prediction, by its id; nobody has that before him any more.

    Raises PredictionNotFound when that is no longer kept, and DecisionConflict when another decision settled it.
    """
    number = connection.scalar(sa.select(predictions.c.number).where(predictions.c.id == prediction))
    if number is None:
        raise PredictionNotFound(prediction)
    if said.action in SETTLING:
        query = sa.select(reviews.c.decision, reviews.c.action).where(reviews.c.prediction == number, SETTLES)
        if (known := connection.execute(query).one_or_none()) is not None:
            raise DecisionConflict(
                f"prediction {prediction} is decided about: {known.action}, by decision {known.decision}; nothing was "
                "changed: take that one back first"
            )
    at, author = connection.execute(
        sa.select(decisions.c.at, decisions.c.author).where(decisions.c.number == decision)
    ).one()
    row = asdict(replace(said, decision=decision, at=at, author=author))
    connection.execute(reviews.insert(), {"prediction": number, **row})
    connection.execute(leases.delete().where(leases.c.prediction == number))
    if said.action in SETTLING:
        connection.execute(unsettled.delete().where(unsettled.c.prediction == number))


def take_back(connection: sa.Connection, decision: int) -> None:
    """Let a decision that is taken back say nothing of its prediction, which waits again where it was settled by it."""
    its = reviews.c.decision == decision
    settled = connection.scalar(sa.select(reviews.c.prediction).where(its, SETTLES))
    connection.execute(reviews.delete().where(its))
    if settled is not None:
        await_decisions(connection, predictions.c.number == settled)


def await_decisions(connection: sa.Connection, those: sa.ColumnElement[bool]) -> None:
    """Let predictions wait to be decided about."""
    some = sa.select(predictions.c.number, predictions.c.decision, predictions.c.doubt).where(those)
    connection.execute(unsettled.insert().from_select(["prediction", "decision", "doubt"], some))
