"""The phrases of a catalogue, counted in one pass: how many products say each, in which ways, and in which categories.

Between `service/tags/wording.py`, which reads one product, and `service/tags/suggestions.py`, which chooses. Memory is
bounded by counting with loss (Manku and Motwani 2002): when more than LIMIT phrases are known, those seen least are
forgotten, and one that comes anew may have been seen as often before. So a count is too low by `lost` at most, and a
phrase of more products than that is never missed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from indexer.product import Product
from service.tags.wording import WAYS, names_of, said

Numbers = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

LIMIT = 500_000
"""Phrases known at a time: about 250 bytes each."""
NAMES = 50_000
"""Names of specs that are counted, the first that come."""
ROOM = 1 << 20


@dataclass(frozen=True, slots=True)
class Counted:
    """n phrases, in order of first mention.

    products: int64 (n,), how many say it; ways: int64 (n, WAYS), how many in each way; openings: int64 (n,), with how
    many different words titles open beside it, 64 at most; names: int64 (n,), how many have a spec of that name; first:
    int64 (n,), the key of the first product. phrase, node, times: int64 (m,), flat and in order of phrase: phrase
    number `phrase[i]` is said by `times[i]` products of category `node[i]`, -1 for none. lost: what counts are too low
    by, at most.
    """

    phrases: list[str]
    products: Numbers
    ways: Numbers
    openings: Numbers
    names: Numbers
    first: Numbers
    phrase: Numbers
    node: Numbers
    times: Numbers
    lost: int


class Phrases:
    """Counts phrases as products come; `nodes` is the size of the category tree, `limit` how many phrases are known."""

    def __init__(self, nodes: int, limit: int = LIMIT) -> None:
        self._limit = limit
        self._wide = nodes + 1
        self._lost = 0
        self._slots: dict[str, int] = {}
        self._columns = _Columns.of(0, 0)
        self._pairs = _Pairs()
        self._names: Counter[str] = Counter()

    def add(self, keys: Numbers, nodes: Numbers, products: Sequence[Product]) -> None:
        """Count products with their keys (n,) and categories (n,), -1 for none."""
        slots: list[int] = []
        ways: list[int] = []
        bits: list[int] = []
        sizes: list[int] = []
        known = self._slots
        for product in products:
            found = said(product)
            sizes.append(len(found))
            for phrase, (way, bit) in found.items():
                slots.append(known.setdefault(phrase, len(known)))
                ways.append(way)
                bits.append(bit)
            self._names.update(name for name in names_of(product) if name in self._names or len(self._names) < NAMES)
        slot = np.array(slots, np.int64)
        self._columns.grow(len(known), self._lost)
        self._columns.count(slot, np.array(ways, np.int64), np.array(bits, np.uint64), np.repeat(keys, sizes))
        self._pairs.add(slot * self._wide + np.repeat(nodes, sizes) + 1)
        while len(self._slots) > self._limit:
            self._forget()

    def counted(self) -> Counted:
        """Return what was counted so far."""
        codes, times = self._pairs.merged()
        phrase, node = np.divmod(codes, self._wide)
        columns, phrases = self._columns, list(self._slots)
        return Counted(
            phrases=phrases,
            products=columns.products,
            ways=columns.ways,
            openings=np.bitwise_count(columns.openings).astype(np.int64),
            names=np.array([self._names[each] for each in phrases], np.int64),
            first=columns.first,
            phrase=phrase,
            node=node - 1,
            times=times,
            lost=self._lost,
        )

    def _forget(self) -> None:
        """Forget the half that was seen least."""
        seen = self._columns.products + self._columns.missed
        self._lost = max(self._lost + 1, int(np.median(seen)))
        kept = seen > self._lost
        place = np.cumsum(kept) - 1
        self._slots = {phrase: int(place[slot]) for phrase, slot in self._slots.items() if kept[slot]}
        self._columns.keep(kept)
        self._pairs.keep(kept, place, self._wide)


@dataclass(slots=True)
class _Columns:
    """What is counted of each phrase. missed: how many products may have said it before it was known."""

    products: Numbers
    ways: Numbers
    openings: Bits
    first: Numbers
    missed: Numbers

    @classmethod
    def of(cls, size: int, missed: int) -> _Columns:
        none = np.zeros(size, np.int64)
        ways, openings = np.zeros((size, WAYS), np.int64), np.zeros(size, np.uint64)
        return cls(none, ways, openings, none - 1, none + missed)

    def grow(self, size: int, missed: int) -> None:
        new = self.of(size - len(self.products), missed)
        for field in fields(self):
            setattr(self, field.name, np.concatenate([getattr(self, field.name), getattr(new, field.name)]))

    def count(self, slot: Numbers, ways: Numbers, bits: Bits, keys: Numbers) -> None:
        size = len(self.products)
        self.products += np.bincount(slot, minlength=size)
        for way in range(WAYS):
            self.ways[:, way] += np.bincount(slot[ways >> way & 1 == 1], minlength=size)
        np.bitwise_or.at(self.openings, slot, bits)
        mentioned, place = np.unique(slot, return_index=True)
        new = self.first[mentioned] < 0
        self.first[mentioned[new]] = keys[place[new]]

    def keep(self, kept: Mask) -> None:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name)[kept])


class _Pairs:
    """How often each code came: a sorted array, and what came since, which is merged before it is as long."""

    def __init__(self) -> None:
        self._codes, self._times = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self._new: list[Numbers] = []
        self._waiting = 0

    def add(self, codes: Numbers) -> None:
        self._new.append(codes)
        self._waiting += len(codes)
        if self._waiting > max(ROOM, len(self._codes)):
            self.merged()

    def merged(self) -> tuple[Numbers, Numbers]:
        if self._new:
            new, times = np.unique(np.concatenate(self._new), return_counts=True)
            codes, place = np.unique(np.concatenate([self._codes, new]), return_inverse=True)
            together = np.bincount(place, np.concatenate([self._times, times]))
            self._codes, self._times = codes, together.astype(np.int64)
            self._new, self._waiting = [], 0
        return self._codes, self._times

    def keep(self, kept: Mask, place: Numbers, wide: int) -> None:
        codes, times = self.merged()
        slot, node = np.divmod(codes, wide)
        here = kept[slot]
        self._codes, self._times = place[slot[here]] * wide + node[here], times[here]
