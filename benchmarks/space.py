"""What the learnt space costs at scale: seconds and memory over made-up catalogues of 100,000 and 1,000,000 products.

    python -m benchmarks.space [fit] [whole] [million]

fit       100,000 products in 5,000 leaf categories: words counted and weighed, the space fitted, everything placed, and
          the contents of an index filled, by the functions that a build calls, in its order
whole     the same catalogue through `rebuild`, calibration included, from a record store that holds its vectors
million   as fit, with 1,000,000 products: the fit sees its sample of 100,000, all else is as large as the catalogue

A category has a few dozen words of its own and a direction among 384 dimensions; how many products it has, and how
often each word comes, follow Zipf's law. Each part is a process of its own, so that its peak of memory is its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.machine import write
from indexer import vectors as kinds
from indexer.encoders import Encoded, Progress
from indexer.images.lookalikes import Lookalikes
from indexer.memory.contents import Contents
from indexer.memory.labels import Label, Labels
from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.space import TEXT, Space, present
from indexer.space.features import Features
from indexer.space.fit import fit, pooled, sample
from indexer.space.lexicon import Lexicon
from indexer.space.names import Names
from indexer.store.place import open_store
from service.evaluation.trial import fill
from service.rebuild import rebuild
from taxonomy.files import infer
from taxonomy.tree import SEPARATOR

CATEGORIES = 5_000
DIM = 384
PARTS = {"text": DIM}
BATCH = 4_096
TARGETS = {"seconds": 600, "peak_gib": 4.0}
"""Of `fit`, on two cores."""

VOCABULARY, OWN = 60_000, 30
"""Words there are, and words of a category."""
FROM_OWN, FROM_ALL = 10, 10
"""Words of a product: of its category, and of all."""
COMMON = 24
"""Directions, the same everywhere, in which products of one category differ most, as by colour, size and brand."""
SPREAD, REST = 2.0, 0.8
"""Length of what a product's vector adds to its category's, at random: in these directions, and in all."""

Floats = npt.NDArray[np.float32]
Nodes = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A made-up catalogue: category of each product, and of each category its words and its direction."""

    nodes: Nodes
    words: npt.NDArray[np.int32]
    directions: Floats

    @classmethod
    def of(cls, products: int, seed: int = 0) -> Catalogue:
        """Draw one; every category has a product at least."""
        rng = np.random.default_rng(seed)
        share = 1 / np.arange(1, CATEGORIES + 1)
        drawn = rng.choice(CATEGORIES, products - CATEGORIES, p=share / share.sum())
        nodes = rng.permutation(np.concatenate([np.arange(CATEGORIES), drawn])).astype(np.int32)
        words = rng.integers(VOCABULARY, size=(CATEGORIES, OWN), dtype=np.int32)
        directions = rng.standard_normal((CATEGORIES, DIM), np.float32) / np.sqrt(DIM, dtype=np.float32)
        return cls(nodes, words, directions)

    def vectors(self, start: int, end: int) -> Floats:
        """Return the raw vectors of some products, float32 (n, DIM) unit rows."""
        rng, size = np.random.default_rng([1, start]), end - start
        common = np.random.default_rng(1).standard_normal((COMMON, DIM), np.float32) * np.float32(SPREAD / np.sqrt(DIM))
        rows = self.directions[self.nodes[start:end]]
        rows += rng.standard_normal((size, COMMON), np.float32) @ common / np.sqrt(COMMON, dtype=np.float32)
        rows += rng.standard_normal((size, DIM), np.float32) * np.float32(REST / np.sqrt(DIM))
        made: Floats = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return made

    def texts(self, start: int, end: int) -> list[str]:
        """Return the texts of some products."""
        rng = np.random.default_rng([2, start])
        size = end - start
        own = self.words[self.nodes[start:end, None], _zipf(rng, OWN, (size, FROM_OWN))]
        every = np.concatenate([own, _zipf(rng, VOCABULARY, (size, FROM_ALL))], axis=1)
        return [" ".join(map(NAMES.__getitem__, row)) for row in rng.permuted(every, axis=1).tolist()]

    def batches(self) -> Iterator[tuple[int, int]]:
        """Yield start and end of each batch."""
        for start in range(0, len(self.nodes), BATCH):
            yield start, min(start + BATCH, len(self.nodes))

    @property
    def paths(self) -> list[tuple[str, ...]]:
        """Three levels: 20 departments of 250 categories, ten under one roof."""
        return [(f"dept {n // 250}", f"aisle {n // 10}", f"shelf {n}") for n in range(CATEGORIES)]


def _zipf(rng: np.random.Generator, size: int, shape: tuple[int, int]) -> npt.NDArray[np.int32]:
    """Draw ranks from 0, each about as likely as 1 / (rank + 1)."""
    ranks: npt.NDArray[np.int32] = np.minimum(np.exp(rng.random(shape) * np.log(size + 1)) - 1, size - 1).astype(
        np.int32
    )
    return ranks


