"""Whether an index or a backup is whole: files, database, journal, texts, raw vectors and snapshot are what they say.

    files      of a backup, against the SHA-256 that were taken when it was made
    database   as its engine checks itself, and schema, counts and references
    journal    without a gap, and what it says of each product is so
    labels     each a category of the tree that stands, filed under its id
    texts      each as the hash under which its raw vectors are filed
    vectors    of the encoder of the published snapshot: for every product, of the right length, finite
    snapshot   its files, and that it belongs to this store

Everything is only read, in one moment; a service may go on meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import sqlalchemy as sa

from indexer.encoders.precomputed import declared
from indexer.errors import BackupError, RecordError, SnapshotError
from indexer.keeping.backup import LISTING, Backup
from indexer.product import content_hash
from indexer.snapshots.manifest import Manifest
from indexer.snapshots.publication import folder_of, published
from indexer.store import engines, schema, versions
from indexer.store.moment import Moment
from indexer.store.place import STORE, store_of
from indexer.store.relabelling import path_of
from indexer.store.schema import journal, labels, products

if TYPE_CHECKING:
    from indexer.build import Progress

SHOWN = 3
"""Ids of products that are named with what is wrong."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One thing that was looked at: what was found, and its faults, none when it is as it should be."""

    what: str
    found: str
    faults: tuple[str, ...] = ()


@dataclass(slots=True)
class _Texts:
    """What reading every product has found; ids of some with each fault."""

    altered: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    bare: int = 0


def verify(folder: Path, progress: Progress) -> Iterator[Checked]:
    """Check the backup or the index in `folder`, one thing after the other; what is wrong is said, never raised."""
    where: Path | str = folder / STORE
    at_rest = (folder / LISTING).exists()
    if at_rest:
        progress.start("files", None, "files")
        yield _files(folder)
    else:
        where = store_of(folder)
    manifest, snapshot = _snapshot(folder)
    if isinstance(where, Path) and not where.is_file():
        yield Checked("database", "", (f"{where} is missing",))
    else:
        try:
            with engines.reading(where, at_rest=at_rest) as connection:
                yield from _store(connection, manifest, progress)
                snapshot = _belongs(snapshot, manifest, connection)
        except (RecordError, ValueError) as error:  # ValueError: JSON that is none any more
            yield Checked("database", "", (str(error),))
    yield snapshot


def _files(folder: Path) -> Checked:
    try:
        backup = Backup.read(folder)
    except BackupError as error:
        return Checked("files", "", (str(error),))
    size = sum(int(said["bytes"]) for said in backup.files.values())
    said = f"{len(backup.files):,} files, {size:,} bytes, of {backup.created_at[:19]} up to change {backup.seq:,}"
    return Checked("files", said, tuple(backup.faults(folder)))


def _snapshot(folder: Path) -> tuple[Manifest | None, Checked]:
    manifest = None
    try:
        name = published(folder)
        if name is None:
            return None, Checked("snapshot", "none is published; the next build or rebuild makes one")
        manifest = Manifest.read(folder_of(folder, name))
        manifest.check(folder_of(folder, name))
    except SnapshotError as error:
        return manifest, Checked("snapshot", "", (str(error),))
    return manifest, Checked("snapshot", f"{manifest.id}, {len(manifest.files):,} files, up to change {manifest.seq:,}")


def _belongs(snapshot: Checked, manifest: Manifest | None, connection: sa.Connection) -> Checked:
    """Return what was found of the snapshot, with what does not fit the store."""
    if manifest is None:
        return snapshot
    faults = list(snapshot.faults)
    if manifest.store_id != schema.get_meta(connection, "store_id"):
        faults.append("it was built from another record store; build the index again: what was encoded is kept")
    seq = connection.scalar(sa.select(sa.func.max(journal.c.seq))) or 0
    if manifest.seq > seq:
        faults.append(f"it holds changes up to {manifest.seq:,}, the record store only those up to {seq:,}")
    return replace(snapshot, faults=tuple(faults))


def _store(connection: sa.Connection, manifest: Manifest | None, progress: Progress) -> Iterator[Checked]:
    progress.start("database", None, "")
    version = schema.version_of(connection)
    if version != schema.VERSION:
        yield Checked(
            "database", f"schema version {version}; this aisle looks further into version {schema.VERSION} only"
        )
        return
    yield Checked("database", _engine(connection), tuple(_database(connection)))
    progress.start("journal", None, "")
    yield _journal(connection)
    progress.start("labels", None, "")
    yield _labels(connection)
    moment = Moment(connection)
    progress.start("products", moment.products, "products")
    texts = _texts(moment, manifest, progress)
    told = f"{moment.products:,} products, each as it was hashed"
    yield Checked(
        "texts",
        told,
        _named(
            texts.altered, "differ from their hash: they were altered, or came with vectors that are no longer kept"
        ),
    )
    if manifest is not None:
        told = f"of {manifest.encoder}" + (f"; {texts.bare:,} are still to be encoded" if texts.bare else "")
        yield Checked("vectors", told, _named(texts.broken, "have raw vectors that are damaged"))


