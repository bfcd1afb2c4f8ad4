"""What products say of themselves, read once, as arrays: many rows, and no words.

product -> `reading.told` (marks with the words they were read from) -> `Traits` of many products
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Self

import numpy as np
import numpy.typing as npt

from service.duplicates.verdicts.marks import Marks
from service.duplicates.verdicts.reading import Said


@dataclass(frozen=True, slots=True)
class Traits:
    """Traits of n products by row. title, everything: their marks. names, codes: text of the title, and its models.

    price: float32 (n,), 0 when unknown; currency: uint16 (n,), a hash, or 0. phash: uint64 (n,), of those with
    `pictured`, bool (n,). content, text: uint64 (n,), hashes of all that encoders see and of the text however it is
    written. About 500 bytes a product.
    """

    title: Marks
    everything: Marks
    names: Texts
    codes: Texts
    price: npt.NDArray[np.float32]
    currency: npt.NDArray[np.uint16]
    phash: npt.NDArray[np.uint64]
    pictured: npt.NDArray[np.bool_]
    content: npt.NDArray[np.uint64]
    text: npt.NDArray[np.uint64]

    def __len__(self) -> int:
        """Return the number of products."""
        return len(self.price)

    @classmethod
    def of(cls, said: Sequence[Said]) -> Self:
        """Return the traits of what products say, in order."""
        size = len(said)
        return cls(
            title=Marks.of([sorted(each.title) for each in said]),
            everything=Marks.of([sorted(each.everything) for each in said]),
            names=Texts.of([each.name for each in said]),
            codes=Texts.of([each.codes for each in said]),
            price=np.fromiter((each.price for each in said), np.float32, size),
            currency=np.fromiter((each.currency for each in said), np.uint16, size),
            phash=np.fromiter((each.phash or 0 for each in said), np.uint64, size),
            pictured=np.fromiter((each.phash is not None for each in said), np.bool_, size),
            content=np.fromiter((each.content for each in said), np.uint64, size),
            text=np.fromiter((each.text for each in said), np.uint64, size),
        )

    @classmethod
    def joined(cls, some: Sequence[Self]) -> Self:
        """Return the rows of several, one after the other."""
        return cls(
            title=Marks.joined([each.title for each in some]),
            everything=Marks.joined([each.everything for each in some]),
            names=Texts.joined([each.names for each in some]),
            codes=Texts.joined([each.codes for each in some]),
            price=np.concatenate([each.price for each in some]),
            currency=np.concatenate([each.currency for each in some]),
            phash=np.concatenate([each.phash for each in some]),
            pictured=np.concatenate([each.pictured for each in some]),
            content=np.concatenate([each.content for each in some]),
            text=np.concatenate([each.text for each in some]),
        )


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts of n rows in one, UTF-8. ends: int64 (n + 1,), where each begins."""

    letters: bytes
    ends: npt.NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Self:
        """Return texts in order."""
        raw = [text.encode("utf-8", "replace") for text in texts]
        return cls(b"".join(raw), np.fromiter(accumulate(map(len, raw), initial=0), np.int64, len(raw) + 1))

    @classmethod
    def joined(cls, some: Sequence[Self]) -> Self:
        """Return the rows of several, one after the other."""
        lengths = np.concatenate([np.diff(each.ends) for each in some])
        return cls(b"".join(each.letters for each in some), np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]))

    def take(self, rows: npt.NDArray[np.int64]) -> list[str]:
        """Return the texts of rows."""
        return list(self._each(rows))

    def _each(self, rows: npt.NDArray[np.int64]) -> Iterator[str]:
        letters = self.letters
        for start, end in zip(self.ends[rows].tolist(), self.ends[rows + 1].tolist(), strict=True):
            yield letters[start:end].decode()
