"""Stored products as one update needs them, each read once, and who of equal content stands for whom.

Products of equal content are one for groups: the first of them, by key, stands for all, unless somebody has said
something of one of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from zlib import crc32

import numpy as np

from indexer.codes import content_code
from indexer.live import Live
from indexer.product import NOTHING
from indexer.store.records import Stored

COPIES = 16
"""Products of one content that are looked at to find the first of them."""


class Loaded:
    """Stored products as they are needed, each read once; it holds them all, so let go of it soon."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self._held: dict[int, Stored | None] = {}
        self._first: dict[int, int] = {}
        self._apart: dict[int, bool] = {}
        self._mates: dict[int, list[int]] = {}

    def get(self, keys: Collection[int]) -> dict[int, Stored]:
        """Return those of `keys` that are stored, by key."""
        new = [key for key in keys if key not in self._held]
        if new:
            found = self.live.records.by_keys(new)
            self._held.update({key: found.get(key) for key in new})
        return {key: stored for key in keys if (stored := self._held[key]) is not None}

    def represent(self, keys: Collection[int]) -> Mapping[int, int]:
        """Return by key who stands for each of `keys` that is stored: itself, or the first of equal content.

        Whoever somebody has said something of stands for itself alone.
        """
        stored = self.get(keys)
        new = [key for key in stored if key not in self._first]
        if new:
            codes = [(content_code(stored[key].record.content_hash),) for key in new]
            with self.live.reading():
                rows, mates = self.live.contents.codes.search(codes, COPIES)
            there = self.get(np.unique(mates).tolist())
            apart = self._alone({key: stored[key] for key in new} | there)
            self._first.update({key: key for key in new})
            for row, mate in zip(rows.tolist(), mates.tolist(), strict=True):
                key = new[row]
                known = mate in there and not apart[mate] and not apart[key]
                known = known and stored[key].record.content_hash != NOTHING
                if known and content_of(there[mate]) == content_of(stored[key]):
                    self._first[key] = min(self._first[key], mate)
                    self._mates.setdefault(key, []).append(mate)
        return {key: self._first[key] for key in stored}

    def copies(self, key: int) -> list[int]:
        """Return products, the first of them, for which one stands that `represent` was asked about."""
        return [mate for mate in self._mates.get(key, ()) if mate != key] if self._first.get(key) == key else []

    def _alone(self, some: Mapping[int, Stored]) -> Mapping[int, bool]:
        """Return whether somebody has said something of each of some products."""
        ids = {stored.record.product.id: key for key, stored in some.items() if key not in self._apart}
        said = {id_ for pair in self.live.records.twins.settled(ids) for id_ in pair} if ids else set()
        self._apart.update({key: id_ in said for id_, key in ids.items()})
        return self._apart


def content_of(stored: Stored) -> tuple[str, int]:
    """Return what is equal for listings that say the same and go by the same article numbers."""
    told = sorted(f"{name}\0{value}" for name, value in stored.record.product.facts if name in {"gtin", "mpn"})
    return stored.record.content_hash, crc32("\0".join(told).encode("utf-8", "surrogatepass"))
