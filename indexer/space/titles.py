"""Which stored products have which words in their titles: keys by word, current on every write.

The words of `features` are of all that a product says, the heaviest of them, so that a long description leaves few of
a title among them. What an article is called is looked up here, all of it, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from indexer.space.features import Features
from indexer.space.lexicon import COLUMNS, Rows, column_of, none
from indexer.space.postings import Postings, Segment
from indexer.vectors import Changing, Keys

Floats = npt.NDArray[np.float32]
Hits = npt.NDArray[np.bool_]

SHARING = 128
"""Products with which a title is compared: those that have most of its words."""
PLACES = 20_000
"""Places that a search looks at: the rarest words of a title, until they are in that many products together."""
SHARE_DIGITS = 4
"""Of a share: titles that share as much but for the order of sums are equally like."""
FOLDER = "titles"
"""Where they are in a snapshot."""
_WORD = re.compile(r"\d+(?:[.,]\d+)+|[^\W_]+")


class Titles:
    """Titles by word. Searches may run side by side; a change excludes everything else, which is the caller's duty."""

    def __init__(self, words: Features | None = None, postings: Postings | None = None) -> None:
        self._words = words or Features({})
        self.postings = postings or Postings(self._words)

    @classmethod
    def of(cls, keys: Keys, words: Sequence[Rows]) -> Self:
        """Return the titles of keys (n,), all different; words: as `words_of` returns them, in batches."""
        made, start = cls(), 0
        for some in words:
            made._file(keys[start : (start := start + some.shape[0])], some)
        made.postings = Postings.of(made._words, keys)
        return made

    def ready(self, keys: Keys, words: Rows) -> Segment:
        """Return what can be worked out of products that are about to come; nobody is held off meanwhile."""
        return self.postings.ready(keys, words)

    def put(self, keys: Keys, words: Rows, segment: Segment) -> None:
        """File words under keys (n,), all different, in place of all that these had; segment: what `ready` returned."""
        self.postings.drop(keys)
        self._file(keys, words)
        self.postings.enter(segment, keys)

    def drop(self, keys: Keys) -> None:
        """Forget keys; those that are not known are no error."""
        self.postings.drop(keys)
        self._words.drop(keys)

    def settle(self, changing: Changing) -> None:
        """Put in order what changes have left; others are held off for moments only."""
        self.postings.settle(changing)

    def near(self, keys: Keys, size: int, nearest: int, least: float) -> list[Keys]:
        """Return for each of n keys that are filed those of the likest titles, and those of which it is itself one.

        nearest: how many a product has. What counts is the share of both titles that two have in common, word by word,
        each as heavy as it is rare, `least` at least. size: of all titles that there are.
        """
        asked = self._words.words(keys)
        asked.data = self._weights(asked.indices, size)
        found = self.postings.search(asked, SHARING + 1, PLACES).keys
        made = []
        for key, some in zip(keys.tolist(), found, strict=True):
            others = some[(some >= 0) & (some != key)]
            share = self._shares(np.append(key, others), size)
            own, theirs = share[0, 1:], share[1:]
            first = np.lexsort((others, -own))[:nearest]
            among = (theirs > own[:, None]).sum(axis=1) < nearest
            among[first] = True
            made.append(others[among & (own >= least)])
        return made

    def _shares(self, keys: Keys, size: int) -> Floats:
        """Return what share of both titles any two of n have in common, float32 (n, n); 0 of one and itself."""
        words = self._rooted(keys, size)
        _, place = np.unique(words.indices, return_inverse=True)
        dense = np.zeros((len(keys), int(place.max(initial=-1)) + 1), np.float32)
        dense[np.repeat(np.arange(len(keys)), np.diff(words.indptr)), place] = words.data
        common = dense @ dense.T
        own = common.diagonal()
        share: Floats = (common / np.maximum(own[:, None] + own - common, np.float32(1e-6))).round(SHARE_DIGITS)
        np.fill_diagonal(share, 0)
        return share

    def unlike(self, left: Keys, right: Keys, size: int, least: float) -> Hits:
        """Return which pairs of keys, (n,) each, both have a title and share less than `least` of it: bool (n,)."""
        ours, theirs = self._rooted(left, size), self._rooted(right, size)
        common = np.asarray(ours.multiply(theirs).sum(axis=1)).ravel()
        one, other = (np.asarray(each.multiply(each).sum(axis=1)).ravel() for each in (ours, theirs))
        made: Hits = (np.minimum(one, other) > 0) & (common < least * (one + other - common))
        return made

    def _rooted(self, keys: Keys, size: int) -> Rows:
        """Return the square roots of what the words of titles weigh, sparse (n, COLUMNS)."""
        words = self._words.words(keys)
        words.data = np.sqrt(words.data * self._weights(words.indices, size))
        return words

    def _weights(self, columns: npt.NDArray[np.int32], size: int) -> Floats:
        """Return what words weigh, float32 (n,): one that a share s of `size` titles has, -log(s) and a little more."""
        having = np.maximum(1, self.postings.having(columns))
        made: Floats = (np.log(np.maximum(size, having) / having) + 0.3).astype(np.float32)
        return made

    def save(self, folder: Path) -> list[Path]:
        """Write everything into a folder of its own in `folder` and return the files written."""
        own = folder / FOLDER
        own.mkdir()
        return [*self._words.save(own), *self.postings.save(own)]

    @classmethod
    def load(cls, folder: Path, size: int) -> Self:
        """Map what `save` wrote, of keys below `size`; raises SnapshotDamaged when it is not whole.

        A snapshot that was written before there were any has none: who is in it is not found by title until the index
        is built again, but who comes later is.
        """
        own = folder / FOLDER
        if not own.is_dir():
            made = cls()
            if size:
                made._file(np.array([size - 1], np.int64), none(1))
            return made
        words = Features.load(own, {})
        return cls(words, Postings.load(words, own))

    def _file(self, keys: Keys, words: Rows) -> None:
        self._words.put(keys, np.zeros((len(keys), 0), np.float32), words)


def words_of(titles: Sequence[str]) -> Rows:
    """Return how much each word of titles counts: 1, or 2 with a digit, once however often it is said; (n, COLUMNS)."""
    if not titles:
        return none(0)
    rows = [sorted(_counts(title).items()) for title in titles]
    ends = np.cumsum([0, *map(len, rows)]).astype(np.int32)
    columns = np.array([column for row in rows for column, _ in row], np.int32)
    counts = np.array([count for row in rows for _, count in row], np.float32)
    return sparse.csr_array((counts, columns, ends), shape=(len(rows), COLUMNS))


def _counts(title: str) -> dict[int, int]:
    return {column_of(word): 1 + any(map(str.isdigit, word)) for word in _WORD.findall(title.lower())}
