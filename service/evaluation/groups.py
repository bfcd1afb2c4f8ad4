"""Which stored products belong together: listings so alike that one must not be asked about where another votes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from indexer.snapshot import Built
from indexer.vectors import Keys
from service.calibration.leave_one_out import BATCH, COPIES, COPY, stored
from service.vote.search import neighbourhoods

Groups = npt.NDArray[np.int64]


def groups(built: Built, keys: Keys, tell: Callable[[int], None] = lambda _: None) -> Groups:
    """Return a group number for each of `keys` (n,): int64 (n,), the same for near-copies and for copies of those.

    Near-copies are products of the same words and pictures, and those whose parts and words have a mean cosine of COPY
    or more. tell(n) is called as n products were looked at.
    """
    features, size = built.contents.features, len(keys)
    said = [features.fingerprints(keys, view.space) for view in built.contents.views.values()]
    _, same = np.unique(np.array([hash(each) for each in zip(*said, strict=True)], np.int64), return_inverse=True)
    place = np.full(int(keys.max(initial=-1)) + 1, -1, np.int64)
    place[keys] = np.arange(size)
    pairs = [np.stack([np.arange(size), size + same])]
    for start in range(0, size, BATCH):
        some = keys[start : start + BATCH]
        asked = stored(built, some)
        for view in built.contents.views.values():
            found = neighbourhoods(view, asked, some, COPIES)
            copies = features.copies(asked.raw, asked.words, found.keys, COPY) & found.present
            row, column = np.nonzero(copies & (found.keys < len(place)))
            other = place[found.keys[row, column]]
            pairs.append(np.stack([start + row[other >= 0], other[other >= 0]]))
        tell(start + len(some))
    one, other = np.concatenate(pairs, axis=1)
    nodes = size + int(same.max(initial=-1)) + 1
    graph = sparse.coo_array((np.ones(len(one), np.int8), (one, other)), shape=(nodes, nodes))
    _, label = connected_components(graph, directed=False)
    made: Groups = label[:size].astype(np.int64)
    return made
