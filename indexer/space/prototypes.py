"""One vector per category, in the learnt space: the mean of its products, and what its own name says.

In a space whitened within categories the nearest mean is linear discriminant analysis (Fukunaga 1990, chapter 10): the
prototypes are fitted discriminatively, in closed form. They are kept as running sums, so a label that arrives, moves or
leaves moves its prototype at once, and a product's own share is taken out again when it asks about itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from indexer.errors import SnapshotDamaged
from indexer.space.learnt import unit

Floats = npt.NDArray[np.float32]
Nodes = npt.NDArray[np.int32]
FILES = tuple(f"prototypes_{name}.npy" for name in ("sums", "counts"))


class Prototypes:
    """Sums and counts by tree position. sums: float32 (nodes, dim); counts: float32 (nodes,), labels by weight."""

    def __init__(self, nodes: int, dim: int) -> None:
        self.sums = np.zeros((nodes, dim), np.float32)
        self.counts = np.zeros(nodes, np.float32)

    def add(self, nodes: Nodes, vectors: Floats, sign: float = 1.0) -> None:
        """Let products with these categories (n,), -1 for none, and search vectors (n, dim) come in, or go (-1)."""
        told = nodes >= 0
        if not told.any():
            return
        self.reserve(int(nodes.max()) + 1)
        np.add.at(self.sums, nodes[told], sign * vectors[told])
        np.add.at(self.counts, nodes[told], sign)

    def reserve(self, nodes: int) -> None:
        """Make room for a tree of `nodes` nodes."""
        if nodes > len(self.counts):
            more = nodes - len(self.counts)
            self.sums = np.concatenate([self.sums, np.zeros((more, self.sums.shape[1]), np.float32)])
            self.counts = np.concatenate([self.counts, np.zeros(more, np.float32)])

    def similarity(self, queries: Floats, nodes: Nodes, own: Nodes | None = None) -> Floats:
        """Return the cosine of queries (n, dim) to the prototypes of `nodes` (m,): float32 (n, m), 0 without one.

        own: int32 (n,), for stored products the category that they are counted in, or -1: their share is taken out.
        """
        means = unit(self.sums[nodes] * (self.counts[nodes] > 0.5)[:, None])
        found: Floats = queries @ means.T
        if own is not None:
            place = np.searchsorted(nodes, own).clip(0, len(nodes) - 1)
            inside = np.flatnonzero((nodes[place] == own) & (own >= 0)) if len(nodes) else np.zeros(0, np.int64)
            rest = self.sums[own[inside]] - queries[inside]
            left = unit(rest * (self.counts[own[inside]] > 1.5)[:, None])
            found[inside, place[inside]] = (left * queries[inside]).sum(axis=1)
        return found

    def save(self, folder: Path) -> list[Path]:
        """Write everything into `folder` and return the files written."""
        for name, array in zip(FILES, (self.sums, self.counts), strict=True):
            np.save(folder / name, array, allow_pickle=False)
        return [folder / name for name in FILES]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; raises SnapshotDamaged when the arrays do not fit together."""
        try:
            sums, counts = (np.load(folder / name, allow_pickle=False) for name in FILES)
        except (OSError, ValueError) as error:
            raise SnapshotDamaged(f"the prototypes in {folder} cannot be read: {error}; rebuild the index") from error
        if sums.ndim != 2 or counts.shape != (len(sums),):
            raise SnapshotDamaged(f"the prototypes in {folder} are of different lengths; rebuild the index")
        made = cls(*sums.shape)
        made.sums, made.counts = sums, counts
        return made
