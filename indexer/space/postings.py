"""Which products share words with a question: an inverted index over the words of `features`, current on every write.

Dense vectors and reduced words blur what is rare, a brand, a model, a material, and just that often tells one shelf
from the next. So neighbours are looked for by their words as well, and both kinds vote (docs/ablations.md).

A cache of the features, made anew when an index is opened: 8 bytes a word. New words go into a small segment of their
own; segments of about one size are joined, so each product is filed anew a logarithmic number of times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from indexer.space.features import Features
from indexer.space.lexicon import COLUMNS, Rows
from indexer.vectors import SIMILARITY_STEP, Keys, Neighbours

NOWHERE = -1

BUDGET = 200_000
"""Places that one question looks at: its rarest words first, until they are in that many products together. Catalogues
of some 50,000 products never reach it; beyond, a question still costs about a millisecond."""


@dataclass(frozen=True, slots=True)
class _Segment:
    """Some products by word. keys: int64 (r,); columns: int32 (u,) ascending; matrix: csr float32 (u, r)."""

    serial: int
    keys: Keys
    columns: npt.NDArray[np.int32]
    matrix: Any

    @classmethod
    def of(cls, serial: int, keys: Keys, words: Rows) -> Self:
        columns = _occurring(words.indices)[0].astype(np.int32)
        narrow = sparse.csr_array(
            (words.data, np.searchsorted(columns, words.indices), words.indptr), shape=(len(keys), len(columns))
        )
        return cls(serial, keys, columns, narrow.T.tocsr())

    def scores(self, words: Rows) -> Any:  # noqa: ANN401  # the package ships no types
        """Return the cosines of n questions and its products: csr (n, r)."""
        where = np.searchsorted(self.columns, words.indices).clip(0, max(0, len(self.columns) - 1))
        kept = self.columns[where] == words.indices if len(self.columns) else np.zeros(len(where), np.bool_)
        ends = np.concatenate([[0], np.cumsum(kept)])[words.indptr]
        narrow = sparse.csr_array(
            (words.data[kept], where[kept], ends), shape=(words.shape[0], len(self.columns)), dtype=np.float32
        )
        return narrow @ self.matrix


class Postings:
    """Products by word, over what `features` says of them. A change excludes everything else, as with vectors."""

    def __init__(self, features: Features) -> None:
        self._features = features
        self._segments: list[_Segment] = []
        self._home = np.full(1024, NOWHERE, np.int64)  # the serial of the segment that knows a key as it is now
        self._having = np.zeros(COLUMNS, np.int32)
        self._serial = 0

    @classmethod
    def of(cls, features: Features, keys: Keys) -> Self:
        """Return the postings of `keys`, as the features hold them."""
        made = cls(features)
        made.put(keys)
        return made

    def put(self, keys: Keys) -> None:
        """File `keys` by the words that the features hold by now; a key that is filed must be dropped before."""
        if not len(keys):
            return
        if int(keys.max()) >= len(self._home):
            more = max(2 * len(self._home), int(keys.max()) + 1) - len(self._home)
            self._home = np.concatenate([self._home, np.full(more, NOWHERE, np.int64)])
        columns, times = _occurring(self._features.words(keys).indices)
        self._having[columns] += times
        while self._segments and len(self._segments[-1].keys) <= 2 * len(keys):
            last = self._segments.pop()
            keys = np.concatenate([last.keys[self._alive(last)], keys])
        self._serial += 1
        self._segments.append(_Segment.of(self._serial, keys, self._features.words(keys)))
        self._home[keys] = self._serial

    def drop(self, keys: Keys) -> None:
        """Forget `keys` while the features still hold their words; those that are not filed are no error."""
        known = keys[keys < len(self._home)]
        known = known[self._home[known] != NOWHERE]
        columns, times = _occurring(self._features.words(known).indices)
        self._having[columns] -= times
        self._home[known] = NOWHERE

    def search(self, words: Rows, k: int) -> Neighbours:
        """Return the products whose words are most alike: keys (n, k), -1 and similarity 0 where fewer share a word.

        words: sparse (n, COLUMNS) unit rows. Order and rounding as with vectors. Of a question whose words are in more
        than BUDGET products the commonest are left out of account.
        """
        size = words.shape[0]
        keys, similarity = np.full((size, k), NOWHERE, np.int64), np.zeros((size, k), np.float32)
        asked = self._affordable(words)
        found = [(segment, segment.scores(asked), self._alive(segment)) for segment in self._segments]
        for row in range(size):
            some = [_row(segment, scores, alive, row) for segment, scores, alive in found]
            near = np.concatenate([each for each, _ in some]) if some else np.zeros(0, np.int64)
            alike = np.concatenate([each for _, each in some]) if some else np.zeros(0, np.float32)
            if len(near) > k:
                best = np.argpartition(-alike, k - 1)
                chosen = alike >= alike[best[k - 1]]
                near, alike = near[chosen], alike[chosen]
            order = np.lexsort((near, -alike))[:k]
            keys[row, : len(order)], similarity[row, : len(order)] = near[order], alike[order]
        return Neighbours(keys, similarity)

    def _affordable(self, words: Rows) -> Rows:
        """Return the rarest words of each question, as many as BUDGET allows, at least one."""
        having = self._having[words.indices].astype(np.int64)
        row = np.repeat(np.arange(words.shape[0]), np.diff(words.indptr))
        if np.bincount(row, having, minlength=1).max() <= BUDGET:
            return words
        order = np.lexsort((words.indices, having, row))
        total = np.cumsum(having[order])
        starts = words.indptr[:-1]
        before = np.concatenate([[0], total])[starts]
        kept = np.zeros(len(order), np.bool_)
        kept[order] = total - before[row] <= BUDGET
        kept[order[starts[np.diff(words.indptr) > 0]]] = True
        ends = np.concatenate([[0], np.cumsum(kept)])[words.indptr]
        return sparse.csr_array((words.data[kept], words.indices[kept], ends), shape=words.shape)

    def _alive(self, segment: _Segment) -> npt.NDArray[np.bool_]:
        alive: npt.NDArray[np.bool_] = self._home[segment.keys] == segment.serial
        return alive


def _occurring(columns: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.integer], Keys]:
    """Return which columns occur, ascending, and how often."""
    if len(columns) < COLUMNS // 16:  # sorting these is quicker than counting all there are: 0.1 ms against 4
        return np.unique(columns, return_counts=True)
    times = np.bincount(columns)
    here = np.flatnonzero(times)
    return here, times[here]


def _row(
    segment: _Segment,
    scores: Any,  # noqa: ANN401  # the package ships no types
    alive: npt.NDArray[np.bool_],
    row: int,
) -> tuple[Keys, npt.NDArray[np.float32]]:
    places = scores.indices[scores.indptr[row] : scores.indptr[row + 1]]
    alike = scores.data[scores.indptr[row] : scores.indptr[row + 1]]
    kept = alive[places]
    rounded = np.round(alike[kept] / SIMILARITY_STEP) * SIMILARITY_STEP
    return segment.keys[places[kept]], rounded.astype(np.float32)