def _engine(connection: sa.Connection) -> str:
    return f"{connection.dialect.name}, schema version {schema.VERSION}"


def _database(connection: sa.Connection) -> Iterator[str]:
    """Yield what the engine finds in itself, and what of one table does not fit another."""
    if connection.dialect.name == "sqlite":
        said = list(connection.exec_driver_sql("PRAGMA integrity_check(10)").scalars())
        yield from (f"SQLite says: {line}" for line in said if line != "ok")
        if found := connection.exec_driver_sql("PRAGMA foreign_key_check").all():
            yield f"{len(found):,} rows belong to no product"
    bare = sa.select(sa.func.count()).select_from(products.outerjoin(labels)).where(labels.c.key.is_(None))
    if lacking := connection.scalar(bare):
        yield f"{lacking:,} products have no label row"


def _journal(connection: sa.Connection) -> Checked:
    """Check that places follow each other, and that a product is there exactly when its last entry put it."""
    count, first, last = connection.execute(
        sa.select(sa.func.count(), sa.func.min(journal.c.seq), sa.func.max(journal.c.seq)).select_from(journal)
    ).one()
    faults = []
    if count and (first, last) != (1, count):
        faults.append(f"it has {count:,} entries from {first:,} to {last:,}: some are missing")
    latest = sa.select(sa.func.max(journal.c.seq)).where(journal.c.action != "taxonomy").group_by(journal.c.key)
    put = sa.select(journal.c.key).where(journal.c.seq.in_(latest), journal.c.action == "put").subquery()
    lost = sa.select(sa.func.count()).select_from(put.outerjoin(products, put.c.key == products.c.key))
    if gone := connection.scalar(lost.where(products.c.key.is_(None))):
        faults.append(f"{gone:,} products that it put are not there")
    strange = sa.select(sa.func.count()).select_from(products.outerjoin(put, put.c.key == products.c.key))
    if unknown := connection.scalar(strange.where(put.c.key.is_(None))):
        faults.append(f"{unknown:,} products are there that it did not put, or deleted")
    return Checked("journal", f"{count:,} changes, none missing" if not faults else "", tuple(faults))


def _labels(connection: sa.Connection) -> Checked:
    """Check that the tree that stands has every category that products are labelled with, under the id they name."""
    stands = versions.standing(connection)
    labelled = sa.select(labels.c.category, labels.c.node_id, sa.func.count()).where(labels.c.category != "")
    known, lost, strange = 0, Counter[str](), Counter[str]()
    for category, node_id, count in connection.execute(labelled.group_by(labels.c.category, labels.c.node_id)):
        node = stands.tree.find(path_of(category))
        known += count
        if node is None:
            lost[category] += count
        elif node_id != stands.tree.ids[node]:
            strange[category] += count
    faults = (
        *_counted(lost, f"are in categories that version {stands.number} of the taxonomy lacks: label them anew"),
        *_counted(strange, "name another category by its id than by its path: label them anew"),
    )
    return Checked("labels", f"{known:,} products in categories of version {stands.number} of the taxonomy", faults)


def _counted(categories: Counter[str], what: str) -> tuple[str, ...]:
    if not categories:
        return ()
    shown = ", ".join(repr(each) for each in sorted(categories)[:SHOWN]) + (
        " and others" if len(categories) > SHOWN else ""
    )
    return (f"{categories.total():,} products ({shown}) {what}",)


def _texts(moment: Moment, manifest: Manifest | None, progress: Progress) -> _Texts:
    """Hash every product again, with the vectors that came with it, and look at its raw vectors."""
    found = _Texts()
    encoder, parts = (manifest.encoder, manifest.parts) if manifest else ("", {})
    given = declared(manifest.encoder_spec) if manifest else {}
    done = 0
    for page in moment.pages():
        hashes = [each.record.content_hash for each in page]
        wrong = moment.misfits(hashes, encoder, parts)
        encoded, there = moment.vectors(["" if each in wrong else each for each in hashes], encoder, parts)
        for row, (content, stored) in enumerate(zip(hashes, page, strict=True)):
            product = stored.record.product
            if content in wrong or not all(np.isfinite(matrix[row]).all() for matrix in encoded.parts.values()):
                found.broken.append(product.id)
                continue
            vectors = {part: encoded.parts[part][row] for part in given if encoded.mask[part][row]}
            altered = content_hash(replace(product, vectors=vectors)) != content
            if altered and (there[row] or not given):  # else it may have come with vectors that are not kept any more
                found.altered.append(product.id)
            found.bare += manifest is not None and not there[row]
        done += len(page)
        progress.at(done)
    return found


def _named(ids: list[str], what: str) -> tuple[str, ...]:
    if not ids:
        return ()
    shown = ", ".join(repr(each) for each in ids[:SHOWN]) + (" and others" if len(ids) > SHOWN else "")
    return (f"{len(ids):,} products ({shown}) {what}",)
