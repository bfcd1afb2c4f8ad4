"""What is worked out of stored products and kept current: up to which change, and written in one transaction with that.

A finding (groups of duplicates, suspected labels) is a cache of the store, like an index, but kept in the store itself,
so that every process shows the same. Several may work it out at a time: what one has worked out counts only when nobody
has brought the finding further meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from indexer.store import schema
from indexer.store.decisions import last_number
from indexer.store.rows import last_seq

Connecting = Callable[[], AbstractContextManager[sa.Connection]]


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a finding was brought: everything up to this change and this decision is in it."""

    seq: int
    decision: int

    def covers(self, other: Reached) -> bool:
        """Say whether it is as far as another."""
        return self.seq >= other.seq and self.decision >= other.decision


class Result(Protocol):
    """What a finding has to say of some products, in the place of what it said of them before."""

    def write(self, connection: sa.Connection) -> None:
        """Write it inside a transaction."""


class Findings:
    """How far findings were brought; `Records.findings` makes it. A finding is named, as `duplicates` or `audit`."""

    def __init__(self, reading: Connecting, changing: Connecting) -> None:
        self._reading = reading
        self._changing = changing

    def reached(self, name: str) -> Reached | None:
        """Return how far a finding was brought; None before a pass over all products was ever written whole."""
        place = self.place(name)
        return place if place is not None and place.seq >= 0 else None

    def place(self, name: str) -> Reached | None:
        """Return what `advance` compares: as `reached`, but with a `seq` below 0 while a pass is being written."""
        with self._reading() as connection:
            return _reached(connection, name)

    def end(self) -> Reached:
        """Return the place of the last change and the last decision."""
        with self._reading() as connection:
            return Reached(last_seq(connection), last_number(connection))

    def advance(self, name: str, before: Reached | None, after: Reached | None, results: Iterable[Result]) -> bool:
        """Write results and bring a finding from `before` to `after`, in one transaction.

        Nothing is written, and False returned, when it is not at `before` any more. None: before its first pass.
        """
        with self._changing() as connection:
            if _reached(connection, name) != before:
                return False
            for result in results:
                result.write(connection)
            for fact, value in _facts(name, after).items():
                schema.put_meta(connection, fact, value)
            return True


def _reached(connection: sa.Connection, name: str) -> Reached | None:
    names = tuple(_facts(name, None))
    query = sa.select(schema.meta.c.name, schema.meta.c.value).where(schema.meta.c.name.in_(names))
    told = {row.name: row.value for row in connection.execute(query)}
    seq, decision = (told.get(each) for each in names)
    return Reached(int(seq), int(decision or 0)) if seq else None


def _facts(name: str, reached: Reached | None) -> dict[str, str]:
    """Return the facts of the store that say how far a finding was brought, empty ones for None."""
    seq, decision = ("", "") if reached is None else (str(reached.seq), str(reached.decision))
    return {f"{name}_seq": seq, f"{name}_decision": decision}
