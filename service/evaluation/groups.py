"""Which stored products belong together: listings so alike that one must not be asked about where another votes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from indexer.snapshots.snapshot import Built
from indexer.space import Projected
from indexer.vectors import Keys
from service.calibration.leave_one_out import BATCH, COPIES, COPY, stored
from service.vote.search import neighbourhoods

Groups = npt.NDArray[np.int64]


def groups(built: Built, keys: Keys, tell: Callable[[int], None] = lambda _: None) -> Groups:
    """Return a group number for each of `keys` (n,): int64 (n,), the same for near-copies and for copies of those.

    Near-copies are products of the same words, or of the same picture where neither has words, and those that
    `near_copies` finds. tell(n) is called as n products were looked at.
    """
    size = len(keys)
    _, same = np.unique(_contents(built, keys), return_inverse=True)
    place = np.full(int(keys.max(initial=-1)) + 1, -1, np.int64)
    place[keys] = np.arange(size)
    pairs = [np.stack([np.arange(size), size + same])]
    for start in range(0, size, BATCH):
        some = keys[start : start + BATCH]
        asked = stored(built, some)
        for near, copies in near_copies(built, asked, some):
            row, column = np.nonzero(copies & (near < len(place)))
            other = place[near[row, column]]
            pairs.append(np.stack([start + row[other >= 0], other[other >= 0]]))
        tell(start + len(some))
    one, other = np.concatenate(pairs, axis=1)
    nodes = size + int(same.max(initial=-1)) + 1
    graph = sparse.coo_array((np.ones(len(one), np.int8), (one, other)), shape=(nodes, nodes))
    _, label = connected_components(graph, directed=False)
    made: Groups = label[:size].astype(np.int64)
    return made


def near_copies(built: Built, asked: Projected, itself: Keys) -> Iterator[tuple[Keys, npt.NDArray[np.bool_]]]:
    """Yield stored products near to n questions, int64 (n, k), and which are near-copies, once for each view.

    itself: int64 (n,) the key a question is stored under, or -1. Near-copies have a mean cosine of COPY or more: of
    what the first view reads, so that equal texts are copies whatever their photos, or of everything. Equal photos
    alone make no copies: many products share one that stands for a missing photo.
    """
    for place, view in enumerate(built.contents.views.values()):
        found = neighbourhoods(view, asked, itself, COPIES)
        copies = view.features.copies(asked.raw, asked.words, found.keys, COPY)
        if place == 0 and len(built.contents.views) > 1:
            copies |= view.features.copies(asked.raw, asked.words, found.keys, COPY, view.space)
        yield found.keys, copies & found.present


def _contents(built: Built, keys: Keys) -> npt.NDArray[np.int64]:
    """Return a number for what each product is by the first view that it has, the same for the same: int64 (n,)."""
    made = np.zeros(len(keys), np.int64)
    for view in reversed([*built.contents.views.values()]):
        made = np.where(view.seen(keys), view.features.fingerprints(keys, view.space), made)
    return made
