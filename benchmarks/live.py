"""A live index of a million products: what it holds in memory, how fast it opens, finds, and takes changes.

    python -m benchmarks.live [--products 1000000] [store] [build] [ivf] [ivf_sq8] [families] [grow]

store     products with vectors of 384 dimensions and texts of 20 words in a record store of SQLite; kept in the folder
          of benchmark indexes, and made only once
build     an index from the store, loaded once, written with vectors of both kinds; not calibrated, which asks a
          sample of the products that is as large whatever the index
ivf       the index with vectors in lists, opened, and changed while it is searched: 100,000 products are added,
          relabelled and deleted again through the write path, a transaction for 10,000
ivf_sq8   the same, vectors in 8 bits
families  vectors alone, in families of 50, as variants and offers of one product are; those of the catalogue before are
          told apart by little but chance within categories of up to 100,000, so that neighbours lie in many lists
grow      an index built from a tenth, and brought to ten times as many products by upserts alone

Searches are for vectors like those that are stored and are none of them; each is one row, as a service asks. While
changes are made they are due every 20 ms, and a latency counts from when a search was due; those that fell due while
the one before was still under way are left out. Memory is the process's own, anonymous memory: what is mapped from the
snapshot's files is stated beside it, and the system may let it go at any time. Each part is a process of its own, and
says how many processes wanted a core before and after it (load): beside others only processor times mean much.
"""

from __future__ import annotations

import json
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.machine import INDEXES
from benchmarks.parts import Work, measure
from benchmarks.space import CATEGORIES, DIM, Catalogue, Floats, Stages
from indexer import encoders
from indexer import vectors as kinds
from indexer.build import make, rebuild
from indexer.encoders import given_parts
from indexer.intake.placement import CANONICAL, Placement
from indexer.intake.update import prepare, store
from indexer.live import Live, live_of, open_index
from indexer.normalize import language_of
from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.snapshots import snapshot
from indexer.space import TEXT
from indexer.space.lexicon import Lexicon
from indexer.store.place import STORE, open_store
from indexer.store.records import Record, Records
from indexer.vectors.exact import ExactIndex
from taxonomy.tree import SEPARATOR, Tree

KINDS = ("ivf", "ivf_sq8")
SNAPSHOTS = "snapshots.json"
"""The file beside the store that names the snapshot of each kind."""
ENCODER = f"precomputed:text={DIM}"
AT_ONCE = 10_000
FAMILY, APART = 50, 0.7
"""Vectors of a family on average, and how long is what tells them apart beside what they share, of length 1."""
CHANGED = 100_000
QUERIES = 1_000
EVERY = 0.02
"""Seconds between two searches."""

TARGETS = {
    "build_seconds": 900,
    "memory_of_vectors": 1.35,
    "ivf_sq8_memory_gb": 0.7,
    "recall_at_10": 0.95,
    "search_ms_median": 5,
    "open_seconds": 5,
    "changes_per_second": 2_000,
    "single_change_ms": 10,
    "p99_while_changing_of_idle": 1.5,
}


class Shelf:
    """The catalogue as products of a record store, by number."""

    def __init__(self, products: int) -> None:
        self.catalogue = Catalogue.of(products)
        self._paths = [SEPARATOR.join(path) for path in self.catalogue.paths]

    def products(self, start: int, end: int, *, name: str = "p", moved: int = 0) -> list[Product]:
        """Return products of one batch of the catalogue, `moved` categories further."""
        vectors, texts = self.catalogue.vectors(start, end), self.catalogue.texts(start, end)
        nodes = (self.catalogue.nodes[start:end] + moved) % CATEGORIES
        return [
            Product(f"{name}{place}", title=text, category=self._paths[node], vectors={"text": row})
            for place, (text, node, row) in enumerate(zip(texts, nodes.tolist(), vectors, strict=True), start)
        ]

    def batches(self, end: int, size: int = AT_ONCE) -> Iterator[tuple[int, int]]:
        """Yield start and end of each batch."""
        for start in range(0, end, size):
            yield start, min(start + size, end)


