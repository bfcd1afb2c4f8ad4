"""Labels that a person found right, in the record store: whoever audits suspects them no more.

A label is right as it was then: with the category and the content that the product had. What was found right of it
before is kept with the decision, so that it holds again when that is taken back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from indexer.store.schema import chunks, decisions, labels, products, put_detail, suspects, upheld

UPHELD = "upheld"
"""Where the detail of a decision keeps what was found right before it."""

_NOTHING: Mapping[str, Any] = {
    "stored": "",
    "suggested": "",
    "probability": 0.0,
    "severity": 0.0,
    "kind": "",
    "pattern": "",
    "neighbours": [],
}
"""What is suspected of the label of a product of which only tags are amiss."""


def upheld_of(connection: sa.Connection, ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return by id what a person found right: category id and content hash, of those of `ids` that have any."""
    query = sa.select(upheld.c.id, upheld.c.node_id, upheld.c.content_hash)
    return {
        row.id: (row.node_id, row.content_hash)
        for some in chunks(ids)
        for row in connection.execute(query.where(upheld.c.id.in_(some)))
    }


def last_word(connection: sa.Connection, id_: str) -> int | None:
    """Return the number of the decision by which a person last found the label of a product right, if any."""
    return connection.scalar(sa.select(upheld.c.decision).where(upheld.c.id == id_))


def after(connection: sa.Connection, ids: Collection[str], decision: int) -> dict[str, tuple[str, int]]:
    """Return by id which category a decision after that one found right last, and its number, where one did."""
    query = sa.select(upheld.c.id, upheld.c.node_id, upheld.c.decision).where(upheld.c.decision > decision)
    return {
        row.id: (row.node_id, row.decision)
        for some in chunks(ids)
        for row in connection.execute(query.where(upheld.c.id.in_(some)).order_by(upheld.c.id))
    }


def uphold(connection: sa.Connection, ids: Collection[str], decision: int) -> None:
    """Remember that a person found the labels right that products have now, and suspect them no more."""
    columns = (products.c.key, products.c.id, labels.c.node_id, products.c.content_hash)
    query = sa.select(*columns).join_from(products, labels)
    _remember(connection, ids, decision)
    forget(connection, ids)
    for some in chunks(ids):
        rows = connection.execute(query.where(products.c.id.in_(some))).all()
        new = [{"id": r.id, "node_id": r.node_id, "content_hash": r.content_hash, "decision": decision} for r in rows]
        if new:
            connection.execute(upheld.insert(), new)
        keys = [row.key for row in rows]
        here = suspects.c.key.in_(keys)
        connection.execute(suspects.delete().where(here, suspects.c.tag_probability == 0))
        connection.execute(suspects.update().where(here).values(_NOTHING))


def take_back(connection: sa.Connection, decision: int) -> None:
    """Forget what a decision found right; what an earlier one that stands had found right of these, holds again."""
    its = upheld.c.decision == decision
    ids = connection.scalars(sa.select(upheld.c.id).where(its)).all()
    connection.execute(upheld.delete().where(its))
    former = _Former(connection)
    new = [row for id_ in ids if (row := former.standing(id_, decision)) is not None]
    if new:
        connection.execute(upheld.insert(), new)


def _remember(connection: sa.Connection, ids: Collection[str], decision: int) -> None:
    """Keep with a decision what was found right before of products that it is about."""
    query = sa.select(upheld)
    former = [
        {str(name): value for name, value in row.items()}
        for some in chunks(ids)
        for row in connection.execute(query.where(upheld.c.id.in_(some))).mappings()
    ]
    if former:
        put_detail(connection, decision, UPHELD, former)


class _Former:
    """What decisions replaced of what was found right; each decision is read once."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._known: dict[int, tuple[bool, Mapping[str, Any]]] = {}

    def standing(self, id_: str, decision: int) -> dict[str, Any] | None:
        """Return the row about a product before a decision, or before that, by one that was not taken back."""
        while (row := self._of(decision)[1].get(id_)) is not None:
            decision = row["decision"]
            if self._of(decision)[0]:
                return dict(row)
        return None

    def _of(self, decision: int) -> tuple[bool, Mapping[str, Any]]:
        """Return whether a decision stands, and the rows that it replaced, by product."""
        if decision not in self._known:
            query = sa.select(decisions.c.undone_at, decisions.c.detail).where(decisions.c.number == decision)
            row = self._connection.execute(query).one()
            self._known[decision] = row.undone_at is None, {each["id"]: each for each in row.detail.get(UPHELD, ())}
        return self._known[decision]


def forget(connection: sa.Connection, ids: Collection[str]) -> None:
    """Forget that a person found labels right."""
    for some in chunks(ids):
        connection.execute(upheld.delete().where(upheld.c.id.in_(some)))
