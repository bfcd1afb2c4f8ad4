"""Pairs of products that a person has judged, by their ids: they overrule what the machine says, and outlive products.

Every function works inside the transaction of the connection it is given; `decisions` and `twins` open and close those.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
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
    if before:
        pair = (settled.c.left_id == sa.bindparam("l")) & (settled.c.right_id == sa.bindparam("r"))
        connection.execute(settled.delete().where(pair), [{"l": row[0], "r": row[1]} for row in before])
    rows = [{"left_id": a, "right_id": b, "verdict": verdict, "decision": decision} for a, b, verdict in pairs]
    if rows:
        connection.execute(settled.insert(), rows)
    return before


def take_back(connection: sa.Connection, decision: int, before: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Let hold of the pairs of a decision what was said before; return [id, id, verdict] of all, "" where nothing is.

    before: as `settle` returned it. A pair that a later decision judged stays as that one said.
    """
    its = settled.c.decision == decision
    pairs = [(row.left_id, row.right_id) for row in connection.execute(sa.select(settled).where(its))]
    connection.execute(settled.delete().where(its))
    former = _by_pair(before)

    @cache
    def overruled(number: int) -> Mapping[Pair, Sequence[Any]] | None:
        """Return what was said before a decision that was taken back; None for one that stands."""
        query = sa.select(decisions.c.detail, decisions.c.undone_at).where(decisions.c.number == number)
        row = connection.execute(query).one()
        return None if row.undone_at is None else _by_pair(row.detail.get("before", ()))

    new = [found for pair in pairs if (found := _standing(overruled, former.get(pair)))]
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


def _standing(
    overruled: Callable[[int], Mapping[Pair, Sequence[Any]] | None], former: Sequence[Any] | None
) -> dict[str, Any] | None:
    """Return the row of what was said of a pair, or before that, by a decision that stands; None when there is none."""
    while former is not None:
        left, right, verdict, number = former
        earlier = overruled(number)
        if earlier is None:
            return {"left_id": left, "right_id": right, "verdict": verdict, "decision": number}
        former = earlier.get((left, right))
    return None


def _by_pair(said: Iterable[Sequence[Any]]) -> dict[Pair, Sequence[Any]]:
    return {(each[0], each[1]): each for each in said}


def _rows(connection: sa.Connection, pairs: Sequence[Pair]) -> list[list[Any]]:
    found: list[list[Any]] = []
    for some in chunks({left for left, _ in pairs}):
        rows = connection.execute(sa.select(settled).where(settled.c.left_id.in_(some)))
        found += [[row.left_id, row.right_id, row.verdict, row.decision] for row in rows]
    wanted = set(pairs)
    return sorted(row for row in found if (row[0], row[1]) in wanted)
