"""`kill -9` of processes at any moment: what was acknowledged is there afterwards, and nothing else is."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from indexer.build import build
from indexer.live import open_index
from indexer.product import Product, content_hash
from indexer.snapshots import snapshot
from indexer.sources import read
from indexer.store.place import STORE, open_store
from indexer.store.records import Record
from tests.doomed import ENCODER, SETTINGS, step
from tests.oracle import Counting, Oracle, held

if TYPE_CHECKING:
    from tests.conftest import Database

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
ROWS = """id,title,category,tags
mug,Stoneware mug,Home > Kitchen,new|gift
pan,Frying pan,Home > Kitchen,steel
pot,Clay pot,Home > Garden,
ball,Leather football,Sports > Balls,red
"""


LONGEST = 0.6
"""Seconds that a process lives at most, however slow the machine is."""


class Doom:
    """The process that forks those that are killed."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.doomed"]
        alone = os.environ | {"OMP_NUM_THREADS": "1", "AISLE_STORE": ""}  # a process with threads is not to be forked
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=alone, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, *jobs: Mapping[str, Any]) -> list[str]:
        """Let processes work side by side, and return how they ended: done, killed or failed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"jobs": jobs}) + "\n")
        self._process.stdin.flush()
        ends: list[str] = json.loads(self._process.stdout.readline())
        assert "failed" not in ends
        return ends

    def close(self) -> None:
        """End it."""
        self._process.communicate()


@pytest.fixture(scope="module")
def doom() -> Iterator[Doom]:
    """Return what runs processes and kills them."""
    with closing(Doom()) as made:
        yield made


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an index of the products of ROWS, to be copied."""
    folder = tmp_path_factory.mktemp("crash")
    (folder / "rows.csv").write_text(ROWS)
    with read(folder / "rows.csv") as rows:
        build(rows, folder / "index", settings=SETTINGS, encoder=ENCODER)
    return folder / "index"


@pytest.fixture
def index(template: Path, tmp_path: Path) -> Path:
    """Return an index that may be changed."""
    return Path(shutil.copytree(template, tmp_path / "index"))


@pytest.fixture
def stored(template: Path, tmp_path: Path, database: Database) -> tuple[Path, int]:
    """Return such an index, its store on either engine, and how often a process is killed in it."""
    index = Path(shutil.copytree(template, tmp_path / "index", dirs_exist_ok=True))
    if database.engine == "sqlite":
        return index, 80
    database.receive(index / STORE)
    (index / STORE).unlink()
    return index, 30


def job(
    work: str, index: Path, told: Path, *, seconds: float | None = None, calls: int | None = None, within: str = ""
) -> dict[str, Any]:
    """Return the job of doing something with an index until a time is over or so many functions were called."""
    store = os.environ.get("AISLE_STORE", "")
    where = {"index": str(index), "store": store, "told": str(told)}
    return {"work": work, **where, "seconds": seconds, "calls": calls, "within": within}


class Writer:
    """One plan, carried out by one process after the other, and what must be stored by now."""

    def __init__(self, index: Path, seed: str, lie: str = "") -> None:
        self.index, self.seed, self.lie = index, seed, lie
        self.acknowledged = 0
        self.expected = Oracle()
        self._told = index.parent / f"told-{seed}"
        self._told.touch()

    def job(self, *, seconds: float | None = None, steps: int = 10**6) -> dict[str, Any]:
        """Return the job of going on where the last process was killed."""
        plan = {"seed": self.seed, "start": self.acknowledged, "stop": self.acknowledged + steps, "lie": self.lie}
        return job("write", self.index, self._told, seconds=seconds) | plan

    def check(self, found: Oracle) -> None:
        """Assert that of this plan every acknowledged step is stored, the one that was begun whole or not at all.

        What a client was told is what became of the step when it was carried out, however often it was asked for.
        """
        lines = self._told.read_bytes().split(b"\n")
        assert lines.pop() == b""
        self._told.write_bytes(b"")
        for line in lines:
            outcomes = self.expected.change(step(self.seed, self.acknowledged))
            if line != b"null":
                assert json.loads(line) == [list(each) for each in outcomes]
            self.acknowledged += 1
        mine = {id_: row for id_, row in found.rows.items() if id_.startswith(f"{self.seed}-")}
        begun = self.expected.after(step(self.seed, self.acknowledged))
        assert mine in (self.expected.rows, begun.rows)


def check(index: Path, *writers: Writer) -> Oracle:
    """Open an index that processes were killed in; assert that it holds what it must, and return what that is."""
    counting = Counting(ENCODER)
    with closing(open_index(index, counting)) as live:
        found = Oracle.of(live.records)
        for writer in writers:
            writer.check(found)
        of_writers = tuple(f"{writer.seed}-" for writer in writers)
        assert {id_ for id_ in found.rows if not id_.startswith(of_writers)} == {"mug", "pan", "pot", "ball"}
        found.check_store(live.records, ENCODER)
        found.check_memory(live)
    titles = {product.title for product, _ in found.rows.values()}
    assert not titles & set(counting.encoded)
    return found


