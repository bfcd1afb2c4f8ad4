"""Pairs of stored products that are not merely different, and the groups and families that they form.

What is read here is as of the place that the finding DUPLICATES was brought to; of products that were deleted since,
nothing is told to whoever looks at groups. Whoever works them out reads by key, deleted ones included.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from indexer.store import settlements
from indexer.store.schema import chunks, groups, products, twins
from indexer.store.settlements import Pair

Connecting = Callable[[], AbstractContextManager[sa.Connection]]
Kind = Literal["duplicates", "variants"]

DUPLICATES = "duplicates"
"""Name of the finding."""


@dataclass(frozen=True, slots=True)
class Twin:
    """A pair of products, by key, the lesser one left, as it was judged."""

    left: int
    right: int
    verdict: str
    probability: float
    variant: float = 0.0
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """A product in a group of duplicates, a family of variants or both; the other one is empty.

    survivor: whether it is the one of its group that is best kept, for `reasons`.
    """

    key: int
    group: str
    family: str
    survivor: bool = False
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Regrouped:
    """What was worked out of some products: all pairs with one of `judged`, and the membership of each of `regrouped`.

    A product among these that is in no group has no Member.
    """

    judged: Collection[int]
    twins: Sequence[Twin]
    regrouped: Collection[int]
    members: Sequence[Member]

    def write(self, connection: sa.Connection) -> None:
        """Let it take the place of what was there of these products."""
        judged = set(self.judged)
        for some in chunks(judged):
            connection.execute(twins.delete().where(twins.c.left_key.in_(some) | twins.c.right_key.in_(some)))
        for some in chunks(self.regrouped):
            connection.execute(groups.delete().where(groups.c.key.in_(some)))
        others = [{"l": each.left, "r": each.right} for each in self.twins if not {each.left, each.right} & judged]
        if others:
            pair = (twins.c.left_key == sa.bindparam("l")) & (twins.c.right_key == sa.bindparam("r"))
            connection.execute(twins.delete().where(pair), others)
        Added(self.twins, self.members).write(connection)


@dataclass(frozen=True, slots=True)
class Added:
    """Pairs and members of which nothing was there before, as after `Cleared`."""

    twins: Sequence[Twin] = ()
    members: Sequence[Member] = ()

    def write(self, connection: sa.Connection) -> None:
        """Write them."""
        if self.twins:
            connection.execute(twins.insert(), [_twin_row(each) for each in self.twins])
        if self.members:
            connection.execute(groups.insert(), [_member_row(each) for each in self.members])


class Cleared:
    """No pair and no group at all, as before the first pass."""

    def write(self, connection: sa.Connection) -> None:
        """Remove every row."""
        connection.execute(twins.delete())
        connection.execute(groups.delete())


class Twins:
    """What is known of pairs and groups; `Records.twins` makes it."""

    def __init__(self, reading: Connecting) -> None:
        self._reading = reading

    def of(self, keys: Collection[int]) -> list[Twin]:
        """Return every pair in which one of `keys` is, in order of keys."""
        found: dict[tuple[int, int], Twin] = {}
        with self._reading() as connection:
            for some in chunks(keys):
                query = sa.select(twins).where(twins.c.left_key.in_(some) | twins.c.right_key.in_(some))
                for row in connection.execute(query):
                    found[row.left_key, row.right_key] = _twin(row)
        return [found[pair] for pair in sorted(found)]

    def memberships(self, keys: Collection[int]) -> dict[int, Member]:
        """Return by key those of `keys` that are in a group or family, deleted products included."""
        with self._reading() as connection:
            return {
                row.key: _member(row)
                for some in chunks(keys)
                for row in connection.execute(sa.select(groups).where(groups.c.key.in_(some)))
            }

    def together(self, ids: Collection[str], kind: Kind) -> list[Member]:
        """Return every member of groups, or of families, in order of key, deleted products included."""
        column = _column(kind)
        with self._reading() as connection:
            found = [
                _member(row)
                for some in chunks(each for each in ids if each)
                for row in connection.execute(sa.select(groups).where(column.in_(some)))
            ]
        return sorted(found, key=lambda member: member.key)

    def every(self, size: int = 10_000) -> Iterator[list[Member]]:
        """Yield everybody who is in a group or family, in order of key, deleted products included."""
        query, after = sa.select(groups).order_by(groups.c.key).limit(size), -1
        while True:
            with self._reading() as connection:
                some = [_member(row) for row in connection.execute(query.where(groups.c.key > after))]
            if not some:
                return
            yield some
            after = some[-1].key

    def taken(self, ids: Collection[str]) -> set[str]:
        """Return those of `ids` that are the id of a group or family."""
        with self._reading() as connection:
            return {
                found
                for some in chunks(ids)
                for column in (groups.c.group_id, groups.c.family_id)
                for found in connection.scalars(sa.select(column).where(column.in_(some)))
            }

    def page(self, kind: Kind, after: str = "", limit: int = 50) -> list[str]:
        """Return the ids of the `limit` groups, or families, that follow an id, in order; two products at least."""
        column = _column(kind)
        query = (
            sa.select(column)
            .join_from(groups, products, products.c.key == groups.c.key)
            .where(column > after)
            .group_by(column)
            .having(sa.func.count() > 1)
            .order_by(column)
            .limit(limit)
        )
        with self._reading() as connection:
            return list(connection.scalars(query))

    def count(self, kind: Kind) -> tuple[int, int]:
        """Return how many groups or families there are, and how many products are in them."""
        column = _column(kind)
        each = (
            sa.select(sa.func.count().label("members"))
            .select_from(groups.join(products, products.c.key == groups.c.key))
            .where(column != "")
            .group_by(column)
            .having(sa.func.count() > 1)
            .subquery()
        )
        with self._reading() as connection:
            row = connection.execute(sa.select(sa.func.count(), sa.func.sum(each.c.members)).select_from(each)).one()
        return row[0], int(row[1] or 0)

    def settled(self, ids: Collection[str] | None = None) -> Mapping[Pair, str]:
        """Return what people said of pairs in which one of `ids` is, or of all, by ids, the lesser one first."""
        with self._reading() as connection:
            return settlements.every(connection) if ids is None else settlements.verdicts(connection, ids)


def _column(kind: Kind) -> sa.Column[str]:
    return groups.c.group_id if kind == "duplicates" else groups.c.family_id


def _twin_row(twin: Twin) -> dict[str, Any]:
    return {
        "left_key": twin.left,
        "right_key": twin.right,
        "verdict": twin.verdict,
        "probability": twin.probability,
        "variant": twin.variant,
        "evidence": list(twin.evidence),
    }


def _member_row(member: Member) -> dict[str, Any]:
    return {
        "key": member.key,
        "group_id": member.group,
        "family_id": member.family,
        "survivor": member.survivor,
        "reasons": list(member.reasons),
    }


def _twin(row: Any) -> Twin:  # noqa: ANN401 - a row of the table
    return Twin(row.left_key, row.right_key, row.verdict, row.probability, row.variant, tuple(row.evidence))


def _member(row: Any) -> Member:  # noqa: ANN401 - a row of the table
    return Member(row.key, row.group_id, row.family_id, row.survivor, tuple(row.reasons))
