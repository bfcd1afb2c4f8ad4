"""The record store as it was at one moment, however long reading it takes and whatever is written meanwhile."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from indexer.encoders import Encoded
from indexer.store import copying, raw, rows, versions
from indexer.store.rows import Stored
from indexer.store.schema import labels, products
from indexer.store.versions import Standing
from taxonomy.aliases import Aliases

PAGE = 500
"""Products that are in memory at a time."""


class Moment:
    """What one read transaction sees; use it while that is open, from one thread.

    seq: the place of the last change that is in it. products: how many there are.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self.seq = rows.last_seq(connection)
        self.products: int = connection.scalar(sa.select(sa.func.count()).select_from(products)) or 0

    def pages(self, size: int = PAGE) -> Iterator[list[Stored]]:
        """Yield every product in order of key, `size` at a time."""
        after = 0
        while page := rows.page(self._connection, after, size):
            yield page
            after = page[-1].key

    def taxonomy(self) -> Standing:
        """Return the tree that stands."""
        return versions.standing(self._connection)

    def aliases(self) -> Aliases:
        """Return what categories were called in earlier versions of the tree."""
        return versions.aliases_of(self._connection)

    def relabelled(self) -> list[range]:
        """Return the places in the journal where changes of the tree sent products elsewhere, in order."""
        return versions.relabelled_in(self._connection)

    def categories(self, size: int = 10_000) -> Iterator[tuple[npt.NDArray[np.int64], list[str]]]:
        """Yield keys and category paths of all products in order of key, `size` at a time."""
        query = sa.select(labels.c.key, labels.c.category).order_by(labels.c.key).limit(size)
        after = 0
        while some := self._connection.execute(query.where(labels.c.key > after)).all():
            after = some[-1].key
            yield np.array([row.key for row in some], np.int64), [row.category for row in some]

    def copy_to(self, file: Path, tell: copying.Tell) -> None:
        """Write the whole store into a new SQLite file."""
        copying.to_file(self._connection, file, tell)

    def vectors(self, hashes: Sequence[str], encoder: str, parts: Mapping[str, int]) -> tuple[Encoded, raw.Mask]:
        """Return the raw vectors of contents in order, and which of them are stored; zeros where not."""
        return raw.by_content(self._connection, hashes, encoder, parts)

    def misfits(self, hashes: Collection[str], encoder: str, parts: Mapping[str, int]) -> set[str]:
        """Return those of `hashes` whose raw vectors have not the length that their part has."""
        return raw.misfits(self._connection, hashes, encoder, parts)


def now_text() -> str:
    """Return this moment as the store writes it: ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
