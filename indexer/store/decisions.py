"""What people decide about duplicates, labels and answers, and want looked at: recorded, told in order, taken back.

A decision is written in the transaction of the changes that it makes, so that both are there or neither. Taking one
back is a decision of its own, which puts back what the other changed, as further changes that every index follows.
Only one changes the store at a time, so what comes later in the order of decisions is also seen later.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from indexer.errors import DecisionConflict, DecisionNotFound
from indexer.store import nominations, reviews, settlements, tagfaults, upheld
from indexer.store.kept import KEPT, bring_back
from indexer.store.moment import now_text
from indexer.store.putback import undone
from indexer.store.rows import Written
from indexer.store.schema import decisions, put_detail
from indexer.store.settlements import Said

Connecting = Callable[[], AbstractContextManager[sa.Connection]]
Act = Callable[[sa.Connection, int], None]
"""Does something more in the transaction of a decision, by its number."""

AUTHOR_CHARS = 200
"""Characters of the name of who decides, at most."""
UNDO = "undo"
UNDOES, BEFORE = "undoes", "before"
"""Where the detail of a decision says which one it takes back, and what was said of its pairs until then."""
NOTED = 200
"""Decisions that are looked through at a time when the store goes back."""
TAKEN_BACK = "taken_back"
"""Where the detail of a decision keeps [place, first change] of each time that the store went back behind it."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decides. kind, subject: what it is about, and the group, pair, product or prediction.

    detail: what else is told of it, as JSON. says: what it says of pairs. acts: what else is done with it. keeps: ids
    whose raw vectors and thumbnails are kept with it, so that they come back when it is taken back.
    """

    kind: str
    action: str
    subject: str
    author: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    says: Sequence[Said] = ()
    acts: Sequence[Act] = ()
    keeps: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision as it was recorded; undone_at: when it was taken back, None while it stands.

    detail: `pairs` [[id, id, verdict]] and `seqs` [first, last] in the journal where it has them; `undoes`, the number
    of the decision that this one takes back; `taken_back`, the place that the store went back to, where what it did to
    products was taken back so. What it said of pairs and labels holds all the same.
    """

    number: int
    at: str
    author: str
    kind: str
    action: str
    subject: str
    detail: Mapping[str, Any]
    undone_at: str | None

    def told(self) -> dict[str, Any]:
        """Return it as JSON tells it: without what only serves to take it back."""
        return {
            "number": self.number,
            "at": self.at,
            "author": self.author,
            "kind": self.kind,
            "action": self.action,
            "subject": self.subject,
            "detail": {name: value for name, value in self.detail.items() if name not in {UNDOES, BEFORE}},
            "undoes": self.detail.get(UNDOES),
            "undone_at": self.undone_at,
            "seq": self.detail.get("seqs", [0])[-1],
        }


class Decisions:
    """The decisions in one store; `Records.decisions` makes it."""

    def __init__(self, reading: Connecting, changing: Connecting) -> None:
        self._reading = reading
        self._changing = changing

    def record(self, decision: Decision) -> Decided:
        """Record a decision that changes no product; one that does goes with `Records.change`."""
        with self._changing() as connection:
            return of_number(connection, record(connection, decision, {}, (), now_text()))

    def get(self, number: int) -> Decided:
        """Return one decision; raises DecisionNotFound."""
        with self._reading() as connection:
            return of_number(connection, number)

    def page(self, before: int | None = None, limit: int = 50, kind: str = "") -> list[Decided]:
        """Return the `limit` decisions before a number, the latest first; of one kind where it is named."""
        query = sa.select(decisions).order_by(decisions.c.number.desc()).limit(limit)
        if before is not None:
            query = query.where(decisions.c.number < before)
        if kind:
            query = query.where(decisions.c.kind == kind)
        with self._reading() as connection:
            return [_decided(row) for row in connection.execute(query)]

    def since(self, number: int, limit: int = 1_000) -> list[Decided]:
        """Return the first `limit` decisions after a number, in order."""
        query = sa.select(decisions).where(decisions.c.number > number).order_by(decisions.c.number).limit(limit)
        with self._reading() as connection:
            return [_decided(row) for row in connection.execute(query)]

    def last(self) -> int:
        """Return the number of the last decision, 0 before the first."""
        with self._reading() as connection:
            return last_number(connection)

    def undo(self, number: int, author: str = "", acts: Sequence[Act] = ()) -> Decided:
        """Take a decision back, as a further decision, which is returned.

        Products that it deleted are there again, those that it made go, fields that it changed are what they were, and
        of pairs holds what was said before. acts: what is done besides, by the number of the new decision. Raises
        DecisionNotFound, and DecisionConflict, with nothing changed, when it is taken back already, or its products
        were changed meanwhile.
        """
        with self._changing() as connection:
            now = now_text()
            row = of_number(connection, number)
            if row.action == UNDO or row.undone_at is not None:
                when = f"was taken back at {row.undone_at}" if row.undone_at else "takes another one back"
                raise DecisionConflict(
                    f"decision {number} {when}; it cannot be undone (see `aisle decisions` or GET /v1/decisions)"
                )
            detail: dict[str, Any] = {UNDOES: number}
            if "seqs" in row.detail:
                bring_back(connection, number)
                first, last = undone(connection, row.detail["seqs"], number, now)
                detail |= {"seqs": [first, last]} if first <= last else {}  # all may be as it was already
            connection.execute(decisions.update().where(decisions.c.number == number).values(undone_at=now))
            upheld.take_back(connection, number)
            reviews.take_back(connection, number)
            nominations.take_back(connection, number)
            detail["pairs"] = settlements.take_back(connection, number, row.detail.get(BEFORE, ()))
            new = last_number(connection) + 1
            _insert(connection, new, Decision(row.kind, UNDO, row.subject, author), detail, now)
            for act in acts:
                act(connection, new)
            return of_number(connection, new)


