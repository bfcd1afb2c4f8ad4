"""Which snapshots an index folder keeps: the one that is served, the one before it, and one that waits.

    index/NAME/snapshots/ID/       a snapshot each; what is none of the three is a leftover
    index/NAME/current             two lines: the snapshot that is served, and the one that was before it
    index/NAME/held                a snapshot that was built and waits for somebody to publish or discard it
    index/NAME/publishing.lock     held for the moment in which any of these changes

Every change replaces one file whole, so whoever is killed leaves the state before or the state after, and at worst a
leftover, which the next change sweeps away. A folder in which a snapshot is being written, or that somebody wants to
keep a while longer, is locked by its owner: the lock ends with the process, and what is locked is never swept.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from indexer.errors import SnapshotDamaged, SnapshotMissing
from indexer.snapshots.manifest import Manifest, damaged

CURRENT = "current"
HELD = "held"
SNAPSHOTS = "snapshots"

PUBLISHING = "publishing.lock"
_TEMPORARY = ".writing-"
_ID = re.compile(r"\d{8}T\d{9}Z-[0-9a-f]{8}")


def published(index: Path) -> str | None:
    """Return the id of the snapshot that is served, None before the first; SnapshotDamaged when it cannot be read."""
    named = _named(index / CURRENT)
    return named[0] if named else None


def previous(index: Path) -> str:
    """Return the id of the snapshot that was served before the published one; raises SnapshotMissing without one."""
    named = _named(index / CURRENT)
    if not named:
        raise nothing_built(index)
    current, waiting = named[0], held(index)
    kept = [name for name in ids(index) if name not in {current, waiting}]
    before = named[1:2] if named[1:] and named[1] in kept else [name for name in kept if name < current][-1:]
    if not before:
        raise SnapshotMissing(
            f"{index} keeps no snapshot from before {current}; build or calibrate it again to have two"
        )
    return before[0]


def held(index: Path) -> str | None:
    """Return the id of the snapshot that waits to be published, None when there is none."""
    named = _named(index / HELD)
    return named[0] if named and named[0] in ids(index) else None


def ids(index: Path) -> list[str]:
    """Return the ids of all snapshots that are on disk, whole or not, the oldest first."""
    folder = index / SNAPSHOTS
    return sorted(each.name for each in folder.iterdir() if _ID.fullmatch(each.name)) if folder.is_dir() else []


def kept(index: Path) -> list[str]:
    """Return the ids that may be served: the published snapshot and the one before it, as far as they are there.

    Where `current` is damaged, so that it names neither, any other but the held one, the newest first.
    """
    there, waiting = ids(index), held(index)
    try:
        named = [name for name in _named(index / CURRENT) if name in there]
    except SnapshotDamaged:
        named = []
    if named or not (index / CURRENT).exists():
        return named
    return [name for name in reversed(there) if name != waiting]


def publish(index: Path, snapshot_id: str, before: str | None = None) -> list[str]:
    """Make a written snapshot the one that is served; the one before it is kept, older ones are removed.

    before: the one to keep, where the one that was published cannot be read. Returns the ids of those that were
    removed. Raises SnapshotMissing or SnapshotDamaged when there is no such
    snapshot, with nothing changed.
    """
    with _changing(index):
        manifest_of(index, snapshot_id)
        try:
            named = _named(index / CURRENT)
        except SnapshotDamaged:
            named = []
        if named[:1] != [snapshot_id]:
            _write(index / CURRENT, [snapshot_id, *([before] if before else named[:1])])
        if snapshot_id in _named(index / HELD):
            (index / HELD).unlink()
            flush(index)
        return _swept(index)


def hold(index: Path, snapshot_id: str) -> list[str]:
    """Keep a written snapshot until it is published or discarded; one that was held before is removed.

    Returns the ids of those that were removed.
    """
    with _changing(index):
        manifest_of(index, snapshot_id)
        _write(index / HELD, [snapshot_id])
        return _swept(index)


def discard(index: Path) -> str:
    """Remove the snapshot that is held and return its id; raises SnapshotMissing when there is none."""
    with _changing(index):
        waiting = held(index)
        if waiting is None:
            raise SnapshotMissing(f"{index} holds no snapshot that waits to be published; nothing was discarded")
        (index / HELD).unlink()
        flush(index)
        _swept(index)
    return waiting


def sweep(index: Path) -> list[str]:
    """Remove what is left over: half-written folders, and snapshots that are neither served, previous nor held."""
    with _changing(index):
        return _swept(index)


def manifest_of(index: Path, snapshot_id: str) -> Manifest:
    """Return the manifest of a snapshot by id; raises SnapshotMissing for one that is not there."""
    if not _ID.fullmatch(snapshot_id) or not (index / SNAPSHOTS / snapshot_id).is_dir():
        known = ", ".join(ids(index)) or "none"
        raise SnapshotMissing(f"{index} has no snapshot {snapshot_id[:40]!r}; it has: {known}")
    return Manifest.read(index / SNAPSHOTS / snapshot_id)


def folder_of(index: Path, snapshot_id: str) -> Path:
    """Return where a snapshot lies, whether it is there or not; raises SnapshotDamaged for what is no id."""
    if not _ID.fullmatch(snapshot_id):
        raise damaged(index / CURRENT, f"it names no snapshot ({snapshot_id[:40]!r})")
    return index / SNAPSHOTS / snapshot_id


def untouched(index: Path) -> bool:
    """Return whether no snapshot was ever published in the folder."""
    return not (index / CURRENT).exists()


def nothing_built(index: Path) -> SnapshotMissing:
    """Return the error for a folder in which no snapshot was published."""
    return SnapshotMissing(f"nothing was built in {index} yet; run: aisle build SOURCE --index {index}")


@contextmanager
def aside(index: Path) -> Iterator[Path]:
    """Give a new folder beside the snapshots to write one into; what is still there at the end is removed.

    Locked for as long, also once `place` gave it its name: nobody sweeps it away.
    """
    folder = index / SNAPSHOTS / f"{_TEMPORARY}{os.getpid()}-{uuid.uuid4().hex[:8]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _changing(index):
        _swept(index, snapshots=False)
        folder.mkdir()
        lock = os.open(folder, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def place(index: Path, folder: Path, snapshot_id: str) -> None:
    """Give a folder from `aside`, complete and flushed, the name of its snapshot."""
    folder.rename(index / SNAPSHOTS / snapshot_id)
    flush(index / SNAPSHOTS)


def flush(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _changing(index: Path) -> Iterator[None]:
    """Wait until nobody else, in any process, changes which snapshots there are."""
    lock = os.open(index / PUBLISHING, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _swept(index: Path, *, snapshots: bool = True) -> list[str]:
    """Remove leftovers that nobody has locked and return the ids among them; never seen half removed."""
    folder = index / SNAPSHOTS
    try:
        wanted = {*_named(index / CURRENT), held(index)}
    except SnapshotDamaged:  # then nobody knows which are wanted
        wanted, snapshots = set(), False
    gone = []
    for each in sorted(folder.iterdir()) if folder.is_dir() else ():
        leftover = each.name.startswith(_TEMPORARY)
        if not leftover and not (snapshots and _ID.fullmatch(each.name) and each.name not in wanted):
            continue
        if locked(each):
            continue
        if not leftover:
            gone.append(each.name)
        shutil.rmtree(each if leftover else each.rename(each.with_name(f"{_TEMPORARY}{each.name}")))
    return gone


def locked(folder: Path) -> bool:
    """Whether somebody still writes in a folder: whoever was killed has no lock any more."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _write(file: Path, lines: list[str]) -> None:
    new = file.with_name(f"{file.name}{_TEMPORARY}")
    new.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    flush(new)
    new.replace(file)
    flush(file.parent)


def _named(file: Path) -> list[str]:
    """Return the ids that a file names, none when it is not there; raises SnapshotDamaged when it cannot be read."""
    try:
        return file.read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise damaged(file, f"it cannot be read ({error})") from error
