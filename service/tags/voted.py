"""Which tags the neighbours of a product carry, each weighed by the voices of who carries it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
Tags = npt.NDArray[np.int32]

LEAST_VOICE = 0.2
"""A tag's share is its carriers' part of all voices; of fewer voices than this it is a part of this."""


@dataclass(frozen=True, slots=True)
class Voted:
    """Shares of tags, flat: for product `row[i]`, tag number `tag[i]` has the share `share[i]`; each pair once."""

    row: Numbers
    tag: Numbers
    share: Floats

    def moved(self, rows: Numbers) -> Voted:
        """Return the same with the row rows[i] in place of row i."""
        return Voted(rows[self.row], self.tag, self.share)


def voted(voices: Floats, carrier: Numbers, tag: Tags) -> Voted:
    """Return what part of the voices each tag has, in order of row and tag; tags without any are left out.

    voices: float32 (n, k) of the neighbours, as `service/vote/voices.py` gives them. carrier: int64 (t,) places in
    `voices.ravel()`; tag: int32 (t,) the tag that this neighbour carries, each at most once per neighbour.
    """
    if not len(carrier):
        return Voted(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
    parts = voices / np.maximum(voices.sum(axis=1, keepdims=True), LEAST_VOICE)
    count = int(tag.max()) + 1
    pair, index = np.unique(carrier // voices.shape[1] * count + tag, return_inverse=True)
    share = np.bincount(index, parts.ravel()[carrier])
    kept = share > 0
    row, number = np.divmod(pair[kept], count)
    return Voted(row, number, np.minimum(share[kept], 1).astype(np.float32))
