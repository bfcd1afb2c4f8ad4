"""Duplicates among a million products: how long a scan takes, what it holds in memory, and what it finds.

    python -m benchmarks.duplicates_million [--products 1000000] [store] [build] [scan] [join]

store   products with vectors of 384 dimensions and texts of 20 words, as in `benchmarks.live`, of which every fifth is
        the one before it listed once more: a vector turned a little, and a word more; a third of all have a GTIN
        and another third a model number in their title, which a second listing mostly keeps; and one product is there
        10,000 times over
build   an index from the store, with vectors in lists; not calibrated
scan    the index is opened and scanned as `aisle duplicates` does, and the tables are written
join    the pairs and groups stand in the record store, by a scan of the service; then 500 products come, half of them
        listings of what is there: what each costs until it has joined its group, and what of that are searches

Each part is a process of its own. Found are second listings in the group of the first; the group of the product that is
there 10,000 times is stated. Memory is the most that the process ever held, what is mapped from files included.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.live import ENCODER, Shelf, memory, put, timed
from benchmarks.machine import INDEXES
from benchmarks.parts import measure
from benchmarks.space import Stages
from indexer import encoders
from indexer.build import rebuild
from indexer.intake.placement import CANONICAL, Placement
from indexer.live import open_index
from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.store.place import STORE
from indexer.store.records import Records
from indexer.store.twins import DUPLICATES
from service.console.duplicates import write_groups, write_pairs
from service.duplicates.groups.scan import Scanned, scan
from service.duplicates.standing import regrouping
from service.duplicates.verdicts.judging import Judging
from service.serving import Serving
from service.settings import ServiceSettings
from taxonomy.tree import Tree

EVERY = 5
"""One in so many is the product before it, listed once more."""
COPIES = 10_000
NEW = 500
TURNED = 0.15
"""How long is what a second listing's vector differs by, beside its own length of 1."""
TARGETS = {"scan_seconds": 1_200, "memory_gb": 6.0, "incremental_ms": 5.0}


def folder_of(products: int) -> Path:
    """Return the folder of the index of so many products."""
    return INDEXES / f"duplicates-{products}"


def listed(shelf: Shelf, start: int, end: int) -> list[Product]:
    """Return products of one batch, every fifth a second listing."""
    rng = np.random.default_rng([3, start])
    some = [_numbered(each, number) for number, each in enumerate(shelf.products(start, end), start)]
    for place in range(EVERY - 1, len(some), EVERY):
        some[place] = _again(some[place - 1], some[place], rng)
    return some


def _numbered(product: Product, number: int) -> Product:
    if number % 3 == 0:
        digits = f"{4_000_000_000_000 + 10 * number:013}"[:12]
        check = -sum(int(each) * (3 if place % 2 else 1) for place, each in enumerate(digits)) % 10
        return replace(product, facts=(("gtin", f"{digits}{check}"),))
    return replace(product, title=f"{product.title} KX-{number:07}") if number % 3 == 1 else product


def _again(product: Product, other: Product, rng: np.random.Generator) -> Product:
    words = product.title.split()
    words.insert(int(rng.integers(len(words))), other.title.split()[0])
    turned = rng.standard_normal(len(product.vectors["text"])).astype(np.float32)
    vector = product.vectors["text"] + turned * np.float32(TURNED / np.linalg.norm(turned))
    made = vector / np.linalg.norm(vector)
    return replace(product, id=other.id, title=" ".join(words), category=other.category, vectors={"text": made})


def _copies(shelf: Shelf, products: int) -> Iterator[list[Product]]:
    one = shelf.products(0, 1)[0]
    title = "the same thing over and over"
    yield [replace(one, id=f"copy{number}", title=title) for number in range(_copied(products))]


