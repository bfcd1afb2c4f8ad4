"""How long a pass over all labels takes, and what one label costs that changed: an index of 1,000,000 products.

    python -m benchmarks.audit_million [--products 1000000]

The catalogue is that of `benchmarks.live`, with its vectors given and none of its texts encoded; 5% of the labels are
made wrong before the index is built, half a catalogue apart. The pass is the sweep of `aisle audit`, but for writing
what it found: it asks about the labels that are not beyond doubt, and looks for patterns. Labels are also asked about
one by one, as upkeep does for what changes. The index is not calibrated.
"""

from __future__ import annotations

import argparse
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.live import ENCODER, Shelf, memory, put, spread
from benchmarks.machine import INDEXES, write
from benchmarks.space import CATEGORIES
from indexer import encoders
from indexer.build import Quiet, rebuild
from indexer.intake.placement import CANONICAL, Placement
from indexer.settings import IndexSettings
from indexer.store.place import STORE
from indexer.store.records import Records
from service.audit.suspicion import suspicions
from service.audit.sweep import swept
from service.engine import Engine
from service.settings import ServiceSettings
from taxonomy.tree import Tree

WRONG = 20
"""One label in so many is wrong."""
SHARE = 10_000
"""Labels of which it is measured how many are asked about."""
SINGLE = 500
TARGETS = {"pass_seconds": 1_200, "single_ms": 5}


def stored(folder: Path, products: int) -> None:
    """Fill the record store of an index with every WRONG-th product in another category, unless it is there."""
    shelf, encoder = Shelf(products), encoders.load(ENCODER)
    folder.mkdir(parents=True, exist_ok=True)
    placement = Placement(Tree.empty(), grows=True, separators=CANONICAL)
    with closing(Records.open(folder / STORE)) as records:
        there = records.counts().products
        for start, end in shelf.batches(products):
            if end > there:
                some, other = shelf.products(start, end), shelf.products(start, end, moved=CATEGORIES // 2)
                some[::WRONG] = other[::WRONG]
                put(records, encoder, placement, some)


def passed(engine: Engine) -> dict[str, Any]:
    """Audit every label; `worst` is the part of the first 1,000 labels that were made wrong."""
    keys = np.flatnonzero(engine.live.labels.known)
    some = np.random.default_rng(1).permutation(keys)[:SHARE]
    asked = float(np.mean(suspicions(engine, some, screened=True).suggested >= 0))
    began, busy = time.perf_counter(), time.process_time()
    _, found = swept(engine, Quiet())
    seconds, processor = time.perf_counter() - began, time.process_time() - busy
    worst = sorted(found.found, key=lambda each: (-each.probability, -each.severity))[:1_000]
    names = engine.live.labels.ids(np.array([each.key for each in worst], np.int64))
    return {
        "labels": len(keys),
        "share_asked_about": round(asked, 3),
        "pass_seconds": round(seconds, 1),
        "pass_processor_seconds": round(processor, 1),
        "pass_seconds_for_a_million": round(seconds * 1e6 / len(keys)),
        "worst_1000_made_wrong": round(float(np.mean([int(name[1:]) % WRONG == 0 for name in names])), 3),
        "memory_gb": memory(),
    }


def single(engine: Engine) -> dict[str, float]:
    """Return how long single labels take, in ms."""
    keys = np.random.default_rng(0).permutation(np.flatnonzero(engine.live.labels.known))[:SINGLE]
    seconds = []
    for key in keys.tolist():
        began = time.perf_counter()
        suspicions(engine, np.array([key]))
        seconds.append(time.perf_counter() - began)
    return spread(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=1_000_000)
    products = parser.parse_args().products
    folder = INDEXES / f"audit-{products}"
    stored(folder, products)
    if not (folder / "current").exists():
        rebuild(folder, settings=IndexSettings(encoder=ENCODER, kind="ivf"))
    with closing(Engine.open(ServiceSettings(index=folder))) as engine:
        result = {"products": products, "opened_gb": memory(), "single_ms": single(engine), **passed(engine)}
    name = "audit_million" if products == 1_000_000 else f"audit_million-{products}"
    write(name, {"targets": TARGETS, "neighbours": engine.calibration.neighbours, **result})


if __name__ == "__main__":
    main()
