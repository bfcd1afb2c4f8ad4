"""One vector per category, in the learnt space: the mean of its products, and what its own name says.

In a space whitened within categories the nearest mean is linear discriminant analysis (Fukunaga 1990, chapter 10): the
prototypes are fitted discriminatively, in closed form. They are kept as running sums, so a label that arrives, moves or
leaves moves its prototype at once, and a product's own share is taken out again when it asks about itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from indexer.errors import SnapshotDamaged
from indexer.space.learnt import unit

Floats = npt.NDArray[np.float32]
Nodes = npt.NDArray[np.int32]
HALF = 0.5
"""A category has products from this count on; sums of floats are not exact."""
FILES = tuple(f"prototypes_{name}.npy" for name in ("sums", "counts"))


@dataclass(frozen=True, slots=True)
class Own:
    """What each of n questions about stored products finds in its own category, where it must not find itself.

    nodes: int32 (n,), -1 for none; sums: float32 (n, dim) and counts: float32 (n,), of the products that remain.
    """

    nodes: Nodes
    sums: Floats
    counts: Floats


class Prototypes:
    """Sums and counts by tree position. sums: float32 (nodes, dim), by voice; counts: float32 (nodes,), products."""

    def __init__(self, nodes: int, dim: int) -> None:
        self.sums = np.zeros((nodes, dim), np.float32)
        self.counts = np.zeros(nodes, np.float32)
        self._means = np.zeros((nodes, dim), np.float32)

    def add(self, nodes: Nodes, vectors: Floats, sign: float = 1.0, voices: Floats | None = None) -> None:
        """Let products with these categories (n,), -1 for none, and search vectors (n, dim) come in, or go (-1).

        voices: float32 (n,), how much each counts in the mean of its category; all the same when None.
        """
        told = nodes >= 0
        if not told.any():
            return
        self.reserve(int(nodes.max()) + 1)
        np.add.at(self.sums, nodes[told], sign * _weighed(vectors, voices)[told])
        np.add.at(self.counts, nodes[told], sign)
        self._mean(np.unique(nodes[told]))

    def reserve(self, nodes: int) -> None:
        """Make room for a tree of `nodes` nodes."""
        if nodes > len(self.counts):
            more = nodes - len(self.counts)
            self.sums = np.concatenate([self.sums, np.zeros((more, self.sums.shape[1]), np.float32)])
            self.counts = np.concatenate([self.counts, np.zeros(more, np.float32)])
            self._means = np.concatenate([self._means, np.zeros((more, self.sums.shape[1]), np.float32)])

    def replanted(self, came: Nodes) -> Self:
        """Return the sums by position in another tree; came: int32 (nodes there,), the position here, -1 for none."""
        made = type(self)(len(came), self.sums.shape[1])
        here = came >= 0
        made.sums[here], made.counts[here] = self.sums[came[here]], self.counts[came[here]]
        made._mean(np.flatnonzero(here).astype(np.int32))  # noqa: SLF001 - of its own class
        return made

    def without(self, nodes: Nodes, placed: Floats, voices: Floats | None = None) -> Own:
        """Return the categories `nodes` (n,), -1 for none, as if the product with that search vector were not in them.

        placed: float32 (n, dim), each the vector that is counted in its category; voices: its share, as in `add`.
        """
        told = nodes >= 0
        sums, counts = np.zeros_like(placed), np.zeros(len(nodes), np.float32)
        sums[told] = self.sums[nodes[told]] - _weighed(placed, voices)[told]
        counts[told] = np.maximum(self.counts[nodes[told]] - 1, 0)
        return Own(nodes, sums, counts)

    def similarity(self, queries: Floats, nodes: Nodes, own: Own) -> tuple[Floats, Floats]:
        """Return cosine of queries (n, dim) to prototypes of `nodes` (m,), ascending, and products behind each: (n, m).

        A category without products has the cosine 0. own: the category of each query as it is to be seen by it.
        """
        counts = np.repeat(self.counts[nodes][None], len(queries), axis=0)
        found: Floats = queries @ self._means[nodes].T
        if len(nodes):
            place = np.searchsorted(nodes, own.nodes).clip(0, len(nodes) - 1)
            here = np.flatnonzero(nodes[place] == own.nodes)
            left = unit(own.sums[here] * (own.counts[here] > HALF)[:, None])
            found[here, place[here]] = (left * queries[here]).sum(axis=1)
            counts[here, place[here]] = own.counts[here]
        return found, counts

    def _mean(self, nodes: Nodes) -> None:
        """Bring the directions of `nodes` up to date with their sums."""
        self._means[nodes] = unit(self.sums[nodes] * (self.counts[nodes] > HALF)[:, None])

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
        except (OSError, ValueError, EOFError) as error:
            raise SnapshotDamaged(f"the prototypes in {folder} cannot be read: {error}; rebuild the index") from error
        if sums.ndim != 2 or counts.shape != (len(sums),):
            raise SnapshotDamaged(f"the prototypes in {folder} are of different lengths; rebuild the index")
        made = cls(*sums.shape)
        made.sums, made.counts = sums, counts
        made._mean(np.arange(len(counts), dtype=np.int32))
        return made


def _weighed(vectors: Floats, voices: Floats | None) -> Floats:
    return vectors if voices is None else voices[:, None] * vectors
