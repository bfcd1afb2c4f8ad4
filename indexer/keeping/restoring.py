"""An index out of a backup, in a folder of its own or on a database: as it was backed up, or after any change before.

    backup, checked -> its store in a file -> what came after --seq taken back -> the file, or the database -> snapshot

A restored store goes its own way from there, so it gets an id of its own: no index that followed the one it was taken
from is mistaken for one of it. Its snapshot is the backup's under that id, and follows the journal like any other, also
through what was taken back; nothing is encoded again but contents whose raw vectors were gone.
"""

from __future__ import annotations

import shutil
import uuid
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import sqlalchemy as sa

from indexer.build import QUARANTINE
from indexer.errors import BackupError, SnapshotMismatch
from indexer.keeping.aside import written_aside
from indexer.keeping.backup import Backup, copy_snapshot, stage
from indexer.snapshots.claim import LOCK
from indexer.snapshots.manifest import MANIFEST, Manifest
from indexer.snapshots.publication import CURRENT, HELD, PUBLISHING, SNAPSHOTS, flush, folder_of
from indexer.store import copying, engines
from indexer.store.history import TakenBack
from indexer.store.place import STORE
from indexer.store.records import Records, StoreCounts
from indexer.store.schema import products, vectors

if TYPE_CHECKING:
    from indexer.build import Progress


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored. back: what was taken back of it, None for a backup as it is.

    snapshot: the id of the published one, "" for none. bare: products that are encoded when the index is opened.
    let_in: API keys and accounts that came with it, as they were then.
    """

    backup: Backup
    counts: StoreCounts
    back: TakenBack | None
    snapshot: str
    bare: int
    let_in: int


OF_AN_INDEX = frozenset(
    {
        *(f"{STORE}{ending}" for ending in ("", "-wal", "-shm", "-journal")),
        *(CURRENT, HELD, SNAPSHOTS, LOCK, PUBLISHING, QUARANTINE),
    }
)
"""What an index folder holds, and a restore may replace."""


def restore(
    source: Path, index: Path, progress: Progress, *, seq: int | None = None, store: str = "", force: bool = False
) -> Restored:
    """Make `index` of the backup in `source`, as it was after the change `seq`, by default the last.

    store: the database to put the record store into, by default a file in the folder. force: replace what is there.
    Raises BackupError for a damaged backup or a place that is taken, and RecordError as `Records.take_back` does;
    then nothing is changed.
    """
    backup = Backup.read(source)
    progress.start("files", len(backup.files), "files")
    if faults := list(backup.faults(source)):
        raise BackupError(f"{source} is damaged: {'; '.join(faults)}; use another backup")
    if seq is not None and not 0 <= seq <= backup.seq:
        raise BackupError(f"{source} holds the changes 1 to {backup.seq:,}; it knows nothing of change {seq:,}")
    _check_place(source.resolve(), index.resolve())
    with written_aside(index, replacing=force) as folder:
        shutil.copyfile(source / STORE, folder / STORE)
        with closing(Records.open(folder / STORE, create=False)) as records:
            records.set_fact("store_id", uuid.uuid4().hex)
            records.accounts.end_all()
            records.jobs.remove_all()  # their files are in the folder of another index
            let_in = len(records.accounts.all()) + sum(not key.revoked for key in records.keys.all())
            back = records.take_back(seq) if seq is not None and seq < backup.seq else None
        with closing(Records.open(folder / STORE)) as records:
            manifest = _adopt(source, folder, backup.snapshot, records.store_id, progress)
            counts = records.counts()
        bare = _bare(folder / STORE, manifest)
        if store:
            _move(folder / STORE, store, progress, replace=force)
        for file in folder.rglob("*"):
            flush(file)
    return Restored(backup, counts, back, "" if manifest is None else manifest.id, bare, let_in)


def _check_place(source: Path, index: Path) -> None:
    """Refuse a place whose replacement would take anything with it but an index; raises BackupError."""
    if source.is_relative_to(index) or index.is_relative_to(source):
        raise BackupError(f"{index} and the backup {source} lie in one another; name a folder apart from the backup")
    if not index.exists():
        return
    entries = {each.name for each in index.iterdir()} if index.is_dir() else {index.name}
    if foreign := sorted(entries - OF_AN_INDEX):
        raise BackupError(
            f"{index} is no index, or holds more than one: {foreign[0]!r} is none of its files; name a new folder, or "
            "move what is there away"
        )


def _adopt(source: Path, folder: Path, snapshot: str, store_id: str, progress: Progress) -> Manifest | None:
    """Copy the backup's snapshot, as one of the store with that id, and publish it; None when there is none to use."""
    try:
        given = Manifest.read(folder_of(source, snapshot)) if snapshot else None
    except SnapshotMismatch:  # of another aisle: what it holds is made again from the record store
        given = None
    if given is None:
        return None
    progress.start("snapshot", len(given.files), "files")
    copy_snapshot(source, folder, given, progress)
    made = replace(given, store_id=store_id, id="")
    made = replace(made, id=f"{given.id.rpartition('-')[0]}-{made.fingerprint()}")
    (folder_of(folder, given.id) / MANIFEST).write_bytes(orjson.dumps(asdict(made), option=orjson.OPT_INDENT_2))
    folder_of(folder, given.id).rename(folder / SNAPSHOTS / made.id)
    (folder / CURRENT).write_text(f"{made.id}\n", encoding="utf-8")
    return made


def _bare(file: Path, manifest: Manifest | None) -> int:
    """Return how many products have no raw vectors by the encoder of the snapshot."""
    if manifest is None:
        return 0
    mine = (vectors.c.content_hash == products.c.content_hash) & (vectors.c.encoder == manifest.encoder)
    query = sa.select(sa.func.count()).select_from(products).where(~sa.exists().where(mine))
    with engines.reading(file) as connection:
        return connection.scalar(query) or 0


def _move(file: Path, store: str, progress: Progress, *, replace: bool) -> None:
    """Put the store in a file into a database, all or nothing, and remove the file."""
    engine = engines.connect(store)
    try:
        with engines.reading(file) as source, engine.begin() as target:
            engines.take_turn(target)
            copying.from_store(source, target, stage(progress, "store"), replace=replace)
    except sa.exc.DBAPIError as error:
        name = engine.url.render_as_string(hide_password=True)
        raise BackupError(f"{name} refuses ({error.orig}) and nothing was restored; check the database") from error
    finally:
        engine.dispose()
    for each in file.parent.glob(f"{STORE}*"):
        each.unlink()
