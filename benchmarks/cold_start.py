"""How soon a new category works: right answers at 0, 1, 2, 5 and 20 labels for each, given live, without a rebuild.

    python -m benchmarks.cold_start [SET ...] [--seeds 3] [--encoder static]

A fifth of the leaf categories with 30 products or more are new: the index is built with the whole tree, so their names
are known, and without any of their products. Then labelled products come in one step after the other through
`Engine.put`, as they would through REST, and after each step the same questions are asked: products of the new
categories that are never given, and held-out products of the old ones, which the newcomers must not hurt.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.data import Set, Split, loaded, splits
from benchmarks.machine import write
from indexer.encoders import DEFAULT
from indexer.intake.update import path_of
from indexer.product import Product
from indexer.settings import IndexSettings
from service.decision import AUTO
from service.engine import Engine
from service.evaluation.trial import asked, fill
from service.rebuild import rebuild
from service.settings import ServiceSettings
from taxonomy.files import infer

SETS = ("flipkart_20k", "mwpd_gpc_16k")
STEPS = (0, 1, 2, 5, 20)
LEAST = 30
"""Products of a leaf category that may be new."""
NEW = 0.2
"""Share of these that is."""
OLD = 2_000
"""Held-out products of old categories that are asked about at most."""


@dataclass(frozen=True)
class Start:
    """Products to begin with; of each new category those that come in, in order; and what is asked after each step."""

    train: list[Product]
    coming: list[list[Product]]
    new: list[Product]
    old: list[Product]


def start_of(data: Set, split: Split, seed: int) -> Start:
    """Divide a set: of each new category the labels come from the training side, the questions from both."""
    rng = np.random.default_rng(seed)
    train, test = data.some(split.train), data.some(split.test)
    every: dict[str, list[Product]] = {}
    for product in [*train, *test]:
        every.setdefault(product.category, []).append(product)
    tree = infer(map(path_of, every))
    nodes = {path: tree.find(path_of(path)) for path, some in sorted(every.items()) if len(some) >= LEAST}
    leaves = [path for path, node in nodes.items() if node is not None and tree.leaves[node]]
    new = set(rng.permutation(leaves)[: round(NEW * len(leaves))].tolist())
    coming, questions = [], []
    for path in sorted(new):
        inside = [product for product in train if product.category == path]
        mixed = [inside[place] for place in rng.permutation(len(inside)).tolist()]
        coming.append(mixed[: STEPS[-1]])
        questions += mixed[STEPS[-1] :] + [product for product in test if product.category == path]
    old = [product for product in test if product.category not in new]
    some = np.sort(rng.permutation(len(old))[:OLD]).tolist()
    return Start(
        [product for product in train if product.category not in new], coming, questions, [old[place] for place in some]
    )


def measured(data: Set, start: Start, spec: str) -> dict[str, dict[str, float]]:
    """Return the figures after each step, by its number of labels."""
    tree = infer(path_of(product.category) for product in [*start.train, *start.new, *start.old])
    steps: dict[str, dict[str, float]] = {}
    with TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        fill(start.train, index, data.encoder, taxonomy=tree)
        rebuild(index, settings=IndexSettings(encoder=spec), encoder=data.encoder)
        with closing(Engine.open(ServiceSettings(index=index), data.encoder)) as engine:
            steps["0"] = _figures(engine, start)
            for before, after in pairwise(STEPS):
                some = [product for products in start.coming for product in products[before:after]]
                began = time.perf_counter()
                engine.put(some)
                seconds = time.perf_counter() - began
                steps[str(after)] = _figures(engine, start) | {"put_ms_each": round(1_000 * seconds / len(some), 2)}
    return steps


def _figures(engine: Engine, start: Start) -> dict[str, float]:
    new, old = asked(engine, start.new), asked(engine, start.old)
    by_category = [float(new.exact[new.truth == node].mean()) for node in np.unique(new.truth)]
    sure = (new.kind == AUTO) & (new.decided == new.nodes[:, 0])
    return {
        "new": _percent(new.exact.tolist()),
        "new_mean_of_categories": _percent(by_category),
        "new_top_3": _percent((new.nodes[:, :3] == new.truth[:, None]).any(axis=1).tolist()),
        "new_answered_auto": _percent(sure.tolist()),
        "old": _percent(old.exact.tolist()),
    }


def _percent(some: Sequence[float]) -> float:
    return round(100 * float(np.mean(some)), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=SETS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--encoder", default=DEFAULT)
    given = parser.parse_args()
    result = "cold_start" if given.encoder == DEFAULT else f"cold_start-{given.encoder}"
    sets: dict[str, Any] = {}
    for name in given.sets:
        data = loaded(name, given.encoder)
        runs, sizes = [], []
        for seed, split in enumerate([each for each in splits(data, given.seeds) if each.name != "official"]):
            start = start_of(data, split, seed)
            sizes.append({"new_categories": len(start.coming), "new": len(start.new), "old": len(start.old)})
            runs.append(measured(data, start, given.encoder))
            print(name, split.name, sizes[-1], runs[-1], flush=True)
        mean = {
            step: {figure: round(float(np.mean([run[step][figure] for run in runs])), 2) for figure in runs[0][step]}
            for step in runs[0]
        }
        sets[name] = {"asked": sizes, "labels": mean, "seeds": runs}
        write(result, {"encoder": given.encoder, "steps": STEPS, "sets": sets})


if __name__ == "__main__":
    main()
