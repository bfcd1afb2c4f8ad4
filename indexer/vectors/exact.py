"""The exact index, in numpy: the meaning of "correct" that every other kind is held to.

Candidates come from a float32 matrix product; the similarity of each is then computed again, pair by pair, in float64.
So it is the same number whatever else stands in the batch and whichever kind found the pair, and equal vectors tie.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Self

import numpy as np

from indexer.vectors import PROBED, SIMILARITY_STEP, Keys, Neighbours, Reading, Vectors
from indexer.vectors.rows import BLOCK, asked, cosine, damaged, filed, read_array

SLACK = 16 * SIMILARITY_STEP
"""How far a float32 matrix product may stand from the float64 similarity, rounding included: candidates this close
below the k-th place are looked at too. Over unit rows the product is some 1e-7 off, at 4,096 dimensions still 1e-6."""

VECTORS_FILE = "vectors.npy"
KEYS_FILE = "keys.npy"


class ExactIndex:
    """Every query is compared with every stored vector.

    The matrix grows by doubling and a deleted row is filled with the last one, so a change costs its own rows only.
    Memory: 4 bytes per dimension and about 100 per key.
    """

    kind = "exact"

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._matrix: Vectors = np.empty((0, dim), dtype=np.float32)
        self._keys: Keys = np.empty(0, dtype=np.int64)
        self._slot: dict[int, int] = {}

    @property
    def parameters(self) -> Mapping[str, int | float | str]:
        """Nothing is chosen."""
        return {}

    def __len__(self) -> int:
        return len(self._slot)

    def ahead(self, vectors: Vectors) -> None:
        """Return None: a vector goes where there is room."""

    def upsert(self, keys: Keys, vectors: Vectors, ahead: Keys | None = None) -> None:  # noqa: ARG002  # there is none
        """File `vectors` under `keys`, as VectorIndex says."""
        keys, vectors = filed(keys, vectors, self.dim)
        self._reserve(len(self) + len(keys))
        slots = [self._slot.setdefault(key, len(self._slot)) for key in keys.tolist()]
        self._matrix[slots] = vectors
        self._keys[slots] = keys

    def delete(self, keys: Keys) -> None:
        """Forget `keys`, as VectorIndex says."""
        for key in np.asarray(keys, dtype=np.int64).tolist():
            slot = self._slot.pop(key, None)
            last = len(self._slot)
            if slot is not None and slot != last:
                self._matrix[slot] = self._matrix[last]
                self._keys[slot] = self._keys[last]
                self._slot[int(self._keys[last])] = slot

    def search(self, vectors: Vectors, k: int) -> Neighbours:
        """Return the `k` most similar of each row, as VectorIndex says."""
        queries, k = asked(vectors, k, self.dim, len(self))
        keys = np.empty((len(queries), k), dtype=np.int64)
        similarity = np.empty((len(queries), k), dtype=np.float32)
        step = max(1, BLOCK // max(1, len(self)))
        for start in range(0, len(queries) if k else 0, step):
            block = slice(start, start + step)
            keys[block], similarity[block] = self._rank(queries[block], k)
        return Neighbours(keys, similarity)

    @property
    def imbalance(self) -> float:
        """There are no lists."""
        return 1.0

    @property
    def outgrown(self) -> bool:
        """There is nothing to tune."""
        return False

    def probe(self, samples: int = PROBED, k: int = 10, *, seed: int = 0, reading: Reading = nullcontext) -> float:  # noqa: ARG002  # nothing is missed
        """Return 1: nothing is missed."""
        return 1.0

    def retune(self, *, seed: int = 0, reading: Reading = nullcontext) -> float:  # noqa: ARG002  # there is nothing to tune
        """Return 1: nothing is missed."""
        return 1.0

    def save(self, folder: Path) -> list[Path]:
        """Write the vectors and their keys as two .npy files."""
        files = [folder / VECTORS_FILE, folder / KEYS_FILE]
        np.save(files[0], self._stored(), allow_pickle=False)
        np.save(files[1], self._keys[: len(self)], allow_pickle=False)
        return files

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; SnapshotDamaged when it is not whole."""
        vectors = read_array(folder / VECTORS_FILE, np.float32, 2)
        keys = read_array(folder / KEYS_FILE, np.int64, 1)
        index = cls.over(keys, vectors)
        if not len(vectors) == len(keys) == len(index):
            raise damaged(folder / KEYS_FILE, f"{len(keys)} keys, some repeated or not of the {len(vectors)} vectors")
        return index

    @classmethod
    def over(cls, keys: Keys, vectors: Vectors) -> Self:
        """Return an index of arrays that it takes over, uncopied: float32 (n, dim) unit rows under n unlike keys."""
        index = cls(vectors.shape[1])
        index._matrix, index._keys = vectors, keys
        index._slot = {key: slot for slot, key in enumerate(keys.tolist())}
        return index

    def _stored(self) -> Vectors:
        return self._matrix[: len(self)]

    def _reserve(self, rows: int) -> None:
        if rows > len(self._keys):
            room = max(rows, 2 * len(self._keys))
            matrix = np.empty((room, self.dim), dtype=np.float32)
            matrix[: len(self)] = self._stored()
            self._keys = np.concatenate([self._keys, np.empty(room - len(self._keys), dtype=np.int64)])
            self._matrix = matrix

    def _candidates(self, queries: Vectors, k: int) -> tuple[Keys, Keys]:
        """Return (row of `queries`, slot) pairs that include the k most similar of each row and all that tie there."""
        similarity = queries @ self._stored().T
        place = len(self) - k
        kth = np.partition(similarity, place, axis=1)[:, place, np.newaxis]
        rows, slots = np.nonzero(similarity >= kth - SLACK)
        return rows, slots

    def _rank(self, queries: Vectors, k: int) -> tuple[Keys, Vectors]:
        rows, slots = self._candidates(queries, k)
        similarity = np.empty(len(rows), dtype=np.float32)
        step = max(1, BLOCK // (2 * self.dim))
        for start in range(0, len(rows), step):
            pairs = slice(start, start + step)
            similarity[pairs] = cosine(queries[rows[pairs]], self._matrix[slots[pairs]])
        keys = self._keys[slots]
        order = np.lexsort((keys, -similarity, rows))
        first = np.searchsorted(rows[order], np.arange(len(queries)))
        best = order[first[:, np.newaxis] + np.arange(k)]
        return keys[best], similarity[best]


def build(kind: str, dim: int, keys: Keys, vectors: Vectors, *, recall_target: float, seed: int) -> ExactIndex:
    """Return an index of `vectors`; there is nothing to choose."""
    del kind, recall_target, seed
    index = ExactIndex(dim)
    index.upsert(keys, vectors)
    return index


def load(folder: Path, kind: str) -> ExactIndex:
    """Read what `ExactIndex.save` wrote."""
    del kind
    return ExactIndex.load(folder)
