"""Whose label is beyond doubt without a search: the stored category is by far the nearest, by prototypes alone.

A pass over a million labels asks about the others only. What the prototypes say costs a fiftieth of a vote. On
flipkart_20k it settles 3 labels of 4 and none that was made wrong, on mwpd_gpc_16k 1 of 3 and 2 of 244.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from indexer.snapshots.snapshot import Built
from indexer.space import Projected
from indexer.vectors import Keys
from service.vote.evidence import shelves
from service.vote.questions import Pattern, without

Nodes = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

SURE = 0.15
"""How much nearer the prototype of the stored category is, as a cosine, than any that is not under it."""
LEAST = 10
"""Other listings in a category from which its prototype can be believed: fewer may be copies with one wrong label."""


def settled(built: Built, asked: Projected, keys: Keys, node: Nodes, pattern: Pattern) -> Mask:
    """Return which labels nobody needs to be asked about: bool (n,).

    asked: the products as the index sees them, all with the views of `pattern`; node: int32 (n,), their categories.
    Each view must agree.
    """
    nodes, tree = shelves(built), built.tree
    made = np.full(len(keys), bool(len(nodes)))
    if not len(nodes):
        return made
    under = tree.lineage[nodes[None], tree.depths[node][:, None] - 1] == node[:, None]
    place = np.searchsorted(nodes, node).clip(0, len(nodes) - 1)
    rows = np.arange(len(keys))
    for name in pattern:
        view = built.contents.views[name]
        near, many = view.prototypes.similarity(asked.vectors[name], nodes, without(view, keys))
        margin = near[rows, place] - np.where(under, -1, near).max(axis=1)
        made &= (nodes[place] == node) & (many[rows, place] >= LEAST) & (margin > SURE)
    return made
