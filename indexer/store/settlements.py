"""Pairs of products that a person has judged, by their ids: they overrule what the machine says, and outlive products.

Every function works inside the transaction of the connection it is given; `decisions` and `twins` open and close those.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from indexer.store.schema import chunks, decisions, settled

Said = tuple[str, str, str]
"""Ids of two products, and a verdict about them."""
Pair = tuple[str, str]
"""Ids of two products, the lesser one first."""


def sorted_pairs(said: Iterable[Said]) -> list[Said]:
    """Return what is said of each pair, the lesser id first, in order; of a pair that is there twice the last counts.

    A product and itself are no pair.
    """
    by_pair = {(min(a, b), max(a, b)): verdict for a, b, verdict in said if a != b}
    return [(left, right, verdict) for (left, right), verdict in sorted(by_pair.items())]


def settle(connection: sa.Connection, said: Iterable[Said], decision: int) -> list[list[Any]]:
    """Let a decision say something of pairs; return what was said before, as [id, id, verdict, decision]."""
    pairs = sorted_pairs(said)
    before = _rows(connection, [(left, right) for left, right, _ in pairs])
    _forget(connection, [(row[0], row[1]) for row in before])
    rows = [{"left_id": a, "right_id": b, "verdict": verdict, "decision": decision} for a, b, verdict in pairs]
    if rows:
        connection.execute(settled.insert(), rows)
    return before


def take_back(connection: sa.Connection, decision: int, before: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Let hold of the pairs of a decision what was said before; return [id, id, verdict] of all, "" where nothing is.

    before: as `settle` returned it. A pair that a later decision judged stays as that one said.
    """
    rows = connection.execute(sa.select(settled).where(settled.c.decision == decision)).all()
    pairs = [(row.left_id, row.right_id) for row in rows]
    _forget(connection, pairs)
    former = {(row[0], row[1]): row for row in before}
    new = [found for pair in pairs if (found := _standing(connection, former.get(pair)))]
    if new:
        connection.execute(settled.insert(), new)
    now = {(row["left_id"], row["right_id"]): row["verdict"] for row in new}
    return [[*pair, now.get(pair, "")] for pair in pairs]


def verdicts(connection: sa.Connection, ids: Collection[str]) -> dict[Pair, str]:
    """Return what people said of pairs in which one of `ids` is."""
    found: dict[Pair, str] = {}
    for some in chunks(ids):
        query = sa.select(settled).where(settled.c.left_id.in_(some) | settled.c.right_id.in_(some))
        found.update(((row.left_id, row.right_id), row.verdict) for row in connection.execute(query))
    return found


def every(connection: sa.Connection) -> dict[Pair, str]:
    """Return all that people said of pairs."""
    return {(row.left_id, row.right_id): row.verdict for row in connection.execute(sa.select(settled))}


def _standing(connection: sa.Connection, former: Sequence[Any] | None) -> dict[str, Any] | None:
    """Return the row of what was said of a pair, or before that, by a decision that stands; None when there is none."""
    while former is not None:
        left, right, verdict, number = former
        query = sa.select(decisions.c.detail, decisions.c.undone_at).where(decisions.c.number == number)
        row = connection.execute(query).one()
        if row.undone_at is None:
            return {"left_id": left, "right_id": right, "verdict": verdict, "decision": number}
        earlier = row.detail.get("before", ())
        former = next((each for each in earlier if (each[0], each[1]) == (left, right)), None)
    return None


def _rows(connection: sa.Connection, pairs: Sequence[Pair]) -> list[list[Any]]:
    found: list[list[Any]] = []
    for some in chunks({left for left, _ in pairs}):
        rows = connection.execute(sa.select(settled).where(settled.c.left_id.in_(some)))
        found += [[row.left_id, row.right_id, row.verdict, row.decision] for row in rows]
    wanted = set(pairs)
    return sorted(row for row in found if (row[0], row[1]) in wanted)


def _forget(connection: sa.Connection, pairs: Sequence[Pair]) -> None:
    for left, right in pairs:
        connection.execute(settled.delete().where(settled.c.left_id == left, settled.c.right_id == right))
