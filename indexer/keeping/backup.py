"""One folder with all that an index is: its record store as one moment, its published snapshot, and a manifest of both.

    BACKUP/records.sqlite        the record store, whatever engine it is on
    BACKUP/snapshots/ID, current the published snapshot, so that what is restored answers at once; none when none was
    BACKUP/backup.json           what is in it, with the SHA-256 of every file; written last

It is made beside its place and gets its name when it is whole and on disk. A service may write meanwhile: nothing of
that is in it, and the snapshot is never of a later change than the store.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import orjson
import sqlalchemy as sa

from indexer.digest import sha256_of
from indexer.errors import BackupError, SnapshotError, SnapshotMissing
from indexer.keeping.aside import written_aside
from indexer.snapshots.manifest import MANIFEST, Manifest
from indexer.snapshots.publication import CURRENT, SNAPSHOTS, flush, folder_of, published
from indexer.store import copying, engines, rows, schema
from indexer.store.place import STORE, store_of
from indexer.store.schema import METADATA

if TYPE_CHECKING:
    from indexer.build import Progress

FORMAT = 1
LISTING = "backup.json"
TRIES = 5
"""How often a snapshot is looked for that is not removed while it is copied."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup says of itself. seq: the last change that is in it. snapshot: its id, "" for none.

    store: where the record store was, without a password. counts: rows by table. files: path -> {bytes, sha256}.
    fingerprint: the SHA-256 of all the rest.
    """

    format: int
    created_at: str
    store: str
    store_id: str
    schema: int
    seq: int
    snapshot: str
    counts: Mapping[str, int]
    files: Mapping[str, Mapping[str, Any]]
    fingerprint: str = ""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what a backup says of itself, its files unread; raises BackupError for what is none, or was altered."""
        try:
            said = orjson.loads((folder / LISTING).read_bytes())
            backup = cls(**said)
        except FileNotFoundError as error:
            raise BackupError(
                f"{folder} is no backup: it has no {LISTING}; make one with: aisle backup DEST"
            ) from error
        except (OSError, ValueError, TypeError) as error:
            raise BackupError(f"{folder / LISTING} cannot be read ({error}); use another backup") from error
        if backup.format != FORMAT:
            raise BackupError(
                f"{folder} has format {backup.format}, this aisle reads {FORMAT}; use the one that wrote it"
            )
        if backup.fingerprint != backup.sealed().fingerprint:
            raise BackupError(f"{folder / LISTING} was altered; use another backup")
        return backup

    def sealed(self) -> Self:
        """Return the same with the fingerprint that belongs to it."""
        said = orjson.dumps(asdict(replace(self, fingerprint="")), option=orjson.OPT_SORT_KEYS)
        return replace(self, fingerprint=hashlib.sha256(said).hexdigest())

    def faults(self, folder: Path) -> Iterator[str]:
        """Yield what is not as it was written: a file that is missing, of another size or altered."""
        for name, said in self.files.items():
            file = folder / name
            if not file.is_file():
                yield f"{name} is missing"
            elif file.stat().st_size != said["bytes"]:
                yield f"{name} has {file.stat().st_size:,} bytes instead of {said['bytes']:,}"
            elif sha256_of(file) != said["sha256"]:
                yield f"{name} was altered"


def backup(index: Path, destination: Path, progress: Progress) -> Backup:
    """Make a backup of `index` in a new folder; the index is only read, and may be in use.

    Raises BackupError when there is something at `destination`, RecordError when there is no store.
    """
    where = store_of(index)
    if destination.resolve().is_relative_to(index.resolve()):
        raise BackupError(f"{destination} lies in the index {index}, and would go with it; name a folder elsewhere")
    with written_aside(destination) as folder:
        snapshot = _copy_snapshot(index, folder, progress)
        with engines.reading(where) as connection:
            _check_portable(connection)
            copying.to_file(connection, folder / STORE, stage(progress, "store"))
            name = connection.engine.url.render_as_string(hide_password=True)
        progress.start("hash", None, "files")
        made = _listed(folder, snapshot, name if isinstance(where, str) else str(where))
        (folder / LISTING).write_bytes(orjson.dumps(asdict(made), option=orjson.OPT_INDENT_2))
        for file in folder.rglob("*"):
            flush(file)
    return made


def stage(progress: Progress, name: str) -> copying.Tell:
    """Return what tells a stage how far copying a store is."""
    begun: list[int] = []

    def tell(done: int, total: int) -> None:
        if not begun:
            progress.start(name, total, "steps")
            begun.append(total)
        progress.at(done)

    return tell


def _copy_snapshot(index: Path, folder: Path, progress: Progress) -> str:
    """Copy the published snapshot, whole and checked, and return its id, "" when there is none that can be used.

    One that is damaged or of another aisle keeps nobody from a backup: it is made again from the record store.
    """
    for _ in range(TRIES):
        try:
            name = published(index)
            if name is None:
                return ""
            with _kept(folder_of(index, name)):
                manifest = Manifest.read(folder_of(index, name))
                progress.start("snapshot", len(manifest.files), "files")
                copy_snapshot(index, folder, manifest, progress)
        except FileNotFoundError:  # another was published meanwhile, and this one removed
            shutil.rmtree(folder / SNAPSHOTS, ignore_errors=True)
            continue
        except SnapshotError:
            shutil.rmtree(folder / SNAPSHOTS, ignore_errors=True)
            return ""
        (folder / CURRENT).write_text(f"{name}\n", encoding="utf-8")
        return name
    raise SnapshotMissing(f"the published snapshot of {index} was removed {TRIES} times while it was copied; try again")


def copy_snapshot(source: Path, target: Path, manifest: Manifest, progress: Progress) -> None:
    """Copy the files of a snapshot from one index folder to another; SnapshotDamaged when they are not as written."""
    origin, goal = folder_of(source, manifest.id), folder_of(target, manifest.id)
    for done, name in enumerate([*manifest.files, MANIFEST]):
        (goal / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(origin / name, goal / name)
        progress.at(done)
    manifest.check(goal)


@contextmanager
def _kept(folder: Path) -> Iterator[None]:
    """Keep a snapshot from being swept away meanwhile; raises FileNotFoundError when it was already."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield
    finally:
        os.close(lock)


def _check_portable(connection: sa.Connection) -> None:
    """Refuse a store of an older aisle on another engine, as its tables are copied one by one."""
    found = schema.version_of(connection)
    if connection.dialect.name != "sqlite" and found != schema.VERSION:
        raise BackupError(
            f"the record store has schema version {found}, this aisle copies {schema.VERSION}; "
            "back it up with the aisle that wrote it, or bring it up to date first with: aisle info"
        )


def _listed(folder: Path, snapshot: str, store: str) -> Backup:
    with engines.reading(folder / STORE, at_rest=True) as connection:
        there = set(sa.inspect(connection).get_table_names())
        tables = [table for table in METADATA.sorted_tables if table.name in there]
        made = Backup(
            format=FORMAT,
            created_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            store=store,
            store_id=schema.get_meta(connection, "store_id") or "",
            schema=schema.version_of(connection),
            seq=rows.last_seq(connection),
            snapshot=snapshot,
            counts={
                str(table.name): connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
                for table in tables
            },
            files={
                file.relative_to(folder).as_posix(): {"bytes": file.stat().st_size, "sha256": sha256_of(file)}
                for file in sorted(folder.rglob("*"))
                if file.is_file()
            },
        )
    return made.sealed()
