"""Where the numbers of each key lie in a pool that all keys share: the words of a product, or its tags.

A run that is given up is used again by the next of its length, so a pool that changes all day stays about as large as
what it holds, and is never tidied while somebody waits.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int32]


class Runs:
    """By key: where its run starts and how long it is. `end`: how much of the pool has ever been in use."""

    def __init__(self, counts: Counts | None = None) -> None:
        self._count: Counts = np.zeros(0, np.int32) if counts is None else counts
        self._start: Keys = np.cumsum(self._count, dtype=np.int64) - self._count
        self.end = int(self._count.sum())
        self._free: dict[int, list[int]] = {}

    def __len__(self) -> int:
        """Return how many keys there is room for."""
        return len(self._count)

    def reserve(self, key: int) -> None:
        """Make room for `key`: for a quarter more than there are, so that it seldom happens."""
        if key >= len(self._count):
            size = max(1_024, key + 1, len(self._count) * 5 // 4) - len(self._count)
            self._count = np.concatenate([self._count, np.zeros(size, np.int32)])
            self._start = np.concatenate([self._start, np.zeros(size, np.int64)])

    def counts(self, keys: Keys) -> Counts:
        """Return the length of the run of each key."""
        return self._count[keys]

    def long(self, key: int) -> int:
        """Return the length of the run of one key."""
        return int(self._count[key])

    def places(self, keys: Keys) -> tuple[Keys, Keys]:
        """Return the places of the keys' numbers in the pool, one key after the other, and where each key's end."""
        counts = self._count[keys].astype(np.int64)
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        return np.arange(ends[-1]) + np.repeat(self._start[keys] - ends[:-1], counts), ends

    def put(self, keys: Keys, counts: Counts) -> Keys:
        """Give keys (n,), all different, runs of new lengths; return the places of their numbers, as `places` does."""
        self.drop(keys)
        for key, count in zip(keys.tolist(), counts.tolist(), strict=True):
            if not count:
                continue
            free = self._free.get(count)
            self._start[key] = free.pop() if free else self.end
            if self._start[key] == self.end:
                self.end += count
        self._count[keys] = counts
        return self.places(keys)[0]

    def drop(self, keys: Keys) -> None:
        """Give up the runs of keys, for which there is room."""
        counts = self._count[keys]
        held = counts > 0
        if held.any():
            for start, count in zip(self._start[keys[held]].tolist(), counts[held].tolist(), strict=True):
                self._free.setdefault(count, []).append(start)
            self._count[keys] = 0
