"""Products, labels, pictures, raw vectors and the journal of changes: the truth that every index is a cache of.

Every change is one transaction: products with all that is theirs, raw vectors and journal entries, or none of them.
SQLite runs in WAL mode with synchronous=FULL, so a change that was acknowledged survives `kill -9` and power loss;
PostgreSQL does the same as long as its synchronous_commit is on, which is its default.
"""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Self

import sqlalchemy as sa

from indexer.encoders import Encoded
from indexer.errors import RecordError
from indexer.product import Product
from indexer.store import (
    decisions,
    engines,
    foreign,
    history,
    kept,
    pictures,
    raw,
    relabelling,
    requests,
    rows,
    schema,
    versions,
)
from indexer.store.access.accounts import Accounts
from indexer.store.access.keys import Keys
from indexer.store.decisions import Decision, Decisions
from indexer.store.findings import Findings
from indexer.store.history import TakenBack
from indexer.store.jobs import Jobs
from indexer.store.meanwhile import Meanwhile
from indexer.store.moment import Moment, now_text
from indexer.store.nominations import Nominations
from indexer.store.predictions import Predictions
from indexer.store.raw import RawVectors, Slice
from indexer.store.refusals import refusal
from indexer.store.requests import Answered, Receipt
from indexer.store.rows import ANY, Entry, Outcome, Overtaken, Record, Stored, Unencoded, Written
from indexer.store.schema import journal, labels, products
from indexer.store.suspects import Suspects
from indexer.store.taxonomies import Taxonomies
from indexer.store.twins import Twins
from indexer.store.versions import AnotherTaxonomy
from indexer.store.waiting import Waiting

__all__ = [
    "ANY",
    "AnotherTaxonomy",
    "Answered",
    "Entry",
    "Outcome",
    "Overtaken",
    "RawVectors",
    "Receipt",
    "Record",
    "Records",
    "Slice",
    "StoreCounts",
    "Stored",
    "Unencoded",
    "Written",
]

_ENTRY = (journal.c.seq, journal.c.at, journal.c.action, journal.c.key, journal.c.id)

FORGOTTEN = 1_000
"""Contents whose vectors are removed in one transaction."""


@dataclass(frozen=True, slots=True)
class StoreCounts:
    """How much the store holds; `seq` is the place of its last change, `last_key` the highest key, 0 for none."""

    products: int
    labelled: int
    last_key: int
    seq: int


