"""Who may vote: the nearest stored products of each query, itself left out, and which of them have a category."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indexer.labels import UNLABELLED, Labels
from indexer.vectors import Keys, VectorIndex, Vectors

WIDENINGS = 3
WIDEN_BY = 4


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """The neighbours of n queries, most similar first; one that is the query itself stands last with similarity -1.

    keys int64 (n, k), similarity float32 (n, k), labels int32 (n, k) tree position or UNLABELLED, present bool (n, k)
    False for the query itself, voters bool (n, k) the nearest with a category, at most as many as were asked for.
    """

    keys: Keys
    similarity: Vectors
    labels: npt.NDArray[np.int32]
    present: npt.NDArray[np.bool_]
    voters: npt.NDArray[np.bool_]


def neighbourhoods(vectors: VectorIndex, labels: Labels, queries: Vectors, itself: Keys, wanted: int) -> Neighbourhood:
    """Find at least `wanted` neighbours of each query, and `wanted` with a category where the index has them near.

    queries: float32 (n, dim) unit rows; itself: int64 (n,) the key a query is stored under, or -1. Where many products
    have no category the search widens, to 64 times `wanted` at most.
    """
    reach = wanted + 1
    for _ in range(WIDENINGS):
        found = _look(vectors, labels, queries, itself, reach=reach, wanted=wanted)
        if reach >= len(vectors) or (found.voters.sum(axis=1) >= wanted).all():
            return found
        reach *= WIDEN_BY
    return _look(vectors, labels, queries, itself, reach=reach, wanted=wanted)


def _look(
    vectors: VectorIndex, labels: Labels, queries: Vectors, itself: Keys, *, reach: int, wanted: int
) -> Neighbourhood:
    found = vectors.search(queries, reach)
    present = found.keys != itself[:, None]
    order = np.argsort(~present, axis=1, kind="stable")
    keys = np.take_along_axis(found.keys, order, axis=1)
    present = np.take_along_axis(present, order, axis=1)
    similarity = np.where(present, np.take_along_axis(found.similarity, order, axis=1), -1).astype(np.float32)
    nodes = np.where(present, labels.nodes(keys), UNLABELLED).astype(np.int32)
    labelled = present & (labels.spoken(keys) != UNLABELLED)
    voters = labelled & (np.cumsum(labelled, axis=1) <= wanted)
    return Neighbourhood(keys, similarity, nodes, present, voters)
