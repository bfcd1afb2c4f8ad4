"""Raw vectors of what was encoded lately: a product that is asked about and then stored is encoded once.

All who share an encoder share them, as an engine does with the one that takes its place.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from weakref import WeakKeyDictionary

from indexer.encoders import Encoded, stacked
from indexer.product import Product, content_hash

RECENT_BYTES = 16 * 2**20
"""Memory that they take at most: about 8,000 products of the encoder of texts."""
ENTRY_BYTES = 600
"""What an entry takes besides its vectors."""

_recent: WeakKeyDictionary[object, Recent] = WeakKeyDictionary()
_making = threading.Lock()


def recent_of(encoder: object) -> Recent:
    """Return what an encoder has made lately, the same for all who share it."""
    with _making:
        return _recent.setdefault(encoder, Recent())


class Recent:
    """Raw vectors by content; of those that were asked for longest ago it lets go. For any number of threads."""

    def __init__(self, most: int = RECENT_BYTES) -> None:
        self._most = most
        self._rows: OrderedDict[tuple[str, int], Encoded] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def encoded(self, products: Sequence[Product], encode: Callable[[Sequence[Product]], Encoded]) -> Encoded:
        """Return the raw vectors of products, in order; `encode` is given each content that is not here, once."""
        names = [_name(each) for each in products]
        found = self._found(names)
        new = {name: each for name, each in zip(names, products, strict=True) if name not in found}
        if len(new) == len(names):  # nothing is here, nothing comes twice
            made = encode(products)
            self._keep({name: _row(made, row) for row, name in enumerate(names)})
            return made
        if new:
            made = encode(list(new.values()))
            fresh = {name: _row(made, row) for row, name in enumerate(new)}
            self._keep(fresh)
            found = {**found, **fresh}
        return stacked([_row(found[name], 0) for name in names])

    def _found(self, names: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], Encoded]:
        found: dict[tuple[str, int], Encoded] = {}
        with self._lock:
            for name in names:
                row = self._rows.get(name)
                if row is not None:
                    self._rows.move_to_end(name)
                    found[name] = row
        return found

    def _keep(self, rows: Mapping[tuple[str, int], Encoded]) -> None:
        with self._lock:
            for name, row in rows.items():
                if name not in self._rows:
                    self._bytes += _size(row)
                self._rows[name] = row
                self._rows.move_to_end(name)
            while self._bytes > self._most:
                _, gone = self._rows.popitem(last=False)
                self._bytes -= _size(gone)


def _name(product: Product) -> tuple[str, int]:
    """Return what tells a content from others: what it says, and how many of its pictures are there to be looked at."""
    return content_hash(product), sum(picture.pixels is not None for picture in product.pictures)


def _row(encoded: Encoded, row: int) -> Encoded:
    """Return one row, which holds no other in memory."""
    return Encoded(
        {part: matrix[row : row + 1].copy() for part, matrix in encoded.parts.items()},
        {part: mask[row : row + 1].copy() for part, mask in encoded.mask.items()},
    )


def _size(row: Encoded) -> int:
    return ENTRY_BYTES + sum(matrix.nbytes for matrix in row.parts.values())