def _copied(products: int) -> int:
    return min(COPIES, products // 10)


def stored(products: int) -> dict[str, Any]:
    """Fill the record store of an index, unless it is there."""
    folder, shelf, encoder = folder_of(products), Shelf(products), encoders.load(ENCODER)
    folder.mkdir(parents=True, exist_ok=True)
    placement = Placement(Tree.empty(), grows=True, separators=CANONICAL)
    seconds = 0.0
    with closing(Records.open(folder / STORE)) as records:
        if records.counts().products:
            return {"products": records.counts().products}
        batches = (listed(shelf, *each) for each in shelf.batches(products))
        for source in (batches, _copies(shelf, products)):
            for some in source:
                seconds += timed(lambda some=some: put(records, encoder, placement, some))  # type: ignore[misc]
                print(f"stored {some[-1].id}", file=sys.stderr, flush=True)
        return {"products": records.counts().products, "seconds": round(seconds)}


def built(products: int) -> dict[str, Any]:
    """Build an index from what the store holds, not calibrated."""
    stages = Stages()
    settings = IndexSettings(encoder=ENCODER, kind="ivf", space="raw")
    rebuild(folder_of(products), settings=settings, encoder=encoders.load(ENCODER), progress=stages)
    return stages.result()


def scanned(products: int) -> dict[str, Any]:
    """Open the index, scan it and write the tables."""
    folder, stages = folder_of(products), Stages()
    live = open_index(folder)
    opened = memory()
    with closing(live):
        found = scan(live, Judging.of(live), progress=stages)
        stages.start("write pairs")
        written = write_pairs(found, live, folder / "pairs.csv", 0.0, lambda _: None)
        stages.start("write groups")
        members = write_groups(found, live, folder / "groups.csv")
        stages.start("")
        result = stages.result()
        return {
            "products": found.products,
            "judged": found.compared,
            "pairs": written.rows,
            "verdicts": dict(written.verdicts),
            "members": members,
            **_right(found, live.labels.ids(np.arange(live.labels.size))),
            "memory_gb": {"open": opened, "after": memory()},
            **result,
        }


def came(products: int) -> dict[str, Any]:
    """Let the groups stand, and let new products join them: others than came before, where this was run already."""
    with closing(Records.open(folder_of(products) / STORE)) as records:
        before = records.counts().products - products - _copied(products)
    shelf, stages = Shelf(products + before + NEW), Stages()
    some = [replace(each, id=f"new {each.id}") for each in listed(shelf, products + before, products + before + NEW)]
    again = _relisted(listed(shelf, before, before + NEW))
    searched, real = [0.0], vars(regrouping)["nearby"]

    def near(*given: Any) -> Any:  # as it is called
        began = time.process_time()
        found = real(*given)
        searched[0] += time.process_time() - began
        return found

    vars(regrouping)["nearby"] = near  # so that searches are told from the rest
    serving = Serving.open(ServiceSettings(index=folder_of(products), upkeep=False))
    try:
        stages.start("scan and keep")
        serving.upkeep.scan(DUPLICATES)
        stages.start("put")
        serving.put([*some[::2], *again[::2]])
        searched[0] = 0.0
        stages.start("join")
        serving.upkeep.reach(DUPLICATES, 7_200)
    finally:
        serving.close()
    result = stages.result()
    spent = result["stages"]["join"]["processor_seconds"] * 1000 / NEW
    search = searched[0] * 1000 / NEW
    return {"came": NEW, "each_ms": round(spent, 2), "search_ms": round(search, 2), **result}


def _relisted(some: list[Product]) -> list[Product]:
    rng = np.random.default_rng(4)
    other = some[1:] + some[:1]
    return [replace(_again(one, two, rng), id=f"again {one.id}") for one, two in zip(some, other, strict=True)]


def _right(found: Scanned, ids: list[str]) -> dict[str, Any]:
    """Return how many second listings are in the group of the first, and how large the group of the copies is."""
    key_of = {name: key for key, name in enumerate(ids) if name}
    again = [number for number in range(EVERY - 1, len(ids), EVERY) if f"p{number}" in key_of]
    second = np.array([key_of[f"p{number}"] for number in again], np.int64)
    first = np.array([key_of[f"p{number - 1}"] for number in again], np.int64)
    one, other = found.groups.of(first), found.groups.of(second)
    copies = found.groups.of(np.array([key_of["copy0"]], np.int64))
    sizes = np.unique(found.groups.group, return_counts=True)[1]
    return {
        "second_listings": len(again),
        "found": round(float(((one == other) & (one >= 0)).mean()), 4),
        "groups": len(sizes),
        "largest_groups": np.sort(sizes)[-3:].tolist(),
        "copies_in_one_group": int((found.groups.group == copies).sum()),
    }


if __name__ == "__main__":
    measure("duplicates_million", __doc__, {"store": stored, "build": built, "scan": scanned, "join": came}, TARGETS)
