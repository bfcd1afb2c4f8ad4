"""Who is near whom by title: what share of the marks of two titles they have in common, each as heavy as it is rare.

Sizes and colours of one article fill the nearest places of each other by vector and by words, and so do the products of
one shop that describes all of them in the same way. What they are called tells them apart: a second listing shares more
of its title with the first than any sibling does.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from indexer.space.titles import SHARE_DIGITS
from service.duplicates.groups.candidates import Codes, Near
from service.duplicates.groups.catalogue import Catalogue, Rows

Floats = npt.NDArray[np.float32]

WORK = 1_000
"""With how many others a title is compared at most, in the mean of all, one counted for each mark that both have: the
commonest marks are left out of the search, as many as it takes. What is compared then goes with the number of products,
not with its square; of a thousand products no mark is too common."""
ROWS = 512
"""Titles that are compared at a time."""
PAIRS = 32_768
"""Pairs that are compared at a time."""
SIMILAR, UNLIKE = 0.2, 0.1
"""What share of both titles they have in common who are paired by title, and below which neighbours by vector or words
are not worth judging."""


@dataclass(frozen=True, slots=True)
class Titles:
    """The titles of a catalogue of n products. marks: float32 (n, different marks), sparse, square roots of weights.

    weight: float32 (n,), of all marks of a title; 0 without one. nearest: with how many others a product is paired.
    """

    catalogue: Catalogue
    marks: Any  # scipy ships no types
    weight: Floats
    nearest: int = 3

    @classmethod
    def of(cls, catalogue: Catalogue) -> Self:
        """Return the titles of a catalogue; a mark that a share s of all has weighs -log(s), and a little more."""
        titles, size = catalogue.titles, max(1, len(catalogue))
        values, column, having = np.unique(titles.values, return_inverse=True, return_counts=True)
        heavy = (np.log(size / having) + 0.3).astype(np.float32)
        row = np.repeat(np.arange(len(catalogue)), np.diff(titles.ends))
        weight = np.bincount(row, heavy[column], len(catalogue)).astype(np.float32)
        shape = len(catalogue), max(1, len(values))
        marks = sparse.csr_array((np.sqrt(heavy)[column], column.astype(np.int32), titles.ends), shape=shape)
        return cls(catalogue, marks, weight)

    def unlike(self, codes: Codes) -> npt.NDArray[np.bool_]:
        """Return which pairs of rows both have a title, and share less of them than UNLIKE: bool (n,)."""
        made = np.zeros(len(codes), np.bool_)
        for start in range(0, len(codes), PAIRS):
            left, right = np.divmod(codes[start : start + PAIRS], len(self.catalogue))
            common = np.asarray(self.marks[left].multiply(self.marks[right]).sum(axis=1)).ravel()
            both = np.minimum(self.weight[left], self.weight[right]) > 0
            made[start : start + PAIRS] = both & (self._share(left, right, common) < UNLIKE)
        return made

    def near(self, threads: int = 1) -> Near:
        """Yield the keys of products that stand for their content, beside the `nearest` that are SIMILAR, -1 for none.

        Of equally similar ones those of lower keys come first.
        """
        rows, keys = self.catalogue.asked, np.append(self.catalogue.keys, -1)
        searched = self._searched(rows)
        others = searched.T.tocsr()

        def search(start: int) -> Rows:
            return self._nearest(rows, start, (searched[start : start + ROWS] @ others).tocoo())

        starts = range(0, len(rows), ROWS)
        with ThreadPoolExecutor(threads) as pool:
            for start, near in zip(starts, pool.map(search, starts), strict=True):
                yield keys[rows[start : start + ROWS]], keys[near]

    def _searched(self, rows: Rows) -> Any:  # noqa: ANN401  # a sparse matrix
        """Return the marks of some rows that are searched by: float32 (m, different marks), sparse."""
        some = self.marks[rows]
        having = np.bincount(some.indices, minlength=some.shape[1]).astype(np.int64)
        order = np.argsort(having, kind="stable")
        rare = np.zeros(len(having), np.float32)
        rare[order[np.cumsum(having[order] ** 2) <= WORK * len(rows)]] = 1
        some.data *= rare[some.indices] * (having[some.indices] > 1)
        some.eliminate_zeros()
        return some

    def _nearest(self, rows: Rows, start: int, common: Any) -> Rows:  # noqa: ANN401  # a sparse matrix
        """Return the rows that are most similar to ROWS others from `start` on, most similar first, -1 for none."""
        asked, found = common.row + start, common.col
        share = self._share(rows[asked], rows[found], common.data)
        kept = (share >= SIMILAR) & (asked != found)
        asked, found, share = asked[kept] - start, found[kept], share[kept]
        order = np.lexsort((found, -share, asked))
        asked, found = asked[order], found[order]
        place = np.arange(len(asked)) - np.searchsorted(asked, asked)
        made = np.full((len(rows[start : start + ROWS]), self.nearest), -1, np.int64)
        first = place < self.nearest
        made[asked[first], place[first]] = rows[found[first]]
        return made

    def _share(self, left: Rows, right: Rows, common: Floats) -> Floats:
        both = self.weight[left] + self.weight[right]
        made: Floats = (common / np.maximum(both - common, np.float32(1e-6))).round(SHARE_DIGITS)
        return made