def record(
    connection: sa.Connection, decision: Decision, kept: Mapping[str, Any], written: Sequence[Written], now: str
) -> int:
    """Record a decision inside a transaction, after what it changed, and return its number; kept: as `keep` gave it."""
    detail = dict(decision.detail)
    places = [each.seq for each in written if each.outcome not in {"unchanged", "missing"}]
    if places:
        detail["seqs"] = [min(places), max(places)]
    if kept:
        detail[KEPT] = kept
    number = last_number(connection) + 1
    if decision.says:
        detail["pairs"] = [list(said) for said in settlements.sorted_pairs(decision.says)]
        detail[BEFORE] = settlements.settle(connection, decision.says, number)
    _insert(connection, number, decision, detail, now)
    for act in decision.acts:
        act(connection, number)
    return number


def note_taken_back(connection: sa.Connection, seq: int, first: int) -> None:
    """Note with decisions, inside a transaction, that what they changed after `seq` was taken back, from `first` on.

    A going back that is itself taken back by this one is forgotten.
    """
    query, after = sa.select(decisions.c.number, decisions.c.detail).order_by(decisions.c.number).limit(NOTED), 0
    while some := connection.execute(query.where(decisions.c.number > after)).all():
        after = some[-1].number
        for number, detail in some:
            if "seqs" not in detail:
                continue
            known = detail.get(TAKEN_BACK, [])
            noted = [each for each in known if each[1] <= seq] + ([[seq, first]] if detail["seqs"][1] > seq else [])
            if noted != known:
                put_detail(connection, number, TAKEN_BACK, noted)


def last_number(connection: sa.Connection) -> int:
    """Return the number of the last decision, 0 before the first."""
    return connection.scalar(sa.select(sa.func.max(decisions.c.number))) or 0


def of_number(connection: sa.Connection, number: int) -> Decided:
    """Return one decision; raises DecisionNotFound."""
    row = connection.execute(sa.select(decisions).where(decisions.c.number == number)).one_or_none()
    if row is None:
        raise DecisionNotFound(number, last_number(connection))
    return _decided(row)


def _insert(connection: sa.Connection, number: int, decision: Decision, detail: Mapping[str, Any], now: str) -> None:
    row = {
        "number": number,
        "at": now,
        "author": decision.author,
        "kind": decision.kind,
        "action": decision.action,
        "subject": decision.subject,
        "detail": dict(detail),
    }
    connection.execute(decisions.insert(), row)


def _decided(row: Any) -> Decided:  # noqa: ANN401 - a row of the table
    hidden = {KEPT, TAKEN_BACK, upheld.UPHELD, tagfaults.SETTLED}
    detail = {name: value for name, value in row.detail.items() if name not in hidden}
    if noted := row.detail.get(TAKEN_BACK):
        detail[TAKEN_BACK] = noted[-1][0]
    return Decided(row.number, row.at, row.author, row.kind, row.action, row.subject, detail, row.undone_at)
