"""The words of a text as one sparse row: single words and pairs, weighted by how rare they are (TF-IDF).

Dense encoders blur brands, models and materials; these rows keep them. Columns are hashed, so a word that nobody had
seen when the index was built has one as well, and counts from the first product that carries it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

Floats = npt.NDArray[np.float32]
Rows = Any  # scipy ships no types
"""scipy.sparse.csr_array, float32 (n, COLUMNS), unit rows; a text without any word is an empty one."""

COLUMNS = 2**20
"""Hash columns: 100,000 distinct words and pairs leave one in eleven sharing its column."""
WORDS = 64
"""Words and pairs kept of a text, the heaviest: as accurate as all of them (mwpd_gpc_16k, of 106: 83.2 against 82.3
percent of leaves right; flipkart_1050, of 153: the same), in half the time."""


AT_ONCE = 64
"""Texts that are counted without giving way to other threads: a millisecond or two."""


@dataclass(frozen=True, slots=False)
class Lexicon:
    """Weights of hashed words. rarity: float32 (COLUMNS,), log((1 + n) / (1 + texts with it)) + 1."""

    rarity: Floats

    @classmethod
    def fit(cls, counts: Iterable[Rows]) -> Lexicon:
        """Learn how rare each column is from what `count` returned, in as many batches as one likes."""
        texts, having = 0, np.zeros(COLUMNS, np.int64)
        for some in counts:
            texts += some.shape[0]
            having += np.bincount(some.indices, minlength=COLUMNS)
        return cls((np.log((1 + texts) / (1 + having)) + 1).astype(np.float32))

    @classmethod
    def blank(cls) -> Lexicon:
        """Return a lexicon to which every word is as rare as any other."""
        return cls(np.ones(COLUMNS, np.float32))

    def count(self, texts: Sequence[str]) -> Rows:
        """Return the words of texts unweighted, as 1 + log(occurrences), the sublinear term frequency."""
        if not len(texts):
            return sparse.csr_array((0, COLUMNS), dtype=np.float32)
        pieces = [self._counter.transform(texts[at : at + AT_ONCE]) for at in range(0, len(texts), AT_ONCE)]
        rows = pieces[0] if len(pieces) == 1 else sparse.vstack(pieces, format="csr")
        rows.data = 1 + np.log(rows.data)
        return sparse.csr_array(rows, dtype=np.float32)

    def rows(self, texts: Sequence[str]) -> Rows:
        """Return one unit row per text, weighted by rarity."""
        return self.weigh(self.count(texts))

    def weigh(self, counted: Rows) -> Rows:
        """Turn rows of `count` into unit rows of their WORDS heaviest columns; of equal ones the lower column stays."""
        size, lengths = counted.shape[0], np.diff(counted.indptr)
        weight = counted.data * self.rarity[counted.indices]
        row = np.repeat(np.arange(size), lengths)
        order = np.lexsort((counted.indices, -weight, row))
        heavy = np.sort(order[np.arange(len(order)) - np.repeat(counted.indptr[:-1], lengths) < WORDS])
        row, weight = row[heavy], weight[heavy]
        norm = np.sqrt(np.bincount(row, weight.astype(np.float64) ** 2, minlength=size))
        values = (weight / norm[row]).astype(np.float32)
        ends = np.concatenate([np.zeros(1, np.int32), np.cumsum(np.bincount(row, minlength=size)).astype(np.int32)])
        return sparse.csr_array((values, counted.indices[heavy], ends), shape=counted.shape)

    @cached_property
    def _counter(self) -> Any:  # noqa: ANN401  # the package ships no types
        from sklearn.feature_extraction.text import HashingVectorizer

        return HashingVectorizer(
            n_features=COLUMNS, ngram_range=(1, 2), alternate_sign=False, norm=None, dtype=np.float32
        )


@lru_cache(65_536)
def column_of(word: str) -> int:
    """Return the column that `Lexicon.count` counts a word in small letters in."""
    from sklearn.utils import murmurhash3_32

    return abs(int(murmurhash3_32(word, seed=0))) % COLUMNS


def none(size: int) -> Rows:
    """Return the words of `size` texts without any."""
    return sparse.csr_array((size, COLUMNS), dtype=np.float32)
