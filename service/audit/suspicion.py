"""Stored labels -> how likely each is wrong, what it should be, and who says so.

Each product is asked about without itself and without its near-copies, which may have the same wrong label. The label
is doubted as far as another category is likelier than the stored one and what lies under it:

    doubt = p(other) / (p(stored) + FLOOR)        p(wrong) = logistic of the logarithm of it

Where a product is unlike everything, p(stored) is small and so is p(other): that is no reason to doubt its label. The
ways that were compared are in docs/adr/0028. Columns, because a pass is over a million products.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from indexer.memory.labels import UNLABELLED
from indexer.snapshots.snapshot import Built
from indexer.space.prototypes import HALF
from indexer.vectors import Keys
from service.audit.screen import hurried, settled
from service.calibration.calibrate import Calibration
from service.calibration.leave_one_out import Asked, ask, stored
from service.engine import Engine
from service.tags.rules import sigmoid
from service.vote.evidence import heard
from service.vote.mixture import mixed
from service.vote.questions import Pattern, Questions, saying
from taxonomy.tree import Tree

Floats = npt.NDArray[np.float32]
Nodes = npt.NDArray[np.int32]
Doubles = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

BATCH = 64
"""Products asked about while a change waits."""
FEW = 50
"""Voters in each view at most in a pass over many labels."""
NEIGHBOURS = 5
"""Neighbours that are named for what they say."""
FLOOR, FLOOR_ALONE = 0.01, 0.08
"""Share of right labels that nothing stored speaks for; and of those in categories where nobody else is."""
LINE = (-6.1, 1.85)
"""Log-odds of a wrong label: the first, and the second times the logarithm of its doubt. Fitted where 1 label in 20 was
made wrong, on flipkart_20k, mwpd_gpc_16k and fashion_8k, whose own wrong labels counted as right."""


@dataclass(frozen=True, slots=True)
class Suspicions:
    """What is thought of the labels of n products.

    keys: int64 (n,). stored, suggested: int32 (n,), nodes of the tree; suggested is -1 where nothing speaks for any
    other. probability: float32 (n,), that the stored category is wrong. severity: float32 (n,), how far both are apart:
    1 in different departments, 0 without a suggestion. runner_up: float32 (n,), the share that the suggested category
    has of what speaks for any; high in all of a group that stands wrong together, though they vouch for each other.
    neighbours: int64 (n, NEIGHBOURS), the keys of those that speak for what is suggested, the loudest first, -1 for
    none.
    """

    keys: Keys
    stored: Nodes
    suggested: Nodes
    probability: Floats
    severity: Floats
    runner_up: Floats
    neighbours: Keys

    def __len__(self) -> int:
        """Return the number of products."""
        return len(self.keys)

    def __getitem__(self, rows: npt.NDArray[np.int64] | Mask | slice) -> Self:
        """Return some of them, in the order of `rows`."""
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return several batches as one."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    @classmethod
    def none(cls) -> Self:
        """Return those of no product."""
        keys, nodes, floats = np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32)
        return cls(keys, nodes, nodes, floats, floats, floats, np.zeros((0, NEIGHBOURS), np.int64))

    def worst(self) -> npt.NDArray[np.int64]:
        """Return the places of all, the likeliest wrong first; of equally likely ones the farther apart."""
        order: npt.NDArray[np.int64] = np.lexsort((self.keys, -self.severity, -self.probability))
        return order


def suspicions(engine: Engine, keys: Keys, *, screened: bool = False) -> Suspicions:
    """Return what is thought of the labels of stored products, in the order of `keys` (n,), all different.

    Those that are not stored any more, or have no category, are left out. Changes are held off for BATCH at a time.
    screened: labels that are beyond doubt (`service/audit/screen.py`) are not asked about and have the probability 0;
    for the others it is looked less widely, and FEW neighbours vote at most.
    """
    parts = []
    for start in range(0, len(keys), BATCH):
        with engine.live.reading():
            labels = engine.live.labels
            some = keys[start : start + BATCH]
            some = some[some < labels.size]
            some = some[labels.nodes(some) != UNLABELLED]
            if len(some):
                built = hurried(engine.live.built) if screened else engine.live.built
                parts.append(suspected(built, engine.calibration, some, screened=screened))
    return Suspicions.joined(parts) if parts else Suspicions.none()


def suspected(built: Built, calibration: Calibration, keys: Keys, *, screened: bool = False) -> Suspicions:
    """Return what an index thinks of the labels of `keys` (n,), which have one; call it while it is being read."""
    itself, node = stored(built, keys), built.contents.labels.nodes(keys)
    parts, order = [], []
    for pattern, places in built.space.patterns(itself).items():
        rows = np.array(places)
        if screened:
            sure = settled(built, itself[rows], keys[rows], node[rows], pattern)
            parts.append(_beyond_doubt(keys[rows[sure]], node[rows[sure]]))
            order += rows[sure].tolist()
            rows = rows[~sure]
        if len(rows):
            learnt = calibration.of(pattern)
            few = replace(learnt, neighbours=min(FEW, learnt.neighbours)) if screened else learnt
            parts.append(_of_pattern(built, few, keys[rows], pattern))
            order += rows.tolist()
    return Suspicions.joined(parts)[np.argsort(order)]


def _beyond_doubt(keys: Keys, node: Nodes) -> Suspicions:
    nobody, nothing = np.full(len(keys), UNLABELLED, np.int32), np.zeros(len(keys), np.float32)
    return Suspicions(keys, node, nobody, nothing, nothing, nothing, np.full((len(keys), NEIGHBOURS), -1, np.int64))


def _of_pattern(built: Built, calibration: Calibration, keys: Keys, pattern: Pattern) -> Suspicions:
    views = calibration.views or saying(built, pattern)
    return of_asked(built, calibration, ask(built, keys, calibration.neighbours, pattern, views))


def of_asked(built: Built, calibration: Calibration, asked: Asked) -> Suspicions:
    """Return what is thought of the labels of products that were asked about, all in the same views."""
    keys = asked.keys
    said = heard(built, asked.questions, calibration.words)
    likely = mixed(said.evidence, calibration.mixing(said.evidence.views))
    node = built.contents.labels.nodes(keys)
    suggested, kept, other = _shares(built.tree, said.evidence.nodes, likely, node)
    alone = np.max([_remaining(built, name, keys, node) for name in asked.questions], axis=0) <= HALF
    return Suspicions(
        keys,
        node,
        suggested,
        wrong(kept, other, alone),
        severity(built.tree, node, suggested),
        other.astype(np.float32),
        _saying_so(asked.questions, said.voices, suggested),
    )


def _remaining(built: Built, view: str, keys: Keys, node: Nodes) -> Floats:
    """Return how many listings the category of each product has in a view beside its own: float32 (n,)."""
    labels, counts = built.contents.labels, built.contents.views[view].prototypes.counts
    counted = (labels.spoken(keys) == node) & built.contents.views[view].seen(keys)
    left: Floats = counts[node] - counted
    return left


def _shares(tree: Tree, nodes: Nodes, likely: Doubles, stored: Nodes) -> tuple[Nodes, Doubles, Doubles]:
    """Return the likeliest category that is not at or under the stored one, -1 for none, and two probabilities, (n,).

    nodes, likely: (n, m), candidates and how likely each is. The first is that of the stored category with all below
    it, the second that of the other one.
    """
    if not nodes.shape[1]:
        return np.full(len(stored), UNLABELLED, np.int32), np.zeros(len(stored)), np.zeros(len(stored))
    here = nodes >= 0
    under = here & (tree.lineage[nodes, tree.depths[stored][:, None] - 1] == stored[:, None])
    others = np.where(here & ~under, likely, 0)
    best, rows = others.argmax(axis=1), np.arange(len(stored))
    other = others[rows, best]
    suggested = np.where(other > 0, nodes[rows, best], UNLABELLED).astype(np.int32)
    return suggested, (likely * under).sum(axis=1), other


def wrong(stored: Doubles, other: Doubles, alone: Mask) -> Floats:
    """Return how likely labels are wrong, float32 (n,), by the probabilities of the stored and of another category.

    alone: bool (n,), where nobody else is in the stored category, so that nobody can speak for it.
    """
    doubt = other / (stored + np.where(alone, FLOOR_ALONE, FLOOR))
    odds = LINE[0] + LINE[1] * np.log(np.maximum(doubt, 1e-9))
    made: Floats = np.where(other > 0, sigmoid(odds), 0).astype(np.float32)
    return made


def severity(tree: Tree, one: Nodes, other: Nodes) -> Floats:
    """Return how far categories (n,) are apart, float32 (n,): 0 for the same or none (-1), 1 for other departments.

    The part of the longer path that the deepest common node does not share.
    """
    if not len(tree):
        return np.zeros(len(one), np.float32)
    first, second = tree.lineage[one], tree.lineage[other]
    shared = ((first == second) & (first >= 0)).sum(axis=1)
    longest = np.maximum(tree.depths[one], tree.depths[other])
    made: Floats = np.where((one >= 0) & (other >= 0), 1 - shared / longest, 0).astype(np.float32)
    return made


def _saying_so(questions: Questions, voices: Mapping[str, Floats], suggested: Nodes) -> Keys:
    """Return the keys of the neighbours that speak for what is suggested, the loudest first: int64 (n, NEIGHBOURS)."""
    keys = np.concatenate([each.found.keys for each in questions.values()], axis=1)
    labels = np.concatenate([each.found.labels for each in questions.values()], axis=1)
    loud = np.concatenate([voices[name] for name in questions], axis=1)
    made = np.full((len(keys), NEIGHBOURS), -1, np.int64)
    loud = np.where((labels == suggested[:, None]) & (suggested >= 0)[:, None], loud, 0)
    for place in range(min(NEIGHBOURS, keys.shape[1])):
        best = loud.argmax(axis=1)
        rows = np.flatnonzero(loud[np.arange(len(keys)), best] > 0)
        made[rows, place] = keys[rows, best[rows]]
        loud[keys == made[:, place, None]] = 0  # in the other views as well
    return made
