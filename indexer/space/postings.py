"""Which products share words with a question: an inverted index over the words of `features`, current on every write.

Dense vectors and reduced words blur what is rare, a brand, a model, a material, and just that often tells one shelf
from the next. So neighbours are looked for by their words as well, and both kinds vote (docs/ablations.md).

A cache of the features, 8 bytes a word: what a snapshot holds is mapped from its files. New words go into a small
segment of their own; segments of about one size are joined, so each product is filed anew some dozen times.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from indexer.errors import SnapshotDamaged
from indexer.memory import blocks
from indexer.space.features import Features
from indexer.space.lexicon import COLUMNS, Rows
from indexer.vectors import SIMILARITY_STEP, Changing, Keys, Neighbours

NOWHERE = -1
FILES = tuple(f"postings_{name}.npy" for name in ("keys", "columns", "values", "places", "ends"))

BUDGET = 200_000
"""Places that one question looks at: its rarest words first, until they are in that many products together. Catalogues
of some 50,000 products never reach it; beyond, a question still costs about a millisecond."""
HURRIED = 20_000
"""The same for who asks about everything."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Some products by word. keys: int64 (r,); columns: int32 (u,) ascending; matrix: csr float32 (u, r)."""

    serial: int
    keys: Keys
    columns: npt.NDArray[np.int32]
    matrix: Any

    @classmethod
    def of(cls, serial: int, keys: Keys, words: Rows) -> Self:
        """Return the segment of keys (r,) with words (r rows); numpy sorts, so other threads go on meanwhile."""
        order = np.argsort(words.indices, kind="stable")
        sorted_columns = words.indices[order]
        first = np.ones(len(order), np.bool_)
        first[1:] = sorted_columns[1:] != sorted_columns[:-1]
        starts = np.flatnonzero(first)
        places = np.repeat(np.arange(len(keys), dtype=np.int32), np.diff(words.indptr))[order]
        ends = np.append(starts, len(order)).astype(np.int32)
        columns = sorted_columns[starts].astype(np.int32)
        return cls.made(serial, keys, columns, (words.data[order], places, ends))

    @classmethod
    def made(cls, serial: int, keys: Keys, columns: npt.NDArray[np.int32], arrays: Sequence[Any]) -> Self:
        """Return the segment whose matrix has these arrays: values, places of keys, and where each column's end."""
        return cls(serial, keys, columns, sparse.csr_array(tuple(arrays), shape=(len(columns), len(keys))))

    def scores(self, words: Rows) -> Any:  # noqa: ANN401  # the package ships no types
        """Return the cosines of n questions and its products: csr (n, r)."""
        where = np.searchsorted(self.columns, words.indices).clip(0, max(0, len(self.columns) - 1))
        kept = self.columns[where] == words.indices if len(self.columns) else np.zeros(len(where), np.bool_)
        ends = np.concatenate([[0], np.cumsum(kept)])[words.indptr].astype(np.int32)
        places = where[kept].astype(
            np.int32
        )  # wider ones would have all of the matrix copied as wide for each question
        shape = words.shape[0], len(self.columns)
        narrow = sparse.csr_array((words.data[kept], places, ends), shape=shape, dtype=np.float32)
        return narrow @ self.matrix


