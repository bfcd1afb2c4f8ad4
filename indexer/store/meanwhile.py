"""What became of a product since it was asked about: deleted, or labelled by a person. A decision minds both.

What was done and taken back does not count: of a decision that is undone nothing is left to mind.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from indexer.store import rows
from indexer.store.decisions import UNDO, UNDOES, Connecting
from indexer.store.rows import Stored
from indexer.store.schema import IS_DELETE, decisions, journal, upheld


class Meanwhile:
    """What the journal and the decisions of one store tell of products; `Records.meanwhile` makes it."""

    def __init__(self, reading: Connecting) -> None:
        self._reading = reading

    def deleted(self, product_id: str, since: str) -> bool:
        """Whether a product that is not stored was deleted after a time; not where it merely went as it had come.

        Taking a decision back removes what was new with it. What counts then is what was before that decision.
        """
        gone = sa.select(journal.c.seq, journal.c.at).where(IS_DELETE, journal.c.id == product_id, journal.c.at > since)
        gone = gone.order_by(journal.c.seq.desc()).limit(1)
        with self._reading() as connection:
            before: int | None = rows.last_seq(connection) + 1
            while (entry := connection.execute(gone.where(journal.c.seq < before)).one_or_none()) is not None:
                before = _taken_back_by(connection, entry)
                if before is None:
                    return True
        return False

    def labelled(self, stored: Stored, since: str, subject: str) -> bool:
        """Whether a person gave a product, after a time, the label that it has.

        By the decision that found its category right, where one did, else by when the product was changed. A label
        that merely came back when a decision about `subject` was undone is older.
        """
        id_, node_id = stored.record.product.id, stored.record.node_id
        said = sa.select(decisions.c.at).join(upheld, upheld.c.decision == decisions.c.number)
        back = sa.select(decisions.c.number).where(
            decisions.c.subject == subject, decisions.c.undone_at == stored.updated_at
        )
        with self._reading() as connection:
            at = connection.scalar(said.where(upheld.c.id == id_, upheld.c.node_id == node_id))
            if at is not None:
                return bool(at > since)
            return stored.updated_at > since and connection.scalar(back.limit(1)) is None


def _taken_back_by(connection: sa.Connection, entry: Any) -> int | None:  # noqa: ANN401 - a row of the journal
    """Return the first change of the decision whose undoing deleted a product, None where nothing was undone."""
    query = sa.select(decisions.c.detail).where(decisions.c.at == entry.at, decisions.c.action == UNDO)
    for detail in connection.scalars(query):
        first, last = detail.get("seqs", (0, 0))
        if first <= entry.seq <= last:
            its = decisions.c.number == detail[UNDOES]
            return int(connection.scalars(sa.select(decisions.c.detail).where(its)).one()["seqs"][0])
    return None
