"""Lookalikes, the perceptual hashes of stored pictures by key, searched by how many bits differ.

Every hash is compared with every question: a million take 2 to 4 ms at radii up to 16 (`benchmarks/images.py`), where a
tree of hashes (BK, multi-index) would have little to gain and much to keep up to date. A key, that of a product, may
have as many hashes as it has pictures; to forget several of one key passes over all the keys, 20 ms at a million, and
to forget the only one costs nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from indexer.errors import SnapshotDamaged, VectorError

Keys = npt.NDArray[np.int64]
Phashes = npt.NDArray[np.uint64]
Bits = npt.NDArray[np.uint8]

BITS = 64
FILES = ("lookalikes_keys.npy", "lookalikes_phashes.npy")
_LEAST_ROOM = 1_024
_NONE, _SEVERAL = -1, -2


class Lookalikes:
    """Hashes in one array, and the keys they belong to in another; what is free lies at the end.

    Searches may run side by side; a change excludes everything else, which is the caller's duty.
    """

    def __init__(self, keys: Keys | None = None, phashes: Phashes | None = None) -> None:
        self._keys = np.zeros(0, np.int64)
        self._phashes = np.zeros(0, np.uint64)
        self._size = 0
        self._slot = np.full(0, _NONE, np.int32)  # by key: where its only hash lies, that it has several, or none
        if keys is not None and phashes is not None:
            self._append(keys, phashes)

    def __len__(self) -> int:
        """Return the number of hashes."""
        return self._size

    def put(self, keys: Keys, phashes: Phashes) -> None:
        """File uint64 (n,) hashes under int64 (n,) keys, in place of all that these keys had.

        A key that occurs several times gets each of its hashes.
        """
        self.drop(keys)
        self._append(keys, phashes)

    def drop(self, keys: Keys) -> None:
        """Forget all hashes of these keys; those that have none are no error."""
        known = np.unique(keys[keys < len(self._slot)])
        slots = self._slot[known]
        if np.any(slots == _SEVERAL):
            self._keep(np.flatnonzero(~np.isin(self._keys[: self._size], keys)))
            return
        for key in known[slots != _NONE].tolist():
            self._fill(int(self._slot[key]))
            self._slot[key] = _NONE

    def _fill(self, slot: int) -> None:
        """Put the last hash into a slot whose own is forgotten."""
        self._size -= 1
        last = int(self._keys[self._size])
        if slot != self._size:
            self._keys[slot], self._phashes[slot] = last, self._phashes[self._size]
            if self._slot[last] != _SEVERAL:
                self._slot[last] = slot

    def _keep(self, kept: npt.NDArray[np.int64]) -> None:
        """Keep the hashes in some slots only."""
        keys, phashes = self._keys[kept], self._phashes[kept]
        self._size = 0
        self._slot[:] = _NONE
        self._append(keys, phashes)

    def search(self, phash: int, radius: int) -> tuple[Keys, Bits]:
        """Return the keys with a hash that differs from `phash` in `radius` bits at most, and in how many: (n,) each.

        Fewest bits first, then by key; a key stands once, with its nearest hash. phash: 64 bits, unsigned.
        Raises VectorError for a radius that is not from 0 to 64.
        """
        if not 0 <= radius <= BITS:
            raise VectorError(f"a radius of {radius} bits asked for; give one from 0 to {BITS}")
        differing: Bits = np.bitwise_count(self._phashes[: self._size] ^ np.uint64(phash))
        near = np.flatnonzero(differing <= radius)
        keys, bits = self._keys[near], differing[near]
        order = np.lexsort((keys, bits))
        keys, bits = keys[order], bits[order]
        _, first = np.unique(keys, return_index=True)
        first.sort()
        return keys[first], bits[first]

    def save(self, folder: Path) -> list[Path]:
        """Write everything into `folder` and return the files written."""
        for name, array in zip(FILES, (self._keys, self._phashes), strict=True):
            np.save(folder / name, array[: self._size], allow_pickle=False)
        return [folder / name for name in FILES]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; raises SnapshotDamaged when the arrays are no such or do not fit together."""
        try:
            keys, phashes = (np.load(folder / name, allow_pickle=False) for name in FILES)
        except (OSError, ValueError, EOFError) as error:
            raise SnapshotDamaged(f"the lookalikes in {folder} cannot be read: {error}; rebuild the index") from error
        if (keys.dtype, phashes.dtype) != (np.int64, np.uint64) or not keys.shape == phashes.shape == (keys.size,):
            raise SnapshotDamaged(f"the lookalikes in {folder} do not fit together; rebuild the index")
        return cls(keys, phashes)

    def _append(self, keys: Keys, phashes: Phashes) -> None:
        """Add hashes at the end; room grows by half, so that adding one at a time does not copy all each time."""
        size = self._size + len(keys)
        if size > len(self._keys):
            room = max(size, len(self._keys) * 3 // 2, _LEAST_ROOM)
            self._keys = np.concatenate([self._keys[: self._size], np.zeros(room - self._size, np.int64)])
            self._phashes = np.concatenate([self._phashes[: self._size], np.zeros(room - self._size, np.uint64)])
        if len(keys) and int(keys.max()) >= len(self._slot):
            room = max(int(keys.max()) + 1, len(self._slot) * 5 // 4) - len(self._slot)
            self._slot = np.concatenate([self._slot, np.full(room, _NONE, np.int32)])
        _, place, times = np.unique(keys, return_inverse=True, return_counts=True)
        several = (times[place] > 1) | (self._slot[keys] != _NONE)
        self._slot[keys] = np.where(several, _SEVERAL, np.arange(self._size, size))
        self._keys[self._size : size] = keys
        self._phashes[self._size : size] = phashes
        self._size = size
