"""The traits of stored products, by key: read from the record store when asked for, or all at once for a scan."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping

import numpy as np
import numpy.typing as npt

from indexer.store.records import Records, Stored
from indexer.vectors import Keys
from service.duplicates.verdicts.comparison import Side
from service.duplicates.verdicts.reading import Said, told
from service.duplicates.verdicts.traits import Traits

REMEMBERED = 4_096
"""Products whose traits are remembered between look-ups, about 5 KB each."""
PAGE = 2_000
"""Products that are read in one step."""

Known = OrderedDict[tuple[int, int], Said]
"""What products say, by key and version."""
Find = Callable[[Collection[int]], Mapping[int, Stored]]


class Stock:
    """Traits by key. Several threads may ask; `load` is called by the one that owns it."""

    def __init__(self, records: Records, find: Find | None = None, known: Known | None = None) -> None:
        """find: returns stored products by key, where somebody has read them. known: what is remembered already."""
        self._records = records
        self._find = find or records.by_keys
        self._known: Known = OrderedDict() if known is None else known
        self._traits: Traits | None = None
        self._row = np.zeros(0, np.int32)
        self.keys: Keys = np.zeros(0, np.int64)
        """Keys of the products that were loaded, ascending."""

    def load(self, progress: Callable[[int], None] | None = None) -> Traits:
        """Read the traits of every stored product and return them, in order of key."""
        some: list[Traits] = [Traits.of([])]
        keys: list[int] = []
        after = 0
        while page := self._records.page(after, PAGE):
            after = page[-1].key
            keys += [stored.key for stored in page]
            some.append(Traits.of([_told(stored) for stored in page]))
            if progress is not None:
                progress(len(keys))
        self.keys = np.array(keys, np.int64)
        self._row = np.full(after + 1, -1, np.int32)
        self._row[self.keys] = np.arange(len(keys), dtype=np.int32)
        self._traits = Traits.joined(some)
        return self._traits

    def side(self, keys: Keys) -> Side:
        """Return the traits of products and in which row each of `keys` is; of one that is not stored, empty ones."""
        if self._traits is not None and len(keys) and keys.max() < len(self._row) and (self._row[keys] >= 0).all():
            return Side(self._traits, self._row[keys].astype(np.int64))
        unique, rows = np.unique(keys, return_inverse=True)
        said = self.said(unique)
        return Side(Traits.of([said.get(key, Said()) for key in unique.tolist()]), rows)

    def said(self, keys: npt.NDArray[np.int64]) -> dict[int, Said]:
        """Return what those of `keys` that are stored say, by key."""
        made = {}
        for key, stored in self._find(keys.tolist()).items():
            name = key, stored.version
            known = self._known.get(name)
            made[key] = known or _told(stored)
            if known is None:
                self._known[name] = made[key]
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return made


def _told(stored: Stored) -> Said:
    return told(stored.record.product, stored.record.content_hash)
