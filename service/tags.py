"""The tags of a product: its neighbours' tags, each weighed by the vote of who carries it. Pure numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
Tags = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class ScoredTags:
    """Tags of n queries, flat: query `row[i]` gets tag number `tag[i]` with `score[i]`; by row, then best first."""

    row: Numbers
    tag: Numbers
    score: Floats


def score_tags(weights: Floats, carrier: Numbers, tag: Tags, *, threshold: float, top: int) -> ScoredTags:
    """Score each tag of a query by the summed weight of the neighbours that carry it; keep the best `top` of a row.

    weights: float32 (n, k), rows sum to at most 1. carrier: int64 (t,) places in `weights.ravel()`; tag: int32 (t,)
    the tag that this neighbour carries, each at most once per neighbour. Scores lie in [0, 1]; those below `threshold`
    are left out. Equal scores are ordered by tag number.
    """
    if not len(carrier):
        return ScoredTags(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
    count = int(tag.max()) + 1
    pair, index = np.unique(carrier // weights.shape[1] * count + tag, return_inverse=True)
    score = np.bincount(index, weights.ravel()[carrier]).astype(np.float32)
    row, number = np.divmod(pair, count)
    kept = score >= threshold
    row, number, score = row[kept], number[kept], score[kept]
    order = np.lexsort((number, -score, row))
    row, number, score = row[order], number[order], score[order]
    place = np.arange(len(row)) - np.searchsorted(row, row)
    best = place < top
    return ScoredTags(row[best], number[best], score[best])
