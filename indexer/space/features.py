"""Raw parts and words of every stored product by key: what the vote compares neighbours by, with each other too.

A cache of the record store, like labels and vectors: written into the snapshot at build, kept current on every write.
Per product 2 bytes a dimension and 6 a word: about 1.2 KB with MiniLM and 64 words. What the snapshot holds is mapped
from its files; in memory for good are 12 bytes a product, and what changed since.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from indexer.errors import SnapshotDamaged
from indexer.memory.blocks import Blocks, mapped
from indexer.memory.runs import Runs
from indexer.space import Space
from indexer.space.learnt import edges_of
from indexer.space.lexicon import COLUMNS, Rows

Floats = npt.NDArray[np.float32]
Keys = npt.NDArray[np.int64]
FILES = tuple(f"features_{name}.npy" for name in ("raw", "counts", "columns", "values"))

BATCH = 4_096
SHARPNESS = 2.5
"""A part's kernel is its cosine, where above 0, to this power (2 to 3 were best on mwpd_gpc_16k and flipkart_20k, 5 and
8 no better): nearness counts more than a line would say."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """How alike two products are: words * (cosine of their words) + sum over parts of weight * max(cosine, 0)**2.5.

    weights: of each part of the encoder, in its order; 0 for what is not looked at.
    """

    words: float
    weights: tuple[float, ...]

    @property
    def most(self) -> float:
        """Its value for a product that has everything, and itself."""
        return self.words + sum(self.weights)


class Features:
    """Raw parts and words by key, in blocks: nothing that is there is copied to make room, and room is used again."""

    def __init__(self, parts: Mapping[str, int]) -> None:
        self._edges = edges_of(parts)
        self._raw = Blocks(np.zeros((0, self._edges[-1]), np.float16))
        self._runs = Runs()
        self._columns = Blocks(np.zeros(0, np.int32))
        self._values = Blocks(np.zeros(0, np.float16))
        self._size = 0
        self._scratch = threading.local()

    def put(self, keys: Keys, raw: Floats, words: Rows) -> None:
        """File raw parts (n, all parts) and words (n rows) under unlike `keys` (n,), replacing what was there."""
        if not len(keys):
            return
        last = int(keys.max())
        self._size = max(self._size, last + 1)
        self._runs.reserve(last)
        self._raw.reserve(last + 1)
        self._raw.put(keys, raw)
        place = self._runs.put(keys, np.diff(words.indptr))
        for pool, numbers in ((self._columns, words.indices), (self._values, words.data)):
            pool.reserve(self._runs.end)
            pool.put(place, numbers)

    def drop(self, keys: Keys) -> None:
        """Forget `keys`; those that are not known are no error."""
        known = keys[keys < self._size]
        self._raw.put(known, 0)
        self._runs.drop(known)

    def raw(self, keys: Keys, space: Space | None = None) -> Floats:
        """Return the raw parts of keys, float32 (n, all parts), or those of one view alone."""
        return self._raw.take(keys, None if space is None else space.columns).astype(np.float32)

    def words(self, keys: Keys) -> Rows:
        """Return the words of keys, sparse (n, COLUMNS)."""
        place, ends = self._runs.places(keys)
        values = self._values.take(place).astype(np.float32)
        return sparse.csr_array((values, self._columns.take(place), ends.astype(np.int32)), shape=(len(keys), COLUMNS))

    def fingerprints(self, keys: Keys, space: Space) -> Keys:
        """Return a number for each key's content in a view, int64 (n,): equal for equal content, in every process.

        The content is its words or, without any, its parts.
        """
        made = np.zeros(len(keys), np.uint64)
        for start in range(0, len(keys), BATCH):
            rows = slice(start, start + BATCH)
            place, ends = self._runs.places(keys[rows]) if space.words else (keys[:0], np.zeros(1, np.int64))
            if len(place):
                words = np.append(mixed(self._columns.take(place).astype(np.uint64)), np.uint64(0))
                made[rows] = np.add.reduceat(words, ends[:-1]) * (np.diff(ends) > 0)
            rest = np.flatnonzero(made[rows] == 0)
            halves = self._raw.take(keys[rows][rest], space.columns).view(np.uint16)
            where = np.arange(halves.shape[1], dtype=np.uint64) << np.uint64(16)
            made[start + rest] = mixed(halves | where).sum(axis=1, dtype=np.uint64)
        return mixed(made).view(np.int64)

    def seen(self, keys: Keys, space: Space) -> npt.NDArray[np.bool_]:
        """Return which keys have anything of a view: bool (n,)."""
        made: npt.NDArray[np.bool_] = (self._runs.counts(keys) > 0) & space.words
        rest = np.flatnonzero(~made)
        for start in range(0, len(rest), BATCH):
            some = rest[start : start + BATCH]
            made[some] = np.any(self._raw.take(keys[some], space.columns), axis=1)
        return made

    def had(self, kernel: Kernel, raw: Floats, words: Rows) -> Kernel:
        """Return the kernel without what a question, one row of each, lacks: it is not held against anybody."""
        there = [bool(np.any(raw[0, start:end])) for start, end in pairwise(self._edges)]
        if all(there) and words.nnz:
            return kernel
        weights = tuple(weight * here for weight, here in zip(kernel.weights, there, strict=True))
        return Kernel(kernel.words if words.nnz else 0.0, weights)

    def alike(self, keys: Keys, asked: tuple[Floats, Rows], kernel: Kernel) -> Floats:
        """Return how alike m stored products are among each other and to one more: float32 (m, m + 1), that one last.

        keys: int64 (m,). asked: raw parts float32 (1, all parts) and words (one row) of the one that is asked about.
        """
        raw, words = asked
        size = len(keys)
        made = np.zeros((size, size + 1), np.float32)
        if kernel.words:
            made += kernel.words * self._words_alike(keys, words)
        for weight, (start, end) in zip(kernel.weights, pairwise(self._edges), strict=True):
            if weight:
                part = np.empty((size + 1, end - start), np.float32)
                part[:size], part[size] = self._raw.take(keys, slice(start, end)), raw[0, start:end]
                cosine = np.maximum((part @ part.T)[:size], 0)  # of a matrix and itself: half the work
                root = np.sqrt(cosine)  # ** SHARPNESS, ten times as fast
                cosine *= cosine
                cosine *= root
                cosine *= weight
                made += cosine
        return made

    def cosines(self, raw: Floats, others: Keys) -> Floats:
        """Return the mean cosine of the parts of each row of `raw` and of its `others` (n, m): float32 (n, m).

        Over the parts that both have; 0 where there is none. How alike two products are, whatever space is searched.
        """
        total, parts = np.zeros(others.shape, np.float32), np.zeros(others.shape, np.float32)
        for start, end in pairwise(self._edges):
            near = self._raw.take(others, slice(start, end)).astype(np.float32)
            both = np.any(raw[:, start:end], axis=1)[:, None] & np.any(near, axis=2)
            length = np.maximum(np.linalg.norm(near, axis=2), 1e-6)  # near 1: half precision rounds
            total += both * np.einsum("nd,nmd->nm", raw[:, start:end], near) / length
            parts += both
        made: Floats = np.minimum(total / np.maximum(parts, 1), 1)
        return made

    def copies(
        self, raw: Floats, words: Rows, others: Keys, least: float, space: Space | None = None
    ) -> npt.NDArray[np.bool_]:
        """Return which of `others` (n, m) are as good as the product itself: bool (n, m).

        raw: float32 (n, all parts), words: n rows, of the products. The cosines of all that either has, its parts and
        its words, are `least` at least in the mean. space: of the view that is looked at alone; products that both lack
        it are no copies there.
        """
        parts = [(start, end) for start, end in pairwise(self._edges) if space is None or _within(start, end, space)]
        reads = space is None or space.words
        total, many = np.zeros(others.shape, np.float32), np.full(others.shape, float(reads), np.float32)
        for start, end in parts:
            asked = raw[:, start:end]
            near = self._raw.take(others, slice(start, end)).astype(np.float32)
            total += np.einsum("nd,nmd->nm", asked, near)
            many += np.any(asked, axis=1)[:, None] | np.any(near, axis=2)
        alike: npt.NDArray[np.bool_] = total + reads >= least * many  # what words could still make of it
        if not reads:
            return alike & (many > 0)
        row, place = np.nonzero(alike)
        for start in range(0, len(row), BATCH):
            some = slice(start, start + BATCH)
            first, second = words[row[some]], self.words(others[row[some], place[some]])
            cosine = np.asarray(first.multiply(second).sum(axis=1)).ravel()
            wordless = (np.diff(first.indptr) == 0) & (np.diff(second.indptr) == 0)
            at = row[some], place[some]
            alike[at] = np.where(wordless, total[at] >= least * (many[at] - 1), total[at] + cosine >= least * many[at])
            if space is not None:
                alike[at] &= ~wordless | (many[at] > 1)
        return alike

    def _words_alike(self, keys: Keys, words: Rows) -> Floats:
        """Return the cosines of the words of m products among each other and to one more: float32 (m, m + 1)."""
        place, ends = self._runs.places(keys)
        columns = np.concatenate([self._columns.take(place), words.indices])
        values = np.concatenate([self._values.take(place).astype(np.float32), words.data])
        row = np.repeat(np.arange(len(keys) + 1), np.diff(np.append(ends, len(columns))))
        # Renumbered by where a column occurs last; those of one product alone tell it from no other and are left out.
        seat = self._seats()
        seat[columns] = np.arange(len(columns), dtype=np.int32)
        last = seat[columns]
        shared = np.bincount(last, minlength=len(columns)) > 1
        kept = shared[last]
        dense = np.zeros((len(keys) + 1, np.count_nonzero(shared)), np.float32)
        dense[row[kept], (np.cumsum(shared) - 1)[last[kept]]] = values[kept]
        made: Floats = (dense @ dense.T)[:-1]
        itself = np.arange(len(keys))
        made[itself, itself] = np.bincount(row, values * values, minlength=len(keys) + 1)[:-1]
        return made

    def _seats(self) -> npt.NDArray[np.int32]:
        """Return this thread's scratch array of one number per column; what is in it is of no use."""
        if not hasattr(self._scratch, "seats"):
            self._scratch.seats = np.zeros(COLUMNS, np.int32)
        seats: npt.NDArray[np.int32] = self._scratch.seats
        return seats

    def save(self, folder: Path) -> list[Path]:
        """Write everything into `folder` and return the files written."""
        every = np.arange(self._size)
        words = self.words(every)
        self._raw.save(folder / FILES[0], self._size)
        arrays = (self._runs.counts(every), words.indices.astype(np.int32), words.data.astype(np.float16))
        for name, array in zip(FILES[1:], arrays, strict=True):
            np.save(folder / name, array, allow_pickle=False)
        return [folder / name for name in FILES]

    @classmethod
    def load(cls, folder: Path, parts: Mapping[str, int]) -> Self:
        """Map what `save` wrote; raises SnapshotDamaged when the arrays do not fit together."""
        made = cls(parts)
        try:
            raw, counts, columns, values = (mapped(folder / name) for name in FILES)
        except (OSError, ValueError, EOFError) as error:
            raise SnapshotDamaged(f"the features in {folder} cannot be read: {error}; rebuild the index") from error
        if raw.shape != (len(counts), made._edges[-1]) or not len(columns) == len(values) == int(counts.sum()):
            raise SnapshotDamaged(f"the features in {folder} are of different lengths; rebuild the index")
        made._raw, made._columns, made._values = Blocks(raw), Blocks(columns), Blocks(values)
        made._runs, made._size = Runs(counts.copy()), len(counts)
        return made


def kept(words: Rows) -> Rows:
    """Return words as features give them back: rounded to half precision."""
    rounded = words.data.astype(np.float16).astype(np.float32)
    return sparse.csr_array((rounded, words.indices, words.indptr), shape=words.shape)


def mixed(numbers: npt.NDArray[np.unsignedinteger[Any]]) -> npt.NDArray[np.uint64]:
    """Return numbers of 64 bits as if drawn by chance, equal for equal ones: splitmix64 (Steele and others 2014)."""
    made = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        made = (made ^ (made >> np.uint64(shift))) * np.uint64(factor)
    return made ^ (made >> np.uint64(31))


def _within(start: int, end: int, space: Space) -> bool:
    return bool(space.columns.start <= start and end <= space.columns.stop)
