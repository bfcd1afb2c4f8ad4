"""Whose label is beyond doubt: its category is by far the nearest, or nearly all of the nearest others carry it.

A pass over a million labels asks about the rest alone. Prototypes are compared first, which costs a fiftieth of a vote;
then a few neighbours are looked for, a tenth of one. What was lost by that is in docs/adr/0028.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from indexer.memory.labels import UNLABELLED
from indexer.snapshots.snapshot import Built
from indexer.space import Projected
from indexer.vectors import Keys
from service.calibration.leave_one_out import COPY
from service.vote.evidence import shelves
from service.vote.questions import Pattern, without

Nodes = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

SURE = 0.15
"""How much nearer the prototype of the stored category is, as a cosine, than any that is not under it."""
NEAR, ALIKE, LOOKED = 10, 7, 20
"""Of the nearest others, how many are asked, and how many carry the label; and how many are looked at to find them,
near-copies and itself included."""
HURRY = 0.1
"""How widely a pass looks, beside a question."""
LEAST = 10
"""Other listings in a category from which its prototype can be believed: fewer may be copies with one wrong label."""


def hurried(built: Built) -> Built:
    """Return the same index, searched less widely; it holds no copy."""
    views = {name: view.hurried(HURRY) for name, view in built.contents.views.items()}
    return replace(built, contents=replace(built.contents, views=views))


def settled(built: Built, asked: Projected, keys: Keys, node: Nodes, pattern: Pattern) -> Mask:
    """Return which labels nobody needs to be asked about: bool (n,).

    asked: the products as the index sees them, all with the views of `pattern`; node: int32 (n,), their categories.
    Each view must agree.
    """
    made = by_prototypes(built, asked, keys, node, pattern)
    rest = np.flatnonzero(~made)
    if len(rest):
        made[rest] = by_neighbours(built, asked[rest], keys[rest], node[rest], pattern)
    return made


def by_neighbours(built: Built, asked: Projected, keys: Keys, node: Nodes, pattern: Pattern) -> Mask:
    """Return whose label ALIKE of the NEAR nearest others carry in every view, near-copies left out: bool (n,)."""
    labels, made = built.contents.labels, np.ones(len(keys), np.bool_)
    for name in pattern:
        view = built.contents.views[name]
        near = view.vectors.search(asked.vectors[name], LOOKED).keys
        found = np.maximum(near, 0)
        said = labels.spoken(found)
        other = (near >= 0) & (near != keys[:, None]) & (said != UNLABELLED)
        other &= ~view.features.copies(asked.raw, asked.words, found, COPY, view.space)
        other &= np.cumsum(other, axis=1) <= NEAR
        made &= (other & (said == node[:, None])).sum(axis=1) >= ALIKE
    return made


def by_prototypes(built: Built, asked: Projected, keys: Keys, node: Nodes, pattern: Pattern) -> Mask:
    """Return whose category has the nearest prototype by SURE, in every view: bool (n,)."""
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