@dataclass(frozen=True, slots=True)
class Asked:
    """Vectors to search for, and the numbers of the ten products of a catalogue that are truly nearest to each."""

    vectors: Floats
    nearest: npt.NDArray[np.int64]

    @classmethod
    def of(cls, shelf: Shelf, products: int) -> Asked:
        """Draw them as the stored ones were drawn, and compare them with every one of those."""
        vectors = shelf.catalogue.vectors(7, 7 + QUERIES)  # from a place where no batch begins: none of them is stored
        best = np.full((QUERIES, 10), -2, np.float32)
        numbers = np.zeros((QUERIES, 10), np.int64)
        for start, end in shelf.batches(products):
            similarity = np.hstack([best, vectors @ shelf.catalogue.vectors(start, end).T])
            order = np.argpartition(-similarity, 9, axis=1)[:, :10]
            every = np.hstack([numbers, np.broadcast_to(np.arange(start, end), (QUERIES, end - start))])
            best, numbers = (np.take_along_axis(each, order, axis=1) for each in (similarity, every))
        return cls(vectors, numbers)

    def recall(self, live: Live) -> float:
        """Return the share of the true ten that searches find."""
        found = 0
        for row, nearest in zip(self.vectors, self.nearest, strict=True):
            keys = search(live, row)
            found += len({f"p{number}" for number in nearest.tolist()} & set(live.labels.ids(keys)))
        return round(found / self.nearest.size, 4)


def search(live: Live, row: Floats) -> npt.NDArray[np.int64]:
    """Return the keys of the ten nearest of one vector, as a service looks for them."""
    with live.reading():
        found: npt.NDArray[np.int64] = live.contents.views[TEXT].vectors.search(row[None], 10).keys[0]
    return found


class Load:
    """Searches that come in every EVERY seconds in a thread of their own, while something else is done."""

    def __init__(self, live: Live, asked: Asked) -> None:
        self._live, self._asked = live, asked
        self._stop = threading.Event()
        self._spent: list[float] = []

    def _ask(self) -> None:
        due = time.perf_counter()
        while not self._stop.is_set():
            due = max(due + EVERY, time.perf_counter())
            time.sleep(max(0.0, due - time.perf_counter()))
            search(self._live, self._asked.vectors[len(self._spent) % QUERIES])
            self._spent.append(time.perf_counter() - due)

    def during(self, work: Callable[[], None]) -> dict[str, float]:
        """Return how long searches took while `work` was done, in ms."""
        thread = threading.Thread(target=self._ask)
        thread.start()
        try:
            work()
        finally:
            self._stop.set()
            thread.join()
        return {"searches": len(self._spent), **spread(self._spent)}


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """Return median, 99th percentile and the worst of some durations, in ms."""
    some = np.array(seconds) * 1000
    values = (np.median(some), np.percentile(some, 99), some.max())
    return {name: round(float(value), 2) for name, value in zip(("median", "p99", "worst"), values, strict=True)}


def memory() -> dict[str, float]:
    """Return the memory of this process in GB: anonymous, mapped from files, and the most it ever held of both."""
    said = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    names = {"anonymous": "RssAnon", "mapped": "RssFile", "peak": "VmHWM"}
    return {name: round(int(said[key].split()[0]) * 1024 / 1e9, 3) for name, key in names.items()}


