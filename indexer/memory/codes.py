"""Which stored products have an article number or a content in common: keys by code, current on every write.

A code is 64 bits of an article number (`indexer/codes.py`) or of a content hash. What was there when the index was
opened lies in two arrays sorted by code, mapped from the snapshot; products that changed since, in dictionaries, until
these hold a share of the whole: then all is sorted anew, beside readers.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from indexer.errors import SnapshotDamaged
from indexer.memory import blocks
from indexer.vectors import Changing, Keys

Numbers = npt.NDArray[np.uint64]

FILES = ("codes_numbers.npy", "codes_keys.npy")
LATELY_LEAST, LATELY_SHARE = 65_536, 8
"""Codes that are kept in dictionaries at least, and the share of the whole beyond which they are sorted in."""


class Codes:
    """Keys by code. Searches may run side by side; a change excludes everything else, which is the caller's duty."""

    def __init__(self, numbers: Numbers | None = None, keys: Keys | None = None) -> None:
        self._numbers = np.zeros(0, np.uint64) if numbers is None else numbers
        self._keys = np.zeros(0, np.int64) if keys is None else keys
        self._stale = np.zeros(int(self._keys.max(initial=-1)) + 1, np.bool_)  # by key: not as in the arrays any more
        self._lately: dict[int, list[int]] = {}
        self._having: dict[int, tuple[int, ...]] = {}

    @classmethod
    def of(cls, keys: Keys, codes: Sequence[tuple[int, ...]]) -> Self:
        """Return the codes of keys (n,), all different, each with any number of them."""
        return cls.joined([coded(keys, codes)])

    @classmethod
    def joined(cls, pieces: Sequence[tuple[Numbers, Keys]]) -> Self:
        """Return the codes in pieces that `coded` has made, of keys that are all different."""
        return cls(*_sorted(*map(np.concatenate, zip(*pieces, strict=True)))) if pieces else cls()

    def __len__(self) -> int:
        """Return how many codes there are, one of two products counted twice."""
        held = len(self._keys) - int(np.count_nonzero(self._stale[self._keys])) if len(self._keys) else 0
        return held + sum(map(len, self._having.values()))

    def put(self, keys: Keys, codes: Sequence[tuple[int, ...]]) -> None:
        """File codes under keys (n,), all different, in place of all that these had."""
        self.drop(keys)
        for key, some in zip(keys.tolist(), codes, strict=True):
            if some:
                self._having[key] = some
            for number in some:
                insort(self._lately.setdefault(number, []), key)

    def drop(self, keys: Keys) -> None:
        """Forget the codes of these keys; those that have none are no error."""
        self._stale[keys[keys < len(self._stale)]] = True
        for key in keys.tolist():
            for number in self._having.pop(key, ()):
                others = self._lately[number]
                others.remove(key)
                if not others:
                    del self._lately[number]

    def settle(self, changing: Changing = nullcontext) -> None:
        """Sort in what came lately where that is much; others are held off for the exchange only."""
        if len(self._lately) <= max(LATELY_LEAST, len(self._keys) // LATELY_SHARE):
            return
        made = vars(type(self)(*self._all()))
        with changing():
            self.__dict__.update(made)

    def search(self, codes: Sequence[Sequence[int]], most: int) -> tuple[Keys, Keys]:
        """Return who shares a code with each of n questions: places among the questions, and keys, int64 (m,) each.

        By question, then by key, each pair once. A code that more than `most` products have names no article: of such
        a one the first `most` are found, and as many of those that came lately.
        """
        flat = np.array([number for some in codes for number in some], np.uint64)
        places = np.repeat(np.arange(len(codes)), [len(some) for some in codes])
        asked, keys = self._first(flat, most)
        rows = places[asked]
        lately = [
            (row, key)
            for row, number in zip(places.tolist(), flat.tolist(), strict=True)
            for key in self._lately.get(number, ())[:most]
        ]
        rows = np.append(rows, np.array([row for row, _ in lately], np.int64))
        keys = np.append(keys, np.array([key for _, key in lately], np.int64))
        pairs = np.unique(np.stack([rows, keys], axis=1), axis=0)
        return pairs[:, 0], pairs[:, 1]

    def _first(self, numbers: Numbers, most: int) -> tuple[Keys, Keys]:
        """Return the first `most` keys of each number that still have it, by places among the numbers."""
        starts = np.searchsorted(self._numbers, numbers)
        sizes = np.searchsorted(self._numbers, numbers, side="right") - starts
        counts = np.minimum(sizes, most)
        while True:
            before = np.cumsum(counts) - counts
            asked = np.repeat(np.arange(len(numbers)), counts)
            keys = self._keys[np.arange(len(asked)) + (starts - before)[asked]]
            fresh = ~self._stale[keys]
            short = (np.bincount(asked[fresh], minlength=len(numbers)) < most) & (counts < sizes)
            if not short.any():
                break
            counts[short] = np.minimum(2 * counts, sizes)[short]  # what is stale makes room for as many more
        rank = np.cumsum(fresh) - np.concatenate([[0], np.cumsum(fresh)])[before[asked]]
        kept = fresh & (rank <= most)
        return asked[kept], keys[kept]

    def save(self, folder: Path) -> list[Path]:
        """Write everything into `folder` and return the files written."""
        return blocks.save(folder, list(zip(FILES, self._all(), strict=True)))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Map what `save` wrote; raises SnapshotDamaged when the arrays are no such or do not fit together."""
        try:
            numbers, keys = (blocks.mapped(folder / name) for name in FILES)
        except (OSError, ValueError, EOFError) as error:
            raise SnapshotDamaged(f"the codes in {folder} cannot be read: {error}; rebuild the index") from error
        fits = numbers.dtype == np.uint64 and keys.dtype == np.int64
        if not fits or not numbers.shape == keys.shape == (keys.size,):
            raise SnapshotDamaged(f"the codes in {folder} do not fit together; rebuild the index")
        return cls(numbers, keys)

    def _all(self) -> tuple[Numbers, Keys]:
        """Return every code and whose it is, by code and then by key."""
        kept = ~self._stale[self._keys] if len(self._keys) else np.zeros(0, np.bool_)
        lately = [(number, key) for key, some in self._having.items() for number in some]
        return _sorted(
            np.append(self._numbers[kept], np.array([number for number, _ in lately], np.uint64)),
            np.append(self._keys[kept], np.array([key for _, key in lately], np.int64)),
        )


def coded(keys: Keys, codes: Sequence[tuple[int, ...]]) -> tuple[Numbers, Keys]:
    """Return the codes of keys (n,) one after the other, uint64 (m,), and whose each is, int64 (m,)."""
    numbers = np.array([number for some in codes for number in some], np.uint64)
    return numbers, np.repeat(keys, np.array([len(some) for some in codes], np.int64))


def _sorted(numbers: Numbers, keys: Keys) -> tuple[Numbers, Keys]:
    order = np.lexsort((keys, numbers))
    return numbers[order], keys[order]