class Records:
    """The record store; `open` it once per process. Any thread may use it: reads run side by side, changes in turn."""

    def __init__(self, engine: sa.Engine, *, create: bool = True) -> None:
        self._engine = engine
        self._changes = engine.execution_options(aisle_changes=True)
        self._still = engines.still(engine)
        self._writer = threading.Lock()
        self._own = threading.local()  # the connection of the turn that a thread has taken
        self._node: engines.Node | None = None  # of the file that is open, where it is one
        self.name = engine.url.render_as_string(hide_password=True)
        with self._changing() as connection:
            if not create and not schema.is_there(connection):
                raise RecordError(f"no record store at {self.name}; run: aisle build SOURCE --index INDEX")
            schema.migrate(connection)
            if schema.get_meta(connection, "store_id") is None:
                schema.put_meta(connection, "store_id", uuid.uuid4().hex)
        self.store_id = self.fact("store_id") or ""
        self._node = engines.node_of(engine)

    @classmethod
    def open(cls, where: Path | str, *, create: bool = True) -> Self:
        """Open the store in the SQLite file `where`, or at that SQLAlchemy URL, bringing its schema up to date.

        Raises RecordError when it cannot be opened, or is not there and `create` is False; SchemaMismatch when a newer
        aisle wrote it.
        """
        if not create and "://" not in str(where) and not Path(where).is_file():
            raise RecordError(f"no record store at {where}; run: aisle build SOURCE --index {Path(where).parent}")
        engine = engines.connect(where)
        try:
            return cls(engine, create=create)
        except BaseException:
            engine.dispose()
            raise

    def close(self) -> None:
        """Close every connection; the store can be opened again."""
        self._engine.dispose()

    def write(self, records: Sequence[Record], vectors: RawVectors | None = None) -> list[Written]:
        """Store records and raw vectors, as `change` does."""
        return self.change(records, vectors)

    def delete(self, ids: Collection[str]) -> list[Written]:
        """Remove products, and the raw vectors and pictures that no other product shares; in the order of `ids`."""
        return self.change(list(ids))

    def change(
        self,
        changes: Sequence[Record | str],
        vectors: RawVectors | None = None,
        *,
        encoder: str | None = None,
        expected: Mapping[str, int | None] = ANY,
        receipt: Receipt | None = None,
        planted: int | None = None,
        seq: int | None = None,
        decision: Decision | None = None,
    ) -> list[Written]:
        """Put records, delete ids and keep raw vectors in one transaction; the answers are in the order of `changes`.

        A record that equals what is stored is `unchanged` and leaves no journal entry; an id that is not stored is
        `missing`; of repeated ids the last wins. encoder: by which every content that is put must have raw vectors.
        expected: the version that a product must have now, 0 for none, None for any. receipt: of the request that asked
        for it. planted: the version of the tree in which the records were placed. decision: of a person, recorded with
        what it changes. seq: the place where the journal must end. Raises Unencoded, AnotherTaxonomy, Overtaken,
        VersionConflict and RecordError, with nothing changed.
        """
        with self._changing() as connection:
            if planted is not None:
                versions.check(connection, planted)
            if seq is not None and rows.last_seq(connection) != seq:
                raise Overtaken
            if vectors is not None:
                raw.keep(connection, vectors)
            now, saved = now_text(), kept.keep(connection, decision.keeps) if decision else {}
            written = rows.change(connection, changes, now, encoder=encoder, expected=expected)
            if decision is not None:
                decisions.record(connection, decision, saved, written, now)
            if receipt is not None:
                requests.settle(connection, receipt.key, receipt.answer(written))
            return written

    def claim(self, key: str, fingerprint: str, keep: timedelta = timedelta(days=1)) -> Answered | None:
        """Claim an idempotency key for a request, or return what was answered to that request within `keep`.

        Whoever claims one settles or releases it, or gives its receipt to a change. Raises RequestConflict when the key
        stands for another request, and RequestRunning when the request has no answer yet.
        """
        with self._changing() as connection:
            return requests.claim(connection, key, fingerprint, now_text(), keep)

    def settle(self, key: str, answered: Answered) -> None:
        """Keep what is answered to the request that claimed a key, where nothing is changed."""
        with self._changing() as connection:
            requests.settle(connection, key, answered)

    def renew(self, key: str) -> None:
        """Keep the claim of a request that takes long; one that is not renewed can be claimed again in some minutes."""
        with self._changing() as connection:
            requests.renew(connection, key, now_text())

    def release(self, key: str) -> None:
        """Give up the claim of a request that failed, so that it can be made again."""
        with self._changing() as connection:
            requests.release(connection, key)

    def get(self, ids: Collection[str]) -> dict[str, Stored]:
        """Return the stored products among `ids`, by id."""
        with self._reading() as connection:
            return {stored.record.product.id: stored for stored in rows.find(connection, products.c.id, ids)}

    def by_keys(self, keys: Collection[int]) -> dict[int, Stored]:
        """Return the stored products among `keys`, by key."""
        with self._reading() as connection:
            return {stored.key: stored for stored in rows.find(connection, products.c.key, keys)}

    def products(self, keys: Sequence[int]) -> list[Product]:
        """Return the stored products of keys, in their order; those that are not stored are left out."""
        found = self.by_keys(keys)
        return [found[key].record.product for key in keys if key in found]

    def thumbnail(self, picture: str) -> bytes | None:
        """Return the small JPEG of the picture with that hash, None when no product has such a picture."""
        return self.thumbnails([picture]).get(picture)

    def thumbnails(self, hashes: Collection[str]) -> dict[str, bytes]:
        """Return the small JPEGs of those of `hashes` that are a stored picture's, by hash."""
        with self._reading() as connection:
            return pictures.thumbnails(connection, hashes)

    def page(self, after: int = 0, limit: int = 50) -> list[Stored]:
        """Return the `limit` products whose keys follow `after`, in order of key."""
        with self._reading() as connection:
            return rows.page(connection, after, limit)

    def foreign(self, after: int, limit: int) -> list[foreign.Carrier]:
        """Return the `limit` products with a foreign category whose keys follow `after`, in order of key."""
        with self._reading() as connection:
            return foreign.page(connection, after, limit)

    def ids(self, up_to: int, size: int = 10_000) -> Iterator[dict[int, str]]:
        """Yield key -> id of the products with keys up to `up_to`, in order of key, `size` at a time."""
        query = sa.select(products.c.key, products.c.id).where(products.c.key <= up_to).order_by(products.c.key)
        after = 0
        while True:
            with self._reading() as connection:
                some = {row.key: row.id for row in connection.execute(query.where(products.c.key > after).limit(size))}
            if not some:
                return
            yield some
            after = max(some)

    def known(self, hashes: Collection[str], encoder: str) -> set[str]:
        """Return those of `hashes` that need no encoding: their raw vectors by that encoder are stored."""
        with self._reading() as connection:
            return raw.known(connection, hashes, encoder)

    def vectors(self, hashes: Sequence[str], encoder: str, parts: Mapping[str, int]) -> tuple[Encoded, raw.Mask]:
        """Return the raw vectors of contents in order, and which of them are stored; zeros where not."""
        with self._reading() as connection:
            return raw.by_content(connection, hashes, encoder, parts)

    def forget_vectors(self, encoder: str) -> None:
        """Remove all raw vectors by an encoder, some at a time, so that no other change waits long."""
        after: str | None = ""
        while after is not None:
            with self._changing() as connection:
                after = raw.drop_some(connection, encoder, after, FORGOTTEN)

    def read(self, keys: Collection[int], encoder: str, parts: Mapping[str, int]) -> Slice:
        """Return those of `keys` that are stored, with their labels and raw vectors."""
        with self._reading() as connection:
            return raw.slice_of(connection, keys, encoder, parts)

    def scan(self, encoder: str, parts: Mapping[str, int], up_to: int, size: int = 1_000) -> Iterator[Slice]:
        """Yield the products with keys up to `up_to`, `size` at a time, in order of key.

        Changes made meanwhile may or may not be seen; products that come later have higher keys.
        """
        after = 0
        while True:
            with self._reading() as connection:
                some = raw.slice_after(connection, after, up_to, size, encoder, parts)
            if not len(some.keys):
                return
            yield some
            after = int(some.keys[-1])

    def categories(self) -> dict[str, int]:
        """Return each category path in use with its number of products, in order of path."""
        with self._reading() as connection:
            return relabelling.categories(connection)

    def tags(self) -> Counter[str]:
        """Return each tag as it is written, with its number of products."""
        found: Counter[str] = Counter()
        with self._reading() as connection:
            for some in connection.execute(sa.select(labels.c.tags)).scalars():
                found.update(some)
        return found

    def journal(self, since: int, limit: int = 1_000) -> list[Entry]:
        """Return the first `limit` changes after `since`, in order."""
        query = sa.select(*_ENTRY).where(journal.c.seq > since).order_by(journal.c.seq).limit(limit)
        with self._reading() as connection:
            return [Entry(*row) for row in connection.execute(query)]

    def seq(self) -> int:
        """Return the place of the last change, 0 before the first."""
        with self._reading() as connection:
            return rows.last_seq(connection)

    def counts(self) -> StoreCounts:
        """Return how much the store holds, all at one moment."""
        every = sa.select(sa.func.count()).select_from(labels)
        with self._seeing() as connection:
            return StoreCounts(
                products=connection.scalar(every) or 0,
                labelled=connection.scalar(every.where(labels.c.category != "")) or 0,
                last_key=connection.scalar(sa.select(sa.func.max(labels.c.key))) or 0,
                seq=rows.last_seq(connection),
            )

    def fact(self, name: str) -> str | None:
        """Return one fact about the store, or None when it was never set."""
        with self._reading() as connection:
            return schema.get_meta(connection, name)

    def set_fact(self, name: str, value: str) -> None:
        """Set one fact about the store."""
        with self._changing() as connection:
            schema.put_meta(connection, name, value)

    @property
    def taxonomies(self) -> Taxonomies:
        """The versions of the category tree."""
        return Taxonomies(self._seeing, self._changing)

    @property
    def suspects(self) -> Suspects:
        """Labels and tags that are suspected to be wrong."""
        return Suspects(self._reading, self._changing)

    @property
    def decisions(self) -> Decisions:
        """What people decided about duplicates, wrong labels and answers."""
        return Decisions(self._seeing, self._changing)

    @property
    def meanwhile(self) -> Meanwhile:
        """What became of products since they were asked about."""
        return Meanwhile(self._reading)

    @property
    def predictions(self) -> Predictions:
        """What the service answered, and what people said of it."""
        return Predictions(self._reading, self._changing)

    @property
    def waiting(self) -> Waiting:
        """Predictions that wait to be decided about."""
        return Waiting(self._reading, self._changing)

    @property
    def nominations(self) -> Nominations:
        """Stored products that people want looked at."""
        return Nominations(self._reading)

    @property
    def keys(self) -> Keys:
        """The API keys."""
        return Keys(self._reading, self._changing)

    @property
    def jobs(self) -> Jobs:
        """Bulk jobs."""
        return Jobs(self._reading, self._changing)

    @property
    def accounts(self) -> Accounts:
        """Accounts of people, and the browsers that are signed in."""
        return Accounts(self._reading, self._changing)

    @property
    def twins(self) -> Twins:
        """Pairs of products that are not merely different, and the groups that they are in."""
        return Twins(self._seeing)

    @property
    def findings(self) -> Findings:
        """What was worked out of products, and up to which change of them."""
        return Findings(self._seeing, self._changing)

    def take_back(self, seq: int) -> TakenBack:
        """Make every product and label what it was after the change `seq`; raises as `history.take_back` does.

        What people decided since stands; with it is noted that what it did to products was taken back.
        """
        with self._changing() as connection:
            first = rows.last_seq(connection) + 1
            done = history.take_back(connection, seq, now_text())
            decisions.note_taken_back(connection, seq, first)
            return done

    @contextmanager
    def moment(self) -> Iterator[Moment]:
        """Yield the store as it is now, whatever is written meanwhile; what is old is kept for it until it ends."""
        with self._seeing() as connection:
            yield Moment(connection)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Keep everybody else from changing the store; what this thread changes meanwhile is one transaction.

        Others go on reading, as it was before. Not to be entered twice by a thread.
        """
        with self._changing() as connection:
            self._own.connection = connection
            try:
                yield
            finally:
                del self._own.connection

    @contextmanager
    def _seeing(self) -> Iterator[sa.Connection]:
        """Yield a connection that sees one moment."""
        with self._refusals(), self._still.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        if own := self._taken:
            yield own
            return
        with self._refusals(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _changing(self) -> Iterator[sa.Connection]:
        """Yield a connection whose changes are one transaction; of all processes, one changes the store at a time.

        So places in the journal are taken in the order in which they are seen: nobody misses one that comes late.
        Within a turn of this thread it is a part of that, of which nothing stays when it fails.
        """
        if own := self._taken:
            with own.begin_nested():
                yield own
            return
        if self._node is not None and engines.node_of(self._engine) != self._node:
            raise RecordError(
                f"the record store {self.name} is not the file that this process has open: it was moved, removed or "
                "replaced, as by a restore; nothing was changed: start this process again"
            )
        with self._writer, self._refusals(), self._changes.begin() as connection:
            engines.take_turn(connection)
            yield connection

    @property
    def _taken(self) -> sa.Connection | None:
        found: sa.Connection | None = getattr(self._own, "connection", None)
        return found

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as error:
            raise refusal(self.name, error) from error
        except sa.exc.TimeoutError as error:
            raise RecordError(
                f"all connections to the record store {self.name} are in use and none came free in time; nothing was "
                "changed: ask again"
            ) from error
