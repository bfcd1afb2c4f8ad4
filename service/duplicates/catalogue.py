"""What a scan knows of every product at once, as arrays: its key, who has the same content, its numbers and picture."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from indexer.codes import hashed, numbers_of
from indexer.product import Product
from indexer.store.records import Records, Stored

Keys = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int64]

PAGE = 1_000
SAME_ARTICLE = ("gtin", "mpn")
"""Facts that listings of one content may differ in, and then are no copies."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """n products by row. keys: int64 (n,), ascending. content: int64 (n,), a hash. first: int64 (n,), its first row.

    numbers: article numbers as hashes int64 (m,), with the row of each, and whether it is one for certain, being given
    as such. pictures: perceptual hashes uint64 (p,), and rows. Of copies only the first has numbers and pictures.
    """

    keys: Keys
    content: Keys
    first: Rows
    numbers: tuple[Keys, Rows, npt.NDArray[np.bool_]]
    pictures: tuple[npt.NDArray[np.uint64], Rows]

    def __len__(self) -> int:
        """Return the number of products."""
        return len(self.keys)

    @property
    def asked(self) -> Rows:
        """The rows that stand for all of their content."""
        return np.flatnonzero(self.first == np.arange(len(self.first)))

    def rows(self, keys: Keys) -> Rows:
        """Return the rows of keys; -1 for one that is not here."""
        if not len(self.keys):
            return np.full(len(keys), -1, np.int64)
        place = np.searchsorted(self.keys, keys).clip(0, len(self.keys) - 1)
        return np.where(self.keys[place] == keys, place, -1)

    @classmethod
    def read(cls, records: Records, up_to: int, apart: Keys, tell: Callable[[int], None]) -> Self:
        """Return the products with keys up to `up_to`; those of `apart` stand for themselves, whatever their content.

        tell(n): n are read.
        """
        pages: list[_Page] = []
        read = after = 0
        while some := [each for each in records.page(after, PAGE) if each.key <= up_to]:
            after = some[-1].key
            pages.append(_Page.of(some))
            read += len(some)
            tell(read)
        return cls._of(pages, apart)

    @classmethod
    def _of(cls, pages: Sequence[_Page], apart: Keys) -> Self:
        keys = np.concatenate([np.zeros(0, np.int64), *(page.keys for page in pages)])
        content = np.concatenate([np.zeros(0, np.int64), *(page.content for page in pages)])
        _, first, place = np.unique(content, return_index=True, return_inverse=True)
        rows = np.arange(len(keys))
        alone = np.isin(keys, apart)
        standing = np.full(len(first), len(keys), np.int64)
        np.minimum.at(standing, place[~alone], rows[~alone])
        chosen = np.where(alone, rows, standing[place])
        return cls(keys, content, chosen, *_told(pages, keys, chosen))


@dataclass(frozen=True, slots=True)
class _Page:
    keys: Keys
    content: Keys
    numbers: Keys
    """int64 (m, 3): hash, key, and whether it is one for certain."""
    phashes: npt.NDArray[np.uint64]
    shown: Keys

    @classmethod
    def of(cls, some: Sequence[Stored]) -> Self:
        keys = np.array([each.key for each in some], np.int64)
        content = np.array([_content(each) for each in some], np.uint64).view(np.int64)
        numbers = [row for each in some for row in _numbers(each)]
        shown = [(phash_of(each.record.product), each.key) for each in some]
        phashes = np.array([phash for phash, _ in shown if phash is not None], np.uint64)
        at = np.array([key for phash, key in shown if phash is not None], np.int64)
        return cls(keys, content, np.array(numbers, np.int64).reshape(-1, 3), phashes, at)


def _numbers(stored: Stored) -> list[tuple[int, int, bool]]:
    """Return the article numbers of a product as hashes, with its key, and whether each is stated as one."""
    numbers = numbers_of(stored.record.product)
    stated = dict.fromkeys(hashed(replace(numbers, models=())), True)
    every = dict.fromkeys(hashed(numbers), False) | stated
    return [(number - (number >> 63 << 64), stored.key, sure) for number, sure in every.items()]


def phash_of(product: Product) -> int | None:
    """Return the perceptual hash of the main picture, None without one that could be read."""
    return next((picture.phash for picture in product.pictures if picture.hash), None)


def _content(stored: Stored) -> int:
    """Return 64 bits that are equal for listings which say the same and go by the same article numbers."""
    product = stored.record.product
    told = sorted(f"{name}\0{value}" for name, value in product.facts if name in SAME_ARTICLE)
    return int(stored.record.content_hash[:16], 16) ^ zlib.crc32("\0".join(told).encode("utf-8", "surrogatepass"))


def _told(
    pages: Sequence[_Page], keys: Keys, first: Rows
) -> tuple[tuple[Keys, Rows, npt.NDArray[np.bool_]], tuple[npt.NDArray[np.uint64], Rows]]:
    """Return numbers and pictures of the rows that stand for themselves."""
    numbers = np.concatenate([np.zeros((0, 3), np.int64), *(page.numbers for page in pages)])
    phashes = np.concatenate([np.zeros(0, np.uint64), *(page.phashes for page in pages)])
    shown = np.concatenate([np.zeros(0, np.int64), *(page.shown for page in pages)])
    rows, at = np.searchsorted(keys, numbers[:, 1]), np.searchsorted(keys, shown)
    here, seen = first[rows] == rows, first[at] == at
    return (numbers[here, 0], rows[here], numbers[here, 2] > 0), (phashes[seen], at[seen])
