"""Is a new snapshot worse than the running one: both are asked about the same stored products, each without itself.

Asked about are products that both indexes have learnt from, under the category that they still have. What a product's
own label lends to a space, a prototype or a calibration it lends to both, so it cancels out; what came after the older
one was built is left out, for there only the newer one has that advantage. The answers are paired and compared by the
gate of `service/evaluation`: worse is what chance does not explain and what is beyond TOLERANCE.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from indexer.labels import UNLABELLED
from indexer.live import Live
from indexer.snapshot import Snapshot
from indexer.update import completed
from indexer.vectors import Keys
from service.engine import Engine
from service.evaluation.gate import LEAST, Comparison, compare
from service.evaluation.judged import Judged
from service.evaluation.trial import mapped
from taxonomy.tree import Tree

SAMPLE = 2_000
"""Products asked about at most."""
BATCH = 256
TOLERANCE = 0.005
"""How much worse a measure may be: a refit of the same labels wavers by less."""


@dataclass(frozen=True, slots=True)
class Taught:
    """The category that a snapshot has learnt of each key: int32 (size,), a place in `names`, UNLABELLED for none."""

    nodes: Keys
    names: Sequence[str]

    @classmethod
    def by(cls, snapshot: Snapshot) -> Taught:
        """Return what a snapshot has learnt; ask before the journal is replayed into it."""
        labels = snapshot.built.contents.labels
        return cls(labels.spoken(np.arange(labels.size)).astype(np.int64), snapshot.built.tree.ids)

    def names_of(self, keys: Keys) -> list[str]:
        """Return the category ids of keys, "" for none."""
        inside = keys < len(self.nodes)
        nodes = np.where(inside, self.nodes[np.where(inside, keys, 0)] if len(self.nodes) else UNLABELLED, UNLABELLED)
        return [self.names[node] if node >= 0 else "" for node in nodes.tolist()]


def comparable(new: Engine, taught: Sequence[Taught], seed: int = 0) -> Keys:
    """Return up to SAMPLE keys, by chance, of products whose category now is what every snapshot has learnt: int64."""
    labels, ids = new.live.labels, new.tree.ids
    every = np.flatnonzero(labels.known)
    found: list[int] = []
    for some in np.array_split(np.random.default_rng(seed).permutation(every), max(1, len(every) // SAMPLE)):
        now = [ids[node] if node >= 0 else "" for node in labels.spoken(some).tolist()]
        said = [each.names_of(some) for each in taught]
        found += [
            key for row, key in enumerate(some.tolist()) if now[row] and all(names[row] == now[row] for names in said)
        ]
        if len(found) >= SAMPLE:
            break
    return np.array(sorted(found[:SAMPLE]), np.int64)


def compared(new: Engine, old: Engine, keys: Keys, tell: Callable[[int], None]) -> list[Comparison]:
    """Compare two engines on stored products, both at the journal's end; [] when there are fewer than LEAST of them."""
    if len(keys) < LEAST:
        return []
    tree = new.tree.extended(old.tree.path(node) for node in range(len(old.tree)))
    first = _judged(new, keys, tree, tell)
    second = _judged(old, keys, tree, lambda done: tell(len(keys) + done))
    if min(len(first), len(second)) < LEAST:
        return []
    return compare(first, second, precision=new.settings.precision, tolerance=TOLERANCE)


def _judged(engine: Engine, keys: Keys, tree: Tree, tell: Callable[[int], None]) -> Judged:
    parts = []
    for start in range(0, len(keys), BATCH):
        parts += _answered(engine, keys[start : start + BATCH], tree)
        tell(start)
    return Judged.joined(parts)


def _answered(engine: Engine, keys: Keys, tree: Tree) -> list[Judged]:
    live: Live = engine.live
    records = live.records.by_keys(keys.tolist())
    found = live.records.read(sorted(records), live.encoder.name, live.encoder.parts)
    found = completed(live.records, live.encoder, found, live.encode)
    products = [records[key].record.product for key in found.keys.tolist()]
    seen = live.space.project(found.encoded, found.texts)
    return [
        Judged.of(
            [products[row] for row in rows],
            thought,
            mapped(seen)[rows],
            engine.tree,
            vocabulary=live.vocabulary,
            tree=tree,
        )
        for rows, thought in engine.think(products, seen)
    ]
