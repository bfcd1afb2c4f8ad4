"""Which ids a source has had already, in bounded memory."""

from __future__ import annotations

from array import array
from hashlib import blake2b

_FULL = 0.6


class SeenIds:
    """Ids and the line of their first row, as a hash table of 12 bytes per slot: 20 to 40 bytes per id.

    Ten million ids take about 200 MB where a set of strings takes over one GB. Two ids with one 64-bit hash would be
    taken for the same: the chance is 3 in a million for ten million ids, 3 in ten thousand for a hundred million.
    """

    def __init__(self) -> None:
        self._hashes = array("Q", [0]) * 1024
        self._lines = array("I", [0]) * 1024
        self._count = 0

    def __len__(self) -> int:
        """Return the number of ids."""
        return self._count

    def __contains__(self, product_id: str) -> bool:
        """Say whether an id was added."""
        return self._hashes[self._slot(_digest(product_id))] != 0

    def add(self, product_id: str, line: int) -> int:
        """Remember an id; return the line where it was first seen, or 0 when it is new.

        line: from 1; lines beyond 4,294,967,295 are remembered as that.
        """
        digest = _digest(product_id)
        slot = self._slot(digest)
        if self._hashes[slot]:
            return self._lines[slot]
        self._hashes[slot], self._lines[slot] = digest, min(line, 0xFFFFFFFF)
        self._count += 1
        if self._count > _FULL * len(self._hashes):
            self._grow()
        return 0

    def _slot(self, digest: int) -> int:
        """Return where the hash is, or the empty slot where it belongs (0 marks an empty one)."""
        hashes, mask = self._hashes, len(self._hashes) - 1
        slot = digest & mask
        while hashes[slot] not in (0, digest):
            slot = (slot + 1) & mask
        return slot

    def _grow(self) -> None:
        hashes, lines = self._hashes, self._lines
        self._hashes, self._lines = array("Q", [0]) * (2 * len(hashes)), array("I", [0]) * (2 * len(lines))
        for digest, line in zip(hashes, lines, strict=True):
            if digest:
                slot = self._slot(digest)
                self._hashes[slot], self._lines[slot] = digest, line


def _digest(product_id: str) -> int:
    """Return 64 bits of an id, never 0."""
    return int.from_bytes(blake2b(product_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()) or 1
