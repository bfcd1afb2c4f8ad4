"""One build at a time in an index folder: whoever builds holds a lock that ends with the process, however that ends.

index/NAME/building.lock    locked (flock) as long as somebody builds, with who that is and since when
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from indexer.errors import BuildUnderway

LOCK = "building.lock"


@dataclass(frozen=True, slots=True)
class Builder:
    """Who builds: the process, what it does, and since when; pid 0 where it has not yet said."""

    pid: int
    what: str
    since: str


@contextmanager
def building(index: Path, what: str = "build") -> Iterator[None]:
    """Have the folder's only turn to build until the end; raises BuildUnderway, naming who has it."""
    index.mkdir(parents=True, exist_ok=True)
    lock = os.open(index / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _taken(lock):
            raise underway(index, _said(lock))
        me = Builder(os.getpid(), what, datetime.now(UTC).isoformat(timespec="seconds"))
        with suppress(OSError):  # a full disk keeps nobody from having the turn, only from saying whose it is
            os.ftruncate(lock, 0)
            os.pwrite(lock, orjson.dumps(asdict(me)), 0)
        yield
    finally:
        os.close(lock)


def builder(index: Path) -> Builder | None:
    """Return who builds in the folder now, None when nobody does."""
    try:
        lock = os.open(index / LOCK, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _said(lock)
    finally:
        os.close(lock)
    return None


def _taken(lock: int) -> bool:
    """Take the turn; a few tries, for whoever only looks whether somebody builds holds the lock for a moment, too."""
    for wait in (0.02, 0.05, 0.1, 0.0):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(wait)
        else:
            return True
    return False


def _said(lock: int) -> Builder:
    with suppress(ValueError, TypeError):
        return Builder(**orjson.loads(os.pread(lock, 1_000, 0)))
    return Builder(0, "build", "")


def underway(index: Path, who: Builder | None) -> BuildUnderway:
    """Return the error for an index that somebody builds; who: None where that is not known yet."""
    by = f"process {who.pid} ({who.what}, since {who.since})" if who and who.pid else "a process that has just begun"
    return BuildUnderway(f"{index} is being built by {by}; wait until it has ended, or stop it")