def _names() -> list[str]:
    sounds = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]
    return [sounds[n % 70] + sounds[n // 70 % 70] + sounds[n // 4900 % 70] for n in range(VOCABULARY)]


NAMES = _names()


class Stages:
    """Seconds of each stage of some work, of the clock and of the processor. It is a build's Progress as well."""

    def __init__(self) -> None:
        self.spent: dict[str, dict[str, float]] = {}
        self._began: tuple[str, float, float] | None = None

    def start(self, name: str, total: int | None = None, unit: str = "") -> None:  # noqa: ARG002  # as builds call it
        """Begin a stage, and end the one before."""
        self.end()
        self._began = name, time.perf_counter(), time.process_time()

    def at(self, done: int) -> None:
        """Say nothing."""

    def end(self) -> None:
        """End the last stage."""
        if self._began:
            name, clock, processor = self._began
            self.spent[name] = {
                "seconds": round(time.perf_counter() - clock, 1),
                "processor_seconds": round(time.process_time() - processor, 1),
                "peak_gib": peak_gib(),
            }
            self._began = None

    def result(self) -> dict[str, Any]:
        """Return all of it."""
        self.end()
        totals = {
            unit: round(sum(each[unit] for each in self.spent.values()), 1) for unit in ("seconds", "processor_seconds")
        }
        return {**totals, "peak_gib": peak_gib(), "stages": self.spent}


def peak_gib() -> float:
    """Return the most memory that this process ever held."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)


def fitted(products: int) -> dict[str, Any]:
    """Fit and fill as a build does, over a catalogue that is drawn in batches; drawing it is not timed."""
    catalogue, stages = Catalogue.of(products), Stages()
    tree = infer(catalogue.paths)
    raw = np.concatenate([catalogue.vectors(*batch) for batch in catalogue.batches()])
    blank, counted = Lexicon.blank(), []
    words = {"seconds": 0.0, "processor_seconds": 0.0}
    for batch in catalogue.batches():
        texts = catalogue.texts(*batch)
        began = time.perf_counter(), time.process_time()
        counted.append(blank.count(texts))
        words["seconds"] += time.perf_counter() - began[0]
        words["processor_seconds"] += time.process_time() - began[1]
    stages.spent["count words"] = {unit: round(each, 1) for unit, each in words.items()} | {"peak_gib": peak_gib()}
    keys = np.arange(products, dtype=np.int64)
    labels = Labels()
    nodes = np.array([tree.find(path) for path in catalogue.paths], np.int32)[catalogue.nodes]
    labels.put(Label(key, f"p{key}", node) for key, node in enumerate(nodes.tolist()))

    stages.start("weigh words, file features")
    lexicon, features = Lexicon.fit(counted), Features(PARTS)
    for (start, end), some in zip(catalogue.batches(), counted, strict=True):
        features.put(keys[start:end], raw[start:end], lexicon.weigh(some))
    counted.clear()
    stages.start("fit the space")
    some = sample(products, 0)
    found = fit(PARTS, raw[some], features.words(some), pooled(labels.spoken(some), tree.lineage))
    stages.start("place every product")
    space = Space(PARTS, learnt=found.learnt)
    placed = np.empty((products, space.dim), np.float32)
    for start, end in catalogue.batches():
        placed[start:end] = space.place(raw[start:end], features.words(keys[start:end]))
    stages.start("vector index")
    here = present(placed)
    vectors = kinds.build("auto", space.dim, keys[here], placed[here])
    del placed, raw
    stages.start("postings and prototypes")
    names = Names(PARTS, np.zeros((len(tree), DIM), np.float32))
    contents = Contents.of(labels, features, names, Lookalikes(), spaces={TEXT: space}, vectors={TEXT: vectors})
    return {
        "products": len(contents.labels),
        "categories": CATEGORIES,
        "dim": space.dim,
        "shrinkage": found.shrinkage,
        "agreement": round(found.agreement, 3),
        **stages.result(),
    }


class Drawn:
    """An encoder of one catalogue: it knows each product's vector by its id, and gives a category's name none."""

    name = "drawn@0"
    parts: Mapping[str, int] = PARTS
    side = 0

    def __init__(self, catalogue: Catalogue) -> None:
        self._rows = np.concatenate([catalogue.vectors(*batch) for batch in catalogue.batches()])

    def encode(self, products: Sequence[Product], progress: Progress | None = None) -> Encoded:  # noqa: ARG002
        """Return the vectors of products."""
        rows = np.zeros((len(products), DIM), np.float32)
        for place, product in enumerate(products):
            if product.id.startswith("product "):
                rows[place] = self._rows[int(product.id.removeprefix("product "))]
        return Encoded({"text": rows}, {"text": present(rows)})


def whole(products: int) -> dict[str, Any]:
    """Rebuild an index of a catalogue, calibrated, from a record store; filling the store is not timed."""
    catalogue, stages = Catalogue.of(products), Stages()
    encoder, paths = Drawn(catalogue), [SEPARATOR.join(path) for path in catalogue.paths]
    with TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        made = [
            Product(f"product {place}", title=text, category=paths[node])
            for start, end in catalogue.batches()
            for place, (text, node) in enumerate(
                zip(catalogue.texts(start, end), catalogue.nodes[start:end].tolist(), strict=True), start
            )
        ]
        fill(made, index, encoder)
        with closing(open_store(index, create=True)) as records:
            stored = records.counts().products
        del made
        rebuild(index, settings=IndexSettings(), encoder=encoder, progress=stages)
    return {"products": stored, "categories": CATEGORIES, **stages.result()}


PARTS_OF_IT = {
    "fit": lambda: fitted(100_000),
    "whole": lambda: whole(100_000),
    "million": lambda: fitted(1_000_000),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(PARTS_OF_IT), choices=[*PARTS_OF_IT, []])
    parser.add_argument("--alone", action="store_true", help="only print the figures of one part, in this process")
    given = parser.parse_args()
    if given.alone:
        print(json.dumps(PARTS_OF_IT[given.parts[0]]()))
        return
    found: dict[str, Any] = {}
    for part in given.parts:
        command = [sys.executable, "-m", "benchmarks.space", part, "--alone"]
        found[part] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        print(part, found[part], flush=True)
    write("space", {"targets": TARGETS, **found})


if __name__ == "__main__":
    main()
