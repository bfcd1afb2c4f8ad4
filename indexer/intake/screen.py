"""What may look at products before they are stored: it refuses some, and has something to say of others.

    Live.change -> resolved -> the screen, at one place of the journal -> store, unless the journal has grown since

What a screen is after is the service's affair: `service/duplicates/screening.py` looks for duplicates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from indexer.encoders import Encoded, stacked
from indexer.intake.patch import Change, Refused
from indexer.intake.update import Encode
from indexer.product import Product, content_hash
from indexer.store.records import Record


@dataclass(frozen=True, slots=True)
class Screened:
    """Changes in order, as the store takes them or why it does not, and what is said of some, by place.

    seq: the place of the journal that this is true of, None when it is true of any.
    """

    changes: Sequence[Record | str | Refused]
    seq: int | None = None
    remarks: Mapping[int, tuple[Any, ...]] = field(default_factory=dict)


Screen = Callable[[Sequence[Change], Sequence[Record | str | Refused], Encode], Screened]
"""Looks at changes as they were asked for, and as the store would take them."""


class Encodings:
    """Encodes each content once, however often it is asked for: by a screen, and by the store."""

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self._known: dict[str, Encoded] = {}

    def __call__(self, products: Sequence[Product]) -> Encoded:
        """Return the raw vectors of products, in order."""
        hashes = [content_hash(each) for each in products]
        new = {name: each for name, each in zip(hashes, products, strict=True) if name not in self._known}
        if new or not hashes:
            made = self._encode(list(new.values()))
            if not hashes:
                return made
            self._known.update((name, _row(made, row)) for row, name in enumerate(new))
        return stacked([self._known[name] for name in hashes])


def _row(encoded: Encoded, row: int) -> Encoded:
    some = slice(row, row + 1)
    return Encoded(
        {part: matrix[some] for part, matrix in encoded.parts.items()},
        {part: mask[some] for part, mask in encoded.mask.items()},
    )
