"""A folder that is written beside its place and gets its name when it is whole: a backup, an index that is restored."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from indexer.errors import BackupError
from indexer.snapshots.publication import flush, locked


@contextmanager
def written_aside(destination: Path, *, replacing: bool = False) -> Iterator[Path]:
    """Give a new folder, which gets the name `destination` at the end; on any error there is none, or the one before.

    replacing: what is there already is removed in the end; else BackupError is raised when there is anything.
    """
    destination = destination.absolute()
    if Path.cwd().is_relative_to(destination):
        raise BackupError(f"{destination} is the folder that this runs in, or holds it; name a folder of its own")
    for hidden in destination.parent.glob(f".{destination.name}.*.replaced"):  # of one that was killed half-way
        if not destination.exists():
            hidden.rename(destination)
    there = destination.exists() and (not destination.is_dir() or any(destination.iterdir()))
    if there and not replacing:
        raise BackupError(f"there is something at {destination} already; name a new folder")
    destination.parent.mkdir(parents=True, exist_ok=True)
    for leftover in destination.parent.glob(f".{destination.name}.*.writing"):
        if not locked(leftover):
            shutil.rmtree(leftover, ignore_errors=True)
    folder = destination.with_name(f".{destination.name}.{os.getpid()}.writing")
    folder.mkdir()
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
        flush(folder)
        old = destination.with_name(f".{destination.name}.{os.getpid()}.replaced")
        if destination.exists():
            destination.rename(old)
        folder.rename(destination)
        flush(destination.parent)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)
