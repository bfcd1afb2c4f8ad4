"""Is a new snapshot worse than the running one: both are asked about the same stored products, each without itself.

Asked about is a sample of all that is labelled now, as many of those that the older one was built from as of those that
came since, in proportion. A product's own label has lent something to the space and the calibration of whoever learnt
from it: of those that came since only to the newer one; of the others to both, and more to the older one, which had
fewer to learn from. The two lean to opposite sides. The answers are paired and compared by the gate of
`service/evaluation`: worse is what chance does not explain and what is beyond TOLERANCE.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from indexer.intake.update import completed
from indexer.live import Live
from indexer.memory.labels import UNLABELLED
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
TOLERANCES = {"tags_f1": 0.01}
"""How much worse others may be. A tag's threshold is learnt from the few products that carry it: one product less of
data/sample moved the F1 of what is stored by a point, though new products get no worse tags."""


def comparable(new: Engine, old: Engine, seed: int = 0) -> Keys:
    """Return up to SAMPLE keys, by chance, of products that speak for a category in both: int64, ascending."""
    keys = np.flatnonzero(new.live.labels.known)
    for engine in (new, old):
        keys = keys[keys < engine.live.labels.size]
        keys = keys[engine.live.labels.spoken(keys) != UNLABELLED]
    made: Keys = np.sort(np.random.default_rng(seed).permutation(keys)[:SAMPLE]).astype(np.int64)
    return made


def compared(new: Engine, old: Engine, keys: Keys, tell: Callable[[int], None]) -> list[Comparison]:
    """Compare two engines on stored products, both at the journal's end; [] when there are fewer than LEAST of them."""
    if len(keys) < LEAST:
        return []
    tree = new.tree.extended(old.tree.path(node) for node in range(len(old.tree)))
    first = _judged(new, keys, tree, tell)
    second = _judged(old, keys, tree, lambda done: tell(len(keys) + done))
    first, second = first[_alike(first, second)], second[_alike(second, first)]
    if len(first) < LEAST:
        return []
    return compare(first, second, precision=new.settings.precision, tolerance=TOLERANCE, tolerances=TOLERANCES)


def _alike(one: Judged, other: Judged) -> Keys:
    """Return the rows of products that both were asked about with the same label: some may have changed in between."""
    truth = dict(zip(other.ids, other.truth.tolist(), strict=True))
    labelled = enumerate(zip(one.ids, one.truth.tolist(), strict=True))
    return np.array([row for row, (product_id, node) in labelled if truth.get(product_id) == node], np.int64)


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