def timed(work: Callable[[], Any]) -> float:
    """Return how many seconds some work took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def folder_of(products: int) -> Path:
    """Return the folder of the index of so many products."""
    return INDEXES / f"live-{products}"


def stored(products: int) -> dict[str, Any]:
    """Fill the record store of an index, unless it is there."""
    folder, shelf, encoder = folder_of(products), Shelf(products), encoders.load(ENCODER)
    folder.mkdir(parents=True, exist_ok=True)
    placement = Placement(Tree.empty(), grows=True, separators=CANONICAL)
    with closing(Records.open(folder / STORE)) as records:
        there, seconds = records.counts().products, 0.0
        for start, end in shelf.batches(products):
            if end <= there:
                continue
            some = shelf.products(start, end)
            seconds += timed(lambda some=some: put(records, encoder, placement, some))  # type: ignore[misc]
            print(f"stored {end:,}", file=sys.stderr, flush=True)
        size = (folder / STORE).stat().st_size
    added = products - there
    rate = round(added / seconds) if added else 0
    return {"products": products, "added": added, "seconds": round(seconds), "per_second": rate, "bytes": size}


def put(records: Records, encoder: encoders.Encoder, placement: Placement, products: Sequence[Product]) -> None:
    """Store products in one transaction."""
    prepared = prepare(products, placement, given_parts(encoder))
    store(records, encoder, [each for each in prepared if isinstance(each, Record)], encoder.encode)


def built(products: int) -> dict[str, Any]:
    """Build an index from what the store holds, not calibrated, and write it with vectors of every kind."""
    folder, stages = folder_of(products), Stages()
    settings = IndexSettings(encoder=ENCODER, kind=KINDS[0], space="raw")
    with closing(Records.open(folder / STORE)) as records:
        encoder = encoders.load(ENCODER)
        made = make(records, settings, encoder=encoder, rows={}, calibrate=None, progress=stages)
        stages.start(f"save {KINDS[0]}")
        with snapshot.written(folder, made.origin, made.built, "") as manifest:
            snapshots = {KINDS[0]: manifest.id}
    contents = made.built.contents
    view = contents.views[TEXT]
    keys = np.flatnonzero(contents.labels.known)
    placed = view.placed(keys)
    for kind in KINDS[1:]:
        stages.start(f"index {kind}")
        vectors = kinds.build(kind, view.space.dim, keys, placed, recall_target=settings.recall_target)
        stages.start(f"save {kind}")
        other = replace(contents, views={TEXT: replace(view, vectors=vectors)})
        with snapshot.written(folder, made.origin, replace(made.built, contents=other), "") as manifest:
            snapshots[kind] = manifest.id
    (folder / SNAPSHOTS).write_text(json.dumps(snapshots), encoding="utf-8")
    return {"products": products, **stages.result()}


def opened(products: int, kind: str) -> dict[str, Any]:
    """Open the index that was built, search it and change it."""
    shelf = Shelf(products)
    asked = Asked.of(shelf, products)
    snapshots = json.loads((folder_of(products) / SNAPSHOTS).read_text(encoding="utf-8"))
    warm()
    fixed = memory()
    began = time.perf_counter(), time.process_time()
    loaded = snapshot.load(folder_of(products), snapshots[kind])
    live = live_of(loaded, open_store(folder_of(products)))
    found: dict[str, Any] = {
        "open_seconds": round(time.perf_counter() - began[0], 2),
        "open_processor_seconds": round(time.process_time() - began[1], 2),
    }
    live.follow()  # what a part before has changed and changed back
    with closing(live):
        found["recall_at_10"] = asked.recall(live)
        busy = time.process_time()
        found["search_ms"] = spread([timed(lambda row=row: search(live, row)) for row in asked.vectors])  # type: ignore[misc]
        found["search_processor_ms"] = round((time.process_time() - busy) * 1000 / QUERIES, 2)
        vectors = products * DIM * (1 if kind == "ivf_sq8" else 4) / 1e9
        found["memory_gb"] = {"fixed": fixed, "open": memory(), "vectors": round(vectors, 3)}
        own = found["memory_gb"]["open"]["anonymous"] - fixed["anonymous"]
        found["memory_gb"]["of_vectors"] = round(own / vectors, 3)
        found["parameters"] = dict(live.contents.views[TEXT].vectors.parameters)
        found["idle_ms"] = Load(live, asked).during(lambda: time.sleep(30))
        found["changes"] = changes(live, shelf, asked)
        found["idle_again_ms"] = Load(live, asked).during(lambda: time.sleep(30))
        found["recall_at_10_after"] = asked.recall(live)
        found["memory_gb"]["after"] = memory()
    return found


def warm() -> None:
    """Load what every process has that takes changes: the model of languages, and what counts words."""
    language_of("what is written here is long enough to tell that it is English")
    Lexicon.blank().count(["word"])


def changes(live: Live, shelf: Shelf, asked: Asked) -> dict[str, Any]:
    """Add products, relabel them and delete them again, in batches and singly, while searches come in."""
    batches = list(shelf.batches(CHANGED))
    added = [each for batch in batches for each in shelf.products(*batch, name="new ")]
    for each in added:  # near those of the catalogue, and none of them
        each.vectors["text"][:] = -each.vectors["text"]
    moved = [replace(each, category=added[place - 1].category) for place, each in enumerate(added)]
    ids = [each.id for each in added]
    made: dict[str, Any] = {}
    for name, some, change in (("add", added, live.put), ("relabel", moved, live.put), ("delete", ids, live.delete)):
        made[name] = changed(live, asked, some, change)
        print(name, made[name], file=sys.stderr, flush=True)
    single = [[each] for each in added[:200]]
    made["add_singly_ms"] = spread([timed(lambda one=one: live.put(one)) for one in single])  # type: ignore[misc]
    with live.reading():
        near = live.contents.views[TEXT].vectors.search(added[199].vectors["text"][None], 1).keys[0]
        made["visible_at_once"] = live.labels.ids(near) == [added[199].id]
    made["delete_singly_ms"] = spread([timed(lambda one=one: live.delete(one)) for one in [[i] for i in ids[:200]]])  # type: ignore[misc]
    return made


def changed(live: Live, asked: Asked, some: Sequence[Any], change: Callable[[Sequence[Any]], object]) -> dict[str, Any]:
    """Change an index batch by batch while it is searched."""
    seconds = [0.0]

    busy = time.process_time()

    def work() -> None:
        seconds[0] = timed(lambda: [change(some[at : at + AT_ONCE]) for at in range(0, len(some), AT_ONCE)])

    spent = Load(live, asked).during(work)
    processor = time.process_time() - busy
    return {
        "per_second": round(len(some) / seconds[0]),
        "processor_ms_each": round(processor * 1000 / len(some), 3),  # the searches meanwhile included
        "search_ms": spent,
    }


def families(products: int) -> dict[str, Any]:
    """Build vector indexes alone, of rows that lie in families of 50 on average, and search them."""
    rng = np.random.default_rng(5)
    centres = rng.standard_normal((products // FAMILY, DIM), np.float32) / np.sqrt(DIM, dtype=np.float32)

    def drawn(size: int) -> Floats:
        rows = centres[rng.integers(len(centres), size=size)]
        rows += rng.standard_normal((size, DIM), np.float32) * np.float32(APART / np.sqrt(DIM))
        made: Floats = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return made

    rows = np.concatenate([drawn(AT_ONCE) for _ in range(products // AT_ONCE)])
    queries, keys = drawn(QUERIES), np.arange(len(rows), dtype=np.int64)
    truth = ExactIndex.over(keys, rows).search(queries, 10).keys
    result: dict[str, Any] = {"vectors": len(rows), "families": len(centres)}
    for kind in KINDS:
        busy = time.process_time()
        index = kinds.build(kind, DIM, keys, rows)
        result[kind] = {"build_processor_seconds": round(time.process_time() - busy)}
        busy = time.process_time()
        spent, found = [], 0
        for row, nearest in zip(queries, truth, strict=True):
            began = time.perf_counter()
            near = index.search(row[None], 10).keys[0]
            spent.append(time.perf_counter() - began)
            found += len(np.intersect1d(near, nearest))
        result[kind] |= {
            "recall_at_10": round(found / truth.size, 4),
            "search_processor_ms": round((time.process_time() - busy) * 1000 / QUERIES, 2),
            "search_ms": spread(spent),
            "parameters": dict(index.parameters),
        }
        print(kind, result[kind], file=sys.stderr, flush=True)
        del index
    return result


def grown(products: int) -> dict[str, Any]:
    """Build an index of a tenth of the products, and bring it to all of them by upserts."""
    shelf, tenth = Shelf(products), products // 10
    asked = Asked.of(shelf, products)
    folder, encoder = INDEXES / f"live-grow-{products}", encoders.load(ENCODER)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    placement = Placement(Tree.empty(), grows=True, separators=CANONICAL)
    with closing(Records.open(folder / STORE)) as records:
        for batch in shelf.batches(tenth):
            put(records, encoder, placement, shelf.products(*batch))
    rebuild(folder, settings=IndexSettings(encoder=ENCODER, kind="ivf", space="raw"))
    with closing(open_index(folder)) as live:
        before = dict(live.contents.views[TEXT].vectors.parameters)
        seconds = 0.0
        for start, end in shelf.batches(products):
            if start >= tenth:
                some = shelf.products(start, end)
                seconds += timed(lambda some=some: live.put(some))  # type: ignore[misc]
        vectors = live.contents.views[TEXT].vectors
        result = {
            "from": tenth,
            "to": len(vectors),
            "per_second": round((products - tenth) / seconds),
            "before": before,
            "after": dict(vectors.parameters),
            "imbalance": round(vectors.imbalance, 2),
            "recall_at_10": asked.recall(live),
            "search_ms": spread([timed(lambda row=row: search(live, row)) for row in asked.vectors]),  # type: ignore[misc]
            "memory_gb": memory(),
        }
    shutil.rmtree(folder)
    return result


WORK: Mapping[str, Work] = {
    "store": stored,
    "build": built,
    **{kind: partial(opened, kind=kind) for kind in KINDS},
    "families": families,
    "grow": grown,
}


if __name__ == "__main__":
    measure("live", __doc__, WORK, TARGETS)
