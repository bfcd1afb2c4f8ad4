"""Products and labels as the record store takes and gives them, and the SQL that turns them into rows and back.

Every function works inside the transaction of the connection it is given; `records` opens and closes those.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

import sqlalchemy as sa

from indexer.errors import VersionConflict
from indexer.picture import Picture
from indexer.product import Product
from indexer.store import pictures
from indexer.store.raw import drop_orphans, known
from indexer.store.schema import IS_DELETE, chunks, journal, labels, products

Outcome = Literal["created", "updated", "unchanged", "deleted", "missing"]
Action = Literal["put", "delete", "taxonomy"]

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_LABEL_COLUMNS = (labels.c.category, labels.c.node_id, labels.c.tags, labels.c.provenance, labels.c.weight)
ANY: Mapping[str, int | None] = MappingProxyType({})
"""No version is asked for."""
_WHOLE = sa.select(products, *_LABEL_COLUMNS).join_from(products, labels)


@dataclass(frozen=True, slots=True)
class Record:
    """A checked, normalised product and its label, as the store keeps them.

    `product.category` is a canonical path ("A > B") of the tree and `node_id` that node's id; both empty without one.
    Of its pictures the store gives all but pixels and thumbnails; vectors that were given are kept as raw vectors only.
    """

    product: Product
    content_hash: str
    node_id: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """A record with what the store knows of it; times are ISO 8601 in UTC, `version` grows by one with each change."""

    key: int
    record: Record
    version: int
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one put or delete; whoever followed the journal up to `seq` sees it.

    `key` is -1 and `version` 0 for a product that was missing. duplicates: what a screen found it may be the same as.
    """

    key: int
    id: str
    outcome: Outcome
    version: int
    seq: int
    duplicates: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One change in the journal; of the taxonomy, `key` is -1 and `id` the number of its version."""

    seq: int
    at: str
    action: Action
    key: int
    id: str


def change(
    connection: sa.Connection,
    changes: Sequence[Record | str],
    now: str,
    *,
    encoder: str | None = None,
    expected: Mapping[str, int | None] = ANY,
) -> list[Written]:
    """Put records and delete ids, in order; the answers are in their order, and of repeated ids the last wins.

    encoder: by which every content must have raw vectors in the end. expected: the version that a product must have
    before all this, 0 when it must not be there, None when it must. Raises Unencoded and VersionConflict.
    """
    _check_versions(connection, expected)
    left: set[str] = set()
    written = [
        each
        for run in _runs(changes)
        for each in (
            _delete(connection, run, now, left) if isinstance(run[0], str) else _put(connection, run, now, left)
        )
    ]
    drop_orphans(connection, left)  # only now: a repeated id may come back to a content that it left
    if encoder is not None:
        last = {each if isinstance(each, str) else each.product.id: each for each in changes}
        contents = {each.content_hash for each in last.values() if isinstance(each, Record)}
        if lost := contents - known(connection, contents, encoder):
            raise Unencoded(lost)
    return written


class Overtaken(Exception):
    """Somebody changed the store since it was looked at."""


class Unencoded(Exception):
    """Contents that have no raw vectors: whoever had them was deleted since somebody looked."""

    def __init__(self, contents: Collection[str]) -> None:
        super().__init__(f"{len(contents)} contents have no raw vectors")
        self.contents = contents


def _check_versions(connection: sa.Connection, expected: Mapping[str, int | None]) -> None:
    if not expected:
        return
    query = sa.select(products.c.id, products.c.version)
    rows = (
        row
        for some in chunks(filter(_storable, expected))
        for row in connection.execute(query.where(products.c.id.in_(some)))
    )
    versions = {row.id: row.version for row in rows}
    for id_, version in expected.items():
        found = versions.get(id_, 0)
        if found != version and not (version is None and found):
            raise VersionConflict(id_, version, found)


def _runs(changes: Sequence[Record | str]) -> Iterator[list[Any]]:
    """Cut changes where puts and deletes meet and where an id comes back, so that no run holds one twice."""
    run: dict[str, Record | str] = {}
    kind: type[Record | str] = Record
    for each in changes:
        id_ = each if isinstance(each, str) else each.product.id
        if run and (id_ in run or not isinstance(each, kind)):
            yield list(run.values())
            run = {}
        kind = type(each)
        run[id_] = each
    if run:
        yield list(run.values())


def _put(connection: sa.Connection, records: Sequence[Record], now: str, left: set[str]) -> list[Written]:
    """Create or update records whose ids all differ; the answers are in their order.

    left: gets the contents that products had before, whose raw vectors nobody may need any more.
    """
    before = {
        stored.record.product.id: stored for stored in find(connection, products.c.id, [r.product.id for r in records])
    }
    changed = [r for r in records if r.product.id not in before or not same(before[r.product.id].record, r)]
    created = [r for r in changed if r.product.id not in before]
    versions = _left_off(connection, [r.product.id for r in created])
    updated = [(r, before[r.product.id]) for r in changed if r.product.id in before]
    keys = {id_: stored.key for id_, stored in before.items()} | _create(connection, created, versions, now)
    _update(connection, updated, now)
    left.update(old.record.content_hash for _, old in updated)
    told = [(keys[r.product.id], r.product.id, before.get(r.product.id)) for r in changed]
    seqs = append(connection, "put", told, now)
    seq_of = dict(zip((r.product.id for r in changed), seqs, strict=True))
    last = last_seq(connection)

    def written(id_: str) -> Written:
        if id_ not in seq_of:
            return Written(keys[id_], id_, "unchanged", before[id_].version, last)
        if id_ in before:
            return Written(keys[id_], id_, "updated", before[id_].version + 1, seq_of[id_])
        return Written(keys[id_], id_, "created", versions.get(id_, 0) + 1, seq_of[id_])

    return [written(r.product.id) for r in records]


def _delete(connection: sa.Connection, ids: Sequence[str], now: str, left: set[str]) -> list[Written]:
    """Remove products, labels, and pictures that no other product shares; in the order of `ids`.

    left: gets the contents of the products, whose raw vectors nobody may need any more.
    """
    found = {each.record.product.id: each for each in find(connection, products.c.id, ids)}
    found = {id_: found[id_] for id_ in ids if id_ in found}
    for some in chunks([each.key for each in found.values()]):
        connection.execute(products.delete().where(products.c.key.in_(some)))
    left.update(each.record.content_hash for each in found.values())
    pictures.drop_orphans(connection, pictures.hashes_of(each.record.product for each in found.values()))
    seqs = append(connection, "delete", [(each.key, id_, each) for id_, each in found.items()], now)
    gone = {
        id_: Written(each.key, id_, "deleted", each.version, seq)
        for (id_, each), seq in zip(found.items(), seqs, strict=True)
    }
    last = last_seq(connection)
    return [gone.get(id_) or Written(-1, id_, "missing", 0, last) for id_ in ids]


def find(connection: sa.Connection, column: sa.Column[Any], values: Collection[Any]) -> Iterator[Stored]:
    """Yield the stored products whose `column` is among `values`, in no order."""
    for some in chunks(filter(_storable, values)):
        yield from _stored(connection, connection.execute(_WHOLE.where(column.in_(some))).all())


def _storable(value: object) -> bool:
    """Whether a database takes the value: to ask for a text with half a character or NUL is an error in some."""
    return not (isinstance(value, str) and _UNSTORABLE.search(value))


def page(connection: sa.Connection, after: int, limit: int) -> list[Stored]:
    """Return the `limit` products whose keys follow `after`, in order of key."""
    query = _WHOLE.where(products.c.key > after).order_by(products.c.key).limit(limit)
    return list(_stored(connection, connection.execute(query).all()))


def last_seq(connection: sa.Connection) -> int:
    """Return the place of the last change, 0 before the first."""
    return connection.scalar(sa.select(sa.func.max(journal.c.seq))) or 0


def _left_off(connection: sa.Connection, ids: Collection[str]) -> dict[str, int]:
    """Return the version that products had when they were last deleted, of those whose journal tells it.

    They go on from there when they are created again: a version never stands for two contents of one id.
    """
    found: dict[str, int] = {}
    for some in chunks(ids):
        latest = sa.select(sa.func.max(journal.c.seq)).where(IS_DELETE, journal.c.id.in_(some)).group_by(journal.c.id)
        query = sa.select(journal.c.id, journal.c.before).where(journal.c.seq.in_(latest))
        found.update((row.id, row.before["product"]["version"]) for row in connection.execute(query) if row.before)
    return found


def _create(
    connection: sa.Connection, records: Sequence[Record], versions: Mapping[str, int], now: str
) -> dict[str, int]:
    """Store records that are not there; versions: that they had when they were last there."""
    if not records:
        return {}
    rows = [
        _product_row(record, now) | {"version": versions.get(record.product.id, 0) + 1, "created_at": now}
        for record in records
    ]
    insert = products.insert().returning(products.c.key, sort_by_parameter_order=True)
    keys = connection.scalars(insert, rows).all()
    new = [_label_row(record, now) | {"key": key} for record, key in zip(records, keys, strict=True)]
    connection.execute(labels.insert(), new)
    pictures.keep(connection, [(key, record.product.pictures) for record, key in zip(records, keys, strict=True)])
    return {record.product.id: key for record, key in zip(records, keys, strict=True)}


def _update(connection: sa.Connection, changes: Sequence[tuple[Record, Stored]], now: str) -> None:
    if not changes:
        return
    rows = [_product_row(new, now) | {"at": old.key, "version": old.version + 1} for new, old in changes]
    connection.execute(products.update().where(products.c.key == sa.bindparam("at")), rows)
    label_rows = [_label_row(new, now) | {"at": old.key} for new, old in changes]
    connection.execute(labels.update().where(labels.c.key == sa.bindparam("at")), label_rows)
    pictures.change(connection, [(old.key, old.record.product.pictures, new.product.pictures) for new, old in changes])


def append(
    connection: sa.Connection, action: Action, changed: Sequence[tuple[int, str, Stored | None]], now: str
) -> Sequence[int]:
    """Write what changed into the journal, by key, id and what was there before; return the place of each.

    Places follow each other without a gap on every engine: a sequence of PostgreSQL would leave one where a change
    fails. Nobody else takes the same ones, because only one changes the store at a time.
    """
    if not changed:
        return []
    first = last_seq(connection) + 1
    rows = [
        {
            "seq": seq,
            "at": now,
            "action": action,
            "key": key,
            "id": id_,
            "before": None if old is None else image_of(old),
        }
        for seq, (key, id_, old) in enumerate(changed, start=first)
    ]
    connection.execute(journal.insert(), rows)
    return range(first, first + len(rows))


def image_of(stored: Stored) -> dict[str, Any]:
    """Return all of a stored product but its raw vectors and the pixels of its pictures as JSON can hold it."""
    record = stored.record
    product = _product_row(record, stored.updated_at) | {
        "key": stored.key,
        "version": stored.version,
        "created_at": stored.created_at,
    }
    label = _label_row(record, stored.updated_at)
    seen = [{"hash": picture.hash, "problem": picture.problem} for picture in record.product.pictures]
    return {"product": product, "label": label, "pictures": seen}


def _product_row(record: Record, now: str) -> dict[str, object]:
    product = record.product
    return {
        "id": product.id,
        "title": product.title,
        "description": product.description,
        "brand": product.brand,
        "specs": product.specs,
        "images": product.images,
        "facts": product.facts,
        "language": product.language,
        "content_hash": record.content_hash,
        "updated_at": now,
    }


def _label_row(record: Record, now: str) -> dict[str, object]:
    return {
        "category": record.product.category,
        "node_id": record.node_id,
        "tags": record.product.tags,
        "provenance": record.product.provenance,
        "weight": record.product.weight,
        "updated_at": now,
    }


def same(stored: Record, new: Record) -> bool:
    """Whether a record is what the store holds already; of pictures by what was read and what could not be."""
    return _compared(stored) == _compared(new)


def _compared(record: Record) -> tuple[Record, list[tuple[str, str]]]:
    if not record.product.pictures:
        return record, []
    bare = replace(record, product=replace(record.product, pictures=()))
    return bare, [(picture.hash, picture.problem) for picture in record.product.pictures]


def _stored(connection: sa.Connection, rows: Sequence[sa.Row[Any]]) -> Iterator[Stored]:
    seen = pictures.of(connection, [row.key for row in rows])
    for row in rows:
        record = Record(_product(row, seen.get(row.key, ())), row.content_hash, row.node_id)
        yield Stored(row.key, record, row.version, row.created_at, row.updated_at)


def _product(row: sa.Row[Any], seen: tuple[Picture, ...]) -> Product:
    return Product(
        id=row.id,
        title=row.title,
        description=row.description,
        brand=row.brand,
        specs=tuple((name, value) for name, value in row.specs),
        category=row.category,
        tags=tuple(row.tags),
        images=tuple(row.images),
        language=row.language,
        provenance=row.provenance,
        weight=row.weight,
        pictures=seen,
        facts=tuple((name, value) for name, value in row.facts),
    )
