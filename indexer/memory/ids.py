"""Product ids by key, and keys by id: what a snapshot holds in its files, what came since in dictionaries.

A million ids as Python objects would take 250 MB; in files that are mapped they take their letters and 24 bytes each,
which the system may let go.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from indexer.memory import blocks

Keys = npt.NDArray[np.int64]
FILES = tuple(f"labels_id_{name}.npy" for name in ("letters", "ends", "hashes", "keys"))


class Ids:
    """One id per key at most, "" for none; of an id that was put twice the last key counts."""

    def __init__(
        self,
        letters: npt.NDArray[np.uint8] | None = None,
        ends: Keys | None = None,
        hashes: npt.NDArray[np.uint64] | None = None,
        keys: Keys | None = None,
    ) -> None:
        self._letters = np.zeros(0, np.uint8) if letters is None else letters
        self._ends = np.zeros(0, np.int64) if ends is None else ends
        self._hashes = np.zeros(0, np.uint64) if hashes is None else hashes
        self._keys = np.zeros(0, np.int64) if keys is None else keys
        self._since: dict[int, str] = {}
        self._key_of: dict[str, int] = {}

    def __getitem__(self, key: int) -> str:
        """Return the id of a key, "" when it has none."""
        since = self._since.get(key)
        return self._held(key) if since is None else since

    def key(self, product_id: str) -> int | None:
        """Return the key of an id, or None when it is not known."""
        since = self._key_of.get(product_id)
        if since is not None:
            return since
        wanted = hashed(product_id)
        place = int(np.searchsorted(self._hashes, np.uint64(wanted)))
        while place < len(self._hashes) and int(self._hashes[place]) == wanted:
            key = int(self._keys[place])
            if key not in self._since and self._held(key) == product_id:
                return key
            place += 1
        return None

    def put(self, key: int, product_id: str) -> None:
        """File an id under a key, replacing what was there."""
        before = self[key]
        if before == product_id and self.key(product_id) == key:
            return
        if before and before != product_id:
            self.drop(key)
        self._since[key] = product_id
        self._key_of[product_id] = key

    def drop(self, key: int) -> None:
        """Forget the id of a key; of an id that came back under another key that one stays."""
        before = self[key]
        if not before:
            return
        if self._key_of.get(before) == key:
            del self._key_of[before]
        if key < len(self._ends):
            self._since[key] = ""
        else:
            self._since.pop(key, None)

    def save(self, folder: Path, size: int) -> list[Path]:
        """Write the ids of the first `size` keys into `folder` and return the files written."""
        held = [self[key].encode() for key in range(size)]
        known = np.array([key for key, each in enumerate(held) if each], np.int64)
        hashes = np.array([_hashed(each) for each in held if each], np.uint64)
        order = np.argsort(hashes, kind="stable")
        ends = np.cumsum([len(each) for each in held], dtype=np.int64)
        letters = np.frombuffer(b"".join(held), np.uint8)
        return blocks.save(folder, list(zip(FILES, (letters, ends, hashes[order], known[order]), strict=True)))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Map what `save` wrote; raises OSError, ValueError or EOFError when it is not whole."""
        letters, ends, hashes, keys = (blocks.mapped(folder / name) for name in FILES)
        if (int(ends[-1]) if len(ends) else 0) != len(letters) or len(hashes) != len(keys):
            raise ValueError("the ids are of different lengths")
        return cls(letters, ends, hashes, keys)

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Which keys of the snapshot had an id: bool (size,)."""
        return np.diff(self._ends, prepend=0) > 0

    @property
    def size(self) -> int:
        """How many keys the snapshot had."""
        return len(self._ends)

    def _held(self, key: int) -> str:
        if key >= len(self._ends):
            return ""
        start = int(self._ends[key - 1]) if key else 0
        return self._letters[start : int(self._ends[key])].tobytes().decode()


def hashed(product_id: str) -> int:
    """Return a number of 64 bits, the same in every process."""
    return _hashed(product_id.encode())


def _hashed(letters: bytes) -> int:
    return int.from_bytes(blake2b(letters, digest_size=8).digest(), "little")