def spread(count: int, total: int) -> list[int]:
    """Return `count` numbers from 1 to `total`, evenly spread, both ends among them."""
    return [1 + (total - 1) * number // (count - 1) for number in range(count)]


def calls_of(doom: Doom, work: str, index: Path, within: str = "") -> int:
    """Return how many functions are called by some work that nobody stops."""
    told = index.parent / "calls"
    assert doom(job(work, index, told, within=within)) == ["done"]
    return int(told.read_text())


SLOWER = 1.3
"""How much more time a writer gets on a machine that has become busy since it was timed."""


def paced(doom: Doom, *writers: Writer) -> float:
    """Return how many seconds processes live at most: as long as opening the index and six steps take just now."""
    begun = time.monotonic()
    doom(*(writer.job(steps=6) for writer in writers))
    seconds = time.monotonic() - begun
    check(writers[0].index, *writers)
    return min(seconds, LONGEST)


def test_a_writer_is_killed_at_any_time(doom: Doom, stored: tuple[Path, int]) -> None:
    """Each restart finds every acknowledged step, and the one that was begun whole or not at all."""
    index, kills = stored
    drawn, writer, ends = random.Random(1), Writer(index, "w"), []
    longest = paced(doom, writer)
    for number in range(kills):
        ends += doom(writer.job(seconds=drawn.uniform(0.01, longest)))
        check(index, writer)
        longest *= SLOWER if writer.acknowledged <= number / 3 else 1
    assert ends == ["killed"] * kills
    assert writer.acknowledged > kills / 4
    doom(writer.job(steps=3))
    check(index, writer)


def test_two_writers_of_the_same_contents_are_killed(doom: Doom, stored: tuple[Path, int]) -> None:
    """Two processes change one store at once, one may outlive the other: neither loses or breaks what the other did."""
    index, kills = stored
    drawn, one, other = random.Random(2), Writer(index, "a"), Writer(index, "b")
    longest = paced(doom, one, other)
    for number in range(kills // 2):
        ends = doom(*(each.job(seconds=drawn.uniform(0.05, longest)) for each in (one, other)))
        assert ends == ["killed", "killed"]
        check(index, one, other)
        longest *= SLOWER if min(one.acknowledged, other.acknowledged) <= number / 3 else 1
    assert min(one.acknowledged, other.acknowledged) > kills / 8


@pytest.mark.parametrize("work", ["rebuild", "calibrate"])
def test_publication_is_killed_at_every_stage(doom: Doom, index: Path, work: str) -> None:
    """While another process writes: `current` names a whole snapshot, old or new, and the next one is published."""
    within = "snapshot.py:written"
    published = snapshot.read_manifest(index).id
    total = calls_of(doom, work, Path(shutil.copytree(index, index.parent / "whole" / "index")), within)
    seen = set()
    for calls in spread(25, total - total // 50):  # a run is not quite like the one before
        copied = Path(shutil.copytree(index, index.parent / f"killed-{calls}" / "index"))
        writer = Writer(copied, "w")
        ends = doom(job(work, copied, copied.parent / "calls", calls=calls, within=within), writer.job(steps=1))
        assert ends == ["killed", "done"]
        check(copied, writer)
        seen.add(snapshot.read_manifest(copied).id == published)
    assert seen == {True, False}

    calls_of(doom, work, copied)
    assert len(list((copied / "snapshots").iterdir())) == 2
    check(copied, writer)


def test_a_replay_is_killed_at_every_stage(doom: Doom, index: Path) -> None:
    """Opening again goes on where it must, with categories and contents that nobody has encoded yet."""
    with closing(open_store(index)) as records:
        new = [Product(f"new-{number}", f"New kite {number}", category=f"New > Kites {number}") for number in range(9)]
        records.write([Record(each, content_hash(each)) for each in new])
        total = calls_of(doom, "open", Path(shutil.copytree(index, index.parent / "whole")))
        before = held(records)
    for calls in spread(40, total):
        assert doom(job("open", index, index.parent / "calls", calls=calls)) in (["killed"], ["done"])
        with closing(open_store(index)) as records:
            assert held(records) == before
    with closing(open_index(index, ENCODER)) as live:
        Oracle(before).check_store(live.records, ENCODER)
        Oracle(before).check_memory(live)


@pytest.mark.parametrize("lie", ["early", "torn"])
def test_a_writer_that_lies_is_caught(doom: Doom, index: Path, lie: str) -> None:
    """These tests can fail: of who acknowledges before the commit, and of who carries a step out in two parts."""
    drawn, writer = random.Random(3), Writer(index, "w", lie)

    def kill_often() -> None:
        for _ in range(100):
            doom(writer.job(seconds=drawn.uniform(0.05, 0.5)))
            check(index, writer)

    with pytest.raises(AssertionError):
        kill_often()