class Postings:
    """Products by word, over what `features` says of them. A change excludes everything else, as with vectors."""

    def __init__(self, features: Features) -> None:
        self._features = features
        self._segments: list[Segment] = []
        self._home = np.full(1024, NOWHERE, np.int32)  # the serial of the segment that knows a key as it is now
        self._having = np.zeros(COLUMNS, np.int32)
        self._serial = 0
        self._hurried = False

    def hurried(self) -> Self:
        """Return the same postings, of which a question looks at HURRIED places. They are no copy."""
        made = copy(self)
        made._hurried = True  # noqa: SLF001 - of its own class
        return made

    @classmethod
    def of(cls, features: Features, keys: Keys) -> Self:
        """Return the postings of `keys`, as the features hold them."""
        made = cls(features)
        made.put(keys)
        return made

    def put(self, keys: Keys) -> None:
        """File `keys` by the words that the features hold by now; a key that is filed must be dropped before."""
        if len(keys):
            self.enter(self.ready(keys, self._features.words(keys)), keys)
            self.settle()

    def ready(self, keys: Keys, words: Rows) -> Segment:
        """Return the segment of keys that are about to come with these words; nobody is held off meanwhile."""
        self._serial += 1
        return Segment.of(self._serial, keys, words)

    def enter(self, segment: Segment, keys: Keys) -> None:
        """Let some keys of a segment be found from now on; the features hold their words."""
        last = int(segment.keys.max(initial=-1))  # of all that the segment has: a search looks at the others, too
        if last >= len(self._home):
            more = max(1_024, last + 1 - len(self._home), len(self._home) // 4)
            self._home = np.concatenate([self._home, np.full(more, NOWHERE, np.int32)])
        columns, times = _occurring(self._features.words(keys).indices)
        self._having[columns] += times
        self._home[keys] = segment.serial
        if not self._segments or self._segments[-1] is not segment:
            self._segments = [*self._segments, segment]

    def settle(self, changing: Changing = nullcontext) -> None:
        """Join the last segments while the one before is not much larger; others are held off for the exchange only."""
        while len(self._segments) > 1 and len(self._segments[-2].keys) <= 2 * len(self._segments[-1].keys):
            last = self._segments[-2:]
            keys = np.concatenate([segment.keys[self._alive(segment)] for segment in last])
            joined = self.ready(keys, self._features.words(keys))
            with changing():
                self._segments = [*self._segments[:-2], joined]
                self._home[keys] = joined.serial

    def drop(self, keys: Keys) -> None:
        """Forget `keys` while the features still hold their words; those that are not filed are no error."""
        known = keys[keys < len(self._home)]
        known = known[self._home[known] != NOWHERE]
        columns, times = _occurring(self._features.words(known).indices)
        self._having[columns] -= times
        self._home[known] = NOWHERE

    def search(self, words: Rows, k: int, budget: int | None = None) -> Neighbours:
        """Return the products whose words are most alike: keys (n, k), -1 and similarity 0 where fewer share a word.

        words: sparse (n, COLUMNS) unit rows. Order and rounding as with vectors. Of a question whose words are in more
        than `budget` products, BUDGET of them unless it says otherwise, the commonest are left out of account.
        """
        size = words.shape[0]
        keys, similarity = np.full((size, k), NOWHERE, np.int64), np.zeros((size, k), np.float32)
        usual = HURRIED if self._hurried else BUDGET
        asked = self._affordable(words, usual if budget is None else budget)
        found = [(segment, segment.scores(asked)) for segment in self._segments]
        for row in range(size):
            some = [self._row(segment, scores, row) for segment, scores in found]
            near = np.concatenate([each for each, _ in some]) if some else np.zeros(0, np.int64)
            alike = np.concatenate([each for _, each in some]) if some else np.zeros(0, np.float32)
            if len(near) > k:
                best = np.argpartition(-alike, k - 1)
                chosen = alike >= alike[best[k - 1]]
                near, alike = near[chosen], alike[chosen]
            order = np.lexsort((near, -alike))[:k]
            keys[row, : len(order)], similarity[row, : len(order)] = near[order], alike[order]
        return Neighbours(keys, similarity)

    def having(self, columns: npt.NDArray[np.int32]) -> Keys:
        """Return how many products have each of some words, int64 (n,)."""
        return self._having[columns].astype(np.int64)

    def _affordable(self, words: Rows, budget: int) -> Rows:
        """Return the rarest words of each question, as many as the budget allows, at least one."""
        having = self._having[words.indices].astype(np.int64)
        row = np.repeat(np.arange(words.shape[0]), np.diff(words.indptr))
        if np.bincount(row, having, minlength=1).max() <= budget:
            return words
        order = np.lexsort((words.indices, having, row))
        total = np.cumsum(having[order])
        starts = words.indptr[:-1]
        before = np.concatenate([[0], total])[starts]
        kept = np.zeros(len(order), np.bool_)
        kept[order] = total - before[row] <= budget
        kept[order[starts[np.diff(words.indptr) > 0]]] = True
        ends = np.concatenate([[0], np.cumsum(kept)])[words.indptr]
        return sparse.csr_array((words.data[kept], words.indices[kept], ends), shape=words.shape)

    def save(self, folder: Path) -> list[Path]:
        """Write everything as one segment into `folder` and return the files written."""
        alive = [self._alive(segment) for segment in self._segments]
        keys = np.concatenate([np.zeros(0, np.int64), *(s.keys[a] for s, a in zip(self._segments, alive, strict=True))])
        one = self._segments[0] if len(alive) == 1 and alive[0].all() else None
        one = one or Segment.of(0, np.sort(keys), self._features.words(np.sort(keys)))
        matrix = one.matrix
        ends = matrix.indptr.astype(np.int32)
        arrays = (one.keys, one.columns, matrix.data.astype(np.float32), matrix.indices.astype(np.int32), ends)
        return blocks.save(folder, list(zip(FILES, arrays, strict=True)))

    @classmethod
    def load(cls, features: Features, folder: Path) -> Self:
        """Map what `save` wrote; raises SnapshotDamaged when it is not whole."""
        made = cls(features)
        try:
            keys, columns, values, places, ends = (blocks.mapped(folder / name) for name in FILES)
            if len(ends) != len(columns) + 1 or not int(ends[-1]) == len(places) == len(values):
                raise ValueError("arrays of different lengths")
        except (OSError, ValueError, EOFError) as error:
            raise SnapshotDamaged(f"the postings in {folder} cannot be read: {error}; rebuild the index") from error
        if len(keys):
            made._segments = [Segment.made(0, keys, columns, (values, places, ends))]
            made._home = np.full(int(keys.max()) + 1, NOWHERE, np.int32)
            made._home[keys] = 0
            made._having[columns] = np.diff(ends)
        return made

    def _alive(self, segment: Segment) -> npt.NDArray[np.bool_]:
        alive: npt.NDArray[np.bool_] = self._home[segment.keys] == segment.serial
        return alive

    def _row(self, segment: Segment, scores: Any, row: int) -> tuple[Keys, npt.NDArray[np.float32]]:  # noqa: ANN401  # the package ships no types
        """Return the keys that share a word with one question, as they are now, and how alike they are."""
        at = slice(scores.indptr[row], scores.indptr[row + 1])
        keys, alike = segment.keys[scores.indices[at]], scores.data[at]
        kept = self._home[keys] == segment.serial
        rounded = np.round(alike[kept] / SIMILARITY_STEP) * SIMILARITY_STEP
        return keys[kept], rounded.astype(np.float32)


def _occurring(columns: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.integer], Keys]:
    """Return which columns occur, ascending, and how often."""
    if len(columns) < COLUMNS // 16:  # sorting these is quicker than counting all there are: 0.1 ms against 4
        return np.unique(columns, return_counts=True)
    times = np.bincount(columns)
    here = np.flatnonzero(times)
    return here, times[here]
