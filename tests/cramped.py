"""A process whose index lies on a small disk that fills up, or that can be read only.

Run as `python -m tests.cramped WAY INDEX`. WAY is `tmpfs` or `read only`, a file system of its own in this process's
mount namespace (to be run by `unshare -rm`), or `limit`, a largest size of any file (RLIMIT_FSIZE). It asserts all that
must hold, and ends with 0 then.
"""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from indexer.build import rebuild
from indexer.errors import RecordError
from indexer.live import Change, Live, open_index
from indexer.normalize import normalize
from indexer.product import Product
from indexer.snapshots import publication, snapshot
from tests.doomed import ENCODER, SETTINGS
from tests.oracle import Oracle

ROOM = 3_000_000
"""Bytes that are free, or that a file may grow by, to begin with."""
LARGE = " ".join(["words that say little of a product and take much room"] * 80)


class Disk:
    """A folder whose room is small and may be changed."""

    def __init__(self, way: str, index: Path) -> None:
        self.way, self.index = way, index
        self._folder = index.parent / "disk"
        if way == "tmpfs":
            self._folder.mkdir()
            size = sum(file.stat().st_size for file in index.rglob("*") if file.is_file())
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size + ROOM}", "none", self._folder], check=True)
            self.index = Path(shutil.copytree(index, self._folder / "index"))
        else:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            normalize(Product("", "mug", LARGE))  # so that what knows languages is loaded, which unpacks a file
            resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, resource.RLIM_INFINITY))

    def enlarge(self) -> None:
        """Make room."""
        if self.way == "tmpfs":
            subprocess.run(["mount", "-o", "remount,size=256m", self._folder], check=True)
        else:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def lock(self, mode: str) -> None:
        """Let it be read only (ro), or written again (rw)."""
        subprocess.run(["mount", "-o", f"remount,{mode}", self._folder], check=True)


def fill_up(live: Live, oracle: Oracle) -> RecordError:
    """Change until the store refuses, and return what it says; the oracle has what was acknowledged."""
    for number in range(100_000):
        changes: list[Change] = [Product(f"large-{number}-{each}", f"mug {number} {each}", LARGE) for each in range(5)]
        try:
            live.change(changes)
        except RecordError as error:
            return error
        oracle.change(changes)
    raise AssertionError("a small disk takes anything")


def small_changes(live: Live, oracle: Oracle, how_many: int) -> int:
    """Try small changes, of which some may fit; return how many were refused."""
    refused = 0
    for number in range(how_many):
        changes: list[Change] = [Product(f"small-{number}", f"kite {number}"), f"large-0-{number}"]
        try:
            live.change(changes)
        except RecordError:
            refused += 1
        else:
            oracle.change(changes)
    return refused


def holds(disk: Disk, live: Live, oracle: Oracle) -> None:
    """Assert that the store and memory are what was acknowledged, here and in an index that is opened now."""
    oracle.check_store(live.records, ENCODER)
    check_memory(live, oracle)
    with closing(open_index(disk.index, ENCODER)) as again:
        check_memory(again, oracle)


def check_memory(live: Live, oracle: Oracle) -> None:
    """Assert that what is in memory has the products of the oracle and no others."""
    assert len(live.labels) == len(oracle.rows)
    assert all(live.labels.key(product_id) is not None for product_id in oracle.rows)


def full(disk: Disk) -> None:
    """Fill the disk: every refusal leaves what there was, and with room again everything goes on."""
    with closing(open_index(disk.index, ENCODER)) as live:
        oracle = Oracle.of(live.records)
        published = publication.published(disk.index)
        error = fill_up(live, oracle)
        sys.stdout.write(f"{type(error).__name__} {error}\n")
        assert "nothing was changed" in str(error)
        small_changes(live, oracle, 20)
        oracle.check_store(live.records, ENCODER)
        check_memory(live, oracle)
        with suppress(OSError, RecordError):
            rebuild(disk.index, settings=SETTINGS, encoder=ENCODER)
        assert disk.way != "tmpfs" or publication.published(disk.index) == published
        snapshot.load(disk.index)
        disk.enlarge()
        holds(disk, live, oracle)
        assert small_changes(live, oracle, 5) == 0
        holds(disk, live, oracle)
        rebuild(disk.index, settings=SETTINGS, encoder=ENCODER)
        holds(disk, live, oracle)


def read_only(disk: Disk) -> None:
    """Make the disk read only under an open index: it answers as before, refuses changes, and goes on afterwards."""
    with closing(open_index(disk.index, ENCODER)) as live:
        live.change([Product("before", "red mug")])
        oracle = Oracle.of(live.records)
        live.records.close()  # no file is open for writing then, which a remount would refuse
        disk.lock("ro")
        refused(lambda: live.change([Product("after", "blue mug")]))
        oracle.check_memory(live)
        refused(lambda: open_index(disk.index, ENCODER))
        disk.lock("rw")
        oracle.check_store(live.records, ENCODER)
        assert small_changes(live, oracle, 3) == 0
        holds(disk, live, oracle)


def refused(call: Callable[[], object]) -> None:
    """Assert that something is refused, and that the message says what is lacking."""
    try:
        call()
    except RecordError as error:
        said = str(error)
    else:
        said = "what can be read only was changed"
    assert "written to" in said or "write to it" in said


if __name__ == "__main__":
    WAY, INDEX = sys.argv[1], Path(sys.argv[2])
    {"tmpfs": full, "limit": full, "read only": read_only}[WAY](Disk("limit" if WAY == "limit" else "tmpfs", INDEX))
